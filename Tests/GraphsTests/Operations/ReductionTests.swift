import Graphs
import Tensors
import TestSupport
import Testing

@Suite struct ReductionTests {
  // By hand on [[1, 2, 3], [4, 5, -6]].
  @Test(
    arguments: [
      (.sum, [0], [5, 7, -3]), (.sum, [1], [6, 3]), (.sum, [0, 1], [9]), (.mean, [1], [2, 1]),
      (.maximum, [1], [3, 5]), (.minimum, [0], [1, 2, -6]), (.product, [1], [6, -120]),
    ] as [(ReductionFunction, [Int], [Float])])
  func values(function: ReductionFunction, axes: [Int], expected: [Float]) throws {
    let x = try Tensor([2, 3], [1, 2, 3, 4, 5, -6])
    let result = try compute([x]) { [try $0.reduce(function, $1[0], axes: axes)] }[0]
    #expect(result.elements == expected)
    #expect(result.shape.rank == 2 - axes.count)
  }

  @Test(
    arguments: [.sum, .mean, .maximum, .minimum, .product] as [ReductionFunction],
    [[0], [1], [2], [0, 2], [2, 1], [0, 1, 2]])
  func gradients(function: ReductionFunction, axes: [Int]) throws {
    let x = try spread([2, 3, 4], from: 0.75, to: 1.5)
    let error = try gradientError(at: [x], step: 1 / 256) {
      try $0.reduce(function, $1[0], axes: axes)
    }
    #expect(error < Tolerance.differences)
  }

  // A cotangent of 6 on two largest of three.
  @Test func tiesShareTheCotangent() throws {
    let (x, six) = (try Tensor([3], [7, 1, 7]), try Tensor(scalar: 6))
    let largest = try gradient(at: [x], weights: six) { try $0.reduce(.maximum, $1[0], axes: [0]) }
    #expect(largest[0].elements == [3, 0, 3])
  }

  // d(x y z) = (y z, x z, x y), which is not zero where only x is.
  @Test func productsOfZerosHaveGradients() throws {
    func slopes(_ x: [Float]) throws -> [Float] {
      try gradient(at: [Tensor([3], x)]) { try $0.reduce(.product, $1[0], axes: [0]) }[0].elements
    }
    #expect(try slopes([2, 3, 4]) == [12, 8, 6])
    #expect(try slopes([0, 3, 4]) == [12, 0, 0])
    #expect(try slopes([0, 0, 4]) == [0, 0, 0])
  }
}

@Suite struct SoftmaxTests {
  // exp(0), exp(log 2), exp(log 5) sum to 8.
  @Test func valuesByHand() throws {
    let x = try Tensor([1, 3], [0, 0.693_147_2, 1.609_438])
    let result = try compute([x]) { [try $0.softmax($1[0])] }[0].elements
    #expect(relativeError(result, [0.125, 0.25, 0.625]) <= Tolerance.rounding)
  }

  @Test(arguments: [0, 1, 2, -1, -3]) func gradients(axis: Int) throws {
    let error = try gradientError(at: [spread([2, 3, 4])], step: 1 / 128) {
      try $0.softmax($1[0], axis: axis)
    }
    #expect(error < Tolerance.differences)
  }

  @Test(arguments: [2, -3]) func axesAreChecked(axis: Int) throws {
    var graph = Graph()
    let x = graph.input(TensorType([2, 3]))
    #expect(
      refusal { _ = try graph.softmax(x, axis: axis) }
        == "softmax: axis \(axis) isn't an axis of shape (2, 3)")
  }
}
