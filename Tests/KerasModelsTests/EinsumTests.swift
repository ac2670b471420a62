import Graphs
import Tensors
import TestSupport
import Testing

@testable import KerasModels

/// Einstein's summation against a loop over all letters; small whole numbers, so that equality is
/// exact.
@Suite struct EinsumTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let equation: String
    let shapes: [Shape]
    /// The equation with letters for what `...` stands for.
    let spelled: String

    init(_ equation: String, _ shapes: Shape..., spelled: String? = nil) {
      (self.equation, self.shapes, self.spelled) = (equation, shapes, spelled ?? equation)
    }

    var testDescription: String { "\(equation) of \(shapes)" }
  }

  static let cases = [
    Case("ab,bc->ac", [2, 3], [3, 4]),
    Case("ab,cb->ac", [2, 3], [4, 3]),
    Case("ba,bc->ac", [3, 2], [3, 4]),
    Case("ab,bc->ca", [2, 3], [3, 4]),
    Case("ab,bc", [2, 3], [3, 4], spelled: "ab,bc->ac"),
    Case("ba", [2, 3], spelled: "ba->ab"),
    Case("ab->", [2, 3]),
    Case("ab->b", [2, 3]),
    Case("abc->cab", [2, 3, 4]),
    Case("ii->i", [3, 3]),
    Case("ii->", [3, 3]),
    Case("aba->ba", [3, 2, 3]),
    Case("iii->i", [2, 2, 2]),
    Case("a,b->ab", [2], [3]),
    Case("a,a->a", [3], [3]),
    Case("a,a->", [3], [3]),
    Case("a,b->", [2], [3]),
    Case("ab,->ab", [2, 3], []),
    Case("abc,acd->abd", [2, 3, 4], [2, 4, 5]),
    Case("abc,adc->adb", [2, 3, 4], [2, 5, 4]),
    Case("abcd,aecd->acbe", [2, 3, 2, 4], [2, 5, 2, 4]),
    Case("acbe,aecd->abcd", [2, 2, 3, 5], [2, 5, 2, 4]),
    Case("abc,bd->acd", [2, 3, 4], [3, 5]),
    Case("ab,bc,cd->ad", [2, 3], [3, 4], [4, 2]),
    Case("ab,ab,ab->b", [2, 3], [2, 3], [2, 3]),
    Case("abx,bcy->ac", [2, 3, 2], [3, 4, 3]),
    Case(" a b , b c -> a c ", [2, 3], [3, 4], spelled: "ab,bc->ac"),
    Case("...x,xy->...y", [2, 3, 4], [4, 5], spelled: "abx,xy->aby"),
    Case("...x,xy->...y", [4], [4, 5], spelled: "x,xy->y"),
    Case("x...,xy->y...", [4, 2, 3], [4, 5], spelled: "xab,xy->yab"),
    Case("a...b,b...->a...", [2, 3, 4], [4, 3], spelled: "acb,bc->ac"),
    Case("...ab,...bc->...ac", [2, 3, 4], [2, 4, 5], spelled: "dab,dbc->dac"),
    Case("...ab,...bc", [2, 3, 4], [2, 4, 5], spelled: "dab,dbc->dac"),
    Case("...ab,...bc->...ac", [6, 2, 3, 4], [2, 4, 5], spelled: "edab,dbc->edac"),
    Case("...a->...", [2, 3], spelled: "ba->b"),
  ]

  @Test(arguments: cases) func sumsAreThoseOfALoop(_ example: Case) throws {
    let inputs = try example.shapes.enumerated().map { try integers($1, seed: $0 + 1) }
    let equation = try EinsumEquation(example.equation)
    let result = try compute(inputs) { [try $0.einsum(equation, $1)] }[0]
    let expected = loop(example.spelled, inputs)
    #expect(result.shape == expected.shape)
    #expect(result.elements == expected.elements)
  }

  @Test(arguments: cases) func gradientsAreThoseOfDifferences(_ example: Case) throws {
    let inputs = try example.shapes.enumerated().map { try integers($1, seed: $0 + 1) }
    let equation = try EinsumEquation(example.equation)
    // A repeated letter in one array takes each element once, so that all cases are linear in each.
    #expect(try gradientError(at: inputs, step: 1) { try $0.einsum(equation, $1) } < 1e-5)
  }

  // Axes of length one under `...` or a letter are broadcast.
  @Test func lengthsOfOneAreBroadcast() throws {
    let (a, b) = (try integers([1, 3, 4], seed: 1), try integers([2, 4, 5], seed: 2))
    let product = try compute([a, b]) {
      [try $0.einsum(EinsumEquation("...ab,...bc->...ac"), $1)]
    }[0]
    let expected = try compute([a, b]) { [try $0.matrixProduct($1[0], $1[1])] }[0]
    #expect(product.shape == expected.shape)
    #expect(product.elements == expected.elements)
  }

  @Test(
    arguments: [
      ("a1,b->a", "must be written in letters"),
      ("a......->a", "must be written in letters"),
      ("a->b->c", "must have one '->' at most"),
      ("ab->aa", "each letter of its result once"),
      ("ab->c", "each letter of its result once"),
    ])
  func badEquationsAreRefused(_ equation: String, _ message: String) {
    let sentence = refusal { _ = try EinsumEquation(equation) }
    #expect(sentence?.contains(message) ?? false)
  }

  @Test(
    arguments: [
      ("ab,bc->ac", [[2, 3]], "takes 2 arrays, received 1"),
      ("ab->a", [[2, 3, 4]], "names 2 axes of an array of shape"),
      ("...ab->a", [[2]], "names 2 axes of an array of shape"),
      ("ab,bc->ac", [[2, 3], [4, 5]], "axes of different lengths by one letter: 3 and 4"),
      ("aa->a", [[2, 3]], "axes of different lengths by one letter: 2 and 3"),
    ] as [(String, [Shape], String)])
  func arraysThatDoNotFitAreRefused(_ equation: String, _ shapes: [Shape], _ message: String) {
    var graph = Graph()
    let values = shapes.map { graph.input(TensorType($0)) }
    let sentence = refusal { _ = try graph.einsum(EinsumEquation(equation), values) }
    #expect(sentence?.contains(message) ?? false)
  }

  private struct Sums {
    let shape: Shape
    var elements: [Float]
  }

  /// Every combination of the letters' values, one product at a time.
  private func loop(_ equation: String, _ inputs: [Tensor]) -> Sums {
    let sides = equation.split(separator: "->", omittingEmptySubsequences: false)
    let terms = sides[0].split(separator: ",", omittingEmptySubsequences: false).map(Array.init)
    let result = Array(sides[1])
    var lengths: [Character: Int] = [:]
    for (term, input) in zip(terms, inputs) {
      for (letter, length) in zip(term, input.shape.axes) { lengths[letter] = length }
    }
    let letters = lengths.keys.sorted()
    func position(_ term: [Character], _ values: [Character: Int]) -> Int {
      term.reduce(0) { $0 * (lengths[$1] ?? 1) + (values[$1] ?? 0) }
    }
    let shape = Shape(result.map { lengths[$0] ?? 1 })
    var sums = Sums(shape: shape, elements: [Float](repeating: 0, count: shape.elementCount))
    let elements = inputs.map(\.elements)
    for number in 0..<letters.reduce(1, { $0 * (lengths[$1] ?? 1) }) {
      var (rest, values) = (number, [Character: Int]())
      for letter in letters {
        values[letter] = rest % (lengths[letter] ?? 1)
        rest /= lengths[letter] ?? 1
      }
      let product = zip(terms, elements).reduce(Float(1)) { $0 * $1.1[position($1.0, values)] }
      sums.elements[position(result, values)] += product
    }
    return sums
  }
}
