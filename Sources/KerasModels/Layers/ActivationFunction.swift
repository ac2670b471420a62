import Graphs
import Tensors

/// A function of `keras.activations`.
enum ActivationFunction: Hashable, Sendable {
  /// `maximum` where x is at least that, x where x exceeds `threshold`, `slope * (x - threshold)`
  /// elsewhere.
  case relu(slope: Float = 0, maximum: Float? = nil, threshold: Float = 0)
  /// x where x exceeds a number, zero elsewhere.
  case thresholdedReLU(threshold: Float)
  /// One function of the engine.
  case unary(UnaryFunction)
  /// `scale * elu(x)` with the constants that keep mean and variance (Klambauer et al. 2017).
  case selu
  case squareplus
  case tanhShrink
  case hardShrink
  case softShrink
  case logSigmoid
  case sparsePlus
  case sparseSigmoid
  /// Keras 2's `hard_sigmoid`, which is steeper than Keras 3's.
  case steepHardSigmoid
  case linear
  /// The first half of the last axis, times the sigmoid of the second.
  case glu
  case softmax
  case logSoftmax
  /// The probabilities nearest to x (Martins and Astudillo 2016), as Keras computes them.
  case sparsemax

  private static let byName: [String: ActivationFunction] = [
    "celu": .unary(.elu(alpha: 1)),
    "elu": .unary(.elu(alpha: 1)),
    "exponential": .unary(.exponential),
    "gelu": .unary(.gelu),
    "glu": .glu,
    "hard_shrink": .hardShrink,
    "hard_sigmoid": .unary(.hardSigmoid),
    "hard_silu": .unary(.hardSwish),
    "hard_swish": .unary(.hardSwish),
    "hard_tanh": .unary(.clip(low: -1, high: 1)),
    "leaky_relu": .relu(slope: 0.2),
    "linear": .linear,
    "log_sigmoid": .logSigmoid,
    "log_softmax": .logSoftmax,
    "mish": .unary(.mish),
    "relu": .relu(),
    "relu6": .relu(maximum: 6),
    "selu": .selu,
    "sigmoid": .unary(.sigmoid),
    "silu": .unary(.silu),
    "soft_shrink": .softShrink,
    "softmax": .softmax,
    "softplus": .unary(.softplus),
    "softsign": .unary(.softsign),
    "sparse_plus": .sparsePlus,
    "sparse_sigmoid": .sparseSigmoid,
    "sparsemax": .sparsemax,
    "squareplus": .squareplus,
    "swish": .unary(.silu),
    "tanh": .unary(.tanh),
    "tanh_shrink": .tanhShrink,
  ]

  /// The names of all functions that need no further settings, sorted.
  static let names = byName.keys.sorted()

  /// Returns the function that a version of Keras means by a name, `nil` for an unknown one.
  init?(name: String, writtenBy version: KerasVersion) {
    guard let function = ActivationFunction.byName[name] else { return nil }
    self = name == "hard_sigmoid" && version == .keras2 ? .steepHardSigmoid : function
  }

  /// Whether each element of the result depends on the element at its place only.
  var isElementwise: Bool {
    switch self {
    case .glu, .softmax, .logSoftmax, .sparsemax: false
    default: true
    }
  }
}

extension Graph {
  /// Appends an activation.
  mutating func activation(
    _ function: ActivationFunction, _ x: Value
  ) throws(PhospheneError) -> Value {
    let result = try composed(function, x)
    noteActivation(result, of: x, isProbability: function.isProbability)
    return result
  }

  private mutating func composed(
    _ function: ActivationFunction, _ x: Value
  ) throws(PhospheneError) -> Value {
    switch function {
    case .linear: x
    case .unary(let function): try unary(function, x)
    case .relu(let slope, let maximum, let threshold):
      try rectified(x, slope: slope, maximum: maximum, threshold: threshold)
    case .thresholdedReLU(let threshold):
      try select(unary(.step, linear(x, scale: 1, offset: -threshold)), x, constant(0))
    case .selu:
      try linear(unary(.elu(alpha: 1.6732632423543772), x), scale: 1.0507009873554805)
    case .squareplus:
      try linear(
        add(x, unary(.squareRoot, linear(unary(.square, x), scale: 1, offset: 4))), scale: 0.5)
    case .tanhShrink: try subtract(x, unary(.tanh, x))
    case .hardShrink:
      try select(
        unary(.step, linear(unary(.absolute, x), scale: 1, offset: -0.5)), x, constant(0))
    case .softShrink: try subtract(x, unary(.clip(low: -0.5, high: 0.5), x))
    case .logSigmoid: try linear(unary(.softplus, linear(x, scale: -1)), scale: -1)
    case .sparsePlus:
      // (x + 1)^2 / 4 between -1 and 1, and x behind.
      try add(
        unary(.square, composed(.sparseSigmoid, x)),
        unary(.relu(negativeSlope: 0), linear(x, scale: 1, offset: -1)))
    case .sparseSigmoid:
      try unary(.clip(low: 0, high: 1), linear(x, scale: 0.5, offset: 0.5))
    case .steepHardSigmoid:
      try unary(.clip(low: 0, high: 1), linear(x, scale: 0.2, offset: 0.5))
    case .glu: try gated(x)
    case .softmax: try softmax(x)
    case .logSoftmax: try logSoftmax(x, axes: [shape(x).rank - 1])
    case .sparsemax: try sparsemax(x)
    }
  }

  private mutating func rectified(
    _ x: Value, slope: Float, maximum: Float?, threshold: Float
  ) throws(PhospheneError) -> Value {
    if threshold == 0, slope == 0, let maximum {
      return try unary(.clip(low: 0, high: maximum), x)
    }
    var value = x
    if threshold == 0 {
      value = try unary(.relu(negativeSlope: slope), x)
    } else {
      let shifted = try linear(x, scale: 1, offset: -threshold)
      let below =
        slope == 0
        ? try constant(0)
        : try linear(unary(.clip(low: -.infinity, high: 0), shifted), scale: slope)
      value = try select(unary(.step, shifted), x, below)
    }
    if let maximum { value = try unary(.clip(low: -.infinity, high: maximum), value) }
    return value
  }

  private mutating func gated(_ x: Value) throws(PhospheneError) -> Value {
    let shape = shape(x)
    let axis = shape.rank - 1
    guard axis >= 0, shape[axis] % 2 == 0 else {
      throw .invalidArgument("glu halves the last axis, received shape \(shape)")
    }
    let half = shape[axis] / 2
    return try multiply(
      slice(x, axis: axis, start: 0, length: half),
      unary(.sigmoid, slice(x, axis: axis, start: half, length: half)))
  }

  /// Appends the softmax over several axes together.
  mutating func softmax(_ x: Value, axes: [Int]) throws(PhospheneError) -> Value {
    guard axes.count > 1 else { return try softmax(x, axis: axes.first ?? -1) }
    let shape = shape(x)
    // One softmax over one long axis behind the others.
    let order = shape.axes.indices.filter { !axes.contains($0) } + axes
    let moved = try transpose(x, order)
    let length = axes.reduce(1) { $0 * shape[$1] }
    let rows = try reshape(moved, to: [shape.elementCount / max(length, 1), length])
    let value = try reshape(softmax(rows), to: self.shape(moved))
    var inverse = order
    for (position, axis) in order.enumerated() { inverse[axis] = position }
    return try transpose(value, inverse)
  }

  /// Appends the logarithm of the softmax over axes, exact where the softmax is nearly zero.
  mutating func logSoftmax(_ x: Value, axes: [Int]) throws(PhospheneError) -> Value {
    var column = shape(x).axes
    for axis in axes { column[axis] = 1 }
    let largest = try reshape(reduce(.maximum, x, axes: axes), to: Shape(column))
    let shifted = try subtract(x, largest)
    let sum = try reduce(.sum, unary(.exponential, shifted), axes: axes)
    return try subtract(shifted, reshape(unary(.logarithm, sum), to: Shape(column)))
  }

  private mutating func sparsemax(_ x: Value) throws(PhospheneError) -> Value {
    let shape = shape(x)
    let axis = shape.rank - 1
    guard axis >= 0 else { throw .invalidArgument("sparsemax needs an axis, received shape ()") }
    let column = Shape(shape.axes.dropLast() + [1])
    let sorted = try gatherElements(x, argSort(x, axis: axis, isDescending: true), axis: axis)
    let sums = try cumulative(.sum, sorted, axis: axis)
    let ranks = constant(try Tensor([shape[axis]], (0..<shape[axis]).map { Float($0 + 1) }))
    let margin = try subtract(sorted, divide(linear(sums, scale: 1, offset: -1), ranks))
    let isSupport = try unary(.step, margin)
    // Keras adds up the running sums of the support, where the paper takes the last of them.
    let total = try reduce(.sum, select(isSupport, sums, constant(0)), axes: [axis])
    let threshold = try divide(
      linear(total, scale: 1, offset: -1), reduce(.sum, isSupport, axes: [axis]))
    return try unary(.relu(negativeSlope: 0), subtract(x, reshape(threshold, to: column)))
  }
}

extension ActivationFunction {
  fileprivate var isProbability: Bool { self == .softmax || self == .unary(.sigmoid) }
}
