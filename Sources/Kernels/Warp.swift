public import Tensors

/// Samples images along affine maps, with bilinear interpolation.
///
/// Output pixel `(i, j)` is the image at `y = m0 * i + m1 * j + m2`, `x = m3 * i + m4 * j + m5`,
/// where pixel centres are integers. Each of the four neighbours of `(y, x)` counts as `fill` if it
/// lies outside the image; a position that is NaN lies outside.
///
/// Inputs: images of shape (n, height, width, channels) and matrices of shape (views, 6). Output:
/// (views, output height, output width, channels). One image may be sampled for several views, and
/// `hasOneMatrix` says that there is one matrix, of shape (1, 6), for all of them.
///
/// - Throws: `invalidArgument` if the shapes don't fit together.
public func warpKernel(
  input: Shape, output: Shape, fill: Float, hasOneMatrix: Bool = false
) throws(PhospheneError) -> any Kernel {
  let warp = try Warp(input, output, hasOneMatrix: hasOneMatrix)
  return LoopKernel { arguments in
    let (image, matrices, result) = (arguments[0], arguments[1], arguments[2])
    let line = warp.columns * warp.channels
    Threads.split(warp.lineCount, grain: max(1, loopGrain / max(line * 8, 1))) { range in
      for index in range {
        warp.sampleLine(index, of: image, matrices, fill: fill, to: result + index * line)
      }
    }
  }
}

/// Sends a cotangent back to the pixels that
/// ``warpKernel(input:output:fill:hasOneMatrix:)`` sampled: the adjoint of its linear part.
///
/// Inputs: a cotangent of shape (views, output height, output width, channels) and the matrices.
/// Output: the shape of the image. Sums are the same for the same number of threads.
///
/// - Throws: `invalidArgument` if the shapes don't fit together.
public func warpInputGradientKernel(
  input: Shape, output: Shape, hasOneMatrix: Bool = false
) throws(PhospheneError) -> any Kernel {
  let warp = try Warp(input, output, hasOneMatrix: hasOneMatrix)
  return WarpInputGradient(warp, imageCount: input[0])
}

/// An affine sampling of images: the lengths of all axes.
struct Warp: Sendable {
  let height, width, channels: Int
  let rows, columns: Int
  /// The distance from one view's image and matrix to the next one's, zero if they share it.
  let imageStride, matrixStride: Int
  /// The lines of all views.
  let lineCount: Int

  init(_ input: Shape, _ output: Shape, hasOneMatrix: Bool) throws(PhospheneError) {
    try require(
      input.rank == 4 && output.rank == 4 && input[3] == output[3]
        && (input[0] == output[0] || input[0] == 1) && input[1] > 0 && input[2] > 0,
      "a warp needs images (n, height, width, channels) and views of the same channels, as many as"
        + " images or of one image; received \(input) and \(output)")
    (height, width, channels) = (input[1], input[2], input[3])
    (rows, columns) = (output[1], output[2])
    imageStride = input[0] == 1 ? 0 : height * width * channels
    matrixStride = hasOneMatrix ? 0 : 6
    lineCount = output[0] * rows
  }

  /// Where an output pixel lies in its image: the upper left one of four neighbours, and how far
  /// below and to the right of it; `nil` if all four are outside.
  @inline(__always) func position(
    _ m: UnsafePointer<Float>, _ row: Int, _ column: Int
  ) -> (top: Int, left: Int, down: Float, right: Float)? {
    let y = m[0] * Float(row) + m[1] * Float(column) + m[2]
    let x = m[3] * Float(row) + m[4] * Float(column) + m[5]
    guard y > -1, y < Float(height), x > -1, x < Float(width) else { return nil }
    // Truncation is a floor for positive numbers.
    let (top, left) = (Int(y + 1) - 1, Int(x + 1) - 1)
    return (top, left, y - Float(top), x - Float(left))
  }

  /// The matrix of the view that a line belongs to.
  func matrix(_ matrices: UnsafeMutablePointer<Float>, _ line: Int) -> UnsafePointer<Float> {
    UnsafePointer(matrices + line / rows * matrixStride)
  }

  /// One line of a view.
  fileprivate func sampleLine(
    _ line: Int, of images: UnsafeMutablePointer<Float>,
    _ matrices: UnsafeMutablePointer<Float>, fill: Float, to target: UnsafeMutablePointer<Float>
  ) {
    let image = UnsafePointer(images + line / rows * imageStride)
    let matrix = matrix(matrices, line)
    var target = target
    for column in 0..<columns {
      defer { target += channels }
      guard let p = position(matrix, line % rows, column) else {
        for channel in 0..<channels { target[channel] = fill }
        continue
      }
      let (w00, w01) = ((1 - p.down) * (1 - p.right), (1 - p.down) * p.right)
      let (w10, w11) = (p.down * (1 - p.right), p.down * p.right)
      let first = image + (p.top * width + p.left) * channels
      let (second, below) = (first + channels, width * channels)
      if p.top >= 0, p.left >= 0, p.top + 1 < height, p.left + 1 < width {
        for channel in 0..<channels {
          target[channel] =
            (w00 * first[channel] + w01 * second[channel])
            + (w10 * first[below + channel] + w11 * second[below + channel])
        }
      } else {
        for channel in 0..<channels {
          let a = isInside(p.top, p.left) ? first[channel] : fill
          let b = isInside(p.top, p.left + 1) ? second[channel] : fill
          let c = isInside(p.top + 1, p.left) ? first[below + channel] : fill
          let d = isInside(p.top + 1, p.left + 1) ? second[below + channel] : fill
          target[channel] = (w00 * a + w01 * b) + (w10 * c + w11 * d)
        }
      }
    }
  }

  /// Adds one line of a cotangent to an image.
  fileprivate func addLine(
    _ line: Int, _ cotangent: UnsafePointer<Float>, _ matrices: UnsafeMutablePointer<Float>,
    to image: UnsafeMutablePointer<Float>
  ) {
    let matrix = matrix(matrices, line)
    for column in 0..<columns {
      guard let p = position(matrix, line % rows, column) else { continue }
      let source = cotangent + (line * columns + column) * channels
      let weights = (
        (1 - p.down) * (1 - p.right), (1 - p.down) * p.right, p.down * (1 - p.right),
        p.down * p.right
      )
      func add(_ weight: Float, _ row: Int, _ column: Int) {
        guard isInside(row, column) else { return }
        let target = image + (row * width + column) * channels
        for channel in 0..<channels { target[channel] += weight * source[channel] }
      }
      add(weights.0, p.top, p.left)
      add(weights.1, p.top, p.left + 1)
      add(weights.2, p.top + 1, p.left)
      add(weights.3, p.top + 1, p.left + 1)
    }
  }

  private func isInside(_ row: Int, _ column: Int) -> Bool {
    row >= 0 && row < height && column >= 0 && column < width
  }
}

/// The adjoint of a warp.
///
/// Views of one image are divided into as many parts as there are threads;
/// each part adds to an image of its own, and those are added up in order.
private struct WarpInputGradient: Kernel {
  private let warp: Warp
  private let imageCount: Int
  private let parts: Int

  init(_ warp: Warp, imageCount: Int) {
    self.warp = warp
    self.imageCount = imageCount
    let work = warp.lineCount * warp.columns * warp.channels
    parts = imageCount > 1 || work * 8 < loopGrain ? 1 : Threads.current
  }

  private var imageSize: Int { warp.height * warp.width * warp.channels }

  var scratchByteCount: Int { (parts - 1) * imageSize * 4 }

  func run(
    _ arguments: Arguments, scratch: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    let (cotangent, matrices, result) = (
      UnsafePointer(arguments[0]), arguments[1], arguments[2]
    )
    if imageCount > 1 {
      Threads.parallel(imageCount) { image in
        let lines = image * warp.rows..<(image + 1) * warp.rows
        add(lines, cotangent, matrices, to: result + image * imageSize)
      }
      return
    }
    let others = scratch.assumingMemoryBound(to: Float.self)
    Threads.parallel(parts) { part in
      let target = part == 0 ? result : others + (part - 1) * imageSize
      let lines = warp.lineCount * part / parts..<warp.lineCount * (part + 1) / parts
      add(lines, cotangent, matrices, to: target)
    }
    guard parts > 1 else { return }
    Threads.split(imageSize, grain: loopGrain) { range in
      for part in 0..<parts - 1 {
        let other = others + part * imageSize
        for index in range { result[index] += other[index] }
      }
    }
  }

  /// Fills an image with the sum of some lines' cotangents.
  private func add(
    _ lines: Range<Int>, _ cotangent: UnsafePointer<Float>,
    _ matrices: UnsafeMutablePointer<Float>, to image: UnsafeMutablePointer<Float>
  ) {
    image.update(repeating: 0, count: imageSize)
    for line in lines { warp.addLine(line, cotangent, matrices, to: image) }
  }
}
