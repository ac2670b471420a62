import Graphs
import Tensors

extension OperationRule {
  /// Sorting, positions, ranks, and what is computed in order along an axis.
  static let ordering: [String: OperationRule] = [
    "Argmax": position { graph, x, axis in try graph.argMaximum(x, axis: axis) },
    "Argmin": position { graph, x, axis in try graph.argMinimum(x, axis: axis) },
    "Argsort": alongAxis { graph, x, axis in try graph.argSort(x, axis: axis) },
    "Cumprod": running(.product),
    "Cumsum": running(.sum),
    "Diff": OperationRule(["a"], settings: ["n", "axis"], differences),
    "Digitize": OperationRule(["x", "bins"], digitize),
    "InTopK": OperationRule(["targets", "predictions"], settings: ["k"], isInTop),
    "Nanargmax": position { graph, x, axis in
      try graph.positionOfNumber(x, axis: axis, isMaximum: true)
    },
    "Nanargmin": position { graph, x, axis in
      try graph.positionOfNumber(x, axis: axis, isMaximum: false)
    },
    "Nancumprod": running(.product, insteadOfNaN: 1),
    "Nancumsum": running(.sum, insteadOfNaN: 0),
    "SearchSorted": OperationRule(["sorted_sequence", "values"], settings: ["side"], searchSorted),
    "Sort": alongAxis { graph, x, axis in try graph.sorted(x, axis: axis) },
    "TopK": OperationRule(["x"], settings: ["k", "sorted"], top),
  ]

  /// A function along one axis, the last one where a setting doesn't say otherwise; of the flat
  /// array where it says `None`.
  private static func alongAxis(
    _ body: @escaping @Sendable (inout Graph, Value, Int) throws -> Value
  ) -> OperationRule {
    OperationRule(["x"], settings: ["axis"]) { context in
      let (x, axis) = try context.flatUnlessAxis()
      return [try body(&context.graph, x, axis)]
    }
  }

  /// A function that gives one position for each line along an axis, or one for the flat array.
  private static func position(
    _ body: @escaping @Sendable (inout Graph, Value, Int) throws -> Value
  ) -> OperationRule {
    OperationRule(["x"], settings: ["axis", "keepdims"]) { context in
      let input = try context.requiredValue("x")
      let axes = try context.axes("axis", of: context.graph.shape(input))
      let (x, axis) = try context.flatUnlessAxis()
      let value = try body(&context.graph, x, axis)
      return [try context.keepingAxes(value, axes, of: input)]
    }
  }

  private static func running(
    _ function: CumulativeFunction, insteadOfNaN number: Float? = nil
  ) -> OperationRule {
    OperationRule(["x"], settings: ["axis", "dtype"]) { context in
      var (x, axis) = try context.flatUnlessAxis()
      if let number { x = try context.graph.replacingNaN(x, with: number) }
      x = try context.graph.cast(x, to: context.call.text("dtype") ?? "float32")
      return [try context.graph.cumulative(function, x, axis: axis)]
    }
  }
}

extension LoweringContext {
  /// The input `x` and the axis of the setting; the input as one line where there is none.
  fileprivate mutating func flatUnlessAxis() throws(PhospheneError) -> (Value, Int) {
    let x = try requiredValue("x")
    let shape = graph.shape(x)
    if let axis = try axis("axis", of: shape) { return (x, axis) }
    return (try graph.reshape(x, to: [shape.elementCount]), 0)
  }
}

// MARK: - With settings of their own

/// Keras' `diff`: `n` times the difference of neighbours.
private func differences(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  var value = try context.requiredValue("a")
  let shape = context.graph.shape(value)
  let axis = try context.axis("axis", of: shape) ?? shape.rank - 1
  let count = try context.call.whole("n") ?? 1
  guard shape.rank > 0, (0..<shape[axis]).contains(count) else {
    throw .invalidArgument("n must be from 0 to below the length of axis \(axis) of \(shape)")
  }
  for step in 0..<count {
    let length = shape[axis] - step - 1
    value = try context.graph.subtract(
      context.graph.slice(value, axis: axis, start: 1, length: length),
      context.graph.slice(value, axis: axis, start: 0, length: length))
  }
  return [value]
}

/// The number of boundaries up to each element.
private func digitize(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let (x, bins) = (try context.requiredValue("x"), try context.requiredValue("bins"))
  return [try context.graph.count(of: bins, before: x, includingEqual: true)]
}

private func searchSorted(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let sequence = try context.requiredValue("sorted_sequence")
  let values = try context.requiredValue("values")
  let side = try context.call.text("side") ?? "left"
  guard ["left", "right"].contains(side) else {
    throw .invalidArgument("side must be 'left' or 'right', received '\(side)'")
  }
  return [try context.graph.count(of: sequence, before: values, includingEqual: side == "right")]
}

/// The largest elements of the last axis, in falling order, and their positions.
private func top(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let shape = context.graph.shape(x)
  let count = try context.call.whole("k") ?? 1
  guard shape.rank > 0, (1...shape[shape.rank - 1]).contains(count) else {
    throw .invalidArgument("k must lie from 1 to the last length of \(shape), received \(count)")
  }
  let axis = shape.rank - 1
  let order = try context.graph.argSort(x, axis: axis, isDescending: true)
  let positions = try context.graph.slice(order, axis: axis, start: 0, length: count)
  return [try context.graph.gatherElements(x, positions, axis: axis), positions]
}

/// Whether fewer than `k` classes have a higher score than the one that is the target.
private func isInTop(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let targets = try context.requiredValue("targets")
  let scores = try context.requiredValue("predictions")
  let (positions, shape) = (context.graph.shape(targets), context.graph.shape(scores))
  guard let count = try context.call.whole("k"), positions.rank + 1 == shape.rank else {
    throw .invalidArgument(
      "targets need one axis less than predictions, received \(positions) and \(shape)")
  }
  let column = try context.graph.reshape(targets, to: Shape(positions.axes + [1]))
  let score = try context.graph.gatherElements(scores, column, axis: shape.rank - 1)
  let higher = try context.graph.reduce(
    .sum, context.graph.binary(.greater, scores, score), axes: [shape.rank - 1])
  let isHigh = try context.graph.binary(
    .greater, context.graph.constant(Float(count)), higher)
  let isFinite = try context.graph.reshape(
    context.graph.unary(.isFinite, score), to: positions)
  return [try context.graph.multiply(isHigh, isFinite)]
}

// MARK: - Of a value and an axis

extension Graph {
  /// Appends the elements in rising order along an axis.
  mutating func sorted(_ value: Value, axis: Int) throws(PhospheneError) -> Value {
    try gatherElements(value, argSort(value, axis: axis), axis: axis)
  }

  /// Appends the position of an extreme among the elements that aren't NaN, -1 without any.
  fileprivate mutating func positionOfNumber(
    _ value: Value, axis: Int, isMaximum: Bool
  ) throws(PhospheneError) -> Value {
    let numbers = try replacingNaN(value, with: isMaximum ? -.infinity : .infinity)
    let position =
      isMaximum ? try argMaximum(numbers, axis: axis) : try argMinimum(numbers, axis: axis)
    let hasNone = try reduce(.minimum, unary(.isNaN, value), axes: [axis])
    return try select(hasNone, constant(-1), position)
  }

  /// Appends, for each element, how many of a line of numbers lie before it.
  fileprivate mutating func count(
    of line: Value, before values: Value, includingEqual: Bool
  ) throws(PhospheneError) -> Value {
    guard shape(line).rank == 1 else {
      throw .unsupported("boundaries must be one line of numbers, received \(shape(line))")
    }
    let columns = try reshape(values, to: Shape(shape(values).axes + [1]))
    let isBefore = try binary(includingEqual ? .greaterOrEqual : .greater, columns, line)
    return try reduce(.sum, isBefore, axes: [shape(isBefore).rank - 1])
  }
}
