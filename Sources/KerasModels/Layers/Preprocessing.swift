import Graphs
import Tensors

/// Keras' `Rescaling`: `scale * x + offset` with one number each, or arrays that align with the last
/// axes of the input.
struct Rescaling: Layer {
  static let classNames = ["Rescaling"]

  let passesMask = true

  private enum CodingKeys: String, CodingKey { case scale, offset }

  private let scale: NumericArray
  private let offset: NumericArray?

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    scale = try settings.decode(NumericArray.self, forKey: .scale)
    offset = try settings.decodeIfPresent(NumericArray.self, forKey: .offset)
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("Rescaling")
    if scale.shape.rank == 0, offset.map({ $0.shape.rank == 0 }) ?? true {
      return [
        try context.graph.linear(
          input, scale: scale.elements[0], offset: offset?.elements[0] ?? 0)
      ]
    }
    var value = try context.graph.multiply(input, scale.value(in: &context.graph))
    if let offset {
      value = try context.graph.add(value, offset.value(in: &context.graph))
    }
    return [value]
  }
}

/// Keras' `Normalization`: `(x - mean) / sqrt(variance)`, or the inverse of that, with numbers for
/// each position of some axes.
struct Normalization: Layer {
  static let classNames = ["Normalization"]

  let passesMask = true

  private enum CodingKeys: String, CodingKey { case axis, mean, variance, invert }

  /// The axes that have numbers of their own.
  private let axes: [Int]
  /// What the configuration holds; learned numbers are weights.
  private let given: (mean: NumericArray, variance: NumericArray)?
  private let inverts: Bool

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    let isNone = settings.contains(.axis) ? try settings.decodeNil(forKey: .axis) : false
    axes =
      isNone ? [] : try settings.decodeIfPresent(Axes.self, forKey: .axis)?.values ?? [-1]
    inverts = try settings.decodeIfPresent(Bool.self, forKey: .invert) ?? false
    let mean = try settings.decodeIfPresent(NumericArray.self, forKey: .mean)
    let variance = try settings.decodeIfPresent(NumericArray.self, forKey: .variance)
    guard (mean == nil) == (variance == nil), mean?.shape == variance?.shape,
      (mean?.shape.rank ?? 0) <= axes.count
    else {
      throw PhospheneError.invalidArgument(
        "mean and variance must both be given or neither, with the same shape of at most one axis "
          + "for each of \(axes)")
    }
    if let mean, let variance { given = (mean, variance) } else { given = nil }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("Normalization")
    let shape = context.graph.shape(input)
    var kept: [Int] = []
    for axis in axes { kept.append(try shape.axis(axis, of: "Normalization")) }
    kept.sort()
    guard Set(kept).count == kept.count else {
      throw .invalidArgument("axis must name different axes, received \(axes)")
    }
    let mean: Value
    let variance: Value
    if let given {
      mean = try place(given.mean, at: kept, of: shape, in: &context.graph)
      variance = try place(given.variance, at: kept, of: shape, in: &context.graph)
    } else {
      let lengths = Shape(kept.map { shape[$0] })
      let column = Shape(shape.axes.indices.map { kept.contains($0) ? shape[$0] : 1 })
      let weights = (
        try context.weight("mean", lengths, isTrainable: false),
        try context.weight("variance", lengths, isTrainable: false)
      )
      // How many numbers were seen: Keras keeps it and doesn't use it.
      _ = try context.weight("count", [], isTrainable: false)
      mean = try context.graph.reshape(weights.0, to: column)
      variance = try context.graph.reshape(weights.1, to: column)
    }
    let deviation = try context.graph.unary(
      .clip(low: 1e-7, high: .infinity), context.graph.unary(.squareRoot, variance))
    if inverts {
      return [try context.graph.add(mean, context.graph.multiply(input, deviation))]
    }
    return [try context.graph.divide(context.graph.subtract(input, mean), deviation)]
  }

  /// Returns numbers whose last axes belong to the last ones of `kept`.
  private func place(
    _ numbers: NumericArray, at kept: [Int], of shape: Shape, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    var column = shape.axes.map { _ in 1 }
    for (axis, length) in zip(kept.reversed(), numbers.shape.axes.reversed()) {
      guard length == shape[axis] || length == 1 else {
        throw .invalidArgument(
          "mean and variance of shape \(numbers.shape) don't fit axis \(axis) of an input of shape "
            + "\(shape)")
      }
      column[axis] = length
    }
    return try graph.reshape(numbers.value(in: &graph), to: Shape(column))
  }
}

/// Layers that change pictures at random while a network is trained, and do nothing at inference.
struct Augmentation: Layer {
  static let classNames = [
    "AugMix", "CutMix", "Equalization", "MaxNumBoundingBoxes", "MixUp", "RandAugment",
    "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter", "RandomContrast",
    "RandomCrop", "RandomElasticTransform", "RandomErasing", "RandomFlip", "RandomGaussianBlur",
    "RandomGrayscale", "RandomHeight", "RandomHue", "RandomInvert", "RandomPerspective",
    "RandomPosterization", "RandomRotation", "RandomSaturation", "RandomSharpness", "RandomShear",
    "RandomTranslation", "RandomWidth", "RandomZoom", "Solarization",
  ]

  private let className: String

  init(decoding config: LayerConfig) throws { className = config.className }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] { [try inputs.only(className)] }
}

/// Keras' `AutoContrast`: each channel of each picture stretched to the whole range of values.
struct AutoContrast: Layer {
  static let classNames = ["AutoContrast"]

  private enum CodingKeys: String, CodingKey { case valueRange = "value_range" }

  private let low: Float
  private let high: Float

  init(decoding config: LayerConfig) throws {
    let range =
      try config.container(keyedBy: CodingKeys.self)
      .decodeIfPresent(NumericArray.self, forKey: .valueRange)?.elements ?? [0, 255]
    guard range.count == 2, range[0] < range[1] else {
      throw PhospheneError.invalidArgument(
        "value_range needs a smallest and a larger number, received \(range)")
    }
    (low, high) = (range[0], range[1])
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("AutoContrast")
    let shape = context.graph.shape(input)
    guard shape.rank == 4 else {
      throw .invalidArgument(
        "AutoContrast needs an input (batch, height, width, channels), received shape \(shape)")
    }
    // Moved, not copied.
    var graph = context.graph
    context.graph = Graph()
    defer { context.graph = graph }
    // The two axes behind the batch, in whatever format.
    let column: Shape = [shape[0], 1, 1, shape[3]]
    let smallest = try graph.reshape(graph.reduce(.minimum, input, axes: [1, 2]), to: column)
    let largest = try graph.reshape(graph.reduce(.maximum, input, axes: [1, 2]), to: column)
    let share = try graph.divide(
      graph.subtract(input, smallest), graph.subtract(largest, smallest))
    let stretched = try graph.linear(
      graph.unary(.clip(low: 0, high: 1), share), scale: high - low, offset: low)
    // A channel of one value stays what it is.
    return [try graph.select(graph.unary(.isNaN, stretched), input, stretched)]
  }
}
