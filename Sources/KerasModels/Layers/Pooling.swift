import Graphs
import Tensors

/// Keras' `MaxPooling2D` and `AveragePooling2D` over (batch, height, width, channels).
///
/// With `padding="same"` an average counts only the elements inside the input, as Keras' does.
struct Pooling2D: Layer {
  static let classNames = ["AveragePooling2D", "MaxPooling2D", "AvgPool2D", "MaxPool2D"]

  private enum CodingKeys: String, CodingKey {
    case strides, padding
    case poolSize = "pool_size"
    case name
  }

  private let poolSize: [Int]
  private let strides: [Int]
  private let padding: Padding
  private let isMaximum: Bool

  init(decoding config: LayerConfig) throws {
    try config.requireChannelsLast()
    let settings = try config.container(keyedBy: CodingKeys.self)
    poolSize =
      try settings.decodeIfPresent(Lengths.self, forKey: .poolSize)?
      .expanded(to: 2, "pool_size") ?? [2, 2]
    strides =
      try settings.decodeIfPresent(Lengths.self, forKey: .strides)?
      .expanded(to: 2, "strides") ?? poolSize
    padding = try settings.decodeIfPresent(Padding.self, forKey: .padding) ?? .valid
    isMaximum = config.className.hasPrefix("Max")
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("pooling")
    let shape = context.graph.shape(input)
    guard shape.rank == 4 else {
      throw .invalidArgument(
        "pooling needs an input (batch, height, width, channels), received shape \(shape)")
    }
    let geometry = WindowGeometry.keras(
      window: poolSize, strides: strides, dilations: [1, 1], padding: padding,
      spatial: [shape[1], shape[2]])
    return [
      try context.graph.pooling(
        input, geometry: geometry, function: isMaximum ? .maximum : .averageExcludingPadding)
    ]
  }
}

/// Keras' `GlobalAveragePooling2D` and `GlobalMaxPooling2D`: (batch, height, width, channels) to
/// (batch, channels), or to (batch, 1, 1, channels) with `keepdims`.
struct GlobalPooling2D: Layer {
  static let classNames = [
    "GlobalAveragePooling2D", "GlobalAvgPool2D", "GlobalMaxPool2D", "GlobalMaxPooling2D",
  ]

  private enum CodingKeys: String, CodingKey { case keepdims }

  private let keepsAxes: Bool
  private let function: ReductionFunction

  init(decoding config: LayerConfig) throws {
    try config.requireChannelsLast()
    let settings = try config.container(keyedBy: CodingKeys.self)
    keepsAxes = try settings.decodeIfPresent(Bool.self, forKey: .keepdims) ?? false
    function = config.className.hasPrefix("GlobalMax") ? .maximum : .mean
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("global pooling")
    let shape = context.graph.shape(input)
    guard shape.rank == 4 else {
      throw .invalidArgument(
        "global pooling needs an input (batch, height, width, channels), received shape \(shape)")
    }
    let value = try context.graph.reduce(function, input, axes: [1, 2])
    return [keepsAxes ? try context.graph.reshape(value, to: [shape[0], 1, 1, shape[3]]) : value]
  }
}
