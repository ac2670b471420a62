import Graphs
import Tensors

/// How images get another size: the settings of Keras' `Resizing` and `keras.ops.image.resize`.
struct ImageResizing: Sendable {
  /// What happens to an image of other proportions than the result.
  enum Proportions: Sendable {
    /// It is stretched.
    case stretch
    /// Its ends are cut off.
    case crop
    /// It is surrounded with pixels of one value.
    case pad(Float)
  }

  let height: Int
  let width: Int
  let format: DataFormat
  var interpolation = Interpolation.bilinear
  var antialias = false
  var proportions = Proportions.stretch
}

extension Graph {
  /// Appends images of another size, one image or a batch.
  mutating func resize(
    _ images: Value, _ resizing: ImageResizing
  ) throws(PhospheneError) -> Value {
    let rank = shape(images).rank
    guard (3...4).contains(rank), !shape(images).axes.contains(0) else {
      throw .invalidArgument(
        "resizing needs images with height, width and channels, received shape \(shape(images))")
    }
    let first = resizing.format == .channelsLast ? rank - 3 : rank - 2
    var value = images
    switch resizing.proportions {
    case .stretch: break
    case .crop: value = try crop(value, first, to: resizing)
    case .pad(let fill): value = try surround(value, first, to: resizing, with: fill)
    }
    let (height, width) = (shape(value)[first], shape(value)[first + 1])
    // What makes the image smaller comes first.
    let sizes = [(first, height, resizing.height), (first + 1, width, resizing.width)]
      .sorted { $0.2 * $1.1 < $1.2 * $0.1 }
    for (axis, _, count) in sizes {
      value = try interpolate(
        value, axis: axis, to: count, resizing.interpolation, antialias: resizing.antialias)
    }
    return value
  }

  /// Appends the largest part in the middle that has the proportions of the result.
  private mutating func crop(
    _ images: Value, _ first: Int, to resizing: ImageResizing
  ) throws(PhospheneError) -> Value {
    let (height, width) = (shape(images)[first], shape(images)[first + 1])
    let fitting = fittingSize(height, width, resizing)
    let size = (max(min(height, fitting.height), 1), max(min(width, fitting.width), 1))
    let rows = try slice(
      images, axis: first, start: (height - size.0) / 2, length: size.0)
    return try slice(rows, axis: first + 1, start: (width - size.1) / 2, length: size.1)
  }

  /// Appends the image in the middle of one that has the proportions of the result.
  private mutating func surround(
    _ images: Value, _ first: Int, to resizing: ImageResizing, with fill: Float
  ) throws(PhospheneError) -> Value {
    let (height, width) = (shape(images)[first], shape(images)[first + 1])
    let fitting = fittingSize(height, width, resizing)
    var edges = shape(images).axes.map { _ in 0 }
    edges[first] = max(fitting.height - height, 0) / 2
    edges[first + 1] = max(fitting.width - width, 0) / 2
    return try pad(images, low: edges, high: edges, value: fill)
  }

  /// The height that belongs to an image's width in the proportions of the result, and the width
  /// that belongs to its height; in 32 bits, as TensorFlow computes them.
  private func fittingSize(
    _ height: Int, _ width: Int, _ resizing: ImageResizing
  ) -> (height: Int, width: Int) {
    (
      Int(Float(width * resizing.height) / Float(resizing.width)),
      Int(Float(height * resizing.width) / Float(resizing.height))
    )
  }
}

/// Keras' `Resizing` of (batch, height, width, channels).
struct Resizing: Layer {
  static let classNames = ["Resizing"]

  let keepsWholeNumbers = true

  private enum FillMode: String, CaseIterable { case constant }

  private enum CodingKeys: String, CodingKey {
    case height, width, interpolation, antialias
    case crops = "crop_to_aspect_ratio"
    case pads = "pad_to_aspect_ratio"
    case fillMode = "fill_mode"
    case fillValue = "fill_value"
  }

  private let resizing: ImageResizing

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    var resizing = ImageResizing(
      height: try settings.positive(.height), width: try settings.positive(.width),
      format: try config.dataFormat(),
      interpolation: try settings.choice(
        Interpolation.self, forKey: .interpolation, default: .bilinear),
      antialias: try settings.decodeIfPresent(Bool.self, forKey: .antialias) ?? false)
    let crops = try settings.decodeIfPresent(Bool.self, forKey: .crops) ?? false
    let pads = try settings.decodeIfPresent(Bool.self, forKey: .pads) ?? false
    guard !crops || !pads else {
      throw PhospheneError.invalidArgument(
        "crop_to_aspect_ratio and pad_to_aspect_ratio can't both be true")
    }
    _ = try settings.choice(FillMode.self, forKey: .fillMode, default: .constant)
    if crops { resizing.proportions = .crop }
    if pads {
      resizing.proportions = .pad(
        try settings.decodeIfPresent(Float.self, forKey: .fillValue) ?? 0)
    }
    self.resizing = resizing
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("Resizing")
    try context.graph.requireImage(input, rank: 2, resizing.format, "Resizing")
    return [try context.rounded(context.graph.resize(input, resizing))]
  }
}

/// Keras' `CenterCrop`: the middle of an image, or where it is too small the largest part of the
/// right proportions, made larger.
struct CenterCrop: Layer {
  static let classNames = ["CenterCrop"]

  private enum CodingKeys: String, CodingKey { case height, width }

  private let resizing: ImageResizing

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    resizing = ImageResizing(
      height: try settings.positive(.height), width: try settings.positive(.width),
      format: try config.dataFormat(), proportions: .crop)
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("CenterCrop")
    try context.graph.requireImage(input, rank: 2, resizing.format, "CenterCrop")
    let first = resizing.format.firstSpatialAxis
    let (height, width) = (
      context.graph.shape(input)[first], context.graph.shape(input)[first + 1]
    )
    guard height >= resizing.height, width >= resizing.width else {
      return [try context.graph.resize(input, resizing)]
    }
    let rows = try context.graph.slice(
      input, axis: first, start: (height - resizing.height) / 2, length: resizing.height)
    return [
      try context.graph.slice(
        rows, axis: first + 1, start: (width - resizing.width) / 2, length: resizing.width)
    ]
  }
}
