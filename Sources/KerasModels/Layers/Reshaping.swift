import Graphs
import Tensors

/// Keras' `Flatten`: (batch, ...) to (batch, features), with the channels last among them.
struct Flatten: Layer {
  static let classNames = ["Flatten"]

  let keepsWholeNumbers = true

  private let format: DataFormat

  init(decoding config: LayerConfig) throws { format = try config.dataFormat() }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try context.graph.channelsLast(inputs.only("Flatten"), from: format)
    let shape = try context.batchShape(of: input)
    let features = shape.axes.dropFirst().reduce(1, *)
    return [try context.graph.reshape(input, to: [shape[0], features])]
  }
}

/// Keras' `Reshape`: the axes behind the batch get `target_shape`, where one length may be -1 or
/// `None`.
struct Reshape: Layer {
  static let classNames = ["Reshape"]

  let keepsWholeNumbers = true

  private enum CodingKeys: String, CodingKey { case targetShape = "target_shape" }

  private let target: [Int]

  init(decoding config: LayerConfig) throws {
    target = try config.container(keyedBy: CodingKeys.self)
      .decode([Int?].self, forKey: .targetShape).map { $0 ?? -1 }
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

/// Keras' `Permute`: the axes behind the batch in another order, counted from one.
struct Permute: Layer {
  static let classNames = ["Permute"]

  let keepsWholeNumbers = true

  private enum CodingKeys: String, CodingKey { case dims }

  /// The axes behind the batch in their new order, counted from one.
  let order: [Int]

  init(decoding config: LayerConfig) throws {
    order = try config.container(keyedBy: CodingKeys.self).decode([Int].self, forKey: .dims)
    guard order.sorted() == Array(1..<order.count + 1) else {
      throw PhospheneError.invalidArgument(
        "dims must name each axis from 1 on once, received \(order)")
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("Permute")
    let shape = context.graph.shape(input)
    guard shape.rank == order.count + 1 else {
      throw .invalidArgument(
        "dims \(order) need an input with \(order.count) axes behind the batch, received shape "
          + "\(shape)")
    }
    return [try context.graph.transpose(input, [0] + order)]
  }
}

/// Keras' `RepeatVector`: (batch, features) to (batch, n, features).
struct RepeatVector: Layer {
  static let classNames = ["RepeatVector"]

  let keepsWholeNumbers = true

  private enum CodingKeys: String, CodingKey { case n }

  private let count: Int

  init(decoding config: LayerConfig) throws {
    count = try config.container(keyedBy: CodingKeys.self).positive(.n)
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("RepeatVector")
    let shape = context.graph.shape(input)
    guard shape.rank == 2 else {
      throw .invalidArgument(
        "RepeatVector needs an input (batch, features), received shape \(shape)")
    }
    let row = try context.graph.reshape(input, to: [shape[0], 1, shape[1]])
    return [try context.graph.broadcast(row, to: [shape[0], count, shape[1]])]
  }
}
