import Graphs
import Tensors

/// Keras' `Activation`: a function of `keras.activations`, or another activation layer.
struct ActivationLayer: ActivatedLayer {
  static let classNames = ["Activation"]

  let passesMask = true

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
    [try activation.apply(to: inputs.only("Activation"), in: &context)]
  }
}

/// Keras' activation layers with numbers for settings: `ELU`, `LeakyReLU`, `ReLU`, and Keras 2's
/// `ThresholdedReLU`.
struct ParametricActivation: Layer {
  static let classNames = ["ELU", "LeakyReLU", "ReLU", "ThresholdedReLU"]

  let passesMask = true

  private enum CodingKeys: String, CodingKey {
    case alpha, threshold, theta
    case maxValue = "max_value"
    case negativeSlope = "negative_slope"
  }

  private let className: String
  private let function: ActivationFunction

  init(decoding config: LayerConfig) throws {
    className = config.className
    let settings = try config.container(keyedBy: CodingKeys.self)
    func number(_ key: CodingKeys) throws -> Float? {
      try settings.decodeIfPresent(Scalar.self, forKey: key)?.value
    }
    func notNegative(_ key: CodingKeys, default standard: Float) throws -> Float {
      let value = try number(key) ?? standard
      guard value >= 0 else {
        throw PhospheneError.invalidArgument(
          "\(key.rawValue) must not be negative, received \(value)")
      }
      return value
    }
    switch className {
    case "ELU": function = .unary(.elu(alpha: try number(.alpha) ?? 1))
    case "LeakyReLU":
      // Keras 2 calls it alpha.
      let isNamed = settings.contains(.negativeSlope)
      function = .relu(slope: try notNegative(isNamed ? .negativeSlope : .alpha, default: 0.3))
    case "ThresholdedReLU":
      function = .thresholdedReLU(threshold: try notNegative(.theta, default: 1))
    default:
      let maximum = try number(.maxValue)
      guard maximum ?? 0 >= 0 else {
        throw PhospheneError.invalidArgument(
          "max_value must not be negative, received \(maximum ?? 0)")
      }
      function = .relu(
        slope: try notNegative(.negativeSlope, default: 0), maximum: maximum,
        threshold: try notNegative(.threshold, default: 0))
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    [try context.graph.activation(function, inputs.only(className))]
  }
}

/// Keras' `PReLU`: x above zero, `alpha * x` below, with alphas of the input's shape (batch left
/// out), of length one along shared axes.
struct PReLU: Layer {
  static let classNames = ["PReLU"]

  let passesMask = true

  private enum CodingKeys: String, CodingKey { case sharedAxes = "shared_axes" }

  private let sharedAxes: [Int]

  init(decoding config: LayerConfig) throws {
    sharedAxes =
      try config.container(keyedBy: CodingKeys.self)
      .decodeIfPresent(Axes.self, forKey: .sharedAxes)?.values ?? []
    guard sharedAxes.allSatisfy({ $0 >= 1 }) else {
      throw PhospheneError.invalidArgument(
        "shared_axes are counted from 1, the axis behind the batch, received \(sharedAxes)")
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("PReLU")
    var axes = try context.batchShape(of: input).axes
    for axis in sharedAxes {
      guard axis < axes.count else {
        throw .invalidArgument(
          "shared_axes \(sharedAxes) aren't axes of an input of shape \(context.graph.shape(input))"
        )
      }
      axes[axis] = 1
    }
    let alpha = try context.weight("alpha", Shape(Array(axes.dropFirst())))
    let low = try context.graph.multiply(
      alpha, context.graph.unary(.clip(low: -.infinity, high: 0), input))
    let result = try context.graph.add(
      context.graph.unary(.relu(negativeSlope: 0), input), low)
    context.graph.noteActivation(result, of: input)
    return [result]
  }
}

/// Keras' `Softmax` over one axis or several together; where a mask is zero, so is the result.
struct Softmax: Layer {
  static let classNames = ["Softmax"]

  let arguments = ["inputs", "mask"]
  let passesMask = true

  private enum CodingKeys: String, CodingKey {
    case axis
    case robustMasking = "robust_masking"
  }

  private let axes: [Int]
  private let masking: SoftmaxMasking

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    axes = try settings.decodeIfPresent(Axes.self, forKey: .axis)?.values ?? [-1]
    guard !axes.isEmpty else {
      throw PhospheneError.invalidArgument("axis needs at least one axis")
    }
    let isRobust = try settings.decodeIfPresent(Bool.self, forKey: .robustMasking) ?? false
    masking = config.writer == .keras3 ? .zeroing : isRobust ? .replacing : .lowering
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    [
      try context.graph.maskedSoftmax(
        context.call.tensors("inputs").map(\.value).only("Softmax"), mask: context.call.mask,
        axes: axes, masking: masking)
    ]
  }
}

/// What becomes of masked elements in a softmax; the three differ where all of them are masked.
enum SoftmaxMasking: Sendable {
  /// They are moved far down, as in Keras 2.
  case lowering
  /// A number far down stands in for them, so that they share evenly.
  case replacing
  /// As ``replacing``, and the result is zero there.
  case zeroing
}

extension Graph {
  /// Appends the softmax over axes, counted from the end if negative, of what a mask leaves.
  mutating func maskedSoftmax(
    _ x: Value, mask: Value?, axes: [Int], masking: SoftmaxMasking
  ) throws(PhospheneError) -> Value {
    let shape = shape(x)
    var positive: [Int] = []
    for axis in axes { positive.append(try shape.axis(axis, of: "softmax")) }
    guard Set(positive).count == axes.count else {
      throw .invalidArgument("axes \(axes) of an input of shape \(shape) must be different")
    }
    guard let mask else {
      let result = try softmax(x, axes: positive)
      noteActivation(result, of: x, isProbability: true)
      return result
    }
    let keeps = try masking == .lowering ? mask : binary(.greater, mask, constant(0.5))
    let kept =
      try masking == .lowering
      ? add(x, linear(mask, scale: 1e9, offset: -1e9)) : select(keeps, x, constant(-1e9))
    guard self.shape(kept) == shape else {
      throw .invalidArgument(
        "a mask of shape \(self.shape(mask)) doesn't fit an input of shape \(shape)")
    }
    var result = try softmax(kept, axes: positive)
    if masking == .zeroing { result = try select(keeps, result, constant(0)) }
    noteActivation(result, of: x, isProbability: true)
    return result
  }
}
