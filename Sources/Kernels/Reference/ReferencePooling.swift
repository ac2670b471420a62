import Tensors

extension Reference {
  /// The twin of ``poolingKernel(input:geometry:function:)``.
  static func pooling(
    input: Shape, geometry: WindowGeometry, function: PoolingFunction
  ) throws(PhospheneError) -> any Kernel {
    let image = try WindowedImage(input, geometry)
    return LoopKernel { arguments in
      let (x, y, channels) = (arguments[0], arguments[1], image.channels)
      let counts = elementCounts(image)
      let initial: Float = function == .maximum ? -.infinity : 0
      for index in 0..<image.outputShape.elementCount { y[index] = initial }
      for batch in 0..<image.batch {
        image.forEachElement { window, pixel, _ in
          for channel in 0..<channels {
            let target = (batch * image.outputPixels + window) * channels + channel
            let value = x[(batch * image.inputPixels + pixel) * channels + channel]
            switch function {
            case .maximum: y[target] = value > y[target] || value.isNaN ? value : y[target]
            case .averageIncludingPadding: y[target] += value / Float(image.windowCount)
            case .averageExcludingPadding: y[target] += value / Float(counts[window])
            }
          }
        }
      }
    }
  }

  /// The twin of both kernels of pooling's gradient; inputs: cotangent, `x` and `y`, of which the
  /// averages read only the first.
  static func poolingInputGradient(
    input: Shape, geometry: WindowGeometry, function: PoolingFunction
  ) throws(PhospheneError) -> any Kernel {
    let image = try WindowedImage(input, geometry)
    return LoopKernel { arguments in
      let channels = image.channels
      let gradient = arguments[function == .maximum ? 3 : 1]
      let counts = elementCounts(image)
      for index in 0..<input.elementCount { gradient[index] = 0 }
      for batch in 0..<image.batch {
        for channel in 0..<channels {
          var isTaken = [Bool](repeating: false, count: image.outputPixels)
          image.forEachElement { window, pixel, _ in
            let source = (batch * image.outputPixels + window) * channels + channel
            let target = (batch * image.inputPixels + pixel) * channels + channel
            let cotangent = arguments[0][source]
            switch function {
            case .maximum:
              let (x, y) = (arguments[1][target], arguments[2][source])
              guard !isTaken[window], x == y || (x.isNaN && y.isNaN) else { return }
              isTaken[window] = true
              gradient[target] += cotangent
            case .averageIncludingPadding:
              gradient[target] += cotangent / Float(image.windowCount)
            case .averageExcludingPadding:
              gradient[target] += cotangent / Float(counts[window])
            }
          }
        }
      }
    }
  }

  /// How many elements of each window lie inside the image.
  private static func elementCounts(_ image: WindowedImage) -> [Int] {
    var counts = [Int](repeating: 0, count: image.outputPixels)
    image.forEachElement { window, _, _ in counts[window] += 1 }
    return counts
  }
}
