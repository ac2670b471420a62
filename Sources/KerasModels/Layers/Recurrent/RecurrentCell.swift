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
