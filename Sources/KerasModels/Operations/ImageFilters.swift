import Glibc
import Graphs
import Tensors

extension OperationRule {
  /// Images filtered, compared and in other colors.
  static let imageFilters: [String: OperationRule] = [
    "GaussianBlur": OperationRule(
      ["images"], settings: ["kernel_size", "sigma", "data_format"], blur),
    "HSVToRGB": colors { graph, hue, saturation, value in
      try graph.colors(hue: hue, saturation: saturation, value: value)
    },
    "RGBToGrayscale": OperationRule(["images"], settings: ["data_format"], gray),
    "RGBToHSV": colors { graph, red, green, blue in
      try graph.hue(red: red, green: green, blue: blue)
    },
    "SSIM": OperationRule(
      ["image1", "image2"],
      settings: ["max_val", "filter_size", "filter_sigma", "k1", "k2", "data_format"], similarity),
    "SobelEdges": OperationRule(["images"], settings: ["data_format"], edges),
  ]

  /// Three channels computed from three.
  private static func colors(
    _ body: @escaping @Sendable (inout Graph, Value, Value, Value) throws -> [Value]
  ) -> OperationRule {
    OperationRule(["images"], settings: ["data_format"]) { context in
      let images = try context.requiredValue("images")
      let axis = try context.channelAxis(of: images)
      guard context.graph.shape(images)[axis] == 3 else {
        throw PhospheneError.invalidArgument(
          "images need three channels, received \(context.graph.shape(images))")
      }
      var parts: [Value] = []
      for channel in 0..<3 {
        parts.append(try context.graph.slice(images, axis: axis, start: channel, length: 1))
      }
      let results = try body(&context.graph, parts[0], parts[1], parts[2])
      return [try context.graph.concatenate(results, axis: axis)]
    }
  }
}

extension LoweringContext {
  /// Appends a function of a batch of images whose channels are last, for images as they come.
  fileprivate mutating func onBatch(
    _ images: Value, _ body: (inout Graph, Value) throws(PhospheneError) -> Value
  ) throws(PhospheneError) -> Value {
    let isSingle = graph.shape(images).rank == 3
    _ = try channelAxis(of: images)
    let format = try dataFormat()
    let batch = try graph.reshape(
      images, to: Shape((isSingle ? [1] : []) + graph.shape(images).axes))
    let result = try body(&graph, graph.channelsLast(batch, from: format))
    let value = try graph.channelsLast(result, to: format)
    return isSingle
      ? try graph.reshape(value, to: Shape(Array(graph.shape(value).axes.dropFirst()))) : value
  }
}

// MARK: - Filters

/// A bell curve of `count` numbers that sum to one.
private func bell(_ count: Int, deviation: Double) -> [Double] {
  let values = (0..<count).map { index in
    let x = (Double(index) - Double(count - 1) / 2) / deviation
    return exp(-0.5 * x * x)
  }
  let sum = values.reduce(0, +)
  return values.map { $0 / sum }
}

extension Graph {
  /// Appends each channel of a batch convolved with the same window.
  fileprivate mutating func filtered(
    _ batch: Value, _ window: [Int], _ weights: [Double], _ padding: Padding
  ) throws(PhospheneError) -> Value {
    let channels = shape(batch)[3]
    let spread = weights.flatMap { [Float](repeating: Float($0), count: channels) }
    let kernel = constant(try Tensor(Shape(window + [1, channels]), spread))
    let geometry = WindowGeometry.keras(
      window: window, strides: [1, 1], dilations: [1, 1], padding: padding,
      spatial: Array(shape(batch).axes[1...2]))
    return try convolution(batch, weights: kernel, geometry: geometry, groups: channels)
  }
}

private func blur(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let images = try context.requiredValue("images")
  let size = try context.call.lengths("kernel_size", count: 2) ?? [3, 3]
  let deviations = context.call["sigma"]?.plainNumbers ?? [1, 1]
  guard deviations.count == 2, deviations.allSatisfy({ $0 > 0 }), size.allSatisfy({ $0 < 1 << 10 })
  else {
    throw .invalidArgument("sigma needs two positive numbers, received \(deviations)")
  }
  // Keras writes the second axis' curve along the first, whatever the window's lengths.
  let (x, y) = (bell(size[0], deviation: deviations[0]), bell(size[1], deviation: deviations[1]))
  let weights = y.flatMap { row in x.map { row * $0 } }
  return [
    try context.onBatch(images) { (graph, batch) throws(PhospheneError) in
      try graph.filtered(batch, size, weights, .same)
    }
  ]
}

/// The differences of neighbours down and to the right, smoothed across, on a new last axis.
private func edges(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let images = try context.requiredValue("images")
  let format = try context.dataFormat()
  guard context.graph.shape(images).rank == 4 else {
    throw .invalidArgument("images need a batch, received \(context.graph.shape(images))")
  }
  var batch = try context.graph.channelsLast(images, from: format)
  let shape = context.graph.shape(batch)
  guard shape[1] > 1, shape[2] > 1 else {
    throw .invalidArgument("images of shape \(shape) are too small for edges")
  }
  for axis in 1...2 {
    let positions = [1] + Array(0..<shape[axis]) + [shape[axis] - 2]
    batch = try context.graph.taking(batch, positions, axis: axis)
  }
  let down: [Double] = [-1, -2, -1, 0, 0, 0, 1, 2, 1]
  let right: [Double] = [-1, 0, 1, -2, 0, 2, -1, 0, 1]
  let value = try context.graph.stack(
    [
      context.graph.filtered(batch, [3, 3], down, .valid),
      context.graph.filtered(batch, [3, 3], right, .valid),
    ], axis: 4)
  return [format == .channelsLast ? value : try context.graph.transpose(value, [0, 3, 1, 2, 4])]
}

/// The structural similarity of images (Wang, Bovik, Sheikh and Simoncelli 2004), one number for each.
private func similarity(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let (first, second) = (
    try context.requiredValue("image1"), try context.requiredValue("image2")
  )
  let size = try context.call.whole("filter_size") ?? 11
  let deviation = try context.call.number("filter_sigma") ?? 1.5
  let range = try context.call.number("max_val") ?? 1
  let (k1, k2) = (try context.call.number("k1") ?? 0.01, try context.call.number("k2") ?? 0.03)
  let (c1, c2) = (Float(k1 * k1 * range * range), Float(k2 * k2 * range * range))
  guard (1...1 << 10).contains(size), deviation > 0 else {
    throw .invalidArgument("filter_size and filter_sigma must be positive")
  }
  let curve = bell(size, deviation: deviation)
  let weights = curve.flatMap { row in curve.map { row * $0 } }
  let format = try context.dataFormat()
  let isSingle = context.graph.shape(first).rank == 3
  var batches: [Value] = []
  for images in [first, second] {
    _ = try context.channelAxis(of: images)
    let batch = try context.graph.reshape(
      images, to: Shape((isSingle ? [1] : []) + context.graph.shape(images).axes))
    batches.append(try context.graph.channelsLast(batch, from: format))
  }
  var graph = context.graph
  context.graph = Graph()
  defer { context.graph = graph }
  func smooth(_ a: Value, _ b: Value?) throws(PhospheneError) -> Value {
    let product = if let b { try graph.multiply(a, b) } else { a }
    return try graph.filtered(product, [size, size], weights, .valid)
  }
  let (a, b) = (batches[0], batches[1])
  let (meanA, meanB) = (try smooth(a, nil), try smooth(b, nil))
  let squares = try graph.add(graph.unary(.square, meanA), graph.unary(.square, meanB))
  let product = try graph.multiply(meanA, meanB)
  let variances = try graph.subtract(graph.add(smooth(a, a), smooth(b, b)), squares)
  let covariance = try graph.subtract(smooth(a, b), product)
  let above = try graph.multiply(
    graph.linear(product, scale: 2, offset: c1), graph.linear(covariance, scale: 2, offset: c2))
  let below = try graph.multiply(
    graph.linear(squares, scale: 1, offset: c1), graph.linear(variances, scale: 1, offset: c2))
  return [
    try graph.reduce(.mean, graph.divide(above, below), axes: isSingle ? [0, 1, 2, 3] : [1, 2, 3])
  ]
}

// MARK: - Colors

private func gray(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let images = try context.requiredValue("images")
  let axis = try context.channelAxis(of: images)
  let shape = context.graph.shape(images)
  guard shape[axis] == 1 || shape[axis] == 3 else {
    throw .invalidArgument("images need one or three channels, received \(shape)")
  }
  guard shape[axis] == 3 else { return [images] }
  let weights: [Float] = [0.2989, 0.5870, 0.1140]
  let rows = [(0..<3).map { SparseMatrix.Entry($0, weights[$0]) }]
  let value = try context.graph.sparseProduct(
    SparseMatrix(columnCount: 3, rows: rows), images, axis: axis)
  let isWhole = context.call.tensor("images")?.wholeNumbers != nil
  return [isWhole ? try context.graph.unary(.truncate, value) : value]
}

extension Graph {
  /// Appends hue, saturation and value of colors.
  fileprivate mutating func hue(
    red: Value, green: Value, blue: Value
  ) throws(PhospheneError) -> [Value] {
    let value = try binary(.maximum, binary(.maximum, red, green), blue)
    let least = try binary(.minimum, binary(.minimum, red, green), blue)
    let range = try subtract(value, least)
    func sixth(_ a: Value, _ b: Value, _ offset: Float) throws(PhospheneError) -> Value {
      try linear(quotient(subtract(a, b), range), scale: 1 / 6, offset: offset)
    }
    let (isRed, isGreen) = (try binary(.equal, red, value), try binary(.equal, green, value))
    let angle = try select(
      isRed, sixth(green, blue, 0),
      select(isGreen, sixth(blue, red, 2 / 6), sixth(red, green, 4 / 6)))
    let isColored = try binary(.greater, range, constant(0))
    let hue = try select(isColored, angle, constant(0))
    let isNegative = try binary(.greater, constant(0), hue)
    return [try add(hue, isNegative), try quotient(range, value), value]
  }

  /// Appends red, green and blue of hue, saturation and value.
  fileprivate mutating func colors(
    hue: Value, saturation: Value, value: Value
  ) throws(PhospheneError) -> [Value] {
    let rest = try linear(saturation, scale: -1, offset: 1)
    var results: [Value] = []
    for (middle, sign, offset) in [(3, 1, -1), (2, -1, 2), (4, -1, 2)] as [(Float, Float, Float)] {
      let distance = try unary(.absolute, linear(hue, scale: 6, offset: -middle))
      let share = try unary(
        .clip(low: 0, high: 1), linear(distance, scale: sign, offset: offset))
      results.append(try multiply(add(rest, multiply(saturation, share)), value))
    }
    return results
  }
}
