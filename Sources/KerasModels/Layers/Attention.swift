import Graphs
import Tensors

/// Keras' `Attention` and `AdditiveAttention` on [query, value] or [query, value, key]: query
/// (batch, ..., queries, features), value (batch, ..., values, features), output (batch, ...,
/// queries, features of value), and the weights (batch, ..., queries, values) if they are asked for.
struct Attention: Layer {
  static let classNames = ["AdditiveAttention", "Attention"]

  let arguments = ["inputs", "mask", "training", "return_attention_scores", "use_causal_mask"]

  private enum CodingKeys: String, CodingKey {
    case causal
    case useScale = "use_scale"
    case scoreMode = "score_mode"
  }

  private enum Score: String, NamedOption {
    /// The products of query and key, summed.
    case dot
    /// The hyperbolic tangents of query + key, summed, times a weight.
    case concat
    /// The hyperbolic tangents of query + key, times a weight each, summed.
    case additive
  }

  private let score: Score
  private let useScale: Bool
  private let isCausal: Bool

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    let isAdditive = config.className == "AdditiveAttention"
    if isAdditive {
      score = .additive
    } else {
      let mode = try settings.decodeIfPresent(String.self, forKey: .scoreMode) ?? "dot"
      guard let known = Score(rawValue: mode), known != .additive else {
        throw PhospheneError.invalidArgument(
          "score_mode must be 'dot' or 'concat', received '\(mode)'")
      }
      score = known
    }
    useScale = try settings.decodeIfPresent(Bool.self, forKey: .useScale) ?? isAdditive
    // A setting of Keras 2, which became an argument of the call.
    isCausal = try settings.decodeIfPresent(Bool.self, forKey: .causal) ?? false
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let inputs = context.call.tensors("inputs")
    guard inputs.count == 2 || inputs.count == 3, let key = inputs.last else {
      throw .invalidArgument(
        "an attention layer takes [query, value] or [query, value, key], received "
          + "\(inputs.count) inputs")
    }
    let (query, value) = (inputs[0].value, inputs[1].value)
    let masks = try masks(of: inputs, in: context.call)
    for input in inputs {
      let shape = context.graph.shape(input.value)
      guard shape.rank >= 3 else {
        throw .invalidArgument(
          "an attention layer needs inputs (batch, ..., steps, features), received shape \(shape)")
      }
    }
    var scores = try scores(
      of: query, inputs.count == 3 ? key.value : value, in: &context)
    var graph = context.graph
    context.graph = Graph()
    defer { context.graph = graph }
    if let mask = try scoreMask(
      masks.value, isCausal: isCausal || context.call.flag("use_causal_mask"), of: scores,
      in: &graph)
    {
      // What is masked is moved far down, which leaves a line that is masked as a whole as it was.
      scores = try graph.add(scores, graph.linear(mask, scale: 1e9, offset: -1e9))
    }
    let weights = try graph.softmax(scores)
    var output = try graph.matrixProduct(weights, value)
    if let mask = masks.query {
      let column = try graph.reshape(mask, to: Shape(graph.shape(mask).axes + [1]))
      output = try graph.select(column, output, graph.constant(0))
      context.setMask(mask)
    }
    return context.call.flag("return_attention_scores") ? [output, weights] : [output]
  }

  /// The masks that the call names, or those that came with query and value.
  private func masks(
    of inputs: [MaskedValue], in call: BoundCall
  ) throws(PhospheneError) -> (query: Value?, value: Value?) {
    guard let named = call["mask"], !named.isNone else { return (inputs[0].mask, inputs[1].mask) }
    guard case .list(let elements) = named, elements.count == 2 || elements.count == 3 else {
      throw .invalidArgument("mask must be a list of a query's and a value's mask")
    }
    return (elements[0].tensors.first?.value, elements[1].tensors.first?.value)
  }

  private func scores(
    of query: Value, _ key: Value, in context: inout LoweringContext
  ) throws(PhospheneError) -> Value {
    let features = context.graph.shape(query).axes.last ?? 1
    let scale =
      useScale ? try context.weight("scale", score == .additive ? [features] : []) : nil
    guard score != .dot else {
      let products = try context.graph.matrixProduct(query, key, transposeB: true)
      guard let scale else { return products }
      return try context.graph.multiply(products, scale)
    }
    let weight = score == .concat ? try context.weight("concat_score_weight", []) : nil
    var graph = context.graph
    context.graph = Graph()
    defer { context.graph = graph }
    func expanded(_ value: Value, before axis: Int) throws(PhospheneError) -> Value {
      var axes = graph.shape(value).axes
      axes.insert(1, at: axes.count - axis)
      return try graph.reshape(value, to: Shape(axes))
    }
    var sums = try graph.add(expanded(query, before: 1), expanded(key, before: 2))
    if let scale, score == .concat { sums = try graph.multiply(sums, scale) }
    var tangents = try graph.unary(.tanh, sums)
    if let scale, score == .additive { tangents = try graph.multiply(tangents, scale) }
    let scores = try graph.reduce(.sum, tangents, axes: [graph.shape(tangents).rank - 1])
    guard let weight else { return scores }
    return try graph.multiply(scores, weight)
  }

  private func scoreMask(
    _ mask: Value?, isCausal: Bool, of scores: Value, in graph: inout Graph
  ) throws(PhospheneError) -> Value? {
    let shape = graph.shape(scores)
    var result: Value?
    if let mask {
      let axes = graph.shape(mask).axes
      // (batch, values) counts for all queries.
      result =
        isCausal || axes.count == 2
        ? try graph.reshape(mask, to: Shape(axes.dropLast() + [1] + axes.suffix(1))) : mask
    }
    guard isCausal else { return result }
    let causal = try graph.causalMask(
      queries: shape[shape.rank - 2], values: shape[shape.rank - 1])
    guard let mask = result else { return causal }
    return try graph.multiply(mask, causal)
  }
}

extension Graph {
  /// Appends ones where the value's step isn't later than the query's, of shape (1, queries, values).
  mutating func causalMask(queries: Int, values: Int) throws(PhospheneError) -> Value {
    try binary(.greaterOrEqual, steps(queries, axis: 1), steps(values, axis: 2))
  }

  /// Appends ones where two steps are nearer than `window`, of shape (1, queries, values).
  mutating func slidingMask(
    queries: Int, values: Int, window: Int
  ) throws(PhospheneError) -> Value {
    let distance = try unary(
      .absolute, subtract(steps(queries, axis: 1), steps(values, axis: 2)))
    return try unary(.step, linear(distance, scale: -1, offset: Float(window)))
  }

  private mutating func steps(_ count: Int, axis: Int) throws(PhospheneError) -> Value {
    var axes = [1, 1, 1]
    axes[axis] = count
    return constant(try Tensor(Shape(axes), (0..<count).map(Float.init)))
  }
}
