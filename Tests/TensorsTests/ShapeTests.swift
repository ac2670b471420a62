import Tensors
import Testing

@Suite struct ShapeTests {
  // By hand: rows before columns, the last axis fastest.
  @Test(
    arguments: [
      ([2, 3, 4], [12, 4, 1], 24), ([5], [1], 5), ([], [], 1), ([3, 0, 2], [0, 2, 1], 0),
    ] as [(Shape, [Int], Int)])
  func stridesAreRowMajor(shape: Shape, strides: [Int], count: Int) {
    #expect(shape.strides == strides)
    #expect(shape.elementCount == count)
    #expect(shape.rank == strides.count)
  }

  // As Python prints tuples.
  @Test(
    arguments: [([1, 224, 3], "(1, 224, 3)"), ([7], "(7,)"), ([], "()")] as [(Shape, String)])
  func printsAsPythonDoes(shape: Shape, text: String) {
    #expect("\(shape)" == text)
  }

  @Test(
    arguments: [
      [-1], [3, -2, 4], [.min], [.max], [1 << 32, 1 << 32], [0, .max, .max], [1 << 46],
      [Int](repeating: 1, count: 9),
    ])
  func lengthsFromOutsideAreChecked(axes: [Int]) throws {
    let error = #expect(throws: PhospheneError.self) {
      try Shape(checking: axes, of: "the picture")
    }
    guard case .invalidArgument(let sentence) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(sentence.hasPrefix("the picture: "))
    #expect(sentence.hasSuffix(axes.count > 8 ? "received 9" : "\(axes)"))
  }

  @Test(arguments: [[], [0], [1 << 40], [2, 0, 5], [1, 1, 1, 1, 1, 1, 1, 8]])
  func lengthsThatCanBeAreKept(axes: [Int]) throws {
    #expect(try Shape(checking: axes, of: "it").axes == axes)
  }
}
