import Graphs
import Tensors

/// Keras' `Activation`: a named function of each element, or softmax over the last axis.
struct ActivationLayer: ActivatedLayer {
  static let classNames = ["Activation"]

  private enum CodingKeys: String, CodingKey { case activation }

  private let activation: ActivationSetting

  var activationName: String? { activation.name }

  init(decoding config: LayerConfig) throws {
    activation = try config.container(keyedBy: CodingKeys.self)
      .decode(ActivationSetting.self, forKey: .activation)
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    [try activation.apply(to: inputs.only("Activation"), in: &context.graph)]
  }
}

/// Keras' `ReLU`: `max_value` where x is at least that, x where x exceeds `threshold`,
/// `negative_slope * (x - threshold)` below.
struct ReLU: Layer {
  static let classNames = ["ReLU"]

  private enum CodingKeys: String, CodingKey {
    case threshold
    case maxValue = "max_value"
    case negativeSlope = "negative_slope"
  }

  private let maximum: Float?
  private let slope: Float
  private let threshold: Float

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    maximum = try settings.decodeIfPresent(Float.self, forKey: .maxValue)
    slope = try settings.decodeIfPresent(Float.self, forKey: .negativeSlope) ?? 0
    threshold = try settings.decodeIfPresent(Float.self, forKey: .threshold) ?? 0
    guard slope >= 0, threshold >= 0, maximum ?? 0 >= 0 else {
      throw PhospheneError.invalidArgument(
        "max_value, negative_slope and threshold must not be negative, received "
          + "\(maximum ?? 0), \(slope) and \(threshold)")
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("ReLU")
    if threshold == 0, slope == 0, let maximum {
      return [try context.graph.unary(.clip(low: 0, high: maximum), input)]
    }
    var value = input
    if threshold == 0 {
      value = try context.graph.unary(.relu(negativeSlope: slope), value)
    } else {
      // x where x > threshold, slope * (x - threshold) elsewhere.
      let shifted = try context.graph.linear(input, scale: 1, offset: -threshold)
      let isAbove = try context.graph.unary(.step, shifted)
      let above = try context.graph.multiply(input, isAbove)
      if slope == 0 {
        value = above
      } else {
        let low = try context.graph.linear(
          context.graph.unary(.clip(low: -.infinity, high: 0), shifted), scale: slope)
        value = try context.graph.add(above, low)
      }
    }
    if let maximum {
      value = try context.graph.unary(.clip(low: -.infinity, high: maximum), value)
    }
    return [value]
  }
}

/// Keras' `Softmax` over one axis.
struct Softmax: Layer {
  static let classNames = ["Softmax"]

  private enum CodingKeys: String, CodingKey { case axis }

  private let axis: Int

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    guard settings.contains(.axis) else {
      axis = -1
      return
    }
    let axes = try settings.decode(Axes.self, forKey: .axis).values
    guard axes.count == 1 else {
      throw PhospheneError.unsupported("axis must be one axis, received \(axes)")
    }
    axis = axes[0]
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    [try context.graph.softmax(inputs.only("Softmax"), axis: axis)]
  }
}
