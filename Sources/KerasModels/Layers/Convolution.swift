import Graphs
import Tensors

/// Keras' `Conv1D`, `Conv2D` and `Conv3D`: input (batch, spatial..., channels), kernel (window...,
/// channels / groups, filters), output (batch, windows..., filters).
struct Convolution: ActivatedLayer {
  static let classNames = [
    "Conv1D", "Conv2D", "Conv3D", "Convolution1D", "Convolution2D", "Convolution3D",
  ]

  private enum CodingKeys: String, CodingKey { case filters, groups }

  private let settings: ConvolutionSettings
  private let filters: Int
  private let groups: Int

  var activationName: String? { settings.activation?.name }

  init(decoding config: LayerConfig) throws {
    settings = try ConvolutionSettings(decoding: config, allowsCausal: true)
    try settings.requireStridesOrDilations()
    let own = try config.container(keyedBy: CodingKeys.self)
    filters = try own.positive(.filters)
    groups = try own.positive(.groups, default: 1)
    guard filters % groups == 0 else {
      throw PhospheneError.invalidArgument(
        "filters must be a multiple of groups, received \(filters) and \(groups)")
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try settings.image(inputs.only(settings.className), in: &context.graph)
    let shape = context.graph.shape(input)
    let channels = shape[settings.rank + 1]
    guard channels % groups == 0 else {
      throw .invalidArgument(
        "\(settings.className) needs channels in \(groups) groups, received \(channels) channels")
    }
    let kernel = try context.weight(
      "kernel", Shape(settings.kernelSize + [channels / groups, filters]))
    let value = try context.graph.convolution(
      input, weights: kernel, geometry: settings.geometry(on: shape), groups: groups)
    return try settings.finish(value, in: &context)
  }
}

/// Keras' `DepthwiseConv1D` and `DepthwiseConv2D`: kernel (window..., channels, multiplier), where
/// each channel has filters of its own.
struct DepthwiseConvolution: ActivatedLayer {
  static let classNames = ["DepthwiseConv1D", "DepthwiseConv2D"]

  private enum CodingKeys: String, CodingKey {
    case groups
    case depthMultiplier = "depth_multiplier"
  }

  private let settings: ConvolutionSettings
  private let multiplier: Int

  var activationName: String? { settings.activation?.name }

  init(decoding config: LayerConfig) throws {
    settings = try ConvolutionSettings(decoding: config)
    let own = try config.container(keyedBy: CodingKeys.self)
    multiplier = try own.positive(.depthMultiplier, default: 1)
    // Keras 2 wrote the setting that the class inherits and doesn't use.
    guard try own.positive(.groups, default: 1) == 1 else {
      throw PhospheneError.unsupported("groups must be 1: each channel is a group of its own")
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try settings.image(inputs.only(settings.className), in: &context.graph)
    let channels = context.graph.shape(input)[settings.rank + 1]
    let kernel = try context.weight("kernel", Shape(settings.kernelSize + [channels, multiplier]))
    let value = try context.graph.depthwiseConvolution(input, weights: kernel, settings)
    return try settings.finish(value, in: &context)
  }
}

/// Keras' `SeparableConv1D` and `SeparableConv2D`: a depthwise convolution, and a matrix that mixes
/// its channels at each place.
struct SeparableConvolution: ActivatedLayer {
  static let classNames = [
    "SeparableConv1D", "SeparableConv2D", "SeparableConvolution1D", "SeparableConvolution2D",
  ]

  private enum CodingKeys: String, CodingKey {
    case filters
    case depthMultiplier = "depth_multiplier"
  }

  private let settings: ConvolutionSettings
  private let filters: Int
  private let multiplier: Int

  var activationName: String? { settings.activation?.name }

  init(decoding config: LayerConfig) throws {
    // Keras 2 had causal windows here too.
    settings = try ConvolutionSettings(decoding: config, allowsCausal: true)
    let own = try config.container(keyedBy: CodingKeys.self)
    filters = try own.positive(.filters)
    multiplier = try own.positive(.depthMultiplier, default: 1)
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try settings.image(inputs.only(settings.className), in: &context.graph)
    let channels = context.graph.shape(input)[settings.rank + 1]
    let depthwise = try context.weight(
      "depthwise_kernel", Shape(settings.kernelSize + [channels, multiplier]))
    let ones = [Int](repeating: 1, count: settings.rank)
    let pointwise = try context.weight(
      "pointwise_kernel", Shape(ones + [channels * multiplier, filters]))
    var value = try context.graph.depthwiseConvolution(input, weights: depthwise, settings)
    let geometry = WindowGeometry.keras(
      window: ones, strides: ones, dilations: ones, padding: .valid,
      spatial: Array(context.graph.shape(value).axes[1...settings.rank]))
    value = try context.graph.convolution(value, weights: pointwise, geometry: geometry)
    return try settings.finish(value, in: &context)
  }
}

extension Graph {
  /// Appends a depthwise convolution with weights (window..., channels, multiplier).
  fileprivate mutating func depthwiseConvolution(
    _ image: Value, weights: Value, _ settings: ConvolutionSettings
  ) throws(PhospheneError) -> Value {
    let (input, kernel) = (shape(image), shape(weights))
    let channels = input[settings.rank + 1]
    let filters = channels * kernel[settings.rank + 1]
    // The same numbers in the same order are the weights of a convolution in groups.
    let grouped = try reshape(weights, to: Shape(settings.kernelSize + [1, filters]))
    return try convolution(
      image, weights: grouped, geometry: settings.geometry(on: input), groups: channels)
  }
}

extension KeyedDecodingContainer {
  /// Reads a positive whole number.
  func positive(_ key: Key, default standard: Int? = nil) throws -> Int {
    let number: Int
    if let standard {
      number = try decodeIfPresent(Int.self, forKey: key) ?? standard
    } else {
      number = try decode(Int.self, forKey: key)
    }
    guard (1..<1 << 24).contains(number) else {
      throw PhospheneError.invalidArgument(
        "\(key.stringValue) must be a positive whole number, received \(number)")
    }
    return number
  }
}
