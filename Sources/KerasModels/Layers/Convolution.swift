import Graphs
import Tensors

/// Keras' `Conv2D`: input (batch, height, width, channels), kernel (height, width,
/// channels / groups, filters), output (batch, new height, new width, filters).
struct Convolution2D: ActivatedLayer {
  static let classNames = ["Conv2D", "Convolution2D"]

  private enum CodingKeys: String, CodingKey {
    case filters, padding, groups, activation, strides
    case kernelSize = "kernel_size"
    case dilationRate = "dilation_rate"
    case useBias = "use_bias"
    case loraRank = "lora_rank"
  }

  private let filters: Int
  private let kernelSize: [Int]
  private let strides: [Int]
  private let dilations: [Int]
  private let padding: Padding
  private let groups: Int
  private let useBias: Bool
  private let activation: ActivationSetting?

  var activationName: String? { activation?.name }

  init(decoding config: LayerConfig) throws {
    try config.requireChannelsLast()
    let settings = try config.container(keyedBy: CodingKeys.self)
    filters = try settings.decode(Int.self, forKey: .filters)
    groups = try settings.decodeIfPresent(Int.self, forKey: .groups) ?? 1
    guard filters > 0, groups > 0, filters % groups == 0, filters < 1 << 24 else {
      throw PhospheneError.invalidArgument(
        "filters must be a positive multiple of groups, received \(filters) and \(groups)")
    }
    kernelSize = try settings.decode(Lengths.self, forKey: .kernelSize)
      .expanded(to: 2, "kernel_size")
    strides =
      try settings.decodeIfPresent(Lengths.self, forKey: .strides)?.expanded(to: 2, "strides")
      ?? [1, 1]
    dilations =
      try settings.decodeIfPresent(Lengths.self, forKey: .dilationRate)?
      .expanded(to: 2, "dilation_rate") ?? [1, 1]
    padding = try settings.decodeIfPresent(Padding.self, forKey: .padding) ?? .valid
    useBias = try settings.decodeIfPresent(Bool.self, forKey: .useBias) ?? true
    activation = try settings.decodeIfPresent(ActivationSetting.self, forKey: .activation)
    guard try settings.decodeIfPresent(Int.self, forKey: .loraRank) == nil else {
      throw PhospheneError.unsupported("lora_rank isn't supported: merge the weights first")
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("Conv2D")
    let shape = context.graph.shape(input)
    guard shape.rank == 4, shape[3] % groups == 0 else {
      throw .invalidArgument(
        "Conv2D needs an input (batch, height, width, channels) with channels in \(groups) "
          + "groups, received shape \(shape)")
    }
    let kernel = try context.weight(
      "kernel", [kernelSize[0], kernelSize[1], shape[3] / groups, filters])
    let geometry = WindowGeometry.keras(
      window: kernelSize, strides: strides, dilations: dilations, padding: padding,
      spatial: [shape[1], shape[2]])
    var value = try context.graph.convolution(
      input, weights: kernel, geometry: geometry, groups: groups)
    if useBias {
      value = try context.graph.add(value, context.weight("bias", [filters]))
    }
    return [try activation?.apply(to: value, in: &context.graph) ?? value]
  }
}
