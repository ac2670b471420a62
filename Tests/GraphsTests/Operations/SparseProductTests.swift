import Graphs
import Tensors
import TestSupport
import Testing

@Suite struct SparseProductTests {
  static let matrix = SparseMatrix(
    columnCount: 3,
    rows: [[.init(0, 1), .init(1, 2)], [.init(1, 3)], [], [.init(2, 1), .init(0, -1)]])

  @Test(arguments: [([3, 2], 0), ([2, 3], -1), ([2, 3, 2], 1)] as [(Shape, Int)])
  func gradientIsTheAdjoint(input: Shape, axis: Int) throws {
    let x = try integers(input, seed: 2)
    let sides = try adjointSides(at: [x]) {
      try $0.sparseProduct(Self.matrix, $1[0], axis: axis)
    }
    #expect(sides.0 == sides.1)
    #expect(sides.0 != 0)
  }

  @Test func axesOfAnotherLengthAreRefused() throws {
    var graph = Graph()
    let x = graph.input(TensorType([4, 2]))
    #expect(throws: PhospheneError.self) {
      try graph.sparseProduct(Self.matrix, x, axis: 0)
    }
    #expect(throws: PhospheneError.self) {
      try graph.sparseProduct(Self.matrix, x, axis: 2)
    }
  }
}
