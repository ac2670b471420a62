import Graphs
import Tensors

/// Keras' `GRUCell`: an update gate z, a reset gate r and a candidate state, in this order in the
/// weights; the new state is `z * h + (1 - z) * candidate`.
///
/// The reset gate acts on the product of state and recurrent kernel, which then has a bias of its
/// own, or on the state itself.
struct GRUCell: RecurrentCell {
  static let classNames = ["GRUCell"]

  private enum CodingKeys: String, CodingKey { case resetAfter = "reset_after" }

  private let settings: CellSettings
  private let resetsAfter: Bool

  init(decoding config: LayerConfig) throws {
    settings = try CellSettings(decoding: config)
    // Configurations that don't say are older than the setting, which came with `false`; cuDNN has
    // only the other way.
    resetsAfter =
      try config.container(keyedBy: CodingKeys.self)
      .decodeIfPresent(Bool.self, forKey: .resetAfter) ?? (config.className == "CuDNNGRU")
  }

  func prepared(
    for input: Shape, in context: inout LoweringContext
  ) throws(PhospheneError) -> any PreparedCell {
    let units = settings.units
    let kernel = try context.weight("kernel", [settings.features(of: input), 3 * units])
    let recurrentKernel = try context.weight("recurrent_kernel", [units, 3 * units])
    var biases: [Value] = []
    if settings.useBias, resetsAfter {
      let bias = try context.weight("bias", [2, 3 * units])
      for row in 0..<2 {
        let part = try context.graph.slice(bias, axis: 0, start: row, length: 1)
        biases.append(try context.graph.reshape(part, to: [3 * units]))
      }
    } else if settings.useBias {
      biases = [try context.weight("bias", [3 * units])]
    }
    var recurrentKernels = [recurrentKernel]
    if !resetsAfter {
      recurrentKernels = [
        try context.graph.slice(recurrentKernel, axis: 1, start: 0, length: 2 * units),
        try context.graph.slice(recurrentKernel, axis: 1, start: 2 * units, length: units),
      ]
    }
    return Prepared(
      settings: settings, stateShapes: [[input[0], units]], kernel: kernel,
      recurrentKernels: recurrentKernels, biases: biases)
  }

  private struct Prepared: PreparedCell {
    let settings: CellSettings
    let stateShapes: [Shape]
    let kernel: Value
    /// One for both gates and the candidate, or one for the gates and one for the candidate.
    let recurrentKernels: [Value]
    /// That of the input, and that of the state if it has one.
    let biases: [Value]

    func project(_ inputs: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
      try InputProjection(kernel: kernel, bias: biases.first).apply(to: inputs, in: &graph)
    }

    func step(
      _ projection: Value, _ states: [Value], in graph: inout Graph
    ) throws(PhospheneError) -> (output: Value, states: [Value]) {
      let (state, units) = (states[0], settings.units)
      let axis = graph.shape(projection).rank - 1
      var product = try graph.matrixProduct(state, recurrentKernels[0])
      if biases.count > 1 { product = try graph.add(product, biases[1]) }
      if recurrentKernels.count == 1, settings.activation.function == .tanh,
        settings.recurrentActivation.function == .sigmoid
      {
        let output = try graph.gruStep(projection, product, state: state)
        return (output, [output])
      }
      var gates: [Value] = []
      for start in [0, units] {
        let sum = try graph.add(
          graph.slice(projection, axis: axis, start: start, length: units),
          graph.slice(product, axis: axis, start: start, length: units))
        gates.append(try settings.recurrentActivation.apply(to: sum, in: &graph))
      }
      let (update, reset) = (gates[0], gates[1])
      let recurrent =
        recurrentKernels.count == 1
        ? try graph.multiply(
          reset, graph.slice(product, axis: axis, start: 2 * units, length: units))
        : try graph.matrixProduct(graph.multiply(reset, state), recurrentKernels[1])
      let candidate = try settings.activation.apply(
        to: graph.add(
          graph.slice(projection, axis: axis, start: 2 * units, length: units), recurrent),
        in: &graph)
      let output = try graph.add(
        graph.multiply(update, state),
        graph.multiply(graph.linear(update, scale: -1, offset: 1), candidate))
      return (output, [output])
    }
  }
}
