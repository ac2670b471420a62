import Graphs
import Tensors

/// Returns axes counted from zero, none of which may be the batch's.
func featureAxes(_ axes: [Int], of shape: Shape) throws(PhospheneError) -> [Int] {
  let positive = axes.map { $0 < 0 ? $0 + shape.rank : $0 }
  guard !axes.isEmpty, Set(positive).count == axes.count,
    positive.allSatisfy((1..<max(shape.rank, 1)).contains)
  else {
    throw .invalidArgument(
      axes.count == 1
        ? "axis \(axes[0]) isn't a feature axis of an input of shape \(shape)"
        : "axes \(axes) aren't different feature axes of an input of shape \(shape)")
  }
  return positive
}

/// Keras' `LayerNormalization`: each sample is moved to mean 0 and scaled to variance 1 along the
/// axes, then `gamma * x + beta`.
struct LayerNormalization: Layer {
  static let classNames = ["LayerNormalization"]

  let passesMask = true

  private enum CodingKeys: String, CodingKey {
    case axis, epsilon, center, scale
    case rmsScaling = "rms_scaling"
  }

  private let axes: [Int]
  private let epsilon: Float
  private let center: Bool
  private let scale: Bool
  private let rmsScaling: Bool

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    // Keras sorts them as they are written, and gamma's axes with them.
    axes = (try settings.decodeIfPresent(Axes.self, forKey: .axis)?.values ?? [-1]).sorted()
    epsilon = try settings.decodeIfPresent(Float.self, forKey: .epsilon) ?? 1e-3
    rmsScaling = try settings.decodeIfPresent(Bool.self, forKey: .rmsScaling) ?? false
    center = try settings.decodeIfPresent(Bool.self, forKey: .center) ?? true && !rmsScaling
    scale = try settings.decodeIfPresent(Bool.self, forKey: .scale) ?? true || rmsScaling
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("LayerNormalization")
    let shape = context.graph.shape(input)
    let positions = try featureAxes(axes, of: shape)
    let kept = Shape(positions.map { shape[$0] })
    let column = Shape(shape.axes.indices.map { positions.contains($0) ? shape[$0] : 1 })
    let (centered, factor) = try context.graph.standardizing(
      input, axes: positions, epsilon: epsilon)
    // Keras' rms_scaling divides by the deviation, and leaves the mean.
    var value = try context.graph.multiply(rmsScaling ? input : centered, factor)
    if scale {
      let gamma = try context.weight("gamma", kept)
      value = try context.graph.multiply(value, context.graph.reshape(gamma, to: column))
    }
    if center {
      let beta = try context.weight("beta", kept)
      value = try context.graph.add(value, context.graph.reshape(beta, to: column))
    }
    return [value]
  }
}

/// Keras' `GroupNormalization`: as ``LayerNormalization`` over groups of channels with all places,
/// gamma and beta one a channel.
struct GroupNormalization: Layer {
  static let classNames = ["GroupNormalization"]

  let passesMask = true

  private enum CodingKeys: String, CodingKey { case groups, axis, epsilon, center, scale }

  private let groups: Int
  private let axis: Int
  private let epsilon: Float
  private let center: Bool
  private let scale: Bool

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    groups = try settings.decodeIfPresent(Int.self, forKey: .groups) ?? 32
    guard groups > 0 || groups == -1 else {
      throw PhospheneError.invalidArgument(
        "groups must be positive, or -1 for as many as channels, received \(groups)")
    }
    axis = try settings.decodeIfPresent(Int.self, forKey: .axis) ?? -1
    epsilon = try settings.decodeIfPresent(Float.self, forKey: .epsilon) ?? 1e-3
    center = try settings.decodeIfPresent(Bool.self, forKey: .center) ?? true
    scale = try settings.decodeIfPresent(Bool.self, forKey: .scale) ?? true
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("GroupNormalization")
    let shape = context.graph.shape(input)
    let position = try featureAxes([axis], of: shape)[0]
    let channels = shape[position]
    let groups = groups == -1 ? channels : groups
    guard (1...max(channels, 1)).contains(groups), channels % groups == 0 else {
      throw .invalidArgument("\(channels) channels can't be divided into \(groups) groups")
    }
    var split = shape.axes
    split.replaceSubrange(position...position, with: [groups, channels / groups])
    let grouped = try context.graph.reshape(input, to: Shape(split))
    let (centered, factor) = try context.graph.standardizing(
      grouped, axes: split.indices.filter { $0 != 0 && $0 != position }, epsilon: epsilon)
    var value = try context.graph.reshape(context.graph.multiply(centered, factor), to: shape)
    let column = Shape([channels] + [Int](repeating: 1, count: shape.rank - 1 - position))
    if scale {
      let gamma = try context.weight("gamma", [channels])
      value = try context.graph.multiply(value, context.graph.reshape(gamma, to: column))
    }
    if center {
      let beta = try context.weight("beta", [channels])
      value = try context.graph.add(value, context.graph.reshape(beta, to: column))
    }
    return [value]
  }
}

/// Keras' `RMSNormalization`: each sample divided by the root of its mean square along the axes,
/// times a scale.
struct RMSNormalization: Layer {
  static let classNames = ["RMSNormalization"]

  private enum CodingKeys: String, CodingKey { case axis, epsilon }

  private let axes: [Int]
  private let epsilon: Float

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    axes = (try settings.decodeIfPresent(Axes.self, forKey: .axis)?.values ?? [-1]).sorted()
    epsilon = try settings.decodeIfPresent(Float.self, forKey: .epsilon) ?? 1e-6
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("RMSNormalization")
    let shape = context.graph.shape(input)
    let positions = try featureAxes(axes, of: shape)
    let scale = try context.weight("scale", Shape(positions.map { shape[$0] }))
    let square = try context.graph.unary(.square, input)
    let mean = try context.graph.kept(.mean, square, axes: positions)
    let root = try context.graph.unary(
      .squareRoot, context.graph.linear(mean, scale: 1, offset: epsilon))
    let value = try context.graph.multiply(input, context.graph.unary(.reciprocal, root))
    // Keras aligns the scale with the last axes, wherever the normalized ones lie.
    return [try context.graph.multiply(value, scale)]
  }
}

/// Keras' `UnitNormalization`: each sample divided by its Euclidean length along the axes.
struct UnitNormalization: Layer {
  static let classNames = ["UnitNormalization"]

  let passesMask = true

  private enum CodingKeys: String, CodingKey { case axis }

  private let axes: [Int]

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    axes = try settings.decodeIfPresent(Axes.self, forKey: .axis)?.values ?? [-1]
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("UnitNormalization")
    let positions = try featureAxes(axes, of: context.graph.shape(input))
    return [try context.graph.normalized(input, axes: positions, epsilon: 1e-12)]
  }
}

extension Graph {
  /// Appends one number for all elements along axes, which stay with length one.
  mutating func kept(
    _ function: ReductionFunction, _ value: Value, axes: [Int]
  ) throws(PhospheneError) -> Value {
    var column = shape(value).axes
    for axis in axes { column[axis] = 1 }
    return try reshape(reduce(function, value, axes: axes), to: Shape(column))
  }

  /// Appends `x - mean` and `1 / sqrt(variance + epsilon)` along axes.
  fileprivate mutating func standardizing(
    _ x: Value, axes: [Int], epsilon: Float
  ) throws(PhospheneError) -> (centered: Value, factor: Value) {
    let centered = try subtract(x, kept(.mean, x, axes: axes))
    let variance = try kept(.mean, unary(.square, centered), axes: axes)
    let deviation = try unary(.squareRoot, linear(variance, scale: 1, offset: epsilon))
    return (centered, try unary(.reciprocal, deviation))
  }

  /// Appends an array divided by its Euclidean length along axes, or by `epsilon` if that is more.
  mutating func normalized(
    _ x: Value, axes: [Int], epsilon: Float
  ) throws(PhospheneError) -> Value {
    let square = try kept(.sum, unary(.square, x), axes: axes)
    let inverse = try unary(.reciprocal, unary(.squareRoot, square))
    return try multiply(x, unary(.clip(low: -.infinity, high: 1 / epsilon), inverse))
  }
}
