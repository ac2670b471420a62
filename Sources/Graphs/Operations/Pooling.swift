public import Kernels
public import Tensors

/// One number for each window of each channel.
struct Pooling: Operation {
  let geometry: WindowGeometry
  let function: PoolingFunction

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    let input = inputs[0].shape
    let spatial = geometry.window.count
    guard input.rank == spatial + 2 else {
      throw .invalidArgument(
        "pooling over \(spatial) axes needs an input of rank \(spatial + 2), received shape "
          + "\(input)")
    }
    let windowSize = geometry.window.reduce(1) { $0.multipliedClamping(by: $1) }
    guard windowSize <= 1 << 20 else {
      throw .unsupported("pooling windows have at most 2^20 elements, received \(geometry.window)")
    }
    let lengths = try geometry.outputLengths(Array(input.axes[1...spatial]))
    return TensorType(Shape([input[0]] + lengths + [input[spatial + 1]]))
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    let gradient = PoolingGradient(
      geometry: geometry, function: function, input: graph.shape(pullback.inputs[0]))
    var reads = [pullback.cotangent]
    if function == .maximum { reads += [pullback.inputs[0], pullback.output] }
    return [try graph.apply(gradient, to: reads)]
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try poolingKernel(input: request.shape(0), geometry: geometry, function: function)
  }
}

/// How a cotangent passes ``Pooling``: to the first largest element of each window, or to all of
/// them alike.
///
/// Inputs are the cotangent and, for the maximum, the forward's input and output.
struct PoolingGradient: Operation {
  let geometry: WindowGeometry
  let function: PoolingFunction
  let input: Shape

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    TensorType(input)
  }

  /// The gradient of an average is linear; that of a maximum isn't followed further.
  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    guard function != .maximum else { return [nil, nil, nil] }
    let forward = Pooling(geometry: geometry, function: function)
    return [try graph.apply(forward, to: [pullback.cotangent])]
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    switch function {
    case .maximum: try maximumPoolingInputGradientKernel(input: input, geometry: geometry)
    case .averageIncludingPadding, .averageExcludingPadding:
      try averagePoolingInputGradientKernel(input: input, geometry: geometry, function: function)
    }
  }
}

extension Graph {
  /// Appends pooling of (batch, spatial..., channels).
  public mutating func pooling(
    _ input: Value, geometry: WindowGeometry, function: PoolingFunction
  ) throws(PhospheneError) -> Value {
    try apply(Pooling(geometry: geometry, function: function), to: [input])
  }
}
