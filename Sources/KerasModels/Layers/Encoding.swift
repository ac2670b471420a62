import Graphs
import Tensors

/// How whole numbers from zero on become vectors.
private enum EncodingMode: String, CaseIterable {
  /// They don't.
  case int
  /// One at the number's position, zero elsewhere.
  case oneHot = "one_hot"
  /// One at the positions of all numbers of a sample.
  case multiHot = "multi_hot"
  /// How often each number occurs in a sample.
  case count

  /// Appends the vectors of `depth` elements.
  func encode(
    _ numbers: Value, depth: Int, weights: Value? = nil, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    if self == .int { return numbers }
    var numbers = numbers
    var axes = graph.shape(numbers).axes
    if self == .oneHot, axes.count > 1, axes.last == 1 {
      axes.removeLast()
      numbers = try graph.reshape(numbers, to: Shape(axes))
    }
    let column = try graph.reshape(
      graph.unary(.truncate, numbers), to: Shape(axes + [1]))
    let positions = graph.constant(try Tensor([depth], (0..<depth).map(Float.init)))
    var vectors = try graph.binary(.equal, column, positions)
    if self == .oneHot { return vectors }
    if let weights {
      let shape = graph.shape(weights)
      vectors = try graph.multiply(
        vectors, graph.reshape(weights, to: Shape(shape.axes + [1])))
    }
    // The first axis behind the batch, as Keras has it.
    return try graph.reduce(
      self == .count ? .sum : .maximum, vectors, axes: [axes.count > 1 ? 1 : 0])
  }
}

/// Keras' `CategoryEncoding`: the numbers of a sample as one vector.
struct CategoryEncoding: Layer {
  static let classNames = ["CategoryEncoding"]

  let arguments = ["inputs", "count_weights"]

  private enum CodingKeys: String, CodingKey {
    case tokenCount = "num_tokens"
    case mode = "output_mode"
  }

  private let tokenCount: Int
  private let mode: EncodingMode

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    // Old versions of Keras wrote the size as max_tokens and adapted it; it is no weight.
    tokenCount = try settings.positive(.tokenCount)
    mode =
      try settings.decodeIfPresent(String.self, forKey: .mode) == "binary"
      ? .multiHot
      : try settings.choice(EncodingMode.self, forKey: .mode, default: .multiHot)
    guard mode != .int else {
      throw PhospheneError.unsupported(
        "output_mode must be one of 'one_hot', 'multi_hot', 'count', received 'int'")
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try context.call.tensors("inputs").map(\.value).only("CategoryEncoding")
    _ = try context.batchShape(of: input)
    let weights = try context.value("count_weights")
    guard weights == nil || mode == .count else {
      throw .invalidArgument(
        "count_weights is used with output_mode='count' only, received '\(mode.rawValue)'")
    }
    if let weights {
      guard context.graph.shape(weights) == context.graph.shape(input) else {
        throw .invalidArgument(
          "count_weights of shape \(context.graph.shape(weights)) must have the input's shape "
            + "\(context.graph.shape(input))")
      }
    }
    return [
      try mode.encode(input, depth: tokenCount, weights: weights, in: &context.graph)
    ]
  }
}

/// Keras' `Discretization`: the number of the bin that each element lies in.
struct Discretization: Layer {
  static let classNames = ["Discretization"]

  private enum CodingKeys: String, CodingKey {
    case boundaries = "bin_boundaries"
    case mode = "output_mode"
  }

  private let boundaries: [Float]
  private let mode: EncodingMode

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    guard let numbers = try settings.decodeIfPresent(NumericArray.self, forKey: .boundaries),
      !numbers.elements.isEmpty
    else {
      throw PhospheneError.invalidArgument(
        "bin_boundaries are missing: adapt the layer before the model is saved")
    }
    boundaries = numbers.elements
    guard boundaries == boundaries.sorted() else {
      throw PhospheneError.invalidArgument("bin_boundaries must rise, received \(boundaries)")
    }
    mode = try settings.choice(EncodingMode.self, forKey: .mode, default: .int)
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("Discretization")
    let shape = try context.batchShape(of: input)
    let column = try context.graph.reshape(input, to: Shape(shape.axes + [1]))
    let limits = context.graph.constant(try Tensor([boundaries.count], boundaries))
    // Counted from above, so that what isn't a number lies above all of them, as in Keras.
    let above = try context.graph.reduce(
      .sum, context.graph.binary(.greater, limits, column), axes: [shape.rank])
    let bins = try context.graph.linear(above, scale: -1, offset: Float(boundaries.count))
    return [try mode.encode(bins, depth: boundaries.count + 1, in: &context.graph)]
  }
}
