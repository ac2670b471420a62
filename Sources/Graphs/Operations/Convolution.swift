public import Kernels
public import Tensors

/// Windows of the input times weights, summed: what Keras' `Conv1D` to `Conv3D` compute.
///
/// Inputs are an array (batch, spatial..., channels), weights (window..., channels / groups,
/// filters) and, if `hasBias`, one number a filter. The passes add bias and activation; layers
/// don't.
struct Convolution: Operation {
  let geometry: WindowGeometry
  var groups = 1
  var hasBias = false
  var activation: UnaryFunction?

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    let (input, weights) = (inputs[0].shape, inputs[1].shape)
    let spatial = geometry.window.count
    guard input.rank == spatial + 2, weights.rank == spatial + 2 else {
      throw .invalidArgument(
        "a convolution over \(spatial) axes needs an input of rank \(spatial + 2), received shape "
          + "\(input)")
    }
    let (channels, filters) = (input[spatial + 1], weights[spatial + 1])
    guard groups > 0, weights[spatial] * groups == channels, filters % groups == 0 else {
      throw .invalidArgument(
        "weights \(weights) in \(groups) groups can't be applied to \(channels) channels of shape "
          + "\(input)")
    }
    let lengths = try geometry.outputLengths(Array(input.axes[1...spatial]))
    return TensorType(Shape([input[0]] + lengths + [filters]))
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    precondition(activation == nil, "gradients are taken before activations are fused")
    guard pullback.wanted[0] else { return [nil, nil, nil] }
    let gradient = ConvolutionInputGradient(
      geometry: geometry, groups: groups, input: graph.shape(pullback.inputs[0]))
    return [try graph.apply(gradient, to: [pullback.cotangent, pullback.inputs[1]]), nil, nil]
  }

  func work(for request: KernelRequest) -> Int {
    multiplications(
      windows: request.output.shape, weights: request.shape(1))
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try convolutionKernel(
      input: request.shape(0), weights: request.shape(1), geometry: geometry, groups: groups,
      hasBias: hasBias, activation: activation, constantWeights: request.isConstant[1])
  }
}

/// The gradient of a ``Convolution`` with respect to its input, which is also Keras' transposed
/// convolution.
///
/// Inputs are the cotangent and the weights.
struct ConvolutionInputGradient: Operation {
  let geometry: WindowGeometry
  let groups: Int
  let input: Shape

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    TensorType(input)
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    let forward = Convolution(geometry: geometry, groups: groups)
    return [try graph.apply(forward, to: [pullback.cotangent, pullback.inputs[1]]), nil]
  }

  func work(for request: KernelRequest) -> Int {
    multiplications(windows: request.shape(0), weights: request.shape(1))
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try convolutionInputGradientKernel(
      input: input, weights: request.shape(1), geometry: geometry, groups: groups,
      constantWeights: request.isConstant[1])
  }
}

/// The multiplications of a convolution: all weights at each window.
private func multiplications(windows: Shape, weights: Shape) -> Int {
  windows.axes.dropLast().reduce(weights.elementCount) { $0.multipliedClamping(by: $1) }
}

extension Graph {
  /// Appends a convolution of (batch, spatial..., channels) with Keras' weights.
  public mutating func convolution(
    _ input: Value, weights: Value, geometry: WindowGeometry, groups: Int = 1
  ) throws(PhospheneError) -> Value {
    try apply(Convolution(geometry: geometry, groups: groups), to: [input, weights])
  }

  /// Appends a transposed convolution: the image of shape `image` that holds, for each element of
  /// `value`, the weights of its window times this element, all of them added up.
  ///
  /// `value` is of shape (batch, windows..., filters), `weights` of shape (window..., channels,
  /// filters): those of the convolution whose adjoint this is.
  public mutating func transposedConvolution(
    _ value: Value, weights: Value, geometry: WindowGeometry, image: Shape
  ) throws(PhospheneError) -> Value {
    let forward = Convolution(geometry: geometry)
    let windows = try forward.outputType(for: [TensorType(image), self[weights].type]).shape
    guard windows == shape(value) else {
      throw .invalidArgument(
        "an image of shape \(image) has windows of shape \(windows) for a transposed convolution, "
          + "received \(shape(value))")
    }
    let operation = ConvolutionInputGradient(geometry: geometry, groups: 1, input: image)
    return try apply(operation, to: [value, weights])
  }
}
