import Graphs
import Tensors

extension OperationRule {
  /// Comparisons, logic and choices; truth is 1 and falsehood 0.
  static let comparisons: [String: OperationRule] = [
    "AllClose": OperationRule(
      ["x1", "x2"], settings: ["rtol", "atol", "equal_nan"], areAllClose),
    "Equal": binary { graph, a, b in try graph.binary(.equal, a, b) },
    "Greater": binary { graph, a, b in try graph.binary(.greater, a, b) },
    "GreaterEqual": binary { graph, a, b in try graph.binary(.greaterOrEqual, a, b) },
    "Isclose": OperationRule(["x1", "x2", "rtol", "atol"], settings: ["equal_nan"], areClose),
    "Isfinite": unary { graph, x in try graph.unary(.isFinite, x) },
    "Isinf": unary { graph, x in try graph.unary(.isInfinite, x) },
    "Isnan": unary { graph, x in try graph.unary(.isNaN, x) },
    "Isneginf": unary { graph, x in try graph.binary(.equal, x, graph.constant(-.infinity)) },
    "Isposinf": unary { graph, x in try graph.binary(.equal, x, graph.constant(.infinity)) },
    "Isreal": unary { graph, x in try graph.filled(graph.shape(x), with: 1) },
    "Less": binary { graph, a, b in try graph.binary(.greater, b, a) },
    "LessEqual": binary { graph, a, b in try graph.binary(.greaterOrEqual, b, a) },
    "LogicalAnd": binary { graph, a, b in
      try graph.multiply(graph.isNonzero(a), graph.isNonzero(b))
    },
    "LogicalNot": unary { graph, x in try graph.binary(.equal, x, graph.constant(0)) },
    "LogicalOr": binary { graph, a, b in
      try graph.binary(.maximum, graph.isNonzero(a), graph.isNonzero(b))
    },
    "LogicalXor": binary { graph, a, b in
      try graph.binary(.notEqual, graph.isNonzero(a), graph.isNonzero(b))
    },
    "NotEqual": binary { graph, a, b in try graph.binary(.notEqual, a, b) },
    "Select": OperationRule(["condlist", "choicelist", "default"], choose),
    "Signbit": unary { graph, x in
      // A negative zero has a negative infinity as its reciprocal.
      let (zero, reciprocal) = (try graph.constant(0), try graph.unary(.reciprocal, x))
      return try graph.binary(
        .maximum, graph.binary(.greater, zero, x), graph.binary(.greater, zero, reciprocal))
    },
    "Where": OperationRule(["condition", "x1", "x2"], select),
  ]
}

private func select(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  guard context.call["x1"]?.isNone == false, context.call["x2"]?.isNone == false else {
    throw .unsupported("without x1 and x2 the shape of the result depends on values")
  }
  let condition = try context.requiredValue("condition")
  let (a, b) = (try context.requiredValue("x1"), try context.requiredValue("x2"))
  return [try context.graph.select(condition, a, b)]
}

/// The first choice whose condition holds, for each element.
private func choose(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let conditions = try context.values("condlist")
  let choices = try context.values("choicelist")
  guard conditions.count == choices.count, !choices.isEmpty else {
    throw .invalidArgument(
      "condlist and choicelist need the same number of elements, received \(conditions.count) and "
        + "\(choices.count)")
  }
  var value: Value
  if let standard = try context.value("default") {
    value = standard
  } else {
    value = try context.graph.constant(0)
  }
  for (condition, choice) in zip(conditions, choices).reversed() {
    value = try context.graph.select(condition, choice, value)
  }
  return [value]
}

/// Keras' `isclose`; two equal infinities have no distance, which Keras on TensorFlow calls far.
private func areClose(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let (a, b) = (try context.requiredValue("x1"), try context.requiredValue("x2"))
  let tolerance = Tolerance(
    relative: try context.call.float("rtol", default: 1e-5),
    absolute: try context.call.float("atol", default: 1e-8),
    equatesNaN: context.call.flag("equal_nan"))
  return [try context.graph.areClose(a, b, tolerance)]
}

private func areAllClose(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let (a, b) = (try context.requiredValue("x1"), try context.requiredValue("x2"))
  let close = try areClose(&context)[0]
  let isEqual = try context.graph.binary(.equal, a, b)
  let isFinite = try context.graph.multiply(
    context.graph.unary(.isFinite, a), context.graph.unary(.isFinite, b))
  var result = try context.graph.binary(
    .maximum, context.graph.multiply(isFinite, close), isEqual)
  if context.call.flag("equal_nan") {
    result = try context.graph.binary(.maximum, result, context.graph.areBothNaN(a, b))
  }
  let axes = Array(context.graph.shape(result).axes.indices)
  return [try context.graph.reduce(.minimum, result, axes: axes)]
}

/// How far two numbers may be from each other.
private struct Tolerance {
  let relative: Float
  let absolute: Float
  let equatesNaN: Bool
}

extension Graph {
  fileprivate mutating func areClose(
    _ a: Value, _ b: Value, _ tolerance: Tolerance
  ) throws(PhospheneError) -> Value {
    let distance = try unary(.absolute, subtract(a, b))
    let bound = try linear(
      unary(.absolute, b), scale: tolerance.relative, offset: tolerance.absolute)
    let isClose = try binary(.greaterOrEqual, bound, distance)
    return tolerance.equatesNaN ? try binary(.maximum, isClose, areBothNaN(a, b)) : isClose
  }

  fileprivate mutating func areBothNaN(_ a: Value, _ b: Value) throws(PhospheneError) -> Value {
    try multiply(unary(.isNaN, a), unary(.isNaN, b))
  }
}
