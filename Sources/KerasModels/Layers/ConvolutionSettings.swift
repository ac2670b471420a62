import Graphs
import Tensors

/// The settings that all convolutions have.
struct ConvolutionSettings: Sendable {
  /// What Keras' `padding` may say; `causal` only along one axis, where a window ends at its place.
  private enum Edges: String, CaseIterable {
    case valid, same, causal
  }

  private enum CodingKeys: String, CodingKey {
    case padding, activation, strides
    case kernelSize = "kernel_size"
    case dilationRate = "dilation_rate"
    case useBias = "use_bias"
    case loraRank = "lora_rank"
  }

  let className: String
  /// The number of spatial axes.
  let rank: Int
  let kernelSize: [Int]
  let strides: [Int]
  let dilations: [Int]
  let format: DataFormat
  let useBias: Bool
  let activation: ActivationSetting?
  private let edges: Edges

  /// Whether `padding` is `"same"`.
  var isPadded: Bool { edges == .same }

  /// Reads the settings of a class with `1D`, `2D` or `3D` in its name.
  init(decoding config: LayerConfig, allowsCausal: Bool = false) throws {
    className = config.className
    rank = config.spatialRank
    format = try config.dataFormat()
    let settings = try config.container(keyedBy: CodingKeys.self)
    kernelSize = try settings.decode(Lengths.self, forKey: .kernelSize)
      .expanded(to: rank, "kernel_size")
    strides =
      try settings.decodeIfPresent(Lengths.self, forKey: .strides)?.expanded(to: rank, "strides")
      ?? Array(repeating: 1, count: rank)
    dilations =
      try settings.decodeIfPresent(Lengths.self, forKey: .dilationRate)?
      .expanded(to: rank, "dilation_rate") ?? Array(repeating: 1, count: rank)
    edges = try settings.choice(Edges.self, forKey: .padding, default: .valid)
    guard edges != .causal || (allowsCausal && rank == 1) else {
      throw PhospheneError.unsupported("padding must be 'valid' or 'same', received 'causal'")
    }
    useBias = try settings.decodeIfPresent(Bool.self, forKey: .useBias) ?? true
    activation = try settings.decodeIfPresent(ActivationSetting.self, forKey: .activation)
    guard try settings.decodeIfPresent(Int.self, forKey: .loraRank) == nil else {
      throw PhospheneError.unsupported("lora_rank isn't supported: merge the weights first")
    }
  }

  /// Refuses strides and dilations together, which Keras has for depthwise windows only.
  func requireStridesOrDilations() throws(PhospheneError) {
    guard !strides.contains(where: { $0 > 1 }) || !dilations.contains(where: { $0 > 1 }) else {
      throw .unsupported(
        "strides and dilation_rate can't both exceed 1, received \(strides) and \(dilations)")
    }
  }

  /// Returns an input with its channels last.
  func image(
    _ input: Value, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    try graph.image(input, rank: rank, from: format, className)
  }

  /// Where the windows lie on an image of a shape whose channels are last.
  func geometry(on image: Shape) -> WindowGeometry {
    var geometry = WindowGeometry.keras(
      window: kernelSize, strides: strides, dilations: dilations,
      padding: edges == .same ? .same : .valid, spatial: Array(image.axes[1...rank]))
    if edges == .causal { geometry.padLow[0] = (kernelSize[0] - 1) * dilations[0] }
    return geometry
  }

  /// Appends bias and activation to an image whose channels are last.
  func finish(
    _ image: Value, in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    var value = image
    if useBias {
      let shape = context.graph.shape(value)
      value = try context.graph.add(value, context.weight("bias", [shape[shape.rank - 1]]))
    }
    value = try context.graph.channelsLast(value, to: format)
    return [try activation?.apply(to: value, in: &context) ?? value]
  }
}
