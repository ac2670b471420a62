import Graphs
import Tensors

extension OperationRule {
  /// One number for all elements along some axes.
  static let reductions: [String: OperationRule] = [
    "All": reduction { graph, x, axes in
      try graph.reduce(.minimum, graph.isNonzero(x), axes: axes)
    },
    "Amax": extreme(.maximum),
    "Amin": extreme(.minimum),
    "Any": reduction { graph, x, axes in
      try graph.reduce(.maximum, graph.isNonzero(x), axes: axes)
    },
    "Average": OperationRule(["x", "weights"], settings: ["axis"], average),
    "CountNonzero": reduction { graph, x, axes in
      try graph.reduce(.sum, graph.isNonzero(x), axes: axes)
    },
    "Logsumexp": reduction { graph, x, axes in try graph.logarithmOfSum(x, axes: axes) },
    "Max": extreme(.maximum),
    "Mean": reduction { graph, x, axes in try graph.reduce(.mean, x, axes: axes) },
    "Min": extreme(.minimum),
    "Moments": OperationRule(["x"], settings: ["axes", "keepdims", "synchronized"], moments),
    "Nanmax": reduction { graph, x, axes in try graph.extremeOfNumbers(.maximum, x, axes: axes) },
    "Nanmean": reduction { graph, x, axes in try graph.meanOfNumbers(x, axes: axes) },
    "Nanmin": reduction { graph, x, axes in try graph.extremeOfNumbers(.minimum, x, axes: axes) },
    "Nanprod": reduction { graph, x, axes in
      try graph.reduce(.product, graph.replacingNaN(x, with: 1), axes: axes)
    },
    "Nanstd": reduction { graph, x, axes in
      try graph.unary(.squareRoot, graph.varianceOfNumbers(x, axes: axes))
    },
    "Nansum": reduction { graph, x, axes in
      try graph.reduce(.sum, graph.replacingNaN(x, with: 0), axes: axes)
    },
    "Nanvar": reduction { graph, x, axes in try graph.varianceOfNumbers(x, axes: axes) },
    "Norm": OperationRule(["x"], settings: ["ord", "axis", "keepdims"], norm),
    "Prod": OperationRule(["x"], settings: ["axis", "keepdims", "dtype"], product),
    "Ptp": reduction { graph, x, axes in
      try graph.subtract(
        graph.reduce(.maximum, x, axes: axes), graph.reduce(.minimum, x, axes: axes))
    },
    "Std": reduction { graph, x, axes in
      try graph.unary(.squareRoot, graph.variance(x, axes: axes))
    },
    "Sum": reduction { graph, x, axes in try graph.reduce(.sum, x, axes: axes) },
    "Trapezoid": OperationRule(["y"], settings: ["x", "dx", "axis"], trapezoid),
    "Var": reduction { graph, x, axes in try graph.variance(x, axes: axes) },
  ]

  /// A reduction whose axes disappear, or stay with length one under `keepdims`.
  private static func reduction(
    _ body: @escaping @Sendable (inout Graph, Value, [Int]) throws -> Value
  ) -> OperationRule {
    OperationRule(["x"], settings: ["axis", "keepdims"]) { context in
      let x = try context.requiredValue("x")
      let axes = try context.axes("axis", of: context.graph.shape(x))
      let value = try body(&context.graph, x, axes)
      return [try context.keepingAxes(value, axes, of: x)]
    }
  }

  /// The largest or smallest element, or `initial` if that exceeds it.
  private static func extreme(_ function: ReductionFunction) -> OperationRule {
    OperationRule(["x"], settings: ["axis", "keepdims", "initial"]) { context in
      let x = try context.requiredValue("x")
      let axes = try context.axes("axis", of: context.graph.shape(x))
      var value = try context.graph.reduce(function, x, axes: axes)
      if let initial = try context.value("initial") {
        value = try context.graph.binary(
          function == .maximum ? .maximum : .minimum, value, initial)
      }
      return [try context.keepingAxes(value, axes, of: x)]
    }
  }
}

// MARK: - With settings of their own

extension LoweringContext {
  /// Appends a reduced value with its axes at length one, if the call asks for that.
  mutating func keepingAxes(
    _ value: Value, _ axes: [Int], of input: Value
  ) throws(PhospheneError) -> Value {
    call.flag("keepdims") ? try graph.spread(value, overAxes: axes, of: input) : value
  }
}

private func average(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let shape = context.graph.shape(x)
  let axes = try context.axes("axis", of: shape)
  guard var weights = try context.value("weights") else {
    return [try context.graph.reduce(.mean, x, axes: axes)]
  }
  if context.graph.shape(weights).rank == 1, shape.rank > 1, axes.count == 1 {
    // One weight for each position along the axis.
    let ones = [Int](repeating: 1, count: shape.rank - 1 - axes[0])
    let length = context.graph.shape(weights)[0]
    weights = try context.graph.reshape(weights, to: Shape([length] + ones))
  }
  weights = try context.graph.broadcast(weights, to: shape)
  let sum = try context.graph.reduce(.sum, context.graph.multiply(x, weights), axes: axes)
  return [try context.graph.divide(sum, context.graph.reduce(.sum, weights, axes: axes))]
}

private func moments(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let axes = try context.axes("axes", of: context.graph.shape(x))
  let mean = try context.graph.reduce(.mean, x, axes: axes)
  let variance = try context.graph.variance(x, axes: axes)
  return [
    try context.keepingAxes(mean, axes, of: x), try context.keepingAxes(variance, axes, of: x),
  ]
}

private func product(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let axes = try context.axes("axis", of: context.graph.shape(x))
  let dataType = try context.call.text("dtype") ?? "float32"
  let value = try context.graph.reduce(.product, context.graph.cast(x, to: dataType), axes: axes)
  return [try context.keepingAxes(value, axes, of: x)]
}

/// A norm of vectors along one axis, or of matrices along two.
private func norm(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let axes = try context.axes("axis", of: context.graph.shape(x))
  let order: Double?
  if case .string(let name) = context.call["ord"] {
    guard name == "fro", axes.count == 2 else {
      throw .unsupported("ord must be a number or 'fro' for matrices, received '\(name)'")
    }
    order = nil
  } else {
    order = try context.call.number("ord")
  }
  var value: Value
  switch (axes.count, order) {
  case (_, nil), (1, 2):
    value = try context.graph.reduce(.sum, context.graph.unary(.square, x), axes: axes)
    value = try context.graph.unary(.squareRoot, value)
  case (1, let order?): value = try context.graph.vectorNorm(x, order: order, axes: axes)
  case (2, 1), (2, -1), (2, .infinity), (2, -.infinity):
    // The largest or smallest sum of a column, or of a row.
    let isInfinite = order?.isInfinite ?? false
    let inner = isInfinite ? axes[1] : axes[0]
    let outer = isInfinite ? axes[0] : axes[1]
    let sums = try context.graph.reduce(.sum, context.graph.unary(.absolute, x), axes: [inner])
    value = try context.graph.reduce(
      order ?? 1 > 0 ? .maximum : .minimum, sums, axes: [outer > inner ? outer - 1 : outer])
  default:
    throw .unsupported(
      "ord \(order ?? 2) isn't supported for \(axes.count) axes; known are None, 'fro', 1, -1, inf "
        + "and -inf for matrices, None and every number for vectors")
  }
  return [try context.keepingAxes(value, axes, of: x)]
}

private func trapezoid(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let y = try context.requiredValue("y")
  let shape = context.graph.shape(y)
  let axis = try context.axis("axis", of: shape) ?? shape.rank - 1
  guard shape.rank > 0, shape[axis] > 1 else {
    throw .invalidArgument("an integral needs two points, received shape \(shape)")
  }
  let count = shape[axis] - 1
  let left = try context.graph.slice(y, axis: axis, start: 0, length: count)
  let right = try context.graph.slice(y, axis: axis, start: 1, length: count)
  var heights = try context.graph.linear(context.graph.add(left, right), scale: 0.5)
  if let x = try context.value("x") {
    guard context.graph.shape(x) == [count + 1] else {
      throw .unsupported("x must have one point for each of y, received \(context.graph.shape(x))")
    }
    let widths = try context.graph.subtract(
      context.graph.slice(x, axis: 0, start: 1, length: count),
      context.graph.slice(x, axis: 0, start: 0, length: count))
    let ones = [Int](repeating: 1, count: shape.rank - 1 - axis)
    heights = try context.graph.multiply(
      heights, context.graph.reshape(widths, to: Shape([count] + ones)))
  } else {
    heights = try context.graph.linear(
      heights, scale: context.call.float("dx", default: 1))
  }
  return [try context.graph.reduce(.sum, heights, axes: [axis])]
}

// MARK: - Of a value and axes

extension Graph {
  /// Appends a reduced value with axes of length one in the places of those that disappeared.
  mutating func spread(
    _ value: Value, overAxes axes: [Int], of input: Value
  ) throws(PhospheneError) -> Value {
    var lengths = shape(input).axes
    for axis in axes { lengths[axis] = 1 }
    return try reshape(value, to: Shape(lengths))
  }

  /// Appends the mean squared distance from the mean.
  mutating func variance(_ value: Value, axes: [Int]) throws(PhospheneError) -> Value {
    let mean = try spread(reduce(.mean, value, axes: axes), overAxes: axes, of: value)
    return try reduce(.mean, unary(.square, subtract(value, mean)), axes: axes)
  }

  /// Appends the logarithm of the sum of exponentials, which are at most one.
  mutating func logarithmOfSum(_ value: Value, axes: [Int]) throws(PhospheneError) -> Value {
    let largest = try reduce(.maximum, value, axes: axes)
    // Nothing is known to differ from an infinity.
    let pivot = try stopGradient(
      select(unary(.isFinite, largest), largest, constant(0)))
    let shifted = try subtract(value, spread(pivot, overAxes: axes, of: value))
    let sum = try reduce(.sum, unary(.exponential, shifted), axes: axes)
    return try add(unary(.logarithm, sum), pivot)
  }

  /// Appends the norm of vectors: the root of an order of the sum of powers.
  mutating func vectorNorm(
    _ value: Value, order: Double, axes: [Int]
  ) throws(PhospheneError) -> Value {
    let sizes = try unary(.absolute, value)
    switch order {
    case .infinity: return try reduce(.maximum, sizes, axes: axes)
    case -.infinity: return try reduce(.minimum, sizes, axes: axes)
    case 0: return try reduce(.sum, isNonzero(value), axes: axes)
    case 1: return try reduce(.sum, sizes, axes: axes)
    default:
      let sum = try reduce(.sum, unary(.power(Float(order)), sizes), axes: axes)
      return try unary(.power(Float(1 / order)), sum)
    }
  }

  // MARK: Without NaN

  /// Appends the same elements with a number in place of NaN.
  mutating func replacingNaN(
    _ value: Value, with number: Float
  ) throws(PhospheneError) -> Value {
    try select(unary(.isNaN, value), constant(number), value)
  }

  fileprivate mutating func extremeOfNumbers(
    _ function: ReductionFunction, _ value: Value, axes: [Int]
  ) throws(PhospheneError) -> Value {
    let numbers = try replacingNaN(
      value, with: function == .maximum ? -.infinity : .infinity)
    let hasNone = try reduce(.minimum, unary(.isNaN, value), axes: axes)
    return try select(hasNone, constant(.nan), reduce(function, numbers, axes: axes))
  }

  fileprivate mutating func countOfNumbers(
    _ value: Value, axes: [Int]
  ) throws(PhospheneError) -> Value {
    try reduce(.sum, not(unary(.isNaN, value)), axes: axes)
  }

  fileprivate mutating func meanOfNumbers(
    _ value: Value, axes: [Int]
  ) throws(PhospheneError) -> Value {
    try divide(
      reduce(.sum, replacingNaN(value, with: 0), axes: axes), countOfNumbers(value, axes: axes))
  }

  fileprivate mutating func varianceOfNumbers(
    _ value: Value, axes: [Int]
  ) throws(PhospheneError) -> Value {
    let mean = try spread(meanOfNumbers(value, axes: axes), overAxes: axes, of: value)
    let distance = try replacingNaN(subtract(value, mean), with: 0)
    let sum = try reduce(.sum, unary(.square, distance), axes: axes)
    return try divide(sum, countOfNumbers(value, axes: axes))
  }
}
