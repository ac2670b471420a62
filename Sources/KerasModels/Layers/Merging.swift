import Graphs
import Tensors

/// Keras' `Add`, `Subtract`, `Multiply`, `Average`, `Maximum` and `Minimum` of several inputs.
///
/// Where all inputs have masks, a step of the result counts if it counts in any of them; in Keras 2
/// if it counts in all that have one.
struct Merge: Layer {
  static let classNames = ["Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"]

  private let className: String
  private let writer: KerasVersion

  init(decoding config: LayerConfig) throws {
    (className, writer) = (config.className, config.writer)
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    guard !inputs.isEmpty, className != "Subtract" || inputs.count == 2 else {
      throw .invalidArgument(
        "\(className) takes \(className == "Subtract" ? "two" : "one or more") inputs, received "
          + "\(inputs.count)")
    }
    let masks = context.call.inputs.map(\.mask)
    try setMask(masks, in: &context)
    var graph = context.graph
    context.graph = Graph()
    defer { context.graph = graph }
    let (values, filters) = try aligned(inputs, masks, in: &graph)
    var value = values[0]
    switch className {
    case "Maximum", "Minimum":
      return [try extreme(of: values, filters, in: &graph)]
    case "Multiply":
      for (index, filter) in filters.enumerated() {
        var factor = values[index]
        if let filter { factor = try graph.select(filter, factor, graph.constant(1)) }
        value = index == 0 ? factor : try graph.multiply(value, factor)
      }
      let known = filters.compactMap { $0 }
      if known.count == filters.count {
        var filter = known[0]
        for other in known.dropFirst() { filter = try graph.binary(.maximum, filter, other) }
        value = try graph.select(filter, value, graph.constant(0))
      }
    case "Subtract": value = try graph.subtract(values[0], values[1])
    default: for other in values.dropFirst() { value = try graph.add(value, other) }
    }
    if className == "Average" {
      value = try graph.linear(value, scale: 1 / Float(inputs.count))
    }
    return [value]
  }

  private func setMask(
    _ masks: [Value?], in context: inout LoweringContext
  ) throws(PhospheneError) {
    let known = masks.compactMap { $0 }
    guard var mask = known.first, known.count == masks.count || writer == .keras2 else { return }
    let joined: BinaryFunction = writer == .keras2 ? .minimum : .maximum
    for other in known.dropFirst() { mask = try context.graph.binary(joined, mask, other) }
    context.setMask(mask)
  }

  /// The largest or smallest of the inputs that count; a step that doesn't count in one of them is
  /// left to the others.
  private func extreme(
    of values: [Value], _ filters: [Value?], in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let function: BinaryFunction = className == "Maximum" ? .maximum : .minimum
    var (value, filter) = (values[0], filters[0])
    for (other, otherFilter) in zip(values, filters).dropFirst() {
      var other = other
      if let otherFilter { other = try graph.select(otherFilter, other, value) }
      if let filter { value = try graph.select(filter, value, other) }
      if let known = filter, let otherFilter {
        filter = try graph.binary(.maximum, known, otherFilter)
      } else {
        filter = nil
      }
      value = try graph.binary(function, value, other)
    }
    return value
  }

  /// Gives inputs of smaller rank axes of length one behind the batch, as Keras does, which loses
  /// their masks on the way; the others' come back as columns.
  private func aligned(
    _ inputs: [Value], _ masks: [Value?], in graph: inout Graph
  ) throws(PhospheneError) -> (values: [Value], filters: [Value?]) {
    let rank = inputs.map { graph.shape($0).rank }.max() ?? 0
    var (values, filters): ([Value], [Value?]) = ([], [])
    for (input, mask) in zip(inputs, masks) {
      let axes = graph.shape(input).axes
      let ones = [Int](repeating: 1, count: axes.isEmpty ? 0 : rank - axes.count)
      values.append(try graph.reshape(input, to: Shape(axes.prefix(1) + ones + axes.dropFirst())))
      guard let mask, axes.count == rank, writer == .keras3,
        ["Maximum", "Minimum", "Multiply"].contains(className)
      else {
        filters.append(nil)
        continue
      }
      let column = Shape(graph.shape(mask).axes + [1])
      filters.append(try graph.broadcast(graph.reshape(mask, to: column), to: Shape(axes)))
    }
    return (values, filters)
  }
}

/// Keras' `Concatenate` along an axis.
struct Concatenate: Layer {
  static let classNames = ["Concatenate"]

  private enum CodingKeys: String, CodingKey { case axis }

  private let axis: Int
  private let writer: KerasVersion

  init(decoding config: LayerConfig) throws {
    writer = config.writer
    axis =
      try config.container(keyedBy: CodingKeys.self)
      .decodeIfPresent(Int.self, forKey: .axis) ?? -1
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let masks = context.call.inputs.map(\.mask)
    if masks.contains(where: { $0 != nil }) {
      context.setMask(try mask(of: inputs, masks, in: &context.graph))
    }
    return [try context.graph.concatenate(inputs, axis: axis)]
  }

  /// The masks, ones where there is none, joined like the inputs; a step counts if any of its
  /// features does, in Keras 2 if all do.
  private func mask(
    of inputs: [Value], _ masks: [Value?], in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    var parts: [Value] = []
    for (input, mask) in zip(inputs, masks) {
      let shape = graph.shape(input)
      var part = try graph.constant(1)
      if let mask {
        let axes = graph.shape(mask).axes
        part = axes.count < shape.rank ? try graph.reshape(mask, to: Shape(axes + [1])) : mask
      }
      parts.append(try graph.broadcast(part, to: shape))
    }
    let joined = try graph.concatenate(parts, axis: axis)
    return try graph.reduce(
      writer == .keras2 ? .minimum : .maximum, joined, axes: [graph.shape(joined).rank - 1])
  }
}

/// Keras' `Dot`: for each sample the products of two inputs along one axis of each, summed; the other
/// axes of both stay.
struct Dot: Layer {
  static let classNames = ["Dot"]

  private enum CodingKeys: String, CodingKey { case axes, normalize }

  private let axes: [Int]
  private let normalize: Bool

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    let axes = try settings.decode(Axes.self, forKey: .axes).values
    guard axes.count == 1 || axes.count == 2 else {
      throw PhospheneError.invalidArgument("axes must be one axis or two, received \(axes)")
    }
    self.axes = axes.count == 1 ? axes + axes : axes
    normalize = try settings.decodeIfPresent(Bool.self, forKey: .normalize) ?? false
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    guard inputs.count == 2 else {
      throw .invalidArgument("Dot takes two inputs, received \(inputs.count)")
    }
    var rows: [Value] = []
    var others: [[Int]] = []
    for (input, axis) in zip(inputs, axes) {
      let shape = context.graph.shape(input)
      let position = try shape.axis(axis, of: "Dot")
      guard position > 0 else {
        throw .invalidArgument("Dot: axis \(axis) of shape \(shape) is the batch")
      }
      var value = input
      if normalize {
        value = try context.graph.normalized(value, axes: [position], epsilon: 1e-7)
      }
      let free = shape.axes.indices.filter { $0 != 0 && $0 != position }
      value = try context.graph.transpose(value, [0] + free + [position])
      others.append(free.map { shape[$0] })
      let count = free.reduce(1) { $0 * shape[$1] }
      rows.append(try context.graph.reshape(value, to: [shape[0], count, shape[position]]))
    }
    let product = try context.graph.matrixProduct(rows[0], rows[1], transposeB: true)
    let free = others[0] + others[1]
    let batch = context.graph.shape(product)[0]
    return [try context.graph.reshape(product, to: Shape([batch] + (free.isEmpty ? [1] : free)))]
  }
}

/// `CustomScaleLayer` of `keras.applications`' InceptionResNetV2: the first input plus a multiple of
/// the second.
struct CustomScale: Layer {
  /// Keras 2 writes the second, under which it registered the class.
  static let classNames = ["CustomScaleLayer", "Custom>CustomScaleLayer"]

  private enum CodingKeys: String, CodingKey { case scale }

  private let scale: Float

  init(decoding config: LayerConfig) throws {
    scale = try config.container(keyedBy: CodingKeys.self).decode(Float.self, forKey: .scale)
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    guard inputs.count == 2 else {
      throw .invalidArgument("CustomScaleLayer takes two inputs, received \(inputs.count)")
    }
    return [
      try context.graph.add(inputs[0], context.graph.linear(inputs[1], scale: scale))
    ]
  }
}
