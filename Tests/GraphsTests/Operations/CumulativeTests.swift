import Graphs
import Tensors
import TestSupport
import Testing

@Suite struct CumulativeTests {
  // By hand.
  @Test func values() throws {
    let results = try compute([Tensor([2, 3], [1, 2, 3, 4, 5, 6])]) {
      [
        try $0.cumulative(.sum, $1[0], axis: -1),
        try $0.cumulative(.product, $1[0], axis: 0, isReversed: true),
      ]
    }
    #expect(results.map(\.shape) == [[2, 3], [2, 3]])
    #expect(results.map(\.elements) == [[1, 3, 6, 4, 9, 15], [4, 10, 18, 4, 5, 6]])
  }

  // Sums and products are linear in each element: differences of step 1 are exact.
  @Test(arguments: [CumulativeFunction.sum, .product], [0, 1, 2])
  func gradients(function: CumulativeFunction, axis: Int) throws {
    let x = try integers([2, 4, 3])
    for isReversed in [false, true] {
      let error = try gradientError(at: [x], step: 1) {
        try $0.cumulative(function, $1[0], axis: axis, isReversed: isReversed)
      }
      #expect(error == 0)
    }
  }

  @Test func axesAreChecked() throws {
    var graph = Graph()
    let x = graph.input(TensorType([2, 3]))
    #expect(
      refusal { _ = try graph.cumulative(.sum, x, axis: -3) }
        == "cumulative sum: axis -3 isn't an axis of shape (2, 3)")
  }
}
