/// What an LSTM does at each step behind its matrix products, with tanh and sigmoid.
///
/// Inputs: two arrays (rows, 4 * units) whose sum holds input gate i, forget gate f, candidate g and
/// output gate o, and the carry c of shape (rows, units). Output, of shape (2, rows, units): the
/// state `sigmoid(o) * tanh(c')` and the new carry `c' = sigmoid(f) * c + sigmoid(i) * tanh(g)`.
///
/// Source: keras 3.15, `layers/rnn/lstm.py`, `LSTMCell.call`.
public func lstmStepKernel(rows: Int, units: Int) -> any Kernel {
  LoopKernel { arguments in
    let (carry, y) = (arguments[2], arguments[3])
    let sums = Sums(arguments[0], arguments[1], width: 4 * units)
    forEachGroup(rows, units) { row, unit, count in
      let place = row * units + unit
      let gates = LSTMGates(sums, row, unit, units, carry.lanes(at: place, count: count), count)
      y.store(gates.output * gates.tangent, at: place, count: count)
      y.store(gates.carry, at: rows * units + place, count: count)
    }
  }
}

/// The gradient of ``lstmStepKernel(rows:units:)``.
///
/// Inputs: the cotangent, of shape (2, rows, units), and the three inputs of the step. Output: the
/// cotangent of either sum, of shape (rows, 4 * units), and behind it that of the carry.
public func lstmStepGradientKernel(rows: Int, units: Int) -> any Kernel {
  LoopKernel { arguments in
    let (cotangent, carry, y) = (arguments[0], arguments[3], arguments[4])
    let sums = Sums(arguments[1], arguments[2], width: 4 * units)
    forEachGroup(rows, units) { row, unit, count in
      let place = row * units + unit
      let before = carry.lanes(at: place, count: count)
      let gates = LSTMGates(sums, row, unit, units, before, count)
      let state = cotangent.lanes(at: place, count: count)
      let passed = cotangent.lanes(at: rows * units + place, count: count)
      let ofCarry: Lanes = passed + state * gates.output * tanhSlope(gates.tangent)
      let ofInput: Lanes = ofCarry * gates.candidate * sigmoidSlope(gates.input)
      let ofForget: Lanes = ofCarry * before * sigmoidSlope(gates.forget)
      let ofCandidate: Lanes = ofCarry * gates.input * tanhSlope(gates.candidate)
      let ofOutput: Lanes = state * gates.tangent * sigmoidSlope(gates.output)
      let first = row * 4 * units + unit
      y.store(ofInput, at: first, count: count)
      y.store(ofForget, at: first + units, count: count)
      y.store(ofCandidate, at: first + 2 * units, count: count)
      y.store(ofOutput, at: first + 3 * units, count: count)
      y.store(ofCarry * gates.forget, at: 4 * rows * units + place, count: count)
    }
  }
}

/// What a GRU does at each step behind its matrix products, with tanh and sigmoid, where the reset
/// gate acts on a product.
///
/// Inputs: what the input contributes, (rows, 3 * units) with update gate z, reset gate r and
/// candidate g; what the state contributes, of the same shape; the state h, (rows, units). Output:
/// the new state `z * h + (1 - z) * tanh(input g + r * state g)`.
///
/// Source: keras 3.15, `layers/rnn/gru.py`, `GRUCell.call`.
public func gruStepKernel(rows: Int, units: Int) -> any Kernel {
  LoopKernel { arguments in
    let (state, y) = (arguments[2], arguments[3])
    let sums = Sums(arguments[0], arguments[1], width: 3 * units)
    forEachGroup(rows, units) { row, unit, count in
      let place = row * units + unit
      let gates = GRUGates(sums, row, unit, units, count)
      let before = state.lanes(at: place, count: count)
      let kept: Lanes = gates.update * before
      let added: Lanes = (1 - gates.update) * gates.candidate
      y.store(kept + added, at: place, count: count)
    }
  }
}

/// The gradient of ``gruStepKernel(rows:units:)``.
///
/// Inputs: the cotangent, of shape (rows, units), and the three inputs of the step. Output: the
/// cotangents of these, one behind the other.
public func gruStepGradientKernel(rows: Int, units: Int) -> any Kernel {
  LoopKernel { arguments in
    let (cotangent, state, y) = (arguments[0], arguments[3], arguments[4])
    let sums = Sums(arguments[1], arguments[2], width: 3 * units)
    forEachGroup(rows, units) { row, unit, count in
      let place = row * units + unit
      let gates = GRUGates(sums, row, unit, units, count)
      let passed = cotangent.lanes(at: place, count: count)
      let before = state.lanes(at: place, count: count)
      let rest: Lanes = passed * (1 - gates.update)
      let update: Lanes = passed * (before - gates.candidate) * sigmoidSlope(gates.update)
      let candidate: Lanes = rest * tanhSlope(gates.candidate)
      let reset: Lanes = candidate * gates.product * sigmoidSlope(gates.reset)
      let first = row * 3 * units + unit
      let second = first + 3 * rows * units
      y.store(update, at: first, count: count)
      y.store(reset, at: first + units, count: count)
      y.store(candidate, at: first + 2 * units, count: count)
      y.store(update, at: second, count: count)
      y.store(reset, at: second + units, count: count)
      y.store(candidate * gates.reset, at: second + 2 * units, count: count)
      y.store(passed * gates.update, at: 6 * rows * units + place, count: count)
    }
  }
}

/// The derivative of the sigmoid, made of its value.
@inline(__always) private func sigmoidSlope(_ value: Lanes) -> Lanes { value * (1 - value) }

/// The derivative of the hyperbolic tangent, made of its value.
@inline(__always) private func tanhSlope(_ value: Lanes) -> Lanes { 1 - value * value }

/// Calls `body` with a row and at most sixteen neighbouring units of it until all had their turn.
@inline(__always) private func forEachGroup(
  _ rows: Int, _ units: Int, _ body: (_ row: Int, _ unit: Int, _ count: Int) -> Void
) {
  // An exponential takes as long as many sums.
  Threads.split(rows, grain: max(1, loopGrain / max(64 * units, 1))) { range in
    for row in range {
      for unit in stride(from: 0, to: units, by: 16) { body(row, unit, min(16, units - unit)) }
    }
  }
}

/// Two arrays (rows, width) that are added when they are read.
private struct Sums {
  private let a: UnsafeMutablePointer<Float>
  private let b: UnsafeMutablePointer<Float>
  private let width: Int

  init(_ a: UnsafeMutablePointer<Float>, _ b: UnsafeMutablePointer<Float>, width: Int) {
    (self.a, self.b, self.width) = (a, b, width)
  }

  @inline(__always) func parts(
    _ row: Int, _ column: Int, _ count: Int
  ) -> (a: Lanes, b: Lanes) {
    let place = row * width + column
    return (a.lanes(at: place, count: count), b.lanes(at: place, count: count))
  }

  @inline(__always) func callAsFunction(_ row: Int, _ column: Int, _ count: Int) -> Lanes {
    let (a, b) = parts(row, column, count)
    return a + b
  }
}

/// The gates of some units of an LSTM.
private struct LSTMGates {
  let input: Lanes
  let forget: Lanes
  let candidate: Lanes
  let output: Lanes
  /// The new carry and its hyperbolic tangent.
  let carry: Lanes
  let tangent: Lanes

  @inline(__always) init(
    _ sums: Sums, _ row: Int, _ unit: Int, _ units: Int, _ before: Lanes, _ count: Int
  ) {
    input = sigmoid(sums(row, unit, count))
    forget = sigmoid(sums(row, units + unit, count))
    candidate = hyperbolicTangent(sums(row, 2 * units + unit, count))
    output = sigmoid(sums(row, 3 * units + unit, count))
    carry = forget * before + input * candidate
    tangent = hyperbolicTangent(carry)
  }
}

/// The gates of some units of a GRU.
private struct GRUGates {
  let update: Lanes
  let reset: Lanes
  /// What the state contributes to the candidate, before the reset gate.
  let product: Lanes
  let candidate: Lanes

  @inline(__always) init(_ sums: Sums, _ row: Int, _ unit: Int, _ units: Int, _ count: Int) {
    update = sigmoid(sums(row, unit, count))
    reset = sigmoid(sums(row, units + unit, count))
    let (input, product) = sums.parts(row, 2 * units + unit, count)
    self.product = product
    candidate = hyperbolicTangent(input + reset * product)
  }
}
