import Graphs
import Tensors

/// Keras' `Masking`: a step whose features all equal `mask_value` is left out by the layers that
/// follow, and its features become zeros.
struct Masking: Layer {
  static let classNames = ["Masking"]

  private enum CodingKeys: String, CodingKey { case maskValue = "mask_value" }

  /// A number, or an array that is broadcast to the input.
  private let maskValue: Argument<TensorReference>

  init(decoding config: LayerConfig) throws {
    maskValue =
      try config.container(keyedBy: CodingKeys.self)
      .decodeIfPresent(Argument<TensorReference>.self, forKey: .maskValue) ?? .number(0)
    switch maskValue {
    case .number, .array: break
    default:
      throw PhospheneError.unsupported("mask_value must be a number or an array of numbers")
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("Masking")
    let shape = context.graph.shape(input)
    guard shape.rank >= 2 else {
      throw .invalidArgument("Masking needs an input (batch, ..., features), received \(shape)")
    }
    let value: Value
    if case .array(let shape, let elements) = maskValue {
      value = context.graph.constant(try Tensor(shape, elements))
    } else if case .number(let number) = maskValue {
      value = try context.graph.constant(Float(number))
    } else {
      preconditionFailure("mask_value was checked when it was decoded")
    }
    let differs = try context.graph.binary(.notEqual, input, value)
    let mask = try context.graph.reduce(.maximum, differs, axes: [shape.rank - 1])
    context.setMask(mask)
    let column = try context.graph.reshape(mask, to: Shape(shape.axes.dropLast() + [1]))
    return [try context.graph.select(column, input, context.graph.constant(0))]
  }
}
