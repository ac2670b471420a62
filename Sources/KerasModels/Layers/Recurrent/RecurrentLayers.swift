import Graphs
import Tensors

/// Keras' `SimpleRNN`, `GRU`, `LSTM`, the ConvLSTMs and `RNN`: a cell applied to each step in turn.
///
/// The input is (batch, steps, ...). Keras 2's `CuDNNGRU` and `CuDNNLSTM` have the default settings
/// of the two and the same weights, once those are brought into Keras' order.
///
/// A step that a mask leaves out keeps the states, and repeats the output of the step before (zeros,
/// if there was none) or gives zeros, as `zero_output_for_mask` says.
///
/// Source: keras 3.15, `backend/tensorflow/rnn.py`, `rnn`.
struct RecurrentLayer: Layer {
  static let classNames = [
    "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "CuDNNGRU", "CuDNNLSTM", "GRU", "LSTM", "RNN",
    "SimpleRNN",
  ]

  let arguments = ["sequences", "initial_state", "mask"]

  private enum CodingKeys: String, CodingKey {
    case cell, stateful
    case returnSequences = "return_sequences"
    case returnState = "return_state"
    case goBackwards = "go_backwards"
    case zeroOutputForMask = "zero_output_for_mask"
    case timeMajor = "time_major"
  }

  private let cell: any RecurrentCell
  /// Whether the outputs of all steps are returned, and not of the last one alone.
  let returnsSequences: Bool
  /// Whether the states are returned too.
  let returnsStates: Bool
  /// Whether the last step comes first.
  var goesBackwards: Bool
  /// Whether steps that are masked have zeros as output.
  var zeroesMaskedOutputs: Bool

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    func flag(_ key: CodingKeys) throws -> Bool {
      try settings.decodeIfPresent(Bool.self, forKey: key) ?? false
    }
    guard try !flag(.stateful) else {
      throw PhospheneError.unsupported(
        "stateful=True isn't supported, because nothing is kept from one call to the next: use "
          + "stateful=False and pass states as initial_state")
    }
    guard try !flag(.timeMajor) else {
      throw PhospheneError.unsupported(
        "time_major=True isn't supported: the input must be (batch, steps, ...)")
    }
    returnsSequences = try flag(.returnSequences)
    returnsStates = try flag(.returnState)
    goesBackwards = try flag(.goBackwards)
    zeroesMaskedOutputs = try flag(.zeroOutputForMask)
    cell =
      switch config.className {
      case "GRU", "CuDNNGRU": try GRUCell(decoding: config)
      case "LSTM", "CuDNNLSTM": try LSTMCell(decoding: config)
      case "SimpleRNN": try SimpleRecurrentCell(decoding: config)
      case "RNN": try settings.decode(CellEntry.self, forKey: .cell).cell
      default: try ConvolutionalLSTMCell(decoding: config)
      }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    // Keras 2 writes initial states behind the sequence.
    let sequences = context.call.tensors("sequences").map(\.value)
    let initialStates =
      sequences.dropFirst() + context.call.tensors("initial_state").map(\.value)
    guard let sequence = sequences.first, context.graph.shape(sequence).rank >= 3 else {
      throw .invalidArgument(
        "a recurrent layer needs an input (batch, steps, ...), received shape "
          + "\(sequences.first.map { context.graph.shape($0).description } ?? "none")")
    }
    let shape = context.graph.shape(sequence)
    let (batch, steps) = (shape[0], shape[1])
    let cell = try context.scoped("cell") { (context) throws(PhospheneError) in
      try self.cell.prepared(for: Shape([batch] + shape.axes.dropFirst(2)), in: &context)
    }
    if !initialStates.isEmpty { try cell.check(Array(initialStates), in: context.graph) }

    let mask = try context.call.mask.map { (mask) throws(PhospheneError) in
      try stepMask(mask, batch: batch, steps: steps, in: &context.graph)
    }
    let result = try run(
      cell, over: sequence, from: Array(initialStates), mask: mask, in: &context.graph)
    context.setMask(returnsSequences ? context.call.passedMask : nil, ofOutput: 0)
    return [result.output] + (returnsStates ? result.states : [])
  }

  /// Returns a mask as (steps, batch, ...).
  ///
  /// Axes beyond the steps are those of each output and state; masks of sequences of sequences have
  /// them.
  private func stepMask(
    _ mask: Value, batch: Int, steps: Int, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let shape = graph.shape(mask)
    guard shape.rank >= 2, shape[0] == batch, shape[1] == steps else {
      throw .invalidArgument(
        "the mask must be of shape (batch, steps), here (\(batch), \(steps)), received \(shape)")
    }
    return try graph.exchangingFirstAxes(mask)
  }

  private func run(
    _ cell: any PreparedCell, over sequence: Value, from initialStates: [Value], mask: Value?,
    in graph: inout Graph
  ) throws(PhospheneError) -> (output: Value, states: [Value]) {
    let byStep = try graph.exchangingFirstAxes(sequence)
    let shape = graph.shape(byStep)
    let (steps, batch) = (shape[0], shape[1])
    let rows = try graph.reshape(byStep, to: Shape([steps * batch] + shape.axes.dropFirst(2)))
    let projections = try cell.project(rows, in: &graph)
    let rest = graph.shape(projections).axes.dropFirst()
    let projectionsByStep = try graph.reshape(projections, to: Shape([steps, batch] + rest))

    var zeros = ZeroStates()
    var states = initialStates
    if states.isEmpty {
      for shape in cell.stateShapes { states.append(try zeros.value(shape, in: &graph)) }
    }
    var output = try zeros.value(cell.outputShape, in: &graph)
    var outputs: [Value] = []
    for step in goesBackwards ? Array((0..<steps).reversed()) : Array(0..<steps) {
      let projection = try graph.element(step, of: projectionsByStep)
      var next = try cell.step(projection, states, in: &graph)
      if let mask {
        let mask = try graph.element(step, of: mask)
        let other =
          zeroesMaskedOutputs ? try zeros.value(cell.outputShape, in: &graph) : output
        next.output = try graph.keeping(other, over: next.output, where: mask)
        for index in states.indices {
          next.states[index] = try graph.keeping(
            states[index], over: next.states[index], where: mask)
        }
      }
      (output, states) = next
      if returnsSequences {
        outputs.append(try graph.reshape(output, to: Shape([1] + cell.outputShape.axes)))
      }
    }
    if returnsSequences {
      output = try graph.exchangingFirstAxes(graph.concatenate(outputs, axis: 0))
    }
    return (output, states)
  }
}

/// Zeros of several shapes, each once, so that operations on them are found to be the same.
private struct ZeroStates {
  private var values: [Shape: Value] = [:]

  mutating func value(_ shape: Shape, in graph: inout Graph) throws(PhospheneError) -> Value {
    if let value = values[shape] { return value }
    let value = graph.constant(try Tensor(shape, repeating: 0))
    values[shape] = value
    return value
  }
}

extension Graph {
  /// Appends a new value where a mask is one and the old one elsewhere; the mask has the leading axes
  /// of both.
  fileprivate mutating func keeping(
    _ old: Value, over new: Value, where mask: Value
  ) throws(PhospheneError) -> Value {
    let (shape, axes) = (shape(new), shape(mask).axes)
    let ones = [Int](repeating: 1, count: max(0, shape.rank - axes.count))
    let result = try select(reshape(mask, to: Shape(axes + ones)), new, old)
    guard self.shape(result) == shape else {
      throw .invalidArgument(
        "a mask of shape \(Shape(axes)) at each step doesn't fit a state of shape \(shape)")
    }
    return result
  }

  /// Appends the array with its first two axes exchanged: (batch, steps, ...) becomes
  /// (steps, batch, ...), and back.
  mutating func exchangingFirstAxes(_ value: Value) throws(PhospheneError) -> Value {
    let shape = shape(value)
    if shape[0] == 1 || shape[1] == 1 {
      return try reshape(value, to: Shape([shape[1], shape[0]] + shape.axes.dropFirst(2)))
    }
    return try transpose(value, [1, 0] + (2..<shape.rank))
  }

  /// Appends one element along the first axis, which disappears.
  mutating func element(_ index: Int, of value: Value) throws(PhospheneError) -> Value {
    let part = try slice(value, axis: 0, start: index, length: 1)
    return try reshape(part, to: Shape(Array(shape(value).axes.dropFirst())))
  }
}
