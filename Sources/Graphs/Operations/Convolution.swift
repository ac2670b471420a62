public import Kernels
public import Tensors

/// Windows of the input times weights, summed: what Keras' `Conv1D` to `Conv3D` compute.
///
/// Inputs are an array (batch, spatial..., channels), weights (window..., channels / groups,
/// filters), one number a filter if `hasBias`, and an array of the result's shape to add if
/// `hasAddend`. The passes add these and the activation; layers don't.
struct Convolution: Operation {
  let geometry: WindowGeometry
  var groups = 1
  var hasBias = false
  var hasAddend = false
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
    let (input, weights) = (pullback.inputs[0], pullback.inputs[1])
    var parts: [Value?] = [nil, nil]
    if pullback.wanted[0] {
      let gradient = ConvolutionInputGradient(
        geometry: geometry, groups: groups, input: graph.shape(input))
      parts[0] = try graph.apply(gradient, to: [pullback.cotangent, weights])
    }
    if pullback.wanted[1] {
      parts[1] = try graph.convolutionWeightGradient(
        of: graph.shape(weights), image: input, windows: pullback.cotangent, geometry: geometry,
        groups: groups)
    }
    return parts
  }

  func work(for request: KernelRequest) -> Int {
    convolutionWork(request.shape(0), request.output.shape, weights: request.shape(1))
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try convolutionKernel(
      input: request.shape(0), weights: request.shape(1), geometry: geometry, groups: groups,
      hasBias: hasBias, hasAddend: hasAddend, activation: activation,
      constantWeights: request.isConstant[1],
      isExact: request.isExact)
  }
}

/// The gradient of a ``Convolution`` with respect to its input, which is also Keras' transposed
/// convolution.
///
/// Inputs are the cotangent, the weights and, added by the passes, an array to add if `hasAddend`
/// and the results of `gate`, with whose derivative the sum is multiplied.
struct ConvolutionInputGradient: Operation {
  let geometry: WindowGeometry
  let groups: Int
  let input: Shape
  var hasAddend = false
  var gate: UnaryFunction?

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    TensorType(input)
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    let (windows, weights) = (pullback.inputs[0], pullback.inputs[1])
    var parts: [Value?] = [nil, nil]
    if pullback.wanted[0] {
      let forward = Convolution(geometry: geometry, groups: groups)
      parts[0] = try graph.apply(forward, to: [pullback.cotangent, weights])
    }
    if pullback.wanted[1] {
      parts[1] = try graph.convolutionWeightGradient(
        of: graph.shape(weights), image: pullback.cotangent, windows: windows, geometry: geometry,
        groups: groups)
    }
    return parts
  }

  func work(for request: KernelRequest) -> Int {
    convolutionWork(request.output.shape, request.shape(0), weights: request.shape(1))
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try convolutionInputGradientKernel(
      input: input, weights: request.shape(1), geometry: geometry, groups: groups,
      hasAddend: hasAddend, gate: gate, constantWeights: request.isConstant[1],
      isExact: request.isExact)
  }
}

/// The multiplications of a convolution, all weights at each window; or what it takes to read and
/// write both arrays, if that is longer, as where each channel is convolved by itself.
private func convolutionWork(_ image: Shape, _ windows: Shape, weights: Shape) -> Int {
  let products = windows.axes.dropLast().reduce(weights.elementCount) {
    $0.multipliedClamping(by: $1)
  }
  return max(products, 24 * (image.elementCount + windows.elementCount))
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

extension Graph {
  /// Appends the gradient of a convolution with respect to its weights: for each place in the
  /// window, the elements that lie there times the cotangents of their windows, summed.
  ///
  /// Weights are constants nearly always; where a network computes them, a matrix product for each
  /// place will do.
  fileprivate mutating func convolutionWeightGradient(
    of weights: Shape, image: Value, windows: Value, geometry: WindowGeometry, groups: Int
  ) throws(PhospheneError) -> Value {
    let spatial = geometry.window.count
    let padded = try pad(
      image, low: [0] + geometry.padLow + [0], high: [0] + geometry.padHigh + [0])
    let (channels, filters) = (weights[spatial], weights[spatial + 1] / groups)
    let outputs = shape(windows).axes.dropLast()
    let rows = outputs.reduce(1, *)
    let cotangents = try transpose(
      reshape(windows, to: [rows, groups, filters]), [1, 0, 2])
    var places: [Value] = []
    for index in 0..<geometry.window.reduce(1, *) {
      var (rest, starts) = (index, [Int](repeating: 0, count: spatial + 2))
      for axis in (0..<spatial).reversed() {
        starts[axis + 1] = rest % geometry.window[axis] * geometry.dilations[axis]
        rest /= geometry.window[axis]
      }
      let elements = try slice(
        padded, starts: starts, lengths: outputs + [channels * groups],
        steps: [1] + geometry.strides + [1])
      let columns = try transpose(
        reshape(elements, to: [rows, groups, channels]), [1, 0, 2])
      let product = try matrixProduct(columns, cotangents, transposeA: true)
      places.append(
        try reshape(transpose(product, [1, 0, 2]), to: [1, channels, groups * filters]))
    }
    return try reshape(concatenate(places, axis: 0), to: weights)
  }
}
