import Graphs
import Tensors

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
