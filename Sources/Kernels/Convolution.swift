internal import COneDNN
public import Tensors

/// Convolves images with filters.
///
/// `y[n, o, f] = activation(bias[f] + addend[n, o, f] + sum over k, c of x[n, o * stride + k * dilation - padLow, c]
/// * w[k, c, f])`; with groups, filter `f` sees only the channels of its own group.
///
/// Inputs: `x` of shape (batch, spatial..., channels), `w` of shape (window..., channels / groups,
/// filters), a bias of shape (filters) if `hasBias`, and an array of the output's shape if
/// `hasAddend`. Output: (batch, windows..., filters).
/// `groups == channels` is Keras' depthwise convolution, whose weights (window..., channels,
/// multiplier) are the same numbers in the same order.
///
/// If `constantWeights` says that `w` never changes, it may be kept in an order of the kernel's own,
/// and unless `isExact`, Winograd's method may save products at the cost of some digits. A fused
/// activation may turn NaN into a number; ``unaryKernel(_:count:)`` doesn't.
///
/// Source: oneDNN, "Convolution"; Keras, `conv` in `keras/src/backend/common`.
///
/// - Throws: `invalidArgument` if shapes, groups and geometry don't fit together.
public func convolutionKernel(
  input: Shape, weights: Shape, geometry: WindowGeometry, groups: Int, hasBias: Bool,
  hasAddend: Bool = false, activation: UnaryFunction?, constantWeights: Bool,
  isExact: Bool = false
) throws(PhospheneError) -> any Kernel {
  let problem = try Convolution(input, weights, geometry, groups)
  let outputCount = problem.outputShape.elementCount
  let epilogue = Epilogue(hasBias: hasBias, hasAddend: hasAddend, activation: activation)
  guard outputCount > 0 else { return LoopKernel { _ in } }
  if constantWeights, !isExact, input.elementCount > 0,
    let kernel = WinogradConvolution(problem, isTransposed: false, epilogue: epilogue)
  {
    return kernel
  }
  let memory = try ConvolutionMemory(problem)
  guard input.elementCount > 0,
    var descriptor = try memory.forward(Epilogue(hasBias: hasBias, activation: activation))
  else {
    return Reference.convolution(problem, epilogue: epilogue)
  }
  var finish = unfused(activation, count: outputCount, output: epilogue.output)
  if let addend = epilogue.addend {
    // What oneDNN's best implementation can't add, we do.
    let output = epilogue.output
    if let adding = try memory.forward(epilogue), adding.implementation == descriptor.implementation
    {
      descriptor = adding
    } else if let plain = try memory.forward(Epilogue(hasBias: hasBias)) {
      descriptor = plain
      finish = { arguments in
        let (sum, y) = (arguments[addend], arguments[output])
        inParallel(outputCount) { zipLanes($0, y, sum, y) { $0 + $1 } }
        activation?.apply(outputCount, from: y, to: y)
      }
    }
  }
  var operands = [
    Primitive.Operand(role: DNNL_ARG_SRC, descriptor: memory.image, argument: 0),
    Primitive.Operand(
      role: DNNL_ARG_WEIGHTS, descriptor: try descriptor.memory(dnnl_query_weights_md),
      argument: 1),
    Primitive.Operand(
      role: DNNL_ARG_DST, descriptor: memory.result, argument: epilogue.output),
  ]
  if hasBias {
    operands.append(
      Primitive.Operand(role: DNNL_ARG_BIAS, descriptor: memory.bias, argument: 2))
  }
  if let addend = epilogue.addend, descriptor.hasAddend {
    operands.append(
      Primitive.Operand(
        role: PrimitiveDescriptor.addendRole, descriptor: memory.result, argument: addend))
  }
  return try PrimitiveKernel(
    descriptor, operands: operands,
    weights: (index: 1, dense: memory.denseWeights, isConstant: constantWeights),
    finish: finish)
}

/// Sends a cotangent back to the input of a convolution: the adjoint of
/// ``convolutionKernel(input:weights:geometry:groups:hasBias:activation:constantWeights:)``.
///
/// Bias and activation have no part in it. It is also a transposed convolution's forward pass.
///
/// Inputs: a cotangent of shape (batch, windows..., filters), the weights `w` and, of the output's
/// shape, an array to add if `hasAddend`, and what `gate`, a function with
/// ``UnaryFunction/isClamp``, returned, with whose derivative the sum is multiplied. Output: the
/// shape of the convolution's input. `constantWeights` says that a packed copy of `w` may be kept.
///
/// - Throws: `invalidArgument` if shapes, groups and geometry don't fit together.
public func convolutionInputGradientKernel(
  input: Shape, weights: Shape, geometry: WindowGeometry, groups: Int, hasAddend: Bool = false,
  gate: UnaryFunction? = nil, constantWeights: Bool, isExact: Bool = false
) throws(PhospheneError) -> any Kernel {
  let problem = try Convolution(input, weights, geometry, groups)
  guard input.elementCount > 0 else { return LoopKernel { _ in } }
  let epilogue = Epilogue(hasAddend: hasAddend, gate: gate)
  let hasWindows = problem.outputShape.elementCount > 0
  if constantWeights, !isExact, hasWindows,
    let kernel = WinogradConvolution(problem, isTransposed: true, epilogue: epilogue)
  {
    return kernel
  }
  let kernel = try plainInputGradient(problem, constantWeights: constantWeights)
  guard hasAddend || gate != nil else { return kernel }
  let count = input.elementCount
  return FinishedKernel(
    kernel: kernel, finish: { epilogue.finishSums(count, $0) },
    arguments: [0, 1, epilogue.output])
}

/// The gradient without an epilogue.
private func plainInputGradient(
  _ problem: Convolution, constantWeights: Bool
) throws(PhospheneError) -> any Kernel {
  if constantWeights, let kernel = FoldedGradient(problem) { return kernel }
  let memory = try ConvolutionMemory(problem)
  guard problem.outputShape.elementCount > 0,
    let forward = try memory.forward(Epilogue()),
    let descriptor = try memory.inputGradient(hint: forward)
  else {
    return Reference.convolutionInputGradient(problem)
  }
  let operands = [
    Primitive.Operand(role: DNNL_ARG_DIFF_DST, descriptor: memory.result, argument: 0),
    Primitive.Operand(
      role: DNNL_ARG_WEIGHTS, descriptor: try descriptor.memory(dnnl_query_weights_md),
      argument: 1),
    Primitive.Operand(role: DNNL_ARG_DIFF_SRC, descriptor: memory.image, argument: 2),
  ]
  return try PrimitiveKernel(
    descriptor, operands: operands,
    weights: (index: 1, dense: memory.denseWeights, isConstant: constantWeights))
}

/// What remains of an activation that oneDNN doesn't fuse.
func unfused(
  _ activation: UnaryFunction?, count: Int, output: Int
) -> (@Sendable (Arguments) -> Void)? {
  guard let activation, activation.eltwise == nil else { return nil }
  return { activation.apply(count, from: $0[output], to: $0[output]) }
}

/// A convolution's settings, checked against each other.
struct Convolution: Sendable {
  let image: WindowedImage
  let geometry: WindowGeometry
  let weights: Shape
  let groups: Int
  /// The channels of the input and the filters of one group.
  let groupChannels: Int
  let groupFilters: Int
  let outputShape: Shape

  var channels: Int { groups * groupChannels }
  var filters: Int { groups * groupFilters }

  init(
    _ input: Shape, _ weights: Shape, _ geometry: WindowGeometry, _ groups: Int
  ) throws(PhospheneError) {
    image = try WindowedImage(input, geometry)
    let rank = input.rank
    try require(
      weights.rank == rank && Array(weights.axes.prefix(rank - 2)) == geometry.window,
      "a convolution with window \(geometry.window) needs weights of shape (window..., channels /"
        + " groups, filters), received \(weights)")
    try require(
      groups > 0 && weights[rank - 2] * groups == image.channels
        && weights[rank - 1] % groups == 0 && weights[rank - 1] > 0,
      "weights of shape \(weights) in \(groups) groups don't fit an input of shape \(input): the"
        + " input's channels have to be groups times the weights' and the filters a multiple of"
        + " groups")
    self.geometry = geometry
    self.weights = weights
    self.groups = groups
    groupChannels = weights[rank - 2]
    groupFilters = weights[rank - 1] / groups
    outputShape = Shape(Array(image.outputShape.axes.dropLast()) + [weights[rank - 1]])
  }
}

/// How the arrays of a convolution lie, in oneDNN's order of axes.
private struct ConvolutionMemory {
  let image: MemoryDescriptor
  let result: MemoryDescriptor
  let bias: MemoryDescriptor
  let denseWeights: MemoryDescriptor
  private let anyWeights: MemoryDescriptor
  private let geometry: WindowGeometry

  init(_ problem: Convolution) throws(PhospheneError) {
    let problem = try ConvolutionMemory.flattened(problem)
    geometry = problem.geometry
    image = try ConvolutionMemory.channelsSecond(problem.image.inputShape)
    result = try ConvolutionMemory.channelsSecond(problem.outputShape)
    bias = try MemoryDescriptor([problem.filters])
    // Keras: (window..., channels, groups * filters). oneDNN: (groups, filters, channels,
    // window...), where the groups are left out if there is only one.
    let (weights, strides) = (problem.weights, problem.weights.strides)
    let rank = weights.rank
    var axes = [problem.groupFilters, problem.groupChannels] + weights.axes.dropLast(2)
    var order = [1, strides[rank - 2]] + strides.dropLast(2)
    if problem.groups > 1 {
      axes.insert(problem.groups, at: 0)
      order.insert(problem.groupFilters, at: 0)
    }
    denseWeights = try MemoryDescriptor(axes: axes, strides: order)
    anyWeights = try MemoryDescriptor(anyOrder: axes)
  }

  /// A depthwise convolution along one axis as one along two: oneDNN is seven times as fast there.
  private static func flattened(_ problem: Convolution) throws(PhospheneError) -> Convolution {
    let input = problem.image.inputShape
    guard input.rank == 3, problem.groups == problem.channels, problem.groups > 1 else {
      return problem
    }
    let geometry = problem.geometry
    return try Convolution(
      [input[0], 1, input[1], input[2]], Shape([1] + problem.weights.axes),
      WindowGeometry(
        window: [1] + geometry.window, strides: [1] + geometry.strides,
        dilations: [1] + geometry.dilations, padLow: [0] + geometry.padLow,
        padHigh: [0] + geometry.padHigh),
      problem.groups)
  }

  private static func channelsSecond(
    _ shape: Shape
  ) throws(PhospheneError) -> MemoryDescriptor {
    func reordered(_ values: [Int]) -> [Int] {
      [values[0], values[values.count - 1]] + values[1..<values.count - 1]
    }
    return try MemoryDescriptor(axes: reordered(shape.axes), strides: reordered(shape.strides))
  }

  func forward(_ epilogue: Epilogue) throws(PhospheneError) -> PrimitiveDescriptor? {
    let numbers = Numbers(geometry)
    return try PrimitiveDescriptor(
      adding: epilogue.hasAddend ? result : nil, fusing: epilogue.activation
    ) { handle, engine, attributes in
      dnnl_convolution_forward_primitive_desc_create(
        &handle, engine, dnnl_forward_inference, dnnl_convolution_direct, image.handle,
        anyWeights.handle, epilogue.hasBias ? bias.handle : nil, result.handle, numbers.strides,
        numbers.dilations, numbers.padLow, numbers.padHigh, attributes)
    }
  }

  func inputGradient(
    hint: PrimitiveDescriptor
  ) throws(PhospheneError) -> PrimitiveDescriptor? {
    let numbers = Numbers(geometry)
    return try PrimitiveDescriptor { handle, engine, attributes in
      dnnl_convolution_backward_data_primitive_desc_create(
        &handle, engine, dnnl_convolution_direct, image.handle, anyWeights.handle, result.handle,
        numbers.strides, numbers.dilations, numbers.padLow, numbers.padHigh, hint.handle, attributes
      )
    }
  }

  /// A geometry in oneDNN's numbers: a dilation of zero means neighbours.
  private struct Numbers {
    let strides, dilations, padLow, padHigh: [Int64]

    init(_ geometry: WindowGeometry) {
      strides = geometry.strides.map(Int64.init)
      dilations = geometry.dilations.map { Int64($0 - 1) }
      padLow = geometry.padLow.map(Int64.init)
      padHigh = geometry.padHigh.map(Int64.init)
    }
  }
}
