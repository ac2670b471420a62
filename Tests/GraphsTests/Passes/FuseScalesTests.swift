import Graphs
import Tensors
import TestSupport
import Testing

@Suite struct FuseScalesTests {
  private static let relu = UnaryFunction.relu(negativeSlope: 0)

  private func names(_ build: (inout Graph, Value) throws -> [Value]) throws -> [String] {
    try plan(on: [integers([2, 3, 4])]) { try build(&$0, $1[0]) }
      .operationNames.map { String($0.prefix { $0 != "(" }) }
  }

  private func scaled(_ graph: inout Graph, _ x: Value) throws -> Value {
    let factor = graph.constant(try integers([4], seed: 2))
    return try graph.add(graph.multiply(x, factor), graph.constant(integers([4], seed: 3)))
  }

  @Test func factorAndSummandAreOneOperation() throws {
    #expect(try names { [try scaled(&$0, $1)] } == ["ScaleAndShift"])
    #expect(try names { [try $0.unary(Self.relu, scaled(&$0, $1))] } == ["ScaleAndShift"])
    // By a function that doesn't only limit.
    let apart = try names { [try $0.unary(.square, scaled(&$0, $1))] }
    #expect(apart == ["ScaleAndShift", "Unary"])
    // The product is wanted too.
    let seen = try names { graph, x in
      let product = try graph.multiply(x, graph.constant(integers([4])))
      return [try graph.add(product, graph.constant(integers([4]))), product]
    }
    #expect(seen == ["Binary", "Binary"])
  }

  // One kernel writes what goes into an activation and what comes out; others read either.
  @Test func resultAndActivationAreWrittenTogether() throws {
    let x = try integers([2, 3, 4])
    func build(_ graph: inout Graph, _ x: Value) throws -> [Value] {
      let moved = try scaled(&graph, x)
      let limited = try graph.unary(Self.relu, moved)
      let sum = try graph.add(moved, limited)
      let rest = try graph.unary(.clip(low: 0, high: 6), sum)
      return [moved, limited, try graph.multiply(rest, moved), sum]
    }
    let plan = try plan(on: [x]) { try build(&$0, $1[0]) }
    #expect(plan.operationNames.count { $0.contains(" and Unary") } == 2)
    #expect(plan.operationNames.count == 3)
    let results = try plan.run([x]).map(\.elements)
    let (factors, summands) = (try integers([4], seed: 2), try integers([4], seed: 3))
    let moved = x.elements.enumerated().map {
      $1 * factors.elements[$0 % 4] + summands.elements[$0 % 4]
    }
    let limited = moved.map { max($0, 0) }
    let sum = zip(moved, limited).map { $0 + $1 }
    #expect(results[0] == moved)
    #expect(results[1] == limited)
    #expect(results[2] == zip(sum, moved).map { min(max($0, 0), 6) * $1 })
    #expect(results[3] == sum)
  }

  // Without an output of its own, what goes into the activation is written nowhere.
  @Test func aSumThatNobodySeesNeedsNoMemory() throws {
    let arrays = try [integers([64, 64]), integers([64, 64], seed: 2)]
    let plan = try plan(on: arrays) { graph, inputs in
      [try graph.unary(Self.relu, graph.add(inputs[0], inputs[1]))]
    }
    #expect(plan.operationNames.count == 1)
    #expect(plan.sessionByteCount == 0)
    let expected = zip(arrays[0].elements, arrays[1].elements).map { max($0 + $1, 0) }
    #expect(try plan.run(arrays)[0].elements == expected)
  }

  // Places in memory: the activation's result lives from the moment when the other one does.
  @Test func resultsOfOneKernelDoNotOverlap() throws {
    let x = try integers([8, 8, 4])
    let result = try compute([x]) { graph, inputs in
      var value = inputs[0]
      for _ in 0..<4 {
        let moved = try scaled(&graph, value)
        let other = try graph.unary(.sine, value)
        let limited = try graph.unary(.clip(low: -1, high: 1), moved)
        value = try graph.add(graph.multiply(limited, other), graph.unary(.sine, moved))
      }
      return [value]
    }[0].elements
    var expected = x.elements
    let (factors, summands) = (try integers([4], seed: 2), try integers([4], seed: 3))
    let step = try plan(on: [x]) { [try $0.unary(.sine, $1[0])] }
    for _ in 0..<4 {
      let moved = expected.enumerated().map {
        $1 * factors.elements[$0 % 4] + summands.elements[$0 % 4]
      }
      let others = try step.run([Tensor(x.shape, expected)])[0].elements
      let sines = try step.run([Tensor(x.shape, moved)])[0].elements
      expected = moved.indices.map { min(max(moved[$0], -1), 1) * others[$0] + sines[$0] }
    }
    #expect(result == expected)
  }
}
