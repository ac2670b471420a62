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
