import Glibc
import Graphs
import Tensors

extension OperationRule {
  /// Images in other sizes: one (height, width, channels) or a batch of them.
  static let images: [String: OperationRule] = [
    "CropImages": OperationRule(
      ["images"],
      settings: [
        "top_cropping", "left_cropping", "bottom_cropping", "right_cropping", "target_height",
        "target_width", "data_format",
      ], crop),
    "PadImages": OperationRule(
      ["images"],
      settings: [
        "top_padding", "left_padding", "bottom_padding", "right_padding", "target_height",
        "target_width", "data_format",
      ], surround),
    "Resize": OperationRule(
      ["images"],
      settings: [
        "size", "interpolation", "antialias", "crop_to_aspect_ratio", "pad_to_aspect_ratio",
        "fill_mode", "fill_value", "data_format",
      ], resize),
    "ScaleAndTranslate": OperationRule(
      ["images", "output_shape", "scale", "translation"],
      settings: ["spatial_dims", "method", "antialias"], scaleAndTranslate),
  ]
}

extension LoweringContext {
  /// The axis of an image's channels.
  func channelAxis(of images: Value) throws(PhospheneError) -> Int {
    let shape = graph.shape(images)
    guard (3...4).contains(shape.rank) else {
      throw .invalidArgument(
        "images have height, width and channels, and may have a batch, received \(shape)")
    }
    return try dataFormat() == .channelsLast ? shape.rank - 1 : shape.rank - 3
  }

  /// The first of the two spatial axes of an image.
  fileprivate func firstSpatialAxis(of images: Value) throws(PhospheneError) -> Int {
    let channels = try channelAxis(of: images)
    return try dataFormat() == .channelsLast ? channels - 2 : channels + 1
  }
}

private func resize(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let images = try context.requiredValue("images")
  let name = try context.call.text("interpolation") ?? "bilinear"
  guard let interpolation = Interpolation(rawValue: name), interpolation != .area else {
    throw .unsupported(
      "interpolation must be 'nearest', 'bilinear', 'bicubic', 'lanczos3' or 'lanczos5', received "
        + "'\(name)'")
  }
  guard let size = try context.call.lengths("size", count: 2) else {
    throw .invalidArgument("setting 'size' is missing")
  }
  guard try context.call.text("fill_mode") ?? "constant" == "constant" else {
    throw .unsupported("fill_mode must be 'constant'")
  }
  var resizing = ImageResizing(
    height: size[0], width: size[1], format: try context.dataFormat(),
    interpolation: interpolation, antialias: context.call.flag("antialias"))
  if context.call.flag("crop_to_aspect_ratio") { resizing.proportions = .crop }
  if context.call.flag("pad_to_aspect_ratio") {
    resizing.proportions = .pad(try context.call.float("fill_value", default: 0))
  }
  let value = try context.graph.resize(images, resizing)
  // Keras rounds whole numbers back into the range of their type.
  return [try context.rounded(value)]
}

/// How many pixels to add or to take before and after along both axes: two of three settings say it.
private func margins(
  _ context: LoweringContext, of images: Value, word: String, isGrowing: Bool
) throws(PhospheneError) -> [(low: Int, high: Int)] {
  let first = try context.firstSpatialAxis(of: images)
  var margins: [(low: Int, high: Int)] = []
  let sides = [("top", "bottom", "height"), ("left", "right", "width")]
  for (index, (before, after, extent)) in sides.enumerated() {
    let length = context.graph.shape(images)[first + index]
    let low = try context.call.whole("\(before)_\(word)")
    let high = try context.call.whole("\(after)_\(word)")
    let target = try context.call.whole("target_\(extent)").map {
      isGrowing ? $0 - length : length - $0
    }
    let found: (Int, Int)? =
      switch (low, high, target) {
      case (let low?, let high?, nil): (low, high)
      case (let low?, nil, let total?): (low, total - low)
      case (nil, let high?, let total?): (total - high, high)
      default: nil
      }
    guard let found, found.0 >= 0, found.1 >= 0, found.0 < 1 << 24, found.1 < 1 << 24 else {
      throw .invalidArgument(
        "two of \(before)_\(word), \(after)_\(word) and target_\(extent) must be given, and leave "
          + "room for a \(extent) of \(length)")
    }
    margins.append((low: found.0, high: found.1))
  }
  return margins
}

private func surround(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let images = try context.requiredValue("images")
  let margins = try margins(context, of: images, word: "padding", isGrowing: true)
  let first = try context.firstSpatialAxis(of: images)
  var low = context.graph.shape(images).axes.map { _ in 0 }
  var high = low
  for (index, margin) in margins.enumerated() {
    (low[first + index], high[first + index]) = (margin.low, margin.high)
  }
  return [try context.graph.pad(images, low: low, high: high)]
}

private func crop(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  var value = try context.requiredValue("images")
  let margins = try margins(context, of: value, word: "cropping", isGrowing: false)
  let first = try context.firstSpatialAxis(of: value)
  for (index, margin) in margins.enumerated() {
    let length = context.graph.shape(value)[first + index] - margin.low - margin.high
    guard length > 0 else { throw .invalidArgument("cropping leaves nothing of the images") }
    value = try context.graph.slice(
      value, axis: first + index, start: margin.low, length: length)
  }
  return [value]
}

/// Linear maps of axes: output position `i` lies at `(i + 0.5 - translation) / scale - 0.5`.
private func scaleAndTranslate(
  _ context: inout LoweringContext
) throws(PhospheneError) -> [Value] {
  var value = try context.requiredValue("images")
  let axes = try context.axes("spatial_dims", of: context.graph.shape(value))
  guard let scales = context.call["scale"]?.plainNumbers,
    let shifts = context.call["translation"]?.plainNumbers,
    let lengths = try context.call.wholes("output_shape"),
    scales.count == axes.count, shifts.count == axes.count,
    lengths.count == context.graph.shape(value).rank, scales.allSatisfy({ $0 > 0 })
  else {
    throw .unsupported(
      "output_shape, scale and translation must be numbers in the configuration, one for each axis")
  }
  let method = try context.call.text("method") ?? "linear"
  guard let kernel = ResamplingKernel(method: method) else {
    throw .unsupported(
      "method must be 'linear', 'cubic', 'lanczos3' or 'lanczos5', received '\(method)'")
  }
  let widens = context.call.flag("antialias", default: true)
  for (index, axis) in axes.enumerated() {
    let length = context.graph.shape(value)[axis]
    guard (1...1 << 16).contains(lengths[axis]), (1...1 << 16).contains(length) else {
      throw .unsupported("axes have 1 to 2^16 elements, received \(length) to \(lengths[axis])")
    }
    let rows = (0..<lengths[axis]).map { position in
      let place = (Double(position) + 0.5 - shifts[index]) / scales[index] - 0.5
      return kernel.weights(
        at: place, width: widens ? max(1 / scales[index], 1) : 1, length: length)
    }
    value = try context.graph.sparseProduct(
      SparseMatrix(columnCount: length, rows: rows), value, axis: axis)
  }
  return [value]
}

/// A filter of `keras.ops.image.scale_and_translate`.
private enum ResamplingKernel {
  case linear, cubic
  case lanczos(Double)

  init?(method: String) {
    switch method {
    case "linear", "bilinear", "trilinear", "triangle": self = .linear
    case "cubic", "bicubic", "tricubic": self = .cubic
    case "lanczos3": self = .lanczos(3)
    case "lanczos5": self = .lanczos(5)
    default: return nil
    }
  }

  private func callAsFunction(_ x: Double) -> Double {
    switch self {
    case .linear: return max(1 - x, 0)
    case .cubic:
      if x >= 2 { return 0 }
      return x >= 1 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : (1.5 * x - 2.5) * x * x + 1
    case .lanczos(let radius):
      if x > radius { return 0 }
      return x > 1e-3 ? radius * sin(.pi * x) * sin(.pi * x / radius) / (.pi * .pi * x * x) : 1
    }
  }

  /// The shares of an axis' elements in one at a place, none outside of the axis.
  func weights(at place: Double, width: Double, length: Int) -> [SparseMatrix.Entry] {
    guard place >= -0.5, place <= Double(length) - 0.5 else { return [] }
    let weights = (0..<length).map { self(abs(place - Double($0)) / width) }
    let sum = weights.reduce(0, +)
    guard abs(sum) > 1000 * Double(Float.ulpOfOne) else { return [] }
    return weights.enumerated().filter { $1 != 0 }
      .map { SparseMatrix.Entry($0, Float($1 / sum)) }
  }
}
