import Graphs
import Tensors

/// Keras' `SimpleRNNCell`: `activation(x · kernel + bias + h · recurrent_kernel)`.
struct SimpleRecurrentCell: RecurrentCell {
  static let classNames = ["SimpleRNNCell"]

  let arguments = ["sequence", "states"]

  private let settings: CellSettings

  init(decoding config: LayerConfig) throws { settings = try CellSettings(decoding: config) }

  func prepared(
    for input: Shape, in context: inout LoweringContext
  ) throws(PhospheneError) -> any PreparedCell {
    let units = settings.units
    let kernel = try context.weight("kernel", [settings.features(of: input), units])
    let recurrentKernel = try context.weight("recurrent_kernel", [units, units])
    let bias = settings.useBias ? try context.weight("bias", [units]) : nil
    return Prepared(
      settings: settings, stateShapes: [[input[0], units]], recurrentKernel: recurrentKernel,
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
      let sum = try graph.add(projection, graph.matrixProduct(states[0], recurrentKernel))
      let output = try settings.activation.apply(to: sum, in: &graph)
      return (output, [output])
    }
  }
}
