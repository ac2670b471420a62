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
    "Ravel": unary { graph, x in try graph.reshape(x, to: [graph.shape(x).elementCount]) },
    "Reshape": OperationRule(["x"], settings: ["newshape"], reshape),
    "SaturateCast": OperationRule(["x"], settings: ["dtype"], saturatingCast),
    "Size": unary { graph, x in try graph.constant(Float(graph.shape(x).elementCount)) },
    "Squeeze": OperationRule(["x"], settings: ["axis"], squeeze),
    "StopGradient": OperationRule(["variable"]) { context in
      let x = try context.requiredValue("variable")
      return [try context.graph.stopGradient(x)]
    },
    "Swapaxes": OperationRule(["x"], settings: ["axis1", "axis2"], swapAxes),
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
  let x = try context.requiredValue("x")
  let dataType = try context.call.text("dtype") ?? "float32"
  var value = x
  let range: ClosedRange<Float>? =
    switch dataType {
    case "bool": 0...1
    case "float16": -65504...65504
    default: elementRange(ofWholeType: dataType)
    }
  if let range {
    value = try context.graph.unary(
      .clip(low: range.lowerBound, high: range.upperBound), x)
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
  for axis in axes { positions.append(try result.axis(axis, of: "expand_dims")) }
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
