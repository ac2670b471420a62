@testable import Kernels
import Tensors
import Testing

@Suite struct MatrixProductTests {
  struct Case: CustomTestStringConvertible {
    var a: Shape, b: Shape, transposeA = false, transposeB = false
    var testDescription: String {
      "\(a)\(transposeA ? "T" : "") times \(b)\(transposeB ? "T" : "")"
    }
  }

  static let cases = [
    Case(a: [3, 4], b: [4, 5]), Case(a: [4, 3], b: [4, 5], transposeA: true),
    Case(a: [3, 4], b: [5, 4], transposeB: true),
    Case(a: [4, 3], b: [5, 4], transposeA: true, transposeB: true),
    Case(a: [2, 3, 4], b: [4, 5]), Case(a: [2, 4, 3], b: [4, 5], transposeA: true),
    Case(a: [3, 4], b: [2, 4, 5]), Case(a: [2, 1, 3, 4], b: [7, 4, 5]),
    Case(a: [2, 7, 3, 4], b: [2, 7, 5, 4], transposeB: true),
    Case(a: [2, 1, 4], b: [2, 4, 5]), Case(a: [2, 1, 4], b: [4, 5]),
    Case(a: [1, 37], b: [37, 53]), Case(a: [1, 53], b: [37, 53], transposeB: true),
    Case(a: [37, 1], b: [37, 53], transposeA: true), Case(a: [37, 53], b: [53, 1]),
    Case(a: [53, 37], b: [53, 1], transposeA: true), Case(a: [1, 100], b: [100, 1000]),
    Case(a: [1, 1000], b: [100, 1000], transposeB: true), Case(a: [1, 1, 9], b: [9, 4097]),
  ]

  @Test(arguments: cases, [false, true])
  func matchesThePlainLoops(_ test: Case, hasBias: Bool) throws {
    let problem = try MatrixProduct(
      test.a, test.b, transposeA: test.transposeA, transposeB: test.transposeB)
    let activation = hasBias ? UnaryFunction.relu(negativeSlope: 0) : nil
    var inputs = [integers(test.a.elementCount), integers(test.b.elementCount, seed: 2)]
    if hasBias { inputs.append(integers(problem.n, seed: 3)) }
    let kernel = try matrixProductKernel(
      a: test.a, b: test.b, transposeA: test.transposeA, transposeB: test.transposeB,
      hasBias: hasBias, activation: activation)
    let plain = Reference.matrixProduct(problem, hasBias: hasBias, activation: activation)
    let expected = try run(plain, inputs, output: problem.outputCount)
    #expect(try run(kernel, inputs, output: problem.outputCount) == expected)
    #expect(try run(kernel, inputs, output: problem.outputCount, threads: 1) == expected)
  }

  // By hand.
  @Test func valuesByHand() throws {
    let kernel = try matrixProductKernel(
      a: [2, 2], b: [2, 2], transposeA: false, transposeB: false, hasBias: true, activation: nil)
    let y = try run(kernel, [[1, 2, 3, 4], [5, 6, 7, 8], [100, 200]], output: 4)
    #expect(y == [119, 222, 143, 250])
  }

  @Test func zeroTimesNaNIsNaN() throws {
    let kernel = try matrixProductKernel(
      a: [1, 2], b: [2, 2], transposeA: false, transposeB: false, hasBias: false, activation: nil)
    let y = try run(kernel, [[0, 1], [.nan, .infinity, 1, 1]], output: 2)
    #expect(y[0].isNaN && y[1].isNaN)
  }

  // A matrix so large that it is read in bands of rows: ones, but for a few elements.
  @Test(arguments: [1, 2]) func largeMatricesAreReadWhole(threads: Int) throws {
    let (rows, columns) = (1030, 4100)
    var (x, w) = (
      [Float](repeating: 1, count: rows), [Float](repeating: 1, count: rows * columns)
    )
    var expected = [Float](repeating: Float(rows), count: columns)
    for (row, column) in [(0, 0), (31, 4095), (32, 4096), (777, 2000), (1029, 4099)] {
      w[row * columns + column] = 5
      expected[column] += 4
    }
    x[500] = 3
    expected = expected.map { $0 + 2 }
    let kernel = try matrixProductKernel(
      a: Shape([1, rows]), b: Shape([rows, columns]), transposeA: false, transposeB: false,
      hasBias: false,
      activation: nil)
    #expect(try run(kernel, [x, w], output: columns, threads: threads) == expected)
  }

  @Test func sumOfNothingIsZero() throws {
    let kernel = try matrixProductKernel(
      a: [2, 0], b: [0, 3], transposeA: false, transposeB: false, hasBias: false, activation: nil)
    #expect(try run(kernel, [[], []], output: 6) == [0, 0, 0, 0, 0, 0])
  }

  @Test(arguments: [
    Case(a: [2, 3], b: [4, 5]), Case(a: [3], b: [3, 5]), Case(a: [2, 3, 4], b: [3, 4, 5]),
  ])
  func unfitShapesAreRefused(_ test: Case) {
    let sentence = refusal {
      _ = try matrixProductKernel(
        a: test.a, b: test.b, transposeA: false, transposeB: false, hasBias: false,
        activation: nil)
    }
    #expect(sentence != nil)
  }
}
