import Graphs
import Tensors

extension OperationRule {
  /// Elements by their positions, and positions by their elements.
  static let indexing: [String: OperationRule] = [
    "GetItem": OperationRule(["x", "key"]) { context in
      let x = try context.requiredValue("x")
      let key = try IndexingKey(context.call["key"] ?? .none, of: context.graph.shape(x))
      return [try key.apply(to: x, in: &context)]
    },
    "IsIn": OperationRule(["x1", "x2"], settings: ["assume_unique", "invert"], isIn),
    "MultiHot": OperationRule(
      ["inputs"], settings: ["num_classes", "axis", "dtype", "sparse"], multiHot),
    "OneHot": OperationRule(
      ["x"], settings: ["num_classes", "axis", "dtype", "sparse"]
    ) { context in
      let x = try context.requiredValue("x")
      return [try context.oneHot(x)]
    },
    "Slice": OperationRule(["inputs", "start_indices"], settings: ["shape"], slice),
    "Take": OperationRule(["x", "indices"], settings: ["axis"], take),
    "TakeAlongAxis": OperationRule(["x", "indices"], settings: ["axis"], takeAlongAxis),
    "UnravelIndex": OperationRule(["indices"], settings: ["shape"], unravel),
  ]
}

// MARK: - Taking

private func take(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  var x = try context.requiredValue("x")
  let indices = try context.requiredValue("indices")
  let shape = context.graph.shape(x)
  if let axis = try context.axis("axis", of: shape) {
    return [try context.graph.gather(x, indices, axis: axis)]
  }
  x = try context.graph.reshape(x, to: [shape.elementCount])
  return [try context.graph.gather(x, indices, axis: 0)]
}

private func takeAlongAxis(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  var x = try context.requiredValue("x")
  let indices = try context.requiredValue("indices")
  let shape = context.graph.shape(x)
  if let axis = try context.axis("axis", of: shape) {
    return [try context.graph.gatherElements(x, indices, axis: axis)]
  }
  x = try context.graph.reshape(x, to: [shape.elementCount])
  return [try context.graph.gatherElements(x, indices, axis: 0)]
}

/// Keras' `slice`: `shape` elements from `start_indices` on, which may be computed.
private func slice(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  var x = try context.requiredValue("inputs")
  let shape = context.graph.shape(x)
  guard var lengths = try context.call.wholes("shape"), lengths.count == shape.rank else {
    throw .invalidArgument("shape must have one length for each axis of \(shape)")
  }
  if let starts = try? context.call.wholes("start_indices") {
    guard starts.count == shape.rank else {
      throw .invalidArgument("start_indices must have one start for each axis of \(shape)")
    }
    // All that is left of an axis.
    for axis in lengths.indices where lengths[axis] == -1 {
      lengths[axis] = shape[axis] - starts[axis]
    }
    return [
      try context.graph.slice(
        x, starts: starts, lengths: lengths, steps: lengths.map { _ in 1 })
    ]
  }
  let starts = try context.requiredValue("start_indices")
  guard context.graph.shape(starts) == [shape.rank], lengths.allSatisfy({ $0 > 0 }) else {
    throw .invalidArgument("start_indices must have one start for each axis of \(shape)")
  }
  for (axis, length) in lengths.enumerated() {
    let start = try context.graph.slice(starts, axis: 0, start: axis, length: 1)
    let positions = try context.graph.add(start, context.graph.counting(length))
    x = try context.graph.gather(x, positions, axis: axis)
  }
  return [x]
}

// MARK: - Classes and positions

extension LoweringContext {
  /// Appends a new axis with one at the position that an element names and zeros elsewhere.
  fileprivate mutating func oneHot(_ x: Value) throws(PhospheneError) -> Value {
    guard let count = try call.whole("num_classes"), (1...1 << 24).contains(count) else {
      throw .invalidArgument("num_classes must be a positive whole number")
    }
    guard !call.flag("sparse") else { throw .unsupported("sparse tensors aren't supported") }
    let lengths = graph.shape(x).axes
    let axis = try Shape(lengths + [1]).axis(call.whole("axis") ?? -1, of: "one_hot")
    var column = lengths
    column.insert(1, at: axis)
    let classes = try graph.reshape(
      graph.counting(count),
      to: Shape([count] + [Int](repeating: 1, count: lengths.count - axis)))
    return try graph.binary(.equal, graph.reshape(x, to: Shape(column)), classes)
  }
}

/// The classes of the second axis together, or of the only one.
private func multiHot(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("inputs")
  let classes = try context.oneHot(x)
  let axis = context.graph.shape(x).rank > 1 ? 1 : 0
  return [try context.graph.reduce(.maximum, classes, axes: [axis])]
}

private func isIn(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let (x, set) = (try context.requiredValue("x1"), try context.requiredValue("x2"))
  let column = try context.graph.reshape(x, to: Shape(context.graph.shape(x).axes + [1]))
  let line = try context.graph.reshape(set, to: [context.graph.shape(set).elementCount])
  let isEqual = try context.graph.binary(.equal, column, line)
  let found = try context.graph.reduce(
    .maximum, isEqual, axes: [context.graph.shape(isEqual).rank - 1])
  return [context.call.flag("invert") ? try context.graph.not(found) : found]
}

/// The position along each axis of elements that are counted through a whole array.
private func unravel(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  var rest = try context.requiredValue("indices")
  var positions: [Value] = []
  for length in (try context.call.wholes("shape") ?? []).reversed() {
    let count = try context.graph.constant(Float(length))
    positions.append(try context.graph.binary(.remainder, rest, count))
    rest = try context.graph.binary(.floorDivide, rest, count)
  }
  return positions.reversed()
}

extension Graph {
  /// Appends the numbers from zero to below `count`.
  mutating func counting(_ count: Int) throws(PhospheneError) -> Value {
    constant(try Tensor([count], (0..<count).map(Float.init)))
  }
}
