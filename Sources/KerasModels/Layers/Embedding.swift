import Graphs
import Tensors

/// Keras' `Embedding`: whole numbers (batch, ...), embeddings (numbers, features), output (batch,
/// ..., features).
///
/// `ReversibleEmbedding` also goes back, from features to scores of the numbers.
struct Embedding: Layer {
  static let classNames = ["Embedding", "ReversibleEmbedding"]

  var arguments: [String] { isReversible ? ["inputs", "reverse"] : ["inputs"] }

  private enum CodingKeys: String, CodingKey {
    case inputDim = "input_dim"
    case outputDim = "output_dim"
    case maskZero = "mask_zero"
    case tieWeights = "tie_weights"
    case logitSoftCap = "logit_soft_cap"
    case loraRank = "lora_rank"
  }

  private let isReversible: Bool
  private let count: Int
  private let features: Int
  private let maskZero: Bool
  private let tieWeights: Bool
  private let softCap: Float?

  init(decoding config: LayerConfig) throws {
    isReversible = config.className == "ReversibleEmbedding"
    let settings = try config.container(keyedBy: CodingKeys.self)
    count = try settings.decode(Int.self, forKey: .inputDim)
    features = try settings.decode(Int.self, forKey: .outputDim)
    guard (1...1 << 24).contains(count), (1...1 << 24).contains(features) else {
      throw PhospheneError.invalidArgument(
        "input_dim and output_dim must lie between 1 and 2^24, received \(count) and \(features)")
    }
    maskZero = try settings.decodeIfPresent(Bool.self, forKey: .maskZero) ?? false
    tieWeights = try settings.decodeIfPresent(Bool.self, forKey: .tieWeights) ?? true
    softCap = try settings.decodeIfPresent(Float.self, forKey: .logitSoftCap)
    guard softCap ?? 1 != 0 else {
      throw PhospheneError.invalidArgument("logit_soft_cap must not be zero")
    }
    guard try settings.decodeIfPresent(Int.self, forKey: .loraRank) == nil else {
      throw PhospheneError.unsupported("lora_rank isn't supported: merge the weights first")
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only(isReversible ? "ReversibleEmbedding" : "Embedding")
    let embeddings = try context.weight("embeddings", [count, features])
    let reverse =
      isReversible && !tieWeights
      ? try context.weight("reverse_embeddings", [features, count]) : nil
    if isReversible, context.call.flag("reverse") {
      return [try scores(of: input, embeddings, reverse, in: &context.graph)]
    }
    // Keras cuts fractions off.
    let ids = try context.graph.unary(.truncate, input)
    if maskZero {
      context.setMask(try context.graph.binary(.notEqual, input, context.graph.constant(0)))
    }
    return [try context.graph.gather(embeddings, ids)]
  }

  private func scores(
    of input: Value, _ embeddings: Value, _ reverse: Value?, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let shape = graph.shape(input)
    guard shape.rank >= 2, shape.axes.last == features else {
      throw .invalidArgument(
        "ReversibleEmbedding in reverse needs an input (batch, ..., \(features)), received shape "
          + "\(shape)")
    }
    let rows = try graph.reshape(input, to: [shape.elementCount / features, features])
    var value =
      if let reverse {
        try graph.matrixProduct(rows, reverse)
      } else {
        try graph.matrixProduct(rows, embeddings, transposeB: true)
      }
    if let softCap {
      value = try graph.linear(
        graph.unary(.tanh, graph.linear(value, scale: 1 / softCap)), scale: softCap)
    }
    return try graph.reshape(value, to: Shape(shape.axes.dropLast() + [count]))
  }
}
