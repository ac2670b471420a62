import Graphs
import Tensors

extension OperationRule {
  /// Elements in other places of their axes: turned around, repeated, continued over the edges.
  static let places: [String: OperationRule] = [
    "Flip": OperationRule(["x"], settings: ["axis"]) { context in
      let x = try context.requiredValue("x")
      return [try context.graph.flip(x, axes: context.axes("axis", of: context.graph.shape(x)))]
    },
    "Fliplr": unary { graph, x in try graph.flip(x, axes: [1]) },
    "Flipud": unary { graph, x in try graph.flip(x, axes: [0]) },
    "Pad": OperationRule(["x", "constant_values"], settings: ["pad_width", "mode"], pad),
    "Repeat": OperationRule(["x"], settings: ["repeats", "axis"], repeatElements),
    "Roll": OperationRule(["x"], settings: ["shift", "axis"], roll),
    "Rot90": OperationRule(["array"], settings: ["k", "axes"], rotate),
    "Tile": OperationRule(["x"], settings: ["repeats"], tile),
  ]
}

/// Quarter turns in the plane of two axes.
private func rotate(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("array")
  let shape = context.graph.shape(x)
  let plane = context.call["axes"] == nil ? [0, 1] : try context.axes("axes", of: shape)
  guard plane.count == 2, shape.rank >= 2 else {
    throw .invalidArgument("axes must be two axes of shape \(shape), received \(plane)")
  }
  let turns = ((try context.call.whole("k") ?? 1) % 4 + 4) % 4
  if turns == 2 { return [try context.graph.flip(x, axes: plane)] }
  guard turns != 0 else { return [x] }
  var order = Array(shape.axes.indices)
  order.swapAt(plane[0], plane[1])
  let turned = try context.graph.transpose(x, order)
  return [try context.graph.flip(turned, axes: [plane[turns == 1 ? 0 : 1]])]
}

private func roll(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let shape = context.graph.shape(x)
  let shifts = try context.call.wholes("shift") ?? [0]
  let isFlat = context.call["axis"] == nil
  let axes = isFlat ? [0] : try context.axes("axis", of: shape)
  guard shifts.count == axes.count || shifts.count == 1 else {
    throw .invalidArgument("shift \(shifts) and axis \(axes) differ in number")
  }
  var value = isFlat ? try context.graph.reshape(x, to: [shape.elementCount]) : x
  for (index, axis) in axes.enumerated() {
    let length = context.graph.shape(value)[axis]
    let shift = shifts[shifts.count == 1 ? 0 : index]
    let positions = (0..<length).map { (($0 - shift) % length + length) % length }
    value = try context.graph.taking(value, positions, axis: axis)
  }
  return [try context.graph.reshape(value, to: shape)]
}

private func tile(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  var counts = try context.call.wholes("repeats") ?? [1]
  var lengths = context.graph.shape(x).axes
  guard counts.allSatisfy({ $0 > 0 }) else {
    throw .invalidArgument("repeats must be positive, received \(counts)")
  }
  counts = [Int](repeating: 1, count: max(0, lengths.count - counts.count)) + counts
  lengths = [Int](repeating: 1, count: max(0, counts.count - lengths.count)) + lengths
  var value = try context.graph.reshape(x, to: Shape(checking: lengths, of: "tile"))
  for (axis, count) in counts.enumerated() where count > 1 {
    let length = lengths[axis]
    try Shape.requireCountable(length.multipliedClamping(by: count))
    let positions = (0..<length * count).map { $0 % length }
    value = try context.graph.taking(value, positions, axis: axis)
  }
  return [value]
}

private func repeatElements(
  _ context: inout LoweringContext
) throws(PhospheneError) -> [Value] {
  var x = try context.requiredValue("x")
  let counts = try context.call.wholes("repeats") ?? [1]
  let shape = context.graph.shape(x)
  let axis: Int
  if let given = try context.axis("axis", of: shape) {
    axis = given
  } else {
    x = try context.graph.reshape(x, to: [shape.elementCount])
    axis = 0
  }
  let length = context.graph.shape(x)[axis]
  guard counts.allSatisfy({ $0 >= 0 }), counts.count == 1 || counts.count == length else {
    throw .invalidArgument(
      "repeats must be one count or one for each of \(length) elements, received \(counts)")
  }
  try Shape.requireCountable(
    counts.reduce(0) { $0 + min($1, 1 << 32) }.multipliedClamping(
      by: counts.count == 1 ? length : 1))
  let positions = (0..<length).flatMap {
    [Int](repeating: $0, count: counts[counts.count == 1 ? 0 : $0])
  }
  return [try context.graph.taking(x, positions, axis: axis)]
}

private func pad(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let shape = context.graph.shape(x)
  let widths = try padWidths(context.call, of: shape)
  let mode = try context.call.text("mode") ?? "constant"
  if mode == "constant" {
    let value = try context.call.float("constant_values", default: 0)
    return [
      try context.graph.pad(
        x, low: widths.map(\.low), high: widths.map(\.high), value: value)
    ]
  }
  var value = x
  for (axis, width) in widths.enumerated() where width.low + width.high > 0 {
    let length = shape[axis]
    let reach = mode == "reflect" ? length - 1 : length
    guard ["edge", "reflect", "symmetric", "wrap"].contains(mode) else {
      throw .unsupported(
        "mode must be 'constant', 'edge', 'reflect', 'symmetric' or 'wrap', received '\(mode)'")
    }
    guard mode == "edge" || max(width.low, width.high) <= reach else {
      throw .unsupported(
        "mode '\(mode)' adds at most \(reach) elements along axis \(axis) of shape \(shape), "
          + "received \(width)")
    }
    let positions = (-width.low..<length + width.high).map { position in
      switch mode {
      case "edge": min(max(position, 0), length - 1)
      case "wrap": (position + length) % length
      case "reflect": position < 0 ? -position : position < length ? position : 2 * reach - position
      default:
        position < 0 ? -position - 1 : position < length ? position : 2 * length - 1 - position
      }
    }
    value = try context.graph.taking(value, positions, axis: axis)
  }
  return [value]
}

/// The elements to add before and after along each axis: one pair for all, or a pair for each.
private func padWidths(
  _ call: BoundCall, of shape: Shape
) throws(PhospheneError) -> [(low: Int, high: Int)] {
  var pairs: [[Int]] = []
  if let numbers = try? call.wholes("pad_width") {
    pairs = [numbers]
  } else if case .list(let rows) = call["pad_width"] {
    for row in rows {
      pairs.append((row.plainNumbers ?? []).compactMap { Int(exactly: $0) })
    }
  }
  let most = 1 << 24
  guard pairs.count == 1 || pairs.count == shape.rank,
    pairs.allSatisfy({ (1...2).contains($0.count) && $0.allSatisfy((0...most).contains) })
  else {
    throw .invalidArgument(
      "pad_width must be one pair of counts or a pair for each axis of shape \(shape), received "
        + "\(pairs)")
  }
  let all = pairs.count == 1 ? [[Int]](repeating: pairs[0], count: shape.rank) : pairs
  return all.map { (low: $0[0], high: $0[$0.count - 1]) }
}

extension Shape {
  /// Refuses lengths that can't be counted in lists of positions.
  fileprivate static func requireCountable(_ length: Int) throws(PhospheneError) {
    guard length <= 1 << 24 else {
      throw .unsupported("an axis would get more than 2^24 elements")
    }
  }
}

extension Graph {
  /// Appends the elements at known positions along an axis.
  mutating func taking(
    _ value: Value, _ positions: [Int], axis: Int
  ) throws(PhospheneError) -> Value {
    let isRun = zip(positions, positions.dropFirst()).allSatisfy { $0 + 1 == $1 }
    if isRun, let start = positions.first {
      return try slice(value, axis: axis, start: start, length: positions.count)
    }
    let indices = constant(try Tensor([positions.count], positions.map(Float.init)))
    return try gather(value, indices, axis: axis)
  }
}
