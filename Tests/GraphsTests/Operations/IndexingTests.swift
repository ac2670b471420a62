import Graphs
import Tensors
import TestSupport
import Testing

/// Indexing is linear in the elements that it moves: with integers its gradient is exactly its
/// adjoint, and differences of step 1 are exact.
@Suite struct IndexingTests {
  struct Case: CustomTestStringConvertible {
    let name: String
    let input: Shape
    let indices: Shape, positions: [Float]
    /// The result, by hand, for an input that counts from 0 on.
    let shape: Shape, expected: [Float]
    let build: @Sendable (inout Graph, Value, Value) throws -> Value
    var testDescription: String { name }
  }

  static let cases = [
    Case(
      name: "rows", input: [3, 2], indices: [2, 2], positions: [2, 0, 0, -2], shape: [2, 2, 2],
      expected: [4, 5, 0, 1, 0, 1, 2, 3]
    ) { try $0.gather($1, $2) },
    Case(
      name: "columns", input: [2, 3], indices: [4], positions: [0, 2, 2, 1], shape: [2, 4],
      expected: [0, 2, 2, 1, 3, 5, 5, 4]
    ) { try $0.gather($1, $2, axis: -1) },
    Case(
      name: "one of the middle", input: [2, 3, 2], indices: [], positions: [1], shape: [2, 2],
      expected: [2, 3, 8, 9]
    ) { try $0.gather($1, $2, axis: 1) },
    Case(
      name: "sums of rows", input: [3, 2], indices: [3], positions: [1, 3, 1], shape: [4, 2],
      expected: [0, 0, 4, 6, 0, 0, 2, 3]
    ) { try $0.scatterAdd($1, $2, length: 4) },
    Case(
      name: "sums of columns", input: [2, 2, 2], indices: [2, 2], positions: [0, 1, 1, 1],
      shape: [2, 2], expected: [0, 6, 4, 18]
    ) { try $0.scatterAdd($1, $2, axis: 1, length: 2) },
    Case(
      name: "elements of lines", input: [2, 3], indices: [2, 2], positions: [2, 0, -2, -2],
      shape: [2, 2], expected: [2, 0, 4, 4]
    ) { try $0.gatherElements($1, $2) },
    Case(
      name: "elements along the first axis", input: [3, 2], indices: [1, 2], positions: [2, 1],
      shape: [1, 2], expected: [4, 3]
    ) { try $0.gatherElements($1, $2, axis: 0) },
    Case(
      name: "broadcast indices", input: [2, 3], indices: [1, 2], positions: [1, 1], shape: [2, 2],
      expected: [1, 1, 4, 4]
    ) { try $0.gatherElements($1, $2, axis: 1) },
    Case(
      name: "broadcast elements", input: [1, 3], indices: [2, 1], positions: [2, 1], shape: [2, 1],
      expected: [2, 1]
    ) { try $0.gatherElements($1, $2, axis: 1) },
  ]

  @Test(arguments: cases) func values(_ test: Case) throws {
    let x = try Tensor(test.input, (0..<test.input.elementCount).map(Float.init))
    let result = try compute([x, Tensor(test.indices, test.positions)]) {
      [try test.build(&$0, $1[0], $1[1])]
    }[0]
    #expect(result.shape == test.shape)
    #expect(result.elements == test.expected)
  }

  @Test(arguments: cases) func gradients(_ test: Case) throws {
    let indices = try Tensor(test.indices, test.positions)
    let error = try gradientError(at: [integers(test.input)], step: 1) {
      try test.build(&$0, $1[0], $0.constant(indices))
    }
    #expect(error == 0)
  }

  // The adjoints have adjoints.
  @Test(arguments: cases) func gradientsOfGradients(_ test: Case) throws {
    let indices = try Tensor(test.indices, test.positions)
    let error = try gradientError(at: [integers(test.input)], step: 1) { graph, values in
      let result = try test.build(&graph, values[0], graph.constant(indices))
      let target = try graph.multiply(result, result)
      return try #require(graph.gradient(of: target, withRespectTo: values)[0])
    }
    #expect(error == 0)
  }

  @Test func indicesHaveNoGradient() throws {
    var graph = Graph()
    let (x, indices) = (graph.input(TensorType([3])), graph.input(TensorType([2])))
    for result in [try graph.gather(x, indices), try graph.gatherElements(x, indices)] {
      #expect(try graph.gradient(of: result, withRespectTo: [indices]) == [nil])
    }
  }

  @Test func unfitShapesAreRefused() throws {
    var graph = Graph()
    let (x, indices) = (graph.input(TensorType([2, 3])), graph.input(TensorType([4])))
    #expect(
      refusal { _ = try graph.gather(x, indices, axis: 2) }
        == "gather: axis 2 isn't an axis of shape (2, 3)")
    #expect(
      refusal { _ = try graph.gatherElements(x, indices, axis: 1) }
        == "gather: indices of shape (4,) need as many axes as elements of shape (2, 3)")
    #expect(
      refusal { _ = try graph.scatterAdd(x, indices, length: 5) }
        == "slices of shape (2, 3) don't have the axes of their indices, (4,), from axis 0 on")
    #expect(
      refusal { _ = try graph.scatterAdd(x, indices, axis: -1, length: 5) }
        == "scatter: axis and length are counted from zero, received -1 and 5")
  }
}
