import Graphs
import Tensors
import TestSupport
import Testing

@Suite struct OrderingTests {
  // By hand.
  @Test func values() throws {
    let results = try compute([Tensor([2, 3], [3, 1, 2, 4, 4, 6])]) {
      let order = try $0.argSort($1[0])
      let falling = try $0.argSort($1[0], axis: 1, isDescending: true)
      return [
        try $0.argMaximum($1[0], axis: 0), try $0.argMaximum($1[0], axis: -1),
        try $0.argMinimum($1[0], axis: 1), order, falling, try $0.gatherElements($1[0], order),
      ]
    }
    #expect(results.map(\.shape) == [[3], [2], [2], [2, 3], [2, 3], [2, 3]])
    #expect(
      results.map(\.elements) == [
        [1, 1, 1], [0, 2], [1, 0], [1, 2, 0, 0, 1, 2], [0, 2, 1, 2, 0, 1], [1, 2, 3, 4, 4, 6],
      ])
  }

  // Sorting moves elements; steps of one keep the order of elements that lie further apart.
  @Test(arguments: [0, 1]) func gradientOfSorting(axis: Int) throws {
    let x = try Tensor([3, 4], [10, 70, 40, 50, 30, 0, 110, 90, 20, 80, 100, 60])
    let error = try gradientError(at: [x], step: 1) {
      try $0.gatherElements($1[0], $0.argSort($1[0], axis: axis), axis: axis)
    }
    #expect(error == 0)
  }

  @Test func positionsHaveNoGradient() throws {
    var graph = Graph()
    let x = graph.input(TensorType([2, 3]))
    for result in [try graph.argMaximum(x, axis: 0), try graph.argSort(x)] {
      #expect(try graph.gradient(of: result, withRespectTo: [x]) == [nil])
    }
  }

  @Test func axesAreChecked() throws {
    var graph = Graph()
    let x = graph.input(TensorType([2, 0]))
    #expect(
      refusal { _ = try graph.argMinimum(x, axis: 2) }
        == "argmin: axis 2 isn't an axis of shape (2, 0)")
    #expect(
      refusal { _ = try graph.argMaximum(x, axis: 1) }
        == "positions along an axis of shape (2, 0) are counted from 1 to 2^24 elements, received 0"
    )
  }
}
