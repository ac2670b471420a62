import Graphs
import Tensors

extension OperationRule {
  /// The same elements in another shape or order, and arrays that only a shape determines.
  static let shapes: [String: OperationRule] = [
    "Array": OperationRule(["x"], settings: ["dtype"], cast),
    "BroadcastTo": OperationRule(["x"], settings: ["shape"]) { context in
      let x = try context.requiredValue("x")
      return [try context.graph.broadcast(x, to: context.shape("shape"))]
    },
    "Cast": OperationRule(["x"], settings: ["dtype"], cast),
    "ConvertToTensor": OperationRule(["x"], settings: ["dtype", "sparse", "ragged"], convert),
    "EmptyLike": like(0),
    "ExpandDims": OperationRule(["x"], settings: ["axis"], expand),
    "Flip": OperationRule(["x"], settings: ["axis"]) { context in
      let x = try context.requiredValue("x")
      return [try context.graph.flip(x, axes: context.axes("axis", of: context.graph.shape(x)))]
    },
    "Fliplr": unary { graph, x in try graph.flip(x, axes: [1]) },
    "Flipud": unary { graph, x in try graph.flip(x, axes: [0]) },
    "Full": OperationRule(["fill_value"], settings: ["shape", "dtype"]) { context in
      let element = try context.castedValue("fill_value")
      return [try context.graph.broadcast(element, to: context.shape("shape"))]
    },
    "FullLike": OperationRule(["x", "fill_value"], settings: ["dtype"]) { context in
      let x = try context.requiredValue("x")
      let element = try context.castedValue("fill_value")
      return [try context.graph.broadcast(element, to: context.graph.shape(x))]
    },
    "Moveaxis": OperationRule(["x"], settings: ["source", "destination"], moveAxes),
    "Ndim": unary { graph, x in try graph.constant(Float(graph.shape(x).rank)) },
    "OnesLike": like(1),
    "Pad": OperationRule(["x", "constant_values"], settings: ["pad_width", "mode"], pad),
    "Ravel": unary { graph, x in try graph.reshape(x, to: [graph.shape(x).elementCount]) },
    "Repeat": OperationRule(["x"], settings: ["repeats", "axis"], repeatElements),
    "Reshape": OperationRule(["x"], settings: ["newshape"], reshape),
    "Roll": OperationRule(["x"], settings: ["shift", "axis"], roll),
    "Rot90": OperationRule(["array"], settings: ["k", "axes"], rotate),
    "SaturateCast": OperationRule(["x"], settings: ["dtype"], saturatingCast),
    "Size": unary { graph, x in try graph.constant(Float(graph.shape(x).elementCount)) },
    "Squeeze": OperationRule(["x"], settings: ["axis"], squeeze),
    "StopGradient": OperationRule(["variable"]) { context in
      let x = try context.requiredValue("variable")
      return [try context.graph.stopGradient(x)]
    },
    "Swapaxes": OperationRule(["x"], settings: ["axis1", "axis2"], swapAxes),
    "Tile": OperationRule(["x"], settings: ["repeats"], tile),
    "Transpose": OperationRule(["x"], settings: ["axes"], transpose),
    "ZerosLike": like(0),
  ]

  /// An array of equal elements in the shape of the input.
  private static func like(_ element: Float) -> OperationRule {
    OperationRule(["x"], settings: ["dtype"]) { context in
      let x = try context.requiredValue("x")
      return [try context.graph.filled(context.graph.shape(x), with: element)]
    }
  }
}

extension LoweringContext {
  /// The shape that a setting states in full.
  fileprivate func shape(_ name: String) throws(PhospheneError) -> Shape {
    guard let lengths = try call.wholes(name) else {
      throw .invalidArgument("setting '\(name)' is missing")
    }
    return try Shape(checking: lengths, of: name)
  }

  /// An argument, converted to the element type of the setting `dtype`.
  fileprivate mutating func castedValue(_ name: String) throws(PhospheneError) -> Value {
    let value = try requiredValue(name)
    return try graph.cast(value, to: call.text("dtype") ?? "float32")
  }
}

// MARK: - Element types

private func cast(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  [try context.castedValue("x")]
}

private func convert(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  guard !context.call.flag("sparse"), !context.call.flag("ragged") else {
    throw .unsupported("sparse and ragged tensors aren't supported")
  }
  return try cast(&context)
}

/// A conversion that takes numbers beyond the range of the type to its ends.
private func saturatingCast(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let ranges: [String: (Float, Float)] = [
    "uint8": (0, 255), "int8": (-128, 127), "uint16": (0, 65_535), "int16": (-32_768, 32_767),
    "uint32": (0, 4_294_967_296), "int32": (-2_147_483_648, 2_147_483_648),
    "float16": (-65_504, 65_504), "bool": (0, 1),
  ]
  let x = try context.requiredValue("x")
  let dataType = try context.call.text("dtype") ?? "float32"
  var value = x
  if let range = ranges[dataType] {
    value = try context.graph.unary(.clip(low: range.0, high: range.1), x)
  }
  return [try context.graph.cast(value, to: dataType)]
}

// MARK: - Shapes

private func reshape(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let shape = context.graph.shape(x)
  guard var lengths = try context.call.wholes("newshape"),
    lengths.allSatisfy({ $0 >= -1 }), lengths.filter({ $0 == -1 }).count <= 1
  else {
    throw .invalidArgument("newshape needs lengths from zero on and at most one -1")
  }
  if let free = lengths.firstIndex(of: -1) {
    let known = lengths.reduce(1) { $1 == -1 ? $0 : $0.multipliedClamping(by: $1) }
    guard known > 0, shape.elementCount % known == 0 else {
      throw .invalidArgument("an array of shape \(shape) can't be reshaped to \(lengths)")
    }
    lengths[free] = shape.elementCount / known
  }
  return [try context.graph.reshape(x, to: Shape(checking: lengths, of: "newshape"))]
}

private func expand(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  var lengths = context.graph.shape(x).axes
  let axes = try context.call.wholes("axis") ?? [0]
  let result = Shape([Int](repeating: 1, count: lengths.count + axes.count))
  var positions: [Int] = []
  for axis in axes { positions.append(try result.position(ofAxis: axis)) }
  for position in positions.sorted() { lengths.insert(1, at: position) }
  return [try context.graph.reshape(x, to: Shape(lengths))]
}

private func squeeze(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let shape = context.graph.shape(x)
  let axes =
    context.call["axis"] == nil
    ? shape.axes.indices.filter { shape[$0] == 1 } : try context.axes("axis", of: shape)
  guard axes.allSatisfy({ shape[$0] == 1 }) else {
    throw .invalidArgument("axes \(axes) of shape \(shape) don't all have length one")
  }
  let lengths = shape.axes.indices.filter { !axes.contains($0) }.map { shape[$0] }
  return [try context.graph.reshape(x, to: Shape(lengths))]
}

// MARK: - Orders of axes

private func transpose(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let shape = context.graph.shape(x)
  let all = try context.axes("axes", of: shape)
  let order = context.call["axes"] == nil ? all.reversed() : all
  guard order.count == shape.rank else {
    throw .invalidArgument("axes must name each axis of shape \(shape) once, received \(order)")
  }
  return [try context.graph.transpose(x, order)]
}

private func moveAxes(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let shape = context.graph.shape(x)
  let source = try context.axes("source", of: shape)
  let destination = try context.axes("destination", of: shape)
  guard source.count == destination.count else {
    throw .invalidArgument("source \(source) and destination \(destination) differ in number")
  }
  var order = shape.axes.indices.filter { !source.contains($0) }
  for (to, from) in zip(destination, source).sorted(by: { $0.0 < $1.0 }) {
    order.insert(from, at: to)
  }
  return [try context.graph.transpose(x, order)]
}

private func swapAxes(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let shape = context.graph.shape(x)
  var order = Array(shape.axes.indices)
  guard let first = try context.axis("axis1", of: shape),
    let second = try context.axis("axis2", of: shape)
  else { throw .invalidArgument("axis1 and axis2 must be given") }
  order.swapAt(first, second)
  return [try context.graph.transpose(x, order)]
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

// MARK: - Positions along axes

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
