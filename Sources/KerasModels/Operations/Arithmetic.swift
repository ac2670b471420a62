import Graphs
import Tensors

/// The functions of two arrays in `keras.ops`, which align shapes as NumPy does: tensors, plain
/// numbers or arrays on either side.
struct Arithmetic: Layer {
  static let classNames = ["Add", "Divide", "Maximum", "Minimum", "Multiply", "Subtract"]

  let arguments = ["x1", "x2"]

  private let className: String

  init(decoding config: LayerConfig) throws { className = config.className }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let (a, b) = (try context.requiredValue("x1"), try context.requiredValue("x2"))
    let value =
      switch className {
      case "Add": try context.graph.add(a, b)
      case "Divide": try context.graph.divide(a, b)
      case "Maximum": try context.graph.binary(.maximum, a, b)
      case "Minimum": try context.graph.binary(.minimum, a, b)
      case "Multiply": try context.graph.multiply(a, b)
      default: try context.graph.subtract(a, b)
      }
    return [value]
  }
}
