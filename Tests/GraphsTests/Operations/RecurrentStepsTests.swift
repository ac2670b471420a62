import Graphs
import Tensors
import TestSupport
import Testing

@Suite struct RecurrentStepsTests {
  /// Numbers around zero, where no gate is saturated.
  private func numbers(_ shape: Shape, seed: Int) throws -> Tensor {
    try Tensor(shape, integers(shape, seed: seed).elements.map { $0 / 8 })
  }

  // What the operations stand for, made of others.
  @Test func lstmIsMadeOfGates() throws {
    let inputs = try [
      numbers([2, 12], seed: 1), numbers([2, 12], seed: 2), numbers([2, 3], seed: 3),
    ]
    let results = try compute(inputs) { graph, v in
      let step = try graph.lstmStep(v[0], v[1], carry: v[2])
      let sums = try graph.add(v[0], v[1])
      var gates: [Value] = []
      for index in 0..<4 {
        let part = try graph.slice(sums, axis: 1, start: 3 * index, length: 3)
        gates.append(try graph.unary(index == 2 ? .tanh : .sigmoid, part))
      }
      let carry = try graph.add(
        graph.multiply(gates[1], v[2]), graph.multiply(gates[0], gates[2]))
      let state = try graph.multiply(gates[3], graph.unary(.tanh, carry))
      return [step.state, step.carry, state, carry]
    }
    for index in 0..<2 {
      for (a, b) in zip(results[index].elements, results[index + 2].elements) {
        #expect(abs(a - b) < 1e-6)
      }
    }
  }

  @Test func gruIsMadeOfGates() throws {
    let inputs = try [
      numbers([2, 9], seed: 1), numbers([2, 9], seed: 2), numbers([2, 3], seed: 3),
    ]
    let results = try compute(inputs) { graph, v in
      let step = try graph.gruStep(v[0], v[1], state: v[2])
      func part(_ value: Value, _ index: Int) throws -> Value {
        try graph.slice(value, axis: 1, start: 3 * index, length: 3)
      }
      let update = try graph.unary(.sigmoid, graph.add(part(v[0], 0), part(v[1], 0)))
      let reset = try graph.unary(.sigmoid, graph.add(part(v[0], 1), part(v[1], 1)))
      let candidate = try graph.unary(
        .tanh, graph.add(part(v[0], 2), graph.multiply(reset, part(v[1], 2))))
      let difference = try graph.subtract(v[2], candidate)
      return [step, try graph.add(candidate, graph.multiply(update, difference))]
    }
    for (a, b) in zip(results[0].elements, results[1].elements) { #expect(abs(a - b) < 1e-6) }
  }

  @Test(arguments: [[1, 1], [2, 3], [3, 17]] as [Shape])
  func gradients(state: Shape) throws {
    let (rows, units) = (state[0], state[1])
    let lstm = try gradientError(
      at: [
        numbers([rows, 4 * units], seed: 1), numbers([rows, 4 * units], seed: 2),
        numbers(state, seed: 3),
      ], step: 0.01
    ) { graph, v in
      let step = try graph.lstmStep(v[0], v[1], carry: v[2])
      return try graph.concatenate([step.state, step.carry], axis: 0)
    }
    #expect(lstm < 1e-3)
    let gru = try gradientError(
      at: [
        numbers([rows, 3 * units], seed: 1), numbers([rows, 3 * units], seed: 2),
        numbers(state, seed: 3),
      ], step: 0.01
    ) { graph, v in try graph.gruStep(v[0], v[1], state: v[2]) }
    #expect(gru < 1e-3)
  }

  @Test func shapesThatDontFitAreRefused() throws {
    var graph = Graph()
    let sums = graph.input(TensorType([2, 12]))
    let state = graph.input(TensorType([2, 4]))
    #expect(
      refusal { _ = try graph.lstmStep(sums, sums, carry: state) }
        == "a step of LSTM needs two arrays (rows, 4 * units) and one (rows, units), received "
        + "(2, 12), (2, 12), (2, 4)")
    #expect(refusal { _ = try graph.gruStep(sums, sums, state: state) } == nil)
  }
}
