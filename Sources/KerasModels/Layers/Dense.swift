import Graphs
import Tensors

/// Keras' `Dense`: input (batch, ..., features), kernel (features, units), output (batch, ...,
/// units).
struct Dense: ActivatedLayer {
  static let classNames = ["Dense"]

  private enum CodingKeys: String, CodingKey {
    case units, activation
    case useBias = "use_bias"
    case loraRank = "lora_rank"
  }

  private let units: Int
  private let useBias: Bool
  private let activation: ActivationSetting?

  var activationName: String? { activation?.name }

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    units = try settings.decode(Int.self, forKey: .units)
    guard (1..<(1 << 24)).contains(units) else {
      throw PhospheneError.invalidArgument("units must be positive, received \(units)")
    }
    useBias = try settings.decodeIfPresent(Bool.self, forKey: .useBias) ?? true
    activation = try settings.decodeIfPresent(ActivationSetting.self, forKey: .activation)
    guard try settings.decodeIfPresent(Int.self, forKey: .loraRank) == nil else {
      throw PhospheneError.unsupported("lora_rank isn't supported: merge the weights first")
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("Dense")
    let shape = context.graph.shape(input)
    guard shape.rank >= 2, let features = shape.axes.last, features > 0 else {
      throw .invalidArgument(
        "Dense needs an input (batch, ..., features), received shape \(shape)")
    }
    let kernel = try context.weight("kernel", [features, units])
    // One product of two matrices, whatever the number of leading axes.
    let rows = try context.graph.reshape(
      input, to: [shape.elementCount / features, features])
    var value = try context.graph.matrixProduct(rows, kernel)
    if useBias {
      value = try context.graph.add(value, context.weight("bias", [units]))
    }
    // Softmax doesn't care for leading axes, so that every activation may come before the reshape.
    value = try activation?.apply(to: value, in: &context.graph) ?? value
    return [try context.graph.reshape(value, to: Shape(shape.axes.dropLast() + [units]))]
  }
}
