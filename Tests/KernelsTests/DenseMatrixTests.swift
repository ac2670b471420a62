@testable import Kernels
import Tensors
import Testing

/// Products with a matrix that is read as it lies, at each level of the instruction set, beside the
/// plain loops.
@Suite struct DenseMatrixTests {
  struct Case: CustomTestStringConvertible {
    var samples: Int, rows: Int, columns: Int
    /// Every so-manieth element counts; the others are zero.
    var every = 1
    var testDescription: String { "\(samples) x (\(rows), \(columns)), every \(every)" }
  }

  // Matrices of a small and of a large kind; lengths that no register divides.
  static let cases = [
    Case(samples: 1, rows: 37, columns: 53), Case(samples: 1, rows: 53, columns: 16, every: 3),
    Case(samples: 1, rows: 9, columns: 4097), Case(samples: 1, rows: 1030, columns: 4100, every: 5),
    Case(samples: 2, rows: 515, columns: 528, every: 2), Case(samples: 3, rows: 600, columns: 1008),
    Case(samples: 4, rows: 10, columns: 48, every: 7), Case(samples: 8, rows: 1025, columns: 4099),
    Case(samples: 15, rows: 1026, columns: 4096, every: 40),
  ]
  static let levels = ["avx2", "avx512"]

  private func sparse(_ count: Int, _ test: Case, seed: Int) -> [Float] {
    integers(count, seed: seed).enumerated().map { ($0 / 3) % test.every == 0 ? $1 : 0 }
  }

  @Test(arguments: cases, levels)
  func combinationsMatchThePlainLoops(_ test: Case, level: String) throws {
    guard let vectors = VectorKernels.open(level) else { return }
    let problem = try MatrixProduct(
      [test.samples, test.rows], [test.rows, test.columns], transposeA: false, transposeB: false)
    let inputs = [
      sparse(test.samples * test.rows, test, seed: 3), integers(test.rows * test.columns, seed: 2),
      integers(test.columns, seed: 5),
    ]
    let relu = UnaryFunction.relu(negativeSlope: 0)
    let expected = try run(
      Reference.matrixProduct(problem, hasBias: true, activation: relu), inputs,
      output: test.samples * test.columns)
    for isFinite in [false, true] {
      let kernel = DenseMatrix(
        problem, hasBias: true, activation: relu, areFinite: (false, isFinite), isMasked: false,
        vectors: vectors)
      guard let kernel else {
        // oneDNN is as fast with several samples and rows that don't lie too regularly.
        #expect(test.samples > 1 && test.columns % 16 != 0)
        continue
      }
      for threads in [1, 2] {
        let y = try run(kernel, inputs, output: expected.count, threads: threads)
        #expect(y == expected, "\(isFinite) \(threads)")
      }
    }
  }

  @Test(arguments: cases, levels)
  func dotsMatchThePlainLoops(_ test: Case, level: String) throws {
    guard let vectors = VectorKernels.open(level) else { return }
    let problem = try MatrixProduct(
      [test.samples, test.columns], [test.rows, test.columns], transposeA: false, transposeB: true)
    let inputs = [
      integers(test.samples * test.columns, seed: 3), integers(test.rows * test.columns, seed: 2),
    ]
    let count = test.samples * test.rows
    let expected = try run(
      Reference.matrixProduct(problem, hasBias: false, activation: nil), inputs, output: count)
    let plain = DenseMatrix(
      problem, hasBias: false, activation: nil, areFinite: (false, false), isMasked: false,
      vectors: vectors)
    #expect((plain == nil) == (test.samples > 8))
    if let plain { #expect(try run(plain, inputs, output: count) == expected) }
    let mask = sparse(count, test, seed: 4)
    let masked = try #require(
      DenseMatrix(
        problem, hasBias: false, activation: nil, areFinite: (false, false), isMasked: true,
        vectors: vectors))
    let needed = zip(expected, mask).map { $1 > 0 ? $0 : 0 }
    for threads in [1, 2] {
      #expect(try run(masked, inputs + [mask], output: count, threads: threads) == needed)
    }
  }

  // Matrices in halves, with as many samples as somebody likes; small integers aren't rounded.
  @Test(arguments: cases + [Case(samples: 33, rows: 100, columns: 75)], levels)
  func halvesMatchThePlainLoops(_ test: Case, level: String) throws {
    guard let vectors = VectorKernels.open(level) else { return }
    for isTransposed in [false, true] {
      let (depth, count) = isTransposed ? (test.columns, test.rows) : (test.rows, test.columns)
      let problem = try MatrixProduct(
        [test.samples, depth], [test.rows, test.columns], transposeA: false,
        transposeB: isTransposed)
      let inputs = [
        sparse(test.samples * depth, test, seed: 3), integers(test.rows * test.columns, seed: 2),
      ]
      let kernel = try #require(
        DenseMatrix(
          problem, hasBias: false, activation: nil, areFinite: (true, true), isMasked: false,
          areHalves: (false, true), vectors: vectors))
      let expected = try run(
        Reference.matrixProduct(problem, hasBias: false, activation: nil), inputs,
        output: test.samples * count)
      #expect(try run(kernel, inputs, output: expected.count) == expected)
    }
  }

  // Where the processor has no wide registers, or another kernel takes the product.
  @Test func masksOfOtherProducts() throws {
    let kernel = try matrixProductKernel(
      a: [2, 2, 3], b: [2, 4, 3], transposeA: false, transposeB: true, hasBias: false,
      activation: nil, isMasked: true)
    #expect(!(kernel is DenseMatrix))
    let inputs = [integers(12), integers(24, seed: 2)]
    let whole = try matrixProductKernel(
      a: [2, 2, 3], b: [2, 4, 3], transposeA: false, transposeB: true, hasBias: false,
      activation: nil)
    let mask = integers(16, seed: 3)
    let expected = zip(try run(whole, inputs, output: 16), mask).map { $1 > 0 ? $0 : 0 }
    #expect(try run(kernel, inputs + [mask], output: 16) == expected)
  }

  // Zero times NaN is NaN, unless it is known that there is none.
  @Test func rowsThatMayHoldNaNAreRead() throws {
    let inputs: [[Float]] = [[0, 1], [.nan, .infinity, 1, 2]]
    func product(isFinite: Bool) throws -> [Float] {
      let kernel = try matrixProductKernel(
        a: [1, 2], b: [2, 2], transposeA: false, transposeB: false, hasBias: false,
        activation: nil, areFinite: (false, isFinite))
      return try run(kernel, inputs, output: 2)
    }
    #expect(try product(isFinite: false).allSatisfy(\.isNaN))
    if VectorKernels.best != nil { #expect(try product(isFinite: true) == [1, 2]) }
  }

  // NaN isn't zero.
  @Test func samplesWithNaNAreRead() throws {
    let kernel = try matrixProductKernel(
      a: [1, 2], b: [2, 2], transposeA: false, transposeB: false, hasBias: false,
      activation: nil, areFinite: (true, true))
    #expect(try run(kernel, [[.nan, 0], [1, 2, 3, 4]], output: 2).allSatisfy(\.isNaN))
  }
}
