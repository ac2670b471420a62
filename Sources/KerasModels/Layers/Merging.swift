import Graphs
import Tensors

/// Keras' `Add`, `Subtract`, `Multiply`, `Average`, `Maximum` and `Minimum` of several inputs.
struct Merge: Layer {
  static let classNames = ["Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"]

  private let className: String

  init(decoding config: LayerConfig) throws { className = config.className }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    guard inputs.count >= 2, className != "Subtract" || inputs.count == 2 else {
      throw .invalidArgument(
        "\(className) takes \(className == "Subtract" ? "two" : "at least two") inputs, received "
          + "\(inputs.count)")
    }
    let inputs = try aligned(inputs, in: &context.graph)
    var value = inputs[0]
    for input in inputs.dropFirst() {
      value =
        switch className {
        case "Subtract": try context.graph.subtract(value, input)
        case "Multiply": try context.graph.multiply(value, input)
        case "Maximum": try context.graph.binary(.maximum, value, input)
        case "Minimum": try context.graph.binary(.minimum, value, input)
        default: try context.graph.add(value, input)
        }
    }
    if className == "Average" {
      value = try context.graph.linear(value, scale: 1 / Float(inputs.count))
    }
    return [value]
  }

  /// Gives inputs of smaller rank axes of length one behind the batch, as Keras does.
  private func aligned(
    _ inputs: [Value], in graph: inout Graph
  ) throws(PhospheneError) -> [Value] {
    let rank = inputs.map { graph.shape($0).rank }.max() ?? 0
    var result: [Value] = []
    for input in inputs {
      let axes = graph.shape(input).axes
      let ones = [Int](repeating: 1, count: axes.isEmpty ? 0 : rank - axes.count)
      result.append(try graph.reshape(input, to: Shape(axes.prefix(1) + ones + axes.dropFirst())))
    }
    return result
  }
}

/// Keras' `Concatenate` along an axis.
struct Concatenate: Layer {
  static let classNames = ["Concatenate"]

  private enum CodingKeys: String, CodingKey { case axis }

  private let axis: Int

  init(decoding config: LayerConfig) throws {
    axis =
      try config.container(keyedBy: CodingKeys.self)
      .decodeIfPresent(Int.self, forKey: .axis) ?? -1
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    [try context.graph.concatenate(inputs, axis: axis)]
  }
}
