import Graphs
import Tensors

/// Keras' `Flatten`: (batch, ...) to (batch, features).
struct Flatten: Layer {
  static let classNames = ["Flatten"]

  init(decoding config: LayerConfig) throws { try config.requireChannelsLast() }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("Flatten")
    let shape = try context.batchShape(of: input)
    let features = shape.axes.dropFirst().reduce(1, *)
    return [try context.graph.reshape(input, to: [shape[0], features])]
  }
}

/// Keras' `Reshape`: the axes behind the batch get `target_shape`, where one length may be -1.
struct Reshape: Layer {
  static let classNames = ["Reshape"]

  private enum CodingKeys: String, CodingKey { case targetShape = "target_shape" }

  private let target: [Int]

  init(decoding config: LayerConfig) throws {
    target = try config.container(keyedBy: CodingKeys.self)
      .decode([Int].self, forKey: .targetShape)
    guard target.allSatisfy({ (-1...(1 << 31)).contains($0) && $0 != 0 }),
      target.filter({ $0 == -1 }).count <= 1, target.count < Shape.maximumRank
    else {
      throw PhospheneError.invalidArgument(
        "target_shape needs positive lengths and at most one -1, received \(target)")
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("Reshape")
    let shape = try context.batchShape(of: input)
    let features = shape.axes.dropFirst().reduce(1, *)
    var known = 1
    for length in target where length > 0 {
      let (product, overflow) = known.multipliedReportingOverflow(by: length)
      guard !overflow else {
        throw .invalidArgument("target_shape \(target) is too large")
      }
      known = product
    }
    let isFlexible = target.contains(-1)
    guard isFlexible ? features % known == 0 : features == known else {
      throw .invalidArgument("an input of shape \(shape) can't be reshaped to \(target)")
    }
    let lengths = target.map { $0 == -1 ? features / known : $0 }
    return [try context.graph.reshape(input, to: Shape([shape[0]] + lengths))]
  }
}

/// Keras' `ZeroPadding2D`: rows and columns of zeros around (batch, height, width, channels).
struct ZeroPadding2D: Layer {
  static let classNames = ["ZeroPadding2D"]

  private enum CodingKeys: String, CodingKey { case padding }

  /// Zeros before and after each of the two axes.
  private let padding: [[Int]]

  init(decoding config: LayerConfig) throws {
    try config.requireChannelsLast()
    let settings = try config.container(keyedBy: CodingKeys.self)
    if let pairs = try? settings.decode([[Int]].self, forKey: .padding) {
      padding = pairs
    } else {
      let lengths = try settings.decodeIfPresent(Axes.self, forKey: .padding)?.values ?? [1]
      padding = (lengths.count == 1 ? [lengths[0], lengths[0]] : lengths).map { [$0, $0] }
    }
    guard padding.count == 2,
      padding.allSatisfy({ $0.count == 2 && $0.allSatisfy { (0...(1 << 16)).contains($0) } })
    else {
      throw PhospheneError.invalidArgument(
        "padding needs two numbers for each of two axes, received \(padding)")
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("ZeroPadding2D")
    let shape = context.graph.shape(input)
    guard shape.rank == 4 else {
      throw .invalidArgument(
        "ZeroPadding2D needs an input (batch, height, width, channels), received shape \(shape)")
    }
    return [
      try context.graph.pad(
        input, low: [0, padding[0][0], padding[1][0], 0],
        high: [0, padding[0][1], padding[1][1], 0])
    ]
  }
}
