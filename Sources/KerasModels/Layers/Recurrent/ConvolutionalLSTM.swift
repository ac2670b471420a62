import Graphs
import Tensors

/// The cell of Keras' `ConvLSTM1D` to `ConvLSTM3D`: an LSTM whose products are convolutions.
///
/// The input's convolution has all the settings; the state's always has stride one and keeps the
/// lengths.
struct ConvolutionalLSTMCell: RecurrentCell {
  static let classNames: [String] = []

  private enum CodingKeys: String, CodingKey {
    case padding, strides
    case kernelSize = "kernel_size"
    case dilationRate = "dilation_rate"
    case dataFormat = "data_format"
  }

  private let rank: Int
  private let cell: CellSettings
  private let kernelSize: [Int]
  private let strides: [Int]
  private let dilations: [Int]
  private let padding: Padding
  private let isChannelsFirst: Bool

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    rank = ["ConvLSTM1D": 1, "ConvLSTM2D": 2][config.className] ?? 3
    cell = try CellSettings(decoding: config)
    kernelSize = try settings.decode(Lengths.self, forKey: .kernelSize)
      .expanded(to: rank, "kernel_size")
    strides =
      try settings.decodeIfPresent(Lengths.self, forKey: .strides)?
      .expanded(to: rank, "strides") ?? Array(repeating: 1, count: rank)
    dilations =
      try settings.decodeIfPresent(Lengths.self, forKey: .dilationRate)?
      .expanded(to: rank, "dilation_rate") ?? Array(repeating: 1, count: rank)
    padding = try settings.decodeIfPresent(Padding.self, forKey: .padding) ?? .valid
    let format = try settings.decodeIfPresent(String.self, forKey: .dataFormat)
    guard [nil, "channels_last", "channels_first"].contains(format) else {
      throw PhospheneError.unsupported(
        "data_format must be 'channels_last' or 'channels_first', received '\(format ?? "")'")
    }
    isChannelsFirst = format == "channels_first"
  }

  func prepared(
    for input: Shape, in context: inout LoweringContext
  ) throws(PhospheneError) -> any PreparedCell {
    guard input.rank == rank + 2 else {
      throw .invalidArgument(
        "ConvLSTM\(rank)D needs an input (batch, steps, \(rank) spatial axes and channels), "
          + "received steps of shape \(input)")
    }
    let axes = isChannelsFirst ? [input[0]] + input.axes.dropFirst(2) + [input[1]] : input.axes
    let (spatial, channels) = (Array(axes[1...rank]), axes[rank + 1])
    let geometry = WindowGeometry.keras(
      window: kernelSize, strides: strides, dilations: dilations, padding: padding,
      spatial: spatial)
    let lengths = try geometry.outputLengths(spatial)
    let (filters, ones) = (cell.units, [Int](repeating: 1, count: rank))
    return Prepared(
      gates: LSTMGates(
        activation: cell.activation, recurrentActivation: cell.recurrentActivation),
      isChannelsFirst: isChannelsFirst,
      channelsLast: Shape([input[0]] + lengths + [filters]),
      geometry: geometry,
      recurrentGeometry: .keras(
        window: kernelSize, strides: ones, dilations: ones, padding: .same, spatial: lengths),
      kernel: try context.weight("kernel", Shape(kernelSize + [channels, 4 * filters])),
      recurrentKernel: try context.weight(
        "recurrent_kernel", Shape(kernelSize + [filters, 4 * filters])),
      bias: cell.useBias ? try context.weight("bias", [4 * filters]) : nil)
  }

  private struct Prepared: PreparedCell {
    let gates: LSTMGates
    let isChannelsFirst: Bool
    /// The shape of a state as it is computed.
    let channelsLast: Shape
    let geometry: WindowGeometry
    let recurrentGeometry: WindowGeometry
    let kernel: Value
    let recurrentKernel: Value
    let bias: Value?

    /// The axes of the channels-last order in the array that Keras has.
    private var lastToFirst: [Int] { [0, channelsLast.rank - 1] + (1..<(channelsLast.rank - 1)) }
    private var firstToLast: [Int] { [0] + (2..<channelsLast.rank) + [1] }

    var stateShapes: [Shape] {
      let shape =
        isChannelsFirst ? Shape(lastToFirst.map { channelsLast[$0] }) : channelsLast
      return [shape, shape]
    }

    func project(_ inputs: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
      let inputs = isChannelsFirst ? try graph.transpose(inputs, firstToLast) : inputs
      let sum = try graph.convolution(inputs, weights: kernel, geometry: geometry)
      guard let bias else { return sum }
      return try graph.add(sum, bias)
    }

    func step(
      _ projection: Value, _ states: [Value], in graph: inout Graph
    ) throws(PhospheneError) -> (output: Value, states: [Value]) {
      var states = states
      if isChannelsFirst {
        for index in states.indices {
          states[index] = try graph.transpose(states[index], firstToLast)
        }
      }
      let recurrent = try graph.convolution(
        states[0], weights: recurrentKernel, geometry: recurrentGeometry)
      var (output, carry) = try gates.apply(
        to: projection, recurrent, carry: states[1], in: &graph)
      if isChannelsFirst {
        output = try graph.transpose(output, lastToFirst)
        carry = try graph.transpose(carry, lastToFirst)
      }
      return (output, [output, carry])
    }
  }
}
