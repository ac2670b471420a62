import Graphs
import Tensors

/// What `MultiHeadAttention` and `GroupQueryAttention` are called with.
let attentionArguments = [
  "query", "value", "key", "query_mask", "value_mask", "key_mask", "attention_mask",
  "return_attention_scores", "training", "use_causal_mask",
]

/// The settings that the two layers share.
struct AttentionSettings {
  let useBias: Bool
  let useGate: Bool
  /// Keras computes differently where it can't use its fused function, as with dropout.
  let hasDropout: Bool
  let window: Int?
  let writer: KerasVersion

  private enum CodingKeys: String, CodingKey {
    case dropout
    case useBias = "use_bias"
    case useGate = "use_gate"
    case window = "sliding_window"
  }

  init(_ config: LayerConfig) throws {
    writer = config.writer
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
struct AttentionInputs {
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
  /// Keras' fused function spreads a line that is masked as a whole evenly, and so does Keras 2; the
  /// layer `Softmax` of Keras 3 makes zeros of it.
  mutating func attention(
    _ scores: Value, mask: Value?, axes: Int, isFused: Bool
  ) throws(PhospheneError) -> Value {
    let rank = shape(scores).rank
    let last = Array(rank - axes..<rank)
    guard var mask else { return try softmax(scores, axes: last) }
    while shape(mask).rank < rank { mask = try expanded(mask, before: 2 * axes) }
    guard isFused else {
      return try maskedSoftmax(scores, mask: mask, axes: last, masking: .zeroing)
    }
    return try softmax(select(mask, scores, constant(-2.372671e38)), axes: last)
  }
}

extension LoweringContext {
  /// Appends a projection with weights of its own, as Keras' `EinsumDense` inside a layer.
  mutating func projection(
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
