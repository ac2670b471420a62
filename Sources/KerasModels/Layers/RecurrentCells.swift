import Graphs
import Tensors

/// What a recurrent layer repeats: one of Keras' cells.
///
/// What a cell makes of its input doesn't depend on the steps before, so that it is computed for all
/// steps together; what is left for each step begins with the product of state and recurrent kernel.
protocol RecurrentCell: Layer {
  /// Asks for the weights.
  ///
  /// - Parameters:
  ///   - input: The shape of one step's input.
  ///   - context: The place of the cell.
  /// - Returns: The cell with its weights.
  /// - Throws: `invalidArgument` for inputs that the cell can't take.
  func prepared(
    for input: Shape, in context: inout LoweringContext
  ) throws(PhospheneError) -> any PreparedCell
}

/// A cell whose weights have their places in a graph.
protocol PreparedCell {
  /// The shapes of the states, which begin as zeros.
  var stateShapes: [Shape] { get }

  /// The shape of the output: that of the first state, unless a cell says otherwise.
  var outputShape: Shape { get }

  /// Appends what a step needs of the inputs, for many of them at once: the first axis may be that of
  /// all samples of all steps.
  func project(_ inputs: Value, in graph: inout Graph) throws(PhospheneError) -> Value

  /// Appends one step.
  ///
  /// - Parameters:
  ///   - projection: What ``project(_:in:)`` made of the step's inputs.
  ///   - states: The states after the step before.
  ///   - graph: The graph to append to.
  /// - Returns: The output and the new states.
  /// - Throws: What an operation refuses.
  func step(
    _ projection: Value, _ states: [Value], in graph: inout Graph
  ) throws(PhospheneError) -> (output: Value, states: [Value])
}

/// Cells are layers too: called on one step's input and on states, they return the output and the
/// new states.
extension RecurrentCell {
  var arguments: [String] { ["inputs", "states"] }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try context.requiredValue(arguments[0])
    let states = context.call.tensors(arguments[1]).map(\.value)
    let cell = try prepared(for: context.graph.shape(input), in: &context)
    try cell.check(states, in: context.graph)
    let projection = try cell.project(input, in: &context.graph)
    let step = try cell.step(projection, states, in: &context.graph)
    return [step.output] + step.states
  }
}

extension PreparedCell {
  var outputShape: Shape { stateShapes[0] }

  /// Refuses states that aren't those of the cell.
  func check(_ states: [Value], in graph: Graph) throws(PhospheneError) {
    let shapes = states.map { graph.shape($0) }
    guard shapes == stateShapes else {
      throw .invalidArgument(
        "the cell has \(stateShapes.count) states, of shapes "
          + stateShapes.map(\.description).joined(separator: ", ") + "; received "
          + (shapes.isEmpty ? "none" : shapes.map(\.description).joined(separator: ", ")))
    }
  }
}

/// The settings that the cells share.
struct CellSettings {
  let units: Int
  let useBias: Bool
  let activation: CellActivation
  let recurrentActivation: CellActivation

  private enum CodingKeys: String, CodingKey {
    case units, activation
    case useBias = "use_bias"
    case recurrentActivation = "recurrent_activation"
  }

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    units = try settings.decode(Int.self, forKey: .units)
    guard (1..<(1 << 24)).contains(units) else {
      throw PhospheneError.invalidArgument("units must be positive, received \(units)")
    }
    useBias = try settings.decodeIfPresent(Bool.self, forKey: .useBias) ?? true
    activation = try CellActivation(decoding: settings, .activation, default: .tanh)
    recurrentActivation = try CellActivation(
      decoding: settings, .recurrentActivation, default: .sigmoid)
  }

  /// Refuses anything but the features of one step.
  func features(of input: Shape) throws(PhospheneError) -> Int {
    guard input.rank == 2, input[1] > 0 else {
      throw .invalidArgument(
        "the cell needs inputs (batch, features) at each step, received shape \(input)")
    }
    return input[1]
  }
}

/// An activation of a cell: Keras' default where a configuration leaves it out.
struct CellActivation: Sendable {
  private let setting: ActivationSetting?
  private let standard: UnaryFunction?

  init<Keys: CodingKey>(
    decoding settings: KeyedDecodingContainer<Keys>, _ key: Keys, default function: UnaryFunction
  ) throws {
    setting = try settings.decodeIfPresent(ActivationSetting.self, forKey: key)
    standard = settings.contains(key) ? nil : function
  }

  /// The function, if it is one that the steps of Keras' defaults have.
  var function: UnaryFunction? {
    switch setting?.name {
    case "tanh": .tanh
    case "sigmoid": .sigmoid
    default: standard
    }
  }

  func apply(to value: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
    if let setting { return try setting.apply(to: value, in: &graph) }
    guard let standard else { return value }
    return try graph.unary(standard, value)
  }
}

extension Graph {
  /// Appends the parts of equal length of the last axis.
  mutating func parts(_ value: Value, _ count: Int) throws(PhospheneError) -> [Value] {
    let shape = shape(value)
    let length = shape[shape.rank - 1] / count
    var parts: [Value] = []
    for index in 0..<count {
      parts.append(
        try slice(value, axis: shape.rank - 1, start: index * length, length: length))
    }
    return parts
  }
}

// MARK: - SimpleRNN

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

// MARK: - LSTM

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
    return Prepared(
      settings: settings, stateShapes: [state, state],
      kernel: try context.weight("kernel", [settings.features(of: input), 4 * units]),
      recurrentKernel: try context.weight("recurrent_kernel", [units, 4 * units]),
      bias: settings.useBias ? try context.weight("bias", [4 * units]) : nil)
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

// MARK: - GRU

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
      let product = try graph.matrixProduct(inputs, kernel)
      guard let bias = biases.first else { return product }
      return try graph.add(product, bias)
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
