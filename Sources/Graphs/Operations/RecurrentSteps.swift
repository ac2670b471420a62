import Kernels
public import Tensors

/// What an LSTM with tanh and sigmoid does at each step behind its matrix products.
///
/// One operation for what would be eleven: a sequence has hundreds of steps. Inputs are two sums
/// (rows, 4 * units), that of the step's input and that of the state, and the carry (rows, units);
/// the result holds the new state and the new carry.
struct LSTMStep: Operation {
  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    let carry = try state(of: inputs, parts: 4, "LSTM")
    return TensorType(Shape([2] + carry.axes))
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    let all = try graph.apply(LSTMStepGradient(), to: [pullback.cotangent] + pullback.inputs)
    let shapes = pullback.inputs.dropFirst().map { graph.shape($0) }
    let parts = try graph.parts(all, of: shapes)
    return [parts[0], parts[0], parts[1]]
  }

  func work(for request: KernelRequest) -> Int { 64 * request.shape(0).elementCount }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    lstmStepKernel(rows: request.shape(2)[0], units: request.shape(2)[1])
  }
}

/// The gradient of an ``LSTMStep``: the cotangent of either sum and that of the carry, one behind
/// the other.
struct LSTMStepGradient: Operation {
  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    TensorType([inputs[1].shape.elementCount + inputs[3].shape.elementCount])
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    throw .unsupported("the gradient of a recurrent layer's gradient isn't computed")
  }

  func work(for request: KernelRequest) -> Int { 64 * request.shape(1).elementCount }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    lstmStepGradientKernel(rows: request.shape(3)[0], units: request.shape(3)[1])
  }
}

/// What a GRU with tanh and sigmoid does at each step behind its matrix products, where the reset
/// gate acts on a product.
///
/// Inputs are what the step's input and what the state contribute, (rows, 3 * units) each, and the
/// state (rows, units); the result is the new state.
struct GRUStep: Operation {
  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    TensorType(try state(of: inputs, parts: 3, "GRU"))
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    let all = try graph.apply(GRUStepGradient(), to: [pullback.cotangent] + pullback.inputs)
    return try graph.parts(all, of: pullback.inputs.map { graph.shape($0) })
  }

  func work(for request: KernelRequest) -> Int { 64 * request.shape(0).elementCount }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    gruStepKernel(rows: request.shape(2)[0], units: request.shape(2)[1])
  }
}

/// The gradient of a ``GRUStep``: the cotangents of its inputs, one behind the other.
struct GRUStepGradient: Operation {
  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    TensorType([inputs.dropFirst().reduce(0) { $0 + $1.shape.elementCount }])
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    throw .unsupported("the gradient of a recurrent layer's gradient isn't computed")
  }

  func work(for request: KernelRequest) -> Int { 64 * request.shape(1).elementCount }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    gruStepGradientKernel(rows: request.shape(3)[0], units: request.shape(3)[1])
  }
}

/// Returns the shape of the third of a step's inputs, if the others fit it.
private func state(
  of inputs: [TensorType], parts: Int, _ name: String
) throws(PhospheneError) -> Shape {
  let state = inputs[2].shape
  guard state.rank == 2, inputs[0].shape == inputs[1].shape,
    inputs[0].shape == [state[0], parts * state[1]]
  else {
    throw .invalidArgument(
      "a step of \(name) needs two arrays (rows, \(parts) * units) and one (rows, units), received "
        + inputs.map(\.shape.description).joined(separator: ", "))
  }
  return state
}

extension Graph {
  /// Appends the arrays that lie one behind the other in a flat one.
  fileprivate mutating func parts(
    _ value: Value, of shapes: [Shape]
  ) throws(PhospheneError) -> [Value] {
    var start = 0
    var parts: [Value] = []
    for shape in shapes {
      let part = try slice(value, axis: 0, start: start, length: shape.elementCount)
      parts.append(try reshape(part, to: shape))
      start += shape.elementCount
    }
    return parts
  }

  /// Appends what an LSTM with tanh and sigmoid makes of its sums, (rows, 4 * units) of the input and
  /// of the state: input gate, forget gate, candidate, output gate.
  ///
  /// - Parameters:
  ///   - input: What the step's input contributes to the sums.
  ///   - product: What the state contributes.
  ///   - carry: The carry, of shape (rows, units).
  /// - Returns: The new state and the new carry.
  /// - Throws: `invalidArgument` for shapes that don't fit.
  public mutating func lstmStep(
    _ input: Value, _ product: Value, carry: Value
  ) throws(PhospheneError) -> (state: Value, carry: Value) {
    let both = try apply(LSTMStep(), to: [input, product, carry])
    let shape = shape(carry)
    let state = try reshape(slice(both, axis: 0, start: 0, length: 1), to: shape)
    return (state, try reshape(slice(both, axis: 0, start: 1, length: 1), to: shape))
  }

  /// Appends the new state of a GRU with tanh and sigmoid whose reset gate acts on a product.
  ///
  /// - Parameters:
  ///   - input: What the step's input contributes, of shape (rows, 3 * units): update gate, reset
  ///     gate, candidate.
  ///   - product: What the state contributes.
  ///   - state: The state, of shape (rows, units).
  /// - Returns: The new state.
  /// - Throws: `invalidArgument` for shapes that don't fit.
  public mutating func gruStep(
    _ input: Value, _ product: Value, state: Value
  ) throws(PhospheneError) -> Value {
    try apply(GRUStep(), to: [input, product, state])
  }
}
