import Graphs
import Tensors

/// What `MultiHeadAttention` and `GroupQueryAttention` are called with.
private let attentionArguments = [
  "query", "value", "key", "query_mask", "value_mask", "key_mask", "attention_mask",
  "return_attention_scores", "training", "use_causal_mask",
]

/// The settings that the two layers share.
private struct AttentionSettings {
  let useBias: Bool
  let useGate: Bool
  /// Keras computes differently where it can't use its fused function, as with dropout.
  let hasDropout: Bool
  let window: Int?

  private enum CodingKeys: String, CodingKey {
    case dropout
    case useBias = "use_bias"
    case useGate = "use_gate"
    case window = "sliding_window"
  }

  init(_ config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    useBias = try settings.decodeIfPresent(Bool.self, forKey: .useBias) ?? true
    useGate = try settings.decodeIfPresent(Bool.self, forKey: .useGate) ?? false
    hasDropout = try settings.decodeIfPresent(Float.self, forKey: .dropout) ?? 0 > 0
    window = try settings.decodeIfPresent(Int.self, forKey: .window)
    guard window ?? 1 > 0 else {
      throw PhospheneError.invalidArgument(
        "sliding_window must be positive, received \(window ?? 0)")
    }
  }
}

/// Query, value and key of a call, with a mask that joins all masks of them.
private struct AttentionInputs {
  let query: Value
  let value: Value
  let key: Value
  private(set) var mask: Value?

  /// Reads the call; its own `query_mask` counts if `readsQueryMask`, otherwise only the mask that
  /// came with the query.
  init(
    _ window: Int?, readsQueryMask: Bool, in context: inout LoweringContext
  ) throws(PhospheneError) {
    guard let query = context.call.tensor("query"), let value = context.call.tensor("value") else {
      throw .invalidArgument("an attention layer is called on query and value")
    }
    let key = context.call.tensor("key")
    (self.query, self.value) = (query.value, value.value)
    self.key = key?.value ?? value.value

    func named(_ name: String) -> Value? { context.call.tensor(name)?.value }
    let queryMask = readsQueryMask ? named("query_mask") ?? query.mask : query.mask
    let valueMasks = [
      named("value_mask") ?? value.mask, named("key_mask") ?? key?.mask,
    ].compactMap { $0 }
    var graph = context.graph
    context.graph = Graph()
    defer { context.graph = graph }
    var masks: [Value] = []
    if let queryMask { masks.append(try graph.expanded(queryMask, before: 0)) }
    for mask in valueMasks { masks.append(try graph.expanded(mask, before: 1)) }
    let (queries, values) = (graph.shape(self.query), graph.shape(self.value))
    guard queries.rank >= 3, values.rank >= 3 else {
      throw .invalidArgument(
        "an attention layer needs inputs (batch, steps, ..., features), received \(queries) and "
          + "\(values)")
    }
    if context.call.flag("use_causal_mask") {
      masks.append(try graph.causalMask(queries: queries[1], values: values[1]))
    }
    if let window {
      masks.append(
        try graph.slidingMask(queries: queries[1], values: values[1], window: window))
    }
    if let named = named("attention_mask") {
      masks.append(try graph.binary(.notEqual, named, graph.constant(0)))
    }
    for mask in masks {
      self.mask =
        try self.mask.map { (known) throws(PhospheneError) in
          try graph.multiply(known, mask)
        } ?? mask
    }
  }
}

extension Graph {
  /// Appends an axis of length one before the last `count` axes.
  fileprivate mutating func expanded(
    _ value: Value, before count: Int
  ) throws(PhospheneError) -> Value {
    var axes = shape(value).axes
    guard count <= axes.count else {
      throw .invalidArgument("a mask of shape \(shape(value)) needs \(count) axes or more")
    }
    axes.insert(1, at: axes.count - count)
    return try reshape(value, to: Shape(axes))
  }

  /// Appends the softmax over the last `axes` axes, masked in one of Keras' two ways.
  ///
  /// Keras' fused function spreads a line that is masked as a whole evenly; its layer `Softmax`
  /// makes zeros of it.
  fileprivate mutating func attention(
    _ scores: Value, mask: Value?, axes: Int, isFused: Bool
  ) throws(PhospheneError) -> Value {
    let rank = shape(scores).rank
    let last = Array(rank - axes..<rank)
    guard var mask else { return try softmax(scores, axes: last) }
    while shape(mask).rank < rank { mask = try expanded(mask, before: 2 * axes) }
    guard isFused else { return try maskedSoftmax(scores, mask: mask, axes: last) }
    return try softmax(select(mask, scores, constant(-2.372671e38)), axes: last)
  }
}

extension LoweringContext {
  /// Appends a projection with weights of its own, as Keras' `EinsumDense` inside a layer.
  fileprivate mutating func projection(
    _ name: String, _ equation: String, of input: Value, kernel: Shape, bias: Shape?
  ) throws(PhospheneError) -> Value {
    try scoped(name) { (context) throws(PhospheneError) in
      let weights = try context.weight("kernel", kernel)
      let value = try context.graph.einsum(EinsumEquation(equation), [input, weights])
      guard let bias else { return value }
      return try context.graph.add(value, context.weight("bias", bias))
    }
  }
}

/// Keras' `MultiHeadAttention`: query (batch, queries, ..., features), value and key (batch, values,
/// ..., features), output of the query's shape, and the weights (batch, ..., heads, queries, values)
/// if they are asked for.
struct MultiHeadAttention: Layer {
  static let classNames = ["MultiHeadAttention"]

  let arguments = attentionArguments
  let passesMask = true

  private enum CodingKeys: String, CodingKey {
    case heads = "num_heads"
    case keyDim = "key_dim"
    case valueDim = "value_dim"
    case outputShape = "output_shape"
    case attentionAxes = "attention_axes"
  }

  private let heads: Int
  private let keyDim: Int
  private let valueDim: Int
  private let outputShape: [Int]?
  private let attentionAxes: [Int]?
  private let settings: AttentionSettings

  init(decoding config: LayerConfig) throws {
    settings = try AttentionSettings(config)
    let container = try config.container(keyedBy: CodingKeys.self)
    heads = try container.decode(Int.self, forKey: .heads)
    keyDim = try container.decode(Int.self, forKey: .keyDim)
    valueDim = try container.decodeIfPresent(Int.self, forKey: .valueDim) ?? keyDim
    guard [heads, keyDim, valueDim].allSatisfy((1..<(1 << 24)).contains) else {
      throw PhospheneError.invalidArgument(
        "num_heads, key_dim and value_dim must be positive, received \(heads), \(keyDim) and "
          + "\(valueDim)")
    }
    let shape = try container.decodeIfPresent(Axes.self, forKey: .outputShape)?.values
    outputShape = shape?.isEmpty ?? true ? nil : shape
    guard (outputShape ?? []).allSatisfy((1..<(1 << 24)).contains) else {
      throw PhospheneError.invalidArgument(
        "output_shape needs positive lengths, received \(outputShape ?? [])")
    }
    attentionAxes = try container.decodeIfPresent(Axes.self, forKey: .attentionAxes)?.values
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let inputs = try AttentionInputs(settings.window, readsQueryMask: false, in: &context)
    // Keras takes the masks off the tensors themselves, and no later layer sees them.
    context.unmasked.formUnion([inputs.query, inputs.value, inputs.key])
    let queryShape = context.graph.shape(inputs.query)
    // Letters of the axes between batch and features, then of heads and features of a head.
    let rank = context.graph.shape(inputs.value).rank + 1
    guard queryShape.rank + 1 == rank, rank <= 10 else {
      throw .invalidArgument(
        "MultiHeadAttention needs query and value of one rank, received shapes \(queryShape) and "
          + "\(context.graph.shape(inputs.value))")
    }
    let free = String("abcdefghij".prefix(rank - 2))

    func project(
      _ name: String, _ value: Value, _ length: Int, _ context: inout LoweringContext
    ) throws(PhospheneError) -> Value {
      let features = context.graph.shape(value).axes.last ?? 0
      return try context.projection(
        name, "\(free)x,xyz->\(free)yz", of: value, kernel: [features, heads, length],
        bias: settings.useBias ? [heads, length] : nil)
    }
    let query = try project("query_dense", inputs.query, keyDim, &context)
    let key = try project("key_dense", inputs.key, keyDim, &context)
    let gate =
      settings.useGate ? try project("gate_dense", inputs.query, valueDim, &context) : nil
    let value = try project("value_dense", inputs.value, valueDim, &context)

    let axes = try positions(rank: rank)
    let equations = AttentionEquations(rank: rank, axes: axes)
    let returnsScores = context.call.flag("return_attention_scores")
    let scaled = try context.graph.linear(query, scale: 1 / Float(keyDim).squareRoot())
    let weights = try context.graph.attention(
      context.graph.einsum(EinsumEquation(equations.scores), [scaled, key]),
      mask: inputs.mask, axes: axes.count,
      isFused: !settings.hasDropout && !returnsScores && rank == 4)
    var result = try context.graph.einsum(EinsumEquation(equations.values), [weights, value])
    if let gate {
      result = try context.graph.multiply(result, context.graph.unary(.sigmoid, gate))
    }
    let shape = outputShape ?? [queryShape[queryShape.rank - 1]]
    let target = String("klmnopqrst".prefix(shape.count))
    result = try context.projection(
      "output_dense", "\(free)yz,yz\(target)->\(free)\(target)", of: result,
      kernel: Shape([heads, valueDim] + shape), bias: settings.useBias ? Shape(shape) : nil)
    return returnsScores ? [result, weights] : [result]
  }

  /// The axes that attention goes along: all between batch and features if none are set.
  private func positions(rank: Int) throws(PhospheneError) -> [Int] {
    guard let attentionAxes else { return Array(1..<rank - 2) }
    let axes = attentionAxes.map { $0 < 0 ? $0 + rank - 1 : $0 }
    guard !axes.isEmpty, Set(axes).count == axes.count, axes.allSatisfy((1..<rank - 2).contains)
    else {
      throw .invalidArgument(
        "attention_axes must be different axes between batch and features, received "
          + "\(attentionAxes) for an input of rank \(rank - 1)")
    }
    return axes
  }
}

/// The two sums of attention along any axes, of arrays (batch, ..., heads, features).
///
/// Source: keras 3.15, `layers/attention/multi_head_attention.py`, `_build_attention_equation`.
private struct AttentionEquations {
  let scores: String
  let values: String

  init(rank: Int, axes: [Int]) {
    let query = Array("abcdefghij".prefix(rank))
    let others = Array("klmnopqrst".prefix(rank))
    let key = query.indices.map { axes.contains($0) ? others[$0] : query[$0] }
    let batch = query.indices.dropLast().filter { !axes.contains($0) }
    let product = String(batch.map { query[$0] } + axes.map { query[$0] } + axes.map { key[$0] })
    scores = "\(String(query)),\(String(key))->\(product)"
    values = "\(product),\(String(key))->\(String(query))"
  }
}

/// Keras' `GroupQueryAttention`: attention whose queries have more heads than keys and values.
struct GroupQueryAttention: Layer {
  static let classNames = ["GroupQueryAttention", "GroupedQueryAttention"]

  let arguments = attentionArguments
  let passesMask = true

  private enum CodingKeys: String, CodingKey {
    case headDim = "head_dim"
    case queryHeads = "num_query_heads"
    case valueHeads = "num_key_value_heads"
  }

  private let headDim: Int
  private let queryHeads: Int
  private let valueHeads: Int
  private let settings: AttentionSettings

  init(decoding config: LayerConfig) throws {
    settings = try AttentionSettings(config)
    let container = try config.container(keyedBy: CodingKeys.self)
    headDim = try container.decode(Int.self, forKey: .headDim)
    queryHeads = try container.decode(Int.self, forKey: .queryHeads)
    valueHeads = try container.decode(Int.self, forKey: .valueHeads)
    guard [headDim, queryHeads, valueHeads].allSatisfy((1..<(1 << 24)).contains),
      queryHeads % valueHeads == 0
    else {
      throw PhospheneError.invalidArgument(
        "head_dim must be positive and num_query_heads a multiple of num_key_value_heads, received "
          + "\(headDim), \(queryHeads) and \(valueHeads)")
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let inputs = try AttentionInputs(settings.window, readsQueryMask: true, in: &context)
    let shape = context.graph.shape(inputs.query)
    guard shape.rank == 3, context.graph.shape(inputs.value).rank == 3 else {
      throw .invalidArgument(
        "GroupQueryAttention needs inputs (batch, steps, features), received shapes \(shape) and "
          + "\(context.graph.shape(inputs.value))")
    }
    func project(
      _ name: String, _ value: Value, _ heads: Int, _ context: inout LoweringContext
    ) throws(PhospheneError) -> Value {
      try context.projection(
        name, "bqm,muh->bquh", of: value,
        kernel: [context.graph.shape(value)[2], heads, headDim],
        bias: settings.useBias ? [heads, headDim] : nil)
    }
    let query = try project("query_dense", inputs.query, queryHeads, &context)
    let key = try project("key_dense", inputs.key, valueHeads, &context)
    let gate =
      settings.useGate ? try project("gate_dense", inputs.query, queryHeads, &context) : nil
    let value = try project("value_dense", inputs.value, valueHeads, &context)

    // Neighbouring heads of the query share one of key and value.
    let shared = queryHeads / valueHeads
    let scaled = try context.graph.linear(query, scale: 1 / Float(headDim).squareRoot())
    let grouped = try context.graph.reshape(
      scaled, to: [shape[0], shape[1], valueHeads, shared, headDim])
    let scores = try context.graph.einsum(EinsumEquation("bqvrh,bkvh->bvrqk"), [grouped, key])
    let steps = context.graph.shape(scores)[4]
    let returnsScores = context.call.flag("return_attention_scores")
    let weights = try context.graph.attention(
      context.graph.reshape(scores, to: [shape[0], queryHeads, shape[1], steps]),
      mask: inputs.mask, axes: 1, isFused: !settings.hasDropout && !returnsScores)
    let groupedWeights = try context.graph.reshape(weights, to: context.graph.shape(scores))
    var result = try context.graph.einsum(
      EinsumEquation("bvrqk,bkvh->bqvrh"), [groupedWeights, value])
    result = try context.graph.reshape(result, to: context.graph.shape(query))
    if let gate {
      result = try context.graph.multiply(result, context.graph.unary(.sigmoid, gate))
    }
    result = try context.projection(
      "output_dense", "bquh,uhm->bqm", of: result, kernel: [queryHeads, headDim, shape[2]],
      bias: settings.useBias ? [shape[2]] : nil)
    return returnsScores ? [result, weights] : [result]
  }
}
