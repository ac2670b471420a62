import Glibc
import Tensors

extension Reference {
  /// The twin of ``warpKernel(input:output:fill:hasOneMatrix:)``.
  static func warp(
    input: Shape, output: Shape, fill: Float, hasOneMatrix: Bool
  ) throws(PhospheneError) -> any Kernel {
    let warp = try Warp(input, output, hasOneMatrix: hasOneMatrix)
    return LoopKernel { arguments in
      let (image, result) = (arguments[0], arguments[2])
      for index in 0..<output.elementCount { result[index] = 0 }
      forEachTap(of: warp, output, arguments[1]) {
        result[$0] += $2 * ($1.map { image[$0] } ?? fill)
      }
    }
  }

  /// The twin of ``warpInputGradientKernel(input:output:hasOneMatrix:)``.
  static func warpInputGradient(
    input: Shape, output: Shape, hasOneMatrix: Bool
  ) throws(PhospheneError) -> any Kernel {
    let warp = try Warp(input, output, hasOneMatrix: hasOneMatrix)
    return LoopKernel { arguments in
      let (cotangent, gradient) = (arguments[0], arguments[2])
      for index in 0..<input.elementCount { gradient[index] = 0 }
      forEachTap(of: warp, output, arguments[1]) { output, source, weight in
        if let source { gradient[source] += weight * cotangent[output] }
      }
    }
  }

  /// Calls `body` with the numbers of an output element and of a neighbour, `nil` if that is
  /// outside the image, and the neighbour's weight.
  private static func forEachTap(
    of warp: Warp, _ output: Shape, _ matrices: UnsafeMutablePointer<Float>,
    _ body: (_ output: Int, _ source: Int?, _ weight: Float) -> Void
  ) {
    for index in 0..<output.elementCount {
      let (pixel, channel) = (index / warp.channels, index % warp.channels)
      let (view, i) = (pixel / warp.columns / warp.rows, Float(pixel / warp.columns % warp.rows))
      let (m, j) = (matrices + view * warp.matrixStride, Float(pixel % warp.columns))
      let (y, x) = (m[0] * i + m[1] * j + m[2], m[3] * i + m[4] * j + m[5])
      for (down, right) in [(0, 0), (0, 1), (1, 0), (1, 1)] as [(Float, Float)] {
        let (row, column) = (floorf(y) + down, floorf(x) + right)
        let isInside =
          row >= 0 && row < Float(warp.height) && column >= 0 && column < Float(warp.width)
        let source =
          isInside
          ? view * warp.imageStride + (Int(row) * warp.width + Int(column)) * warp.channels
            + channel
          : nil
        body(index, source, (1 - abs(y - row)) * (1 - abs(x - column)))
      }
    }
  }
}
