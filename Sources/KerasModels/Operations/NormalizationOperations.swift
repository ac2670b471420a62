import Graphs
import Tensors

extension OperationRule {
  /// Normalization, attention and losses.
  static let normalization: [String: OperationRule] = [
    "BatchNorm": OperationRule(
      ["x", "mean", "variance", "offset", "scale"], settings: ["axis", "epsilon"],
      batchNormalization),
    "BinaryCrossentropy": OperationRule(
      ["target", "output"], settings: ["from_logits"], binaryCrossentropy),
    "CategoricalCrossentropy": OperationRule(
      ["target", "output"], settings: ["from_logits", "axis"], categoricalCrossentropy),
    "DotProductAttention": OperationRule(
      ["query", "key", "value", "bias", "mask", "scale"],
      settings: ["is_causal", "flash_attention", "attn_logits_soft_cap"], attention),
    "LayerNorm": OperationRule(
      ["x", "gamma", "beta"], settings: ["axis", "epsilon", "rms_scaling"], layerNormalization),
    "Normalize": OperationRule(["x"], settings: ["axis", "order", "epsilon"], normalize),
    "PSNR": OperationRule(["x1", "x2"], settings: ["max_val"], signalToNoise),
    "RMSNorm": OperationRule(["x", "scale"], settings: ["axis", "epsilon"], rootMeanSquare),
    "SparseCategoricalCrossentropy": OperationRule(
      ["target", "output"], settings: ["from_logits", "axis"], sparseCrossentropy),
  ]
}

/// What Keras adds where a setting `epsilon` is `None`.
private let standardEpsilon: Float = 1e-7

extension Graph {
  /// Appends `1 / sqrt(value + epsilon)`.
  fileprivate mutating func inverseRoot(
    _ value: Value, epsilon: Float
  ) throws(PhospheneError) -> Value {
    try unary(.reciprocal, unary(.squareRoot, linear(value, scale: 1, offset: epsilon)))
  }
}

private func batchNormalization(
  _ context: inout LoweringContext
) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let shape = context.graph.shape(x)
  guard let axis = try context.axis("axis", of: shape) else {
    throw .invalidArgument("setting 'axis' is missing")
  }
  let column = Shape([shape[axis]] + [Int](repeating: 1, count: shape.rank - 1 - axis))
  func aligned(
    _ name: String, _ context: inout LoweringContext
  ) throws(PhospheneError) -> Value? {
    guard let value = try context.value(name) else { return nil }
    return try context.graph.reshape(value, to: column)
  }
  guard let mean = try aligned("mean", &context), let variance = try aligned("variance", &context)
  else { throw .invalidArgument("mean and variance must be given") }
  var factor = try context.graph.inverseRoot(
    variance, epsilon: context.call.float("epsilon", default: 1e-3))
  if let scale = try aligned("scale", &context) {
    factor = try context.graph.multiply(scale, factor)
  }
  var summand = try context.graph.linear(context.graph.multiply(mean, factor), scale: -1)
  if let offset = try aligned("offset", &context) {
    summand = try context.graph.add(offset, summand)
  }
  return [try context.graph.add(context.graph.multiply(x, factor), summand)]
}

private func layerNormalization(
  _ context: inout LoweringContext
) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let shape = context.graph.shape(x)
  let axes = try context.axes("axis", of: shape).sorted()
  let column = Shape(shape.axes.indices.map { axes.contains($0) ? shape[$0] : 1 })
  let centered = try context.graph.subtract(x, context.graph.kept(.mean, x, axes: axes))
  let variance = try context.graph.kept(
    .mean, context.graph.unary(.square, centered), axes: axes)
  let factor = try context.graph.inverseRoot(
    variance, epsilon: context.call.float("epsilon", default: standardEpsilon))
  let isScalingOnly = context.call.flag("rms_scaling")
  var value = try context.graph.multiply(isScalingOnly ? x : centered, factor)
  if var gamma = try context.value("gamma") {
    if context.graph.shape(gamma).rank != shape.rank {
      gamma = try context.graph.reshape(gamma, to: column)
    }
    value = try context.graph.multiply(value, gamma)
  }
  if !isScalingOnly, var beta = try context.value("beta") {
    if context.graph.shape(beta).rank != shape.rank {
      beta = try context.graph.reshape(beta, to: column)
    }
    value = try context.graph.add(value, beta)
  }
  return [value]
}

private func rootMeanSquare(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let axes = try context.axes("axis", of: context.graph.shape(x))
  let mean = try context.graph.kept(.mean, context.graph.unary(.square, x), axes: axes)
  let factor = try context.graph.inverseRoot(
    mean, epsilon: context.call.float("epsilon", default: standardEpsilon))
  let value = try context.graph.multiply(x, factor)
  guard let scale = try context.value("scale") else { return [value] }
  return [try context.graph.multiply(value, scale)]
}

private func normalize(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let axes = try context.axes("axis", of: context.graph.shape(x))
  let order = try context.call.whole("order") ?? 2
  let epsilon = try context.call.float("epsilon", default: standardEpsilon)
  guard order >= 1 else {
    throw .invalidArgument("order must be a positive whole number, received \(order)")
  }
  if order == 2 { return [try context.graph.normalized(x, axes: axes, epsilon: epsilon)] }
  guard axes.count == 1 else {
    throw .unsupported("order must be 2 for more than one axis, received \(order)")
  }
  let norm = try context.graph.spread(
    context.graph.vectorNorm(x, order: Double(order), axes: axes), overAxes: axes, of: x)
  let size = try context.graph.unary(.clip(low: epsilon, high: .infinity), norm)
  return [try context.graph.divide(x, size)]
}

// MARK: - Attention

/// Attention of heads on (batch, steps, heads, features); `mask` is one where a query may look.
private func attention(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let query = try context.requiredValue("query")
  var (key, value) = (try context.requiredValue("key"), try context.requiredValue("value"))
  let shape = context.graph.shape(query)
  for part in [query, key, value] {
    guard context.graph.shape(part).rank == 4 else {
      throw .invalidArgument(
        "attention needs query, key and value (batch, steps, heads, features), received "
          + "\(context.graph.shape(part))")
    }
  }
  guard try context.call.number("attn_logits_soft_cap") == nil else {
    throw .unsupported("attn_logits_soft_cap must be None, which is all that Keras has on CPUs")
  }
  let heads = context.graph.shape(key)[2]
  if heads > 1, heads < shape[2], shape[2] % heads == 0 {
    let positions = (0..<shape[2]).map { $0 / (shape[2] / heads) }
    key = try context.graph.taking(key, positions, axis: 2)
    value = try context.graph.taking(value, positions, axis: 2)
  }
  var scores = try context.graph.matrixProduct(
    context.graph.transpose(query, [0, 2, 1, 3]), context.graph.transpose(key, [0, 2, 3, 1]))
  let features = Float(context.graph.shape(key)[3])
  let scale = try context.call.float("scale", default: 1 / features.squareRoot())
  scores = try context.graph.linear(scores, scale: scale)
  if let bias = try context.value("bias") { scores = try context.graph.add(scores, bias) }
  var mask = try context.value("mask")
  if context.call.flag("is_causal") {
    let causal = try context.graph.causalMask(
      queries: shape[1], values: context.graph.shape(key)[1])
    mask =
      try mask.map { (given) throws(PhospheneError) in
        try context.graph.multiply(context.graph.isNonzero(given), causal)
      } ?? causal
  }
  if let mask {
    scores = try context.graph.select(mask, scores, context.graph.constant(-0.7 * 3.38953e38))
  }
  let weights = try context.graph.softmax(scores)
  let sums = try context.graph.matrixProduct(
    weights, context.graph.transpose(value, [0, 2, 1, 3]))
  return [try context.graph.transpose(sums, [0, 2, 1, 3])]
}

// MARK: - Losses

extension LoweringContext {
  /// Probabilities that are neither zero nor one.
  fileprivate mutating func probabilities(_ value: Value) throws(PhospheneError) -> Value {
    try graph.unary(.clip(low: standardEpsilon, high: 1 - standardEpsilon), value)
  }
}

private func binaryCrossentropy(
  _ context: inout LoweringContext
) throws(PhospheneError) -> [Value] {
  let target = try context.requiredValue("target")
  let output = try context.requiredValue("output")
  if context.call.flag("from_logits") {
    let rest = try context.graph.multiply(target, output)
    return [try context.graph.subtract(context.graph.unary(.softplus, output), rest)]
  }
  let share = try context.probabilities(output)
  let isTrue = try context.graph.multiply(target, context.graph.unary(.logarithm, share))
  let isFalse = try context.graph.multiply(
    context.graph.not(target), context.graph.unary(.logarithm, context.graph.not(share)))
  return [try context.graph.linear(context.graph.add(isTrue, isFalse), scale: -1)]
}

private func categoricalCrossentropy(
  _ context: inout LoweringContext
) throws(PhospheneError) -> [Value] {
  let target = try context.requiredValue("target")
  var output = try context.requiredValue("output")
  let shape = context.graph.shape(output)
  let axis = try context.axis("axis", of: shape) ?? shape.rank - 1
  let logarithms: Value
  if context.call.flag("from_logits") {
    logarithms = try context.graph.logSoftmax(output, axes: [axis])
  } else {
    output = try context.graph.divide(output, context.graph.kept(.sum, output, axes: [axis]))
    logarithms = try context.graph.unary(.logarithm, context.probabilities(output))
  }
  let sum = try context.graph.reduce(
    .sum, context.graph.multiply(target, logarithms), axes: [axis])
  return [try context.graph.linear(sum, scale: -1)]
}

private func sparseCrossentropy(
  _ context: inout LoweringContext
) throws(PhospheneError) -> [Value] {
  let target = try context.requiredValue("target")
  let output = try context.requiredValue("output")
  let shape = context.graph.shape(output)
  let axis = try context.axis("axis", of: shape) ?? shape.rank - 1
  guard shape.rank > 0, axis == shape.rank - 1 else {
    throw .unsupported("axis must be the last one, as in Keras, received \(axis)")
  }
  var logits = output
  if !context.call.flag("from_logits") {
    logits = try context.graph.unary(.logarithm, context.probabilities(output))
  }
  let logarithms = try context.graph.logSoftmax(logits, axes: [axis])
  let column = try context.graph.reshape(target, to: Shape(shape.axes.dropLast() + [1]))
  let picked = try context.graph.gatherElements(logarithms, column, axis: axis)
  return [
    try context.graph.linear(
      context.graph.reshape(picked, to: Shape(shape.axes.dropLast())), scale: -1)
  ]
}

/// The peak signal-to-noise ratio of two arrays in decibels.
private func signalToNoise(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let (a, b) = (try context.requiredValue("x1"), try context.requiredValue("x2"))
  let square = try context.graph.unary(.square, context.graph.subtract(a, b))
  let error = try context.graph.reduce(
    .mean, square, axes: Array(context.graph.shape(square).axes.indices))
  let peak = try context.call.float("max_val", default: 1)
  // 20 log(peak) - 10 log(error), to base ten.
  let ratio = try context.graph.divide(context.graph.constant(peak * peak), error)
  return [
    try context.graph.linear(context.graph.unary(.logarithm, ratio), scale: 4.3429448)
  ]
}
