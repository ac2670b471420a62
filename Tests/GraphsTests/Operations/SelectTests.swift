import Graphs
import Tensors
import TestSupport
import Testing

@Suite struct SelectTests {
  static let condition: [Float] = [0, 1, 0, -2, 3, 0]

  // By hand: rows and columns chosen by a whole array.
  @Test func values() throws {
    let result = try compute([Tensor([3, 1], [1, 2, 3]), Tensor([2], [10, 20])]) {
      let condition = $0.constant(try Tensor([3, 2], Self.condition))
      return [try $0.select(condition, $1[0], $1[1])]
    }[0]
    #expect(result.shape == [3, 2])
    #expect(result.elements == [10, 1, 10, 2, 3, 20])
  }

  @Test(
    arguments: [([3, 2], [3, 2]), ([3, 1], [2]), ([], [1, 3, 2]), ([2], [])] as [(Shape, Shape)])
  func gradients(a: Shape, b: Shape) throws {
    let error = try gradientError(at: [integers(a), integers(b, seed: 2)], step: 1) {
      let condition = $0.constant(try Tensor([3, 2], Self.condition))
      return try $0.select(condition, $1[0], $1[1])
    }
    #expect(error == 0)
  }

  // By hand: the slope of x² where x is positive, that of x elsewhere.
  @Test func gradientsGoToTheChosenSide() throws {
    let x = try Tensor([2], [-1, 4])
    let slopes = try gradient(at: [x]) { graph, values in
      let isPositive = try graph.binary(.greater, values[0], graph.constant(0))
      return try graph.select(isPositive, graph.unary(.square, values[0]), values[0])
    }
    #expect(slopes[0].elements == [1, 8])
  }

  @Test func theConditionHasNoGradient() throws {
    var graph = Graph()
    let values = (0..<3).map { _ in graph.input(TensorType([2])) }
    let result = try graph.select(values[0], values[1], values[2])
    #expect(try graph.gradient(of: result, withRespectTo: [values[0]]) == [nil])
    let other = graph.input(TensorType([3]))
    #expect(
      refusal { _ = try graph.select(values[0], values[1], other) }
        == "shapes (2,) and (3,) can't be broadcast against each other")
  }
}
