import Graphs
import Tensors

extension OperationRule {
  /// Elements put at positions, and elements combined by numbers that they share.
  static let scattering: [String: OperationRule] = [
    "Scatter": OperationRule(["indices", "values"], settings: ["shape"], scatter),
    "ScatterUpdate": OperationRule(
      ["inputs", "indices", "updates"], settings: ["reduction"], scatterUpdate),
    "SegmentMax": segments(.maximum),
    "SegmentMin": segments(.minimum),
    "SegmentProd": segments(.product),
    "SegmentSum": segments(.sum),
    "SliceUpdate": OperationRule(["inputs", "start_indices", "updates"], sliceUpdate),
  ]

  /// One element for all of a segment, whose elements have the same number in `segment_ids`.
  private static func segments(_ function: ReductionFunction) -> OperationRule {
    OperationRule(["data", "segment_ids"], settings: ["num_segments", "sorted"]) { context in
      let (data, ids) = (
        try context.requiredValue("data"), try context.requiredValue("segment_ids")
      )
      guard let count = try context.call.whole("num_segments"), count > 0 else {
        throw PhospheneError.unsupported(
          "num_segments must be given: without it the shape of the result depends on values")
      }
      return [try context.graph.segments(data, ids, count: count, function)]
    }
  }
}

private func sliceUpdate(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let inputs = try context.requiredValue("inputs")
  let updates = try context.requiredValue("updates")
  let (shape, part) = (context.graph.shape(inputs), context.graph.shape(updates))
  guard var starts = try context.call.wholes("start_indices"), starts.count == shape.rank,
    part.rank == shape.rank, zip(part.axes, shape.axes).allSatisfy({ $0 <= $1 })
  else {
    throw .invalidArgument(
      "updates of shape \(part) must fit into shape \(shape), and start_indices must have one start "
        + "for each axis")
  }
  // As in Keras, a part that would stick out is moved inside.
  for axis in starts.indices { starts[axis] = min(max(starts[axis], 0), shape[axis] - part[axis]) }
  let rest = starts.indices.map { shape[$0] - part[$0] - starts[$0] }
  let isInside = try context.graph.pad(
    context.graph.filled(part, with: 1), low: starts, high: rest)
  let placed = try context.graph.pad(updates, low: starts, high: rest)
  return [try context.graph.select(isInside, placed, inputs)]
}

private func scatter(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let (indices, values) = (
    try context.requiredValue("indices"), try context.requiredValue("values")
  )
  guard let lengths = try context.call.wholes("shape") else {
    throw .invalidArgument("setting 'shape' is missing")
  }
  let shape = try Shape(checking: lengths, of: "shape")
  let target = try context.graph.scatterTarget(indices, values, shape)
  let sum = try context.graph.scatterAdd(
    target.slices, target.positions, axis: 0, length: target.count)
  return [try context.graph.reshape(sum, to: shape)]
}

/// Keras' `scatter_update`: slices put at positions, or combined with what is there.
private func scatterUpdate(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let inputs = try context.requiredValue("inputs")
  let indices = try context.requiredValue("indices")
  let updates = try context.requiredValue("updates")
  let shape = context.graph.shape(inputs)
  let target = try context.graph.scatterTarget(indices, updates, shape)
  let inner = Array(context.graph.shape(target.slices).axes.dropFirst())
  let rows = try context.graph.reshape(inputs, to: Shape([target.count] + inner))
  let result: Value
  switch try context.call.text("reduction") {
  case "add":
    let sum = try context.graph.scatterAdd(
      target.slices, target.positions, axis: 0, length: target.count)
    result = try context.graph.add(rows, sum)
  case "max":
    let found = try context.graph.combined(target, .maximum)
    result = try context.graph.binary(.maximum, rows, found)
  case "min":
    let found = try context.graph.combined(target, .minimum)
    result = try context.graph.binary(.minimum, rows, found)
  case "mul":
    let found = try context.graph.combined(target, .product)
    result = try context.graph.multiply(rows, found)
  case nil: result = try context.graph.lastUpdates(of: target, in: rows)
  case .some(let name):
    throw .unsupported(
      "reduction must be None, 'add', 'max', 'min' or 'mul', received '\(name)'")
  }
  return [try context.graph.reshape(result, to: shape)]
}

/// Slices and the positions along one axis that they are meant for.
private struct ScatterTarget {
  let slices: Value
  /// Whole numbers below `count`; others mean no place.
  let positions: Value
  let count: Int
}

extension Graph {
  /// Reads places as TensorFlow's `scatter_nd` does: the last axis of `indices` holds a position for
  /// each of the first axes of the target.
  fileprivate mutating func scatterTarget(
    _ indices: Value, _ values: Value, _ target: Shape
  ) throws(PhospheneError) -> ScatterTarget {
    let (places, slices) = (shape(indices), shape(values))
    guard let depth = places.axes.last, (1...max(target.rank, 1)).contains(depth),
      slices.axes == places.axes.dropLast() + target.axes[depth...]
    else {
      throw .invalidArgument(
        "indices of shape \(places) and values of shape \(slices) don't fit to a target of shape "
          + "\(target)")
    }
    let number = places.axes.dropLast().reduce(1, *)
    var positions = try filled([number], with: 0)
    for axis in 0..<depth {
      let column = try slice(
        reshape(indices, to: [number, depth]), axis: 1, start: axis, length: 1)
      positions = try add(
        linear(positions, scale: Float(target[axis])), reshape(column, to: [number]))
    }
    return ScatterTarget(
      slices: try reshape(values, to: Shape([number] + target.axes[depth...])),
      positions: positions, count: target.axes[..<depth].reduce(1, *))
  }

  /// Appends ones where a slice (second axis) is meant for a place (first axis).
  private mutating func assignment(_ target: ScatterTarget) throws(PhospheneError) -> Value {
    let number = shape(target.slices)[0]
    guard target.count.multipliedClamping(by: shape(target.slices).elementCount) <= 1 << 26 else {
      throw .unsupported(
        "\(number) slices for \(target.count) places are too many for this reduction")
    }
    let rows = try reshape(counting(target.count), to: [target.count, 1])
    return try binary(.equal, rows, reshape(target.positions, to: [1, number]))
  }

  /// Appends for each place the slices that are meant for it, combined.
  fileprivate mutating func combined(
    _ target: ScatterTarget, _ function: ReductionFunction
  ) throws(PhospheneError) -> Value {
    let inner = Array(shape(target.slices).axes.dropFirst())
    let isMeant = try assignment(target)
    let column = Shape(shape(isMeant).axes + inner.map { _ in 1 })
    // TensorFlow's lowest and highest numbers stand for nothing.
    let neutral: Float =
      switch function {
      case .maximum: -.greatestFiniteMagnitude
      case .minimum: .greatestFiniteMagnitude
      case .product: 1
      case .sum, .mean: 0
      }
    let spread = try select(reshape(isMeant, to: column), target.slices, constant(neutral))
    return try reduce(function, spread, axes: [1])
  }

  /// Appends the last slice that is meant for each place, or what stands there.
  fileprivate mutating func lastUpdates(
    of target: ScatterTarget, in rows: Value
  ) throws(PhospheneError) -> Value {
    let number = shape(target.slices)[0]
    let order = try linear(counting(number), scale: 1, offset: 1)
    let last = try reduce(.maximum, multiply(assignment(target), order), axes: [1])
    let found = try gather(
      target.slices,
      unary(.clip(low: 0, high: .infinity), linear(last, scale: 1, offset: -1)), axis: 0)
    let inner = shape(target.slices).rank - 1
    let column = Shape([target.count] + [Int](repeating: 1, count: inner))
    return try select(reshape(last, to: column), found, rows)
  }

  fileprivate mutating func segments(
    _ data: Value, _ ids: Value, count: Int, _ function: ReductionFunction
  ) throws(PhospheneError) -> Value {
    let (elements, numbers) = (shape(data), shape(ids))
    guard elements.axes.starts(with: numbers.axes) else {
      throw .invalidArgument(
        "segment_ids of shape \(numbers) must have the first axes of data, \(elements)")
    }
    let number = numbers.elementCount
    let inner = Array(elements.axes.dropFirst(numbers.rank))
    let flat = try reshape(ids, to: [number])
    // Negative numbers belong to no segment: they go to one that is left out.
    let isNegative = try binary(.greater, constant(0), flat)
    let target = ScatterTarget(
      slices: try reshape(data, to: Shape([number] + inner)),
      positions: try select(isNegative, constant(Float(count)), flat), count: count)
    guard function == .sum else { return try combined(target, function) }
    let sums = try scatterAdd(target.slices, target.positions, axis: 0, length: count + 1)
    return try slice(sums, axis: 0, start: 0, length: count)
  }
}
