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
    return Prepared(
      settings: settings, stateShapes: [[input[0], units]],
      kernel: try context.weight("kernel", [settings.features(of: input), units]),
      recurrentKernel: try context.weight("recurrent_kernel", [units, units]),
      bias: settings.useBias ? try context.weight("bias", [units]) : nil)
  }

  private struct Prepared: PreparedCell {
    let settings: CellSettings
    let stateShapes: [Shape]
    let kernel: Value
    let recurrentKernel: Value
    let bias: Value?

    func project(_ inputs: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
      let product = try graph.matrixProduct(inputs, kernel)
      guard let bias else { return product }
      return try graph.add(product, bias)
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
