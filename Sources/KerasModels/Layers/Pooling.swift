import Graphs
import Tensors

/// Keras' `MaxPooling1D` to `3D` and `AveragePooling1D` to `3D` over (batch, spatial..., channels).
///
/// With `padding="same"` an average counts only the elements inside the input, as Keras' does.
struct Pooling: Layer {
  static let classNames = [
    "AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "AvgPool1D", "AvgPool2D",
    "AvgPool3D", "MaxPool1D", "MaxPool2D", "MaxPool3D", "MaxPooling1D", "MaxPooling2D",
    "MaxPooling3D",
  ]

  private enum Edges: String, CaseIterable {
    case valid, same
  }

  private enum CodingKeys: String, CodingKey {
    case strides, padding
    case poolSize = "pool_size"
  }

  private let className: String
  private let rank: Int
  private let format: DataFormat
  private let poolSize: [Int]
  private let strides: [Int]
  private let edges: Edges
  private let isMaximum: Bool

  init(decoding config: LayerConfig) throws {
    className = config.className
    rank = config.spatialRank
    format = try config.dataFormat()
    let settings = try config.container(keyedBy: CodingKeys.self)
    poolSize =
      try settings.decodeIfPresent(Lengths.self, forKey: .poolSize)?
      .expanded(to: rank, "pool_size") ?? Array(repeating: 2, count: rank)
    strides =
      try settings.decodeIfPresent(Lengths.self, forKey: .strides)?
      .expanded(to: rank, "strides") ?? poolSize
    edges = try settings.choice(Edges.self, forKey: .padding, default: .valid)
    isMaximum = className.hasPrefix("Max")
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try context.graph.image(
      inputs.only(className), rank: rank, from: format, className)
    let geometry = WindowGeometry.keras(
      window: poolSize, strides: strides, dilations: poolSize.map { _ in 1 },
      padding: edges == .same ? .same : .valid,
      spatial: Array(context.graph.shape(input).axes[1...rank]))
    let value = try context.graph.pooling(
      input, geometry: geometry, function: isMaximum ? .maximum : .averageExcludingPadding)
    return [try context.graph.channelsLast(value, to: format)]
  }
}

/// Keras' `GlobalMaxPooling1D` to `3D` and `GlobalAveragePooling1D` to `3D`: one number for each
/// channel of an input, with `keepdims` in spatial axes of length one.
///
/// The average of a sequence leaves out the steps that its mask leaves out.
struct GlobalPooling: Layer {
  static let classNames = [
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D",
    "GlobalAvgPool1D", "GlobalAvgPool2D", "GlobalAvgPool3D", "GlobalMaxPool1D", "GlobalMaxPool2D",
    "GlobalMaxPool3D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D",
  ]

  private enum CodingKeys: String, CodingKey { case keepdims }

  private let className: String
  private let rank: Int
  private let format: DataFormat
  private let keepsAxes: Bool
  private let function: ReductionFunction

  private var usesMask: Bool { rank == 1 && function == .mean }

  var arguments: [String] { usesMask ? ["inputs", "mask"] : ["inputs"] }

  init(decoding config: LayerConfig) throws {
    className = config.className
    rank = config.spatialRank
    format = try config.dataFormat()
    let settings = try config.container(keyedBy: CodingKeys.self)
    keepsAxes = try settings.decodeIfPresent(Bool.self, forKey: .keepdims) ?? false
    function = config.className.hasPrefix("GlobalMax") ? .maximum : .mean
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    // A mask among the arguments is no input.
    let input = try context.graph.image(
      context.call.tensors("inputs").map(\.value).only(className), rank: rank, from: format,
      className)
    let shape = context.graph.shape(input)
    var value: Value
    if usesMask, let mask = context.call.mask {
      value = try average(input, mask, in: &context.graph)
    } else {
      value = try context.graph.reduce(function, input, axes: Array(1...rank))
    }
    if keepsAxes {
      let ones = [Int](repeating: 1, count: rank)
      value = try context.graph.reshape(value, to: Shape([shape[0]] + ones + [shape[rank + 1]]))
      value = try context.graph.channelsLast(value, to: format)
    }
    return [value]
  }

  /// Appends the sum over the steps that a mask keeps, divided by their number.
  private func average(
    _ input: Value, _ mask: Value, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let shape = graph.shape(input)
    guard graph.shape(mask) == [shape[0], shape[1]] else {
      throw .invalidArgument(
        "\(className) needs a mask (batch, length) for an input of shape \(shape), received shape "
          + "\(graph.shape(mask))")
    }
    let column = try graph.reshape(mask, to: [shape[0], shape[1], 1])
    let kept = try graph.select(column, input, graph.constant(0))
    let count = try graph.reshape(
      graph.reduce(.sum, mask, axes: [1]), to: [shape[0], 1])
    return try graph.divide(graph.reduce(.sum, kept, axes: [1]), count)
  }
}

/// Keras' `AdaptiveMaxPooling1D` to `3D` and `AdaptiveAveragePooling1D` to `3D`: the input in a
/// given number of parts along each axis, which overlap where the length isn't a multiple of it.
struct AdaptivePooling: Layer {
  static let classNames = [
    "AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D",
  ]

  private enum CodingKeys: String, CodingKey { case outputSize = "output_size" }

  private let className: String
  private let rank: Int
  private let format: DataFormat
  private let outputSize: [Int]

  init(decoding config: LayerConfig) throws {
    className = config.className
    rank = config.spatialRank
    format = try config.dataFormat()
    outputSize = try config.container(keyedBy: CodingKeys.self)
      .decode(Lengths.self, forKey: .outputSize).expanded(to: rank, "output_size")
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try context.graph.image(
      inputs.only(className), rank: rank, from: format, className)
    let value = try context.graph.adaptivePooling(
      input, to: outputSize,
      function: className.hasPrefix("AdaptiveMax") ? .maximum : .averageExcludingPadding)
    return [try context.graph.channelsLast(value, to: format)]
  }
}

extension Graph {
  /// Appends the maximum or the average of a number of parts along each spatial axis.
  mutating func adaptivePooling(
    _ image: Value, to counts: [Int], function: PoolingFunction
  ) throws(PhospheneError) -> Value {
    let lengths = shape(image).axes[1...counts.count]
    var value = image
    // Parts of equal length are plain windows; others are made such, or averaged one axis at a time.
    var window = zip(lengths, counts).map { $0 / max($1, 1) }
    for (position, (length, count)) in zip(lengths, counts).enumerated()
    where length % count != 0 {
      let parts = adaptiveParts(of: length, count: count)
      let axis = position + 1
      if function == .maximum {
        window[position] = parts.map(\.count).max() ?? 1
        value = try spread(value, axis, parts, to: window[position])
      } else {
        window[position] = 1
        let rows = parts.map { part in
          part.map { SparseMatrix.Entry($0, 1 / Float(part.count)) }
        }
        value = try sparseProduct(
          SparseMatrix(columnCount: length, rows: rows), value, axis: axis)
      }
    }
    guard window.contains(where: { $0 > 1 }) else { return value }
    let geometry = WindowGeometry.keras(
      window: window, strides: window, dilations: window.map { _ in 1 }, padding: .valid,
      spatial: Array(shape(value).axes[1...counts.count]))
    return try pooling(value, geometry: geometry, function: function)
  }

  /// Appends the parts one behind the other, the shorter ones with their last element again.
  private mutating func spread(
    _ value: Value, _ axis: Int, _ parts: [Range<Int>], to length: Int
  ) throws(PhospheneError) -> Value {
    let positions = parts.flatMap { part in
      (0..<length).map { Float(min(part.lowerBound + $0, part.upperBound - 1)) }
    }
    return try gather(value, constant(Tensor([positions.count], positions)), axis: axis)
  }
}

/// The elements of each part: those that lie at least partly between `i / count` and
/// `(i + 1) / count` of the length.
private func adaptiveParts(of length: Int, count: Int) -> [Range<Int>] {
  (0..<count).map { $0 * length / count..<(($0 + 1) * length + count - 1) / count }
}
