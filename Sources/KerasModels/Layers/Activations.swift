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

/// Keras' `Softmax` over one axis or several together.
struct Softmax: Layer {
  static let classNames = ["Softmax"]

  private enum CodingKeys: String, CodingKey { case axis }

  private let axes: [Int]

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    axes = try settings.decodeIfPresent(Axes.self, forKey: .axis)?.values ?? [-1]
    guard !axes.isEmpty else {
      throw PhospheneError.invalidArgument("axis needs at least one axis")
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("Softmax")
    guard axes.count > 1 else { return [try context.graph.softmax(input, axis: axes[0])] }
    let shape = context.graph.shape(input)
    let together = axes.map { $0 < 0 ? $0 + shape.rank : $0 }
    guard Set(together).count == axes.count, together.allSatisfy(shape.axes.indices.contains) else {
      throw .invalidArgument("axes \(axes) aren't different axes of an input of shape \(shape)")
    }
    // One softmax over one long axis behind the others.
    let order = shape.axes.indices.filter { !together.contains($0) } + together
    let moved = try context.graph.transpose(input, order)
    let movedShape = context.graph.shape(moved)
    let length = together.reduce(1) { $0 * shape[$1] }
    let rows = try context.graph.reshape(
      moved, to: [shape.elementCount / max(length, 1), length])
    let value = try context.graph.reshape(context.graph.softmax(rows), to: movedShape)
    var inverse = order
    for (position, axis) in order.enumerated() { inverse[axis] = position }
    return [try context.graph.transpose(value, inverse)]
  }
}
