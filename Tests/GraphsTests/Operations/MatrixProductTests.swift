import Graphs
import Tensors
import TestSupport
import Testing

@Suite struct MatrixProductTests {
  struct Case: CustomTestStringConvertible {
    let a: Shape, b: Shape
    var transposeA = false, transposeB = false
    var testDescription: String {
      "\(a)\(transposeA ? "ᵀ" : "") × \(b)\(transposeB ? "ᵀ" : "")"
    }
    func build(_ graph: inout Graph, _ values: [Value]) throws -> Value {
      try graph.matrixProduct(
        values[0], values[1], transposeA: transposeA, transposeB: transposeB)
    }
  }

  static let cases = [
    Case(a: [2, 3], b: [3, 4]), Case(a: [3, 2], b: [3, 4], transposeA: true),
    Case(a: [2, 3], b: [4, 3], transposeB: true),
    Case(a: [3, 2], b: [4, 3], transposeA: true, transposeB: true),
    Case(a: [5, 2, 3], b: [3, 4]), Case(a: [2, 3], b: [5, 3, 4]),
    Case(a: [2, 1, 2, 3], b: [5, 3, 4]),
    Case(a: [5, 3, 2], b: [1, 4, 3], transposeA: true, transposeB: true),
    Case(a: [1, 3], b: [3, 1]),
  ]

  // By hand: [[1, 2], [3, 4]] and [[5, 6], [7, 8]], transposed or not.
  @Test(
    arguments: [
      (false, false, [19, 22, 43, 50]), (true, false, [26, 30, 38, 44]),
      (false, true, [17, 23, 39, 53]), (true, true, [23, 31, 34, 46]),
    ] as [(Bool, Bool, [Float])])
  func valuesByHand(transposeA: Bool, transposeB: Bool, expected: [Float]) throws {
    let (a, b) = (try Tensor([2, 2], [1, 2, 3, 4]), try Tensor([2, 2], [5, 6, 7, 8]))
    let result = try compute([a, b]) {
      [try $0.matrixProduct($1[0], $1[1], transposeA: transposeA, transposeB: transposeB)]
    }
    #expect(result[0].elements == expected)
  }

  @Test(arguments: cases) func gradients(_ test: Case) throws {
    let inputs = [try integers(test.a), try integers(test.b, seed: 2)]
    #expect(try gradientError(at: inputs, step: 1) { try test.build(&$0, $1) } == 0)
  }

  @Test(arguments: cases) func gradientIsTheAdjoint(_ test: Case) throws {
    let inputs = [try integers(test.a), try integers(test.b, seed: 2)]
    let sides = try adjointSides(at: inputs) { try test.build(&$0, $1) }
    #expect(sides.0 == sides.1)
  }

  @Test(
    arguments: [
      ([3], [3, 2], "a matrix product needs two matrices, received (3,) and (3, 2)"),
      ([2, 3], [4, 2], "of (2, 3) and (4, 2) has no common length: 3 and 4"),
      ([2, 2, 3], [5, 3, 2], "shapes (2,) and (5,) can't be broadcast"),
    ] as [(Shape, Shape, String)])
  func unfitShapesAreRefused(a: Shape, b: Shape, sentence: String) {
    var graph = Graph()
    let (x, y) = (graph.input(TensorType(a)), graph.input(TensorType(b)))
    let received = refusal { _ = try graph.matrixProduct(x, y) }
    #expect(received?.contains(sentence) == true, "\(received ?? "accepted")")
  }
}
