import Kernels
import Tensors

extension Program {
  /// Lets convolutions pad by themselves: zeros around an image that a convolution reads are part of
  /// its geometry, and backward, so is the margin that a slice cuts off its input's gradient.
  func foldingPadding() throws(PhospheneError) -> Program {
    try rewritten {
      (rewriter: inout Rewriter, operation, inputs) throws(PhospheneError) -> Value in
      if let convolution = operation as? Convolution,
        let (pad, source) = rewriter.operation(inputs[0], as: Pad.self), pad.value == 0,
        let geometry = convolution.geometry.padded(low: pad.low, high: pad.high)
      {
        let folded = Convolution(
          geometry: geometry, groups: convolution.groups, hasBias: convolution.hasBias,
          hasAddend: convolution.hasAddend, activation: convolution.activation)
        return try rewriter.apply(folded, source + inputs.dropFirst())
      }
      if let slice = operation as? Slice, slice.steps.allSatisfy({ $0 == 1 }),
        let (gradient, sources) = rewriter.privateOperation(
          inputs[0], as: ConvolutionInputGradient.self)
      {
        let high = slice.lengths.indices.map {
          gradient.input[$0] - slice.starts[$0] - slice.lengths[$0]
        }
        if let geometry = gradient.geometry.padded(low: slice.starts, high: high) {
          let folded = ConvolutionInputGradient(
            geometry: geometry, groups: gradient.groups, input: Shape(slice.lengths))
          return try rewriter.apply(folded, sources)
        }
      }
      return try rewriter.apply(operation, inputs)
    }
  }
}

extension WindowGeometry {
  /// The geometry with padding of an array (batch, spatial..., channels) added to its own; `nil` if
  /// that pads more than spatial axes, or a whole window.
  fileprivate func padded(low: [Int], high: [Int]) -> WindowGeometry? {
    guard low.count == window.count + 2, low[0] + high[0] == 0,
      low[low.count - 1] + high[high.count - 1] == 0
    else { return nil }
    var geometry = self
    for axis in window.indices {
      geometry.padLow[axis] += low[axis + 1]
      geometry.padHigh[axis] += high[axis + 1]
      // No kernel is made for windows that lie outside of the image.
      let extent = (window[axis] - 1) * dilations[axis] + 1
      guard max(geometry.padLow[axis], geometry.padHigh[axis]) < extent else { return nil }
    }
    return geometry
  }
}
