import Graphs
import Tensors

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
    // Keras 3 takes the masks off the tensors themselves, and no later layer sees them.
    let isKeras3 = settings.writer == .keras3
    if isKeras3 { context.unmasked.formUnion([inputs.query, inputs.value, inputs.key]) }
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
      isFused: !isKeras3 || (!settings.hasDropout && !returnsScores && rank == 4))
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
