import Graphs
import Tensors

/// Keras' `LSTMCell`: gates i, f, o and a candidate from `x · kernel + h · recurrent_kernel + bias`,
/// the carry `f * c + i * candidate`, the output `o * activation(carry)`.
struct LSTMCell: RecurrentCell {
  static let classNames = ["LSTMCell"]

  private let settings: CellSettings

  init(decoding config: LayerConfig) throws { settings = try CellSettings(decoding: config) }

  func prepared(
    for input: Shape, in context: inout LoweringContext
  ) throws(PhospheneError) -> any PreparedCell {
    let units = settings.units
    let state: Shape = [input[0], units]
    let kernel = try context.weight("kernel", [settings.features(of: input), 4 * units])
    let recurrentKernel = try context.weight("recurrent_kernel", [units, 4 * units])
    let bias = settings.useBias ? try context.weight("bias", [4 * units]) : nil
    return Prepared(
      settings: settings, stateShapes: [state, state], recurrentKernel: recurrentKernel,
      input: InputProjection(kernel: kernel, bias: bias))
  }

  private struct Prepared: PreparedCell {
    let settings: CellSettings
    let stateShapes: [Shape]
    let recurrentKernel: Value
    let input: InputProjection

    func project(_ inputs: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
      try input.apply(to: inputs, in: &graph)
    }

    func step(
      _ projection: Value, _ states: [Value], in graph: inout Graph
    ) throws(PhospheneError) -> (output: Value, states: [Value]) {
      let product = try graph.matrixProduct(states[0], recurrentKernel)
      let gates = LSTMGates(
        activation: settings.activation, recurrentActivation: settings.recurrentActivation)
      let (output, carry) = try gates.apply(to: projection, product, carry: states[1], in: &graph)
      return (output, [output, carry])
    }
  }
}

/// What an LSTM does with its four sums, which lie one behind the other along the last axis: input
/// gate, forget gate, candidate, output gate.
struct LSTMGates: Sendable {
  let activation: CellActivation
  let recurrentActivation: CellActivation

  /// Appends what becomes of the sums, which the step's input and the state contribute to.
  func apply(
    to projection: Value, _ product: Value, carry: Value, in graph: inout Graph
  ) throws(PhospheneError) -> (output: Value, carry: Value) {
    if activation.function == .tanh, recurrentActivation.function == .sigmoid {
      let shape = graph.shape(carry)
      let units = shape[shape.rank - 1]
      let rows = shape.elementCount / max(units, 1)
      let step = try graph.lstmStep(
        graph.reshape(projection, to: [rows, 4 * units]),
        graph.reshape(product, to: [rows, 4 * units]),
        carry: graph.reshape(carry, to: [rows, units]))
      return (
        try graph.reshape(step.state, to: shape), try graph.reshape(step.carry, to: shape)
      )
    }
    let parts = try graph.parts(graph.add(projection, product), 4)
    let input = try recurrentActivation.apply(to: parts[0], in: &graph)
    let forget = try recurrentActivation.apply(to: parts[1], in: &graph)
    let candidate = try activation.apply(to: parts[2], in: &graph)
    let output = try recurrentActivation.apply(to: parts[3], in: &graph)
    let carry = try graph.add(graph.multiply(forget, carry), graph.multiply(input, candidate))
    return (try graph.multiply(output, activation.apply(to: carry, in: &graph)), carry)
  }
}
