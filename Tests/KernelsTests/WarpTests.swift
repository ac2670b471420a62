@testable import Kernels
import Tensors
import Testing

@Suite struct WarpTests {
  static let identity: [Float] = [1, 0, 0, 0, 1, 0]

  // By hand, on [[0, 1], [2, 3]].
  @Test(
    arguments: [
      (identity, [0, 1, 2, 3]), ([0, 1, 0, 1, 0, 0], [0, 2, 1, 3]),
      ([1, 0, 0.5, 0, 1, 0], [1, 2, 6, 6.5]), ([1, 0, 0, 0, 1, 0.5], [0.5, 5.5, 2.5, 6.5]),
      ([1, 0, -1, 0, 1, 0], [10, 10, 0, 1]), ([1, 0, 7, 0, 1, 0], [10, 10, 10, 10]),
      ([.nan, 0, 0, 0, 1, 0], [10, 10, 10, 10]), ([1e30, 0, 0, 0, 1, 0], [0, 1, 10, 10]),
    ] as [([Float], [Float])])
  func valuesByHand(matrix: [Float], expected: [Float]) throws {
    let kernel = try warpKernel(input: [1, 2, 2, 1], output: [1, 2, 2, 1], fill: 10)
    #expect(try run(kernel, [[0, 1, 2, 3], matrix], output: 4) == expected)
  }

  struct Case: CustomTestStringConvertible {
    var input: Shape, output: Shape, hasOneMatrix = false
    var testDescription: String { "\(input) to \(output), one matrix: \(hasOneMatrix)" }
    var matrices: [Float] {
      let count = hasOneMatrix ? 1 : output[0]
      let jitter = spread(count * 6)
      return (0..<count * 6).map { WarpTests.identity[$0 % 6] + jitter[$0] * 0.4 }
    }
  }

  static let cases = [
    Case(input: [1, 7, 6, 3], output: [1, 5, 8, 3]),
    Case(input: [3, 7, 6, 1], output: [3, 7, 6, 1]),
    Case(input: [1, 7, 6, 2], output: [4, 7, 6, 2]),
    Case(input: [2, 7, 6, 2], output: [2, 5, 5, 2], hasOneMatrix: true),
    Case(input: [1, 60, 60, 3], output: [2, 60, 60, 3]),
  ]

  @Test(arguments: cases) func matchesThePlainLoops(_ test: Case) throws {
    let x = spread(test.input.elementCount)
    let count = test.output.elementCount
    let kernel = try warpKernel(
      input: test.input, output: test.output, fill: 0.5, hasOneMatrix: test.hasOneMatrix)
    let plain = try Reference.warp(
      input: test.input, output: test.output, fill: 0.5, hasOneMatrix: test.hasOneMatrix)
    let y = try run(kernel, [x, test.matrices], output: count)
    #expect(relativeError(y, try run(plain, [x, test.matrices], output: count)) < 1e-6)
    #expect(try run(kernel, [x, test.matrices], output: count, threads: 1) == y)
  }

  @Test(arguments: cases, [1, 2]) func gradientIsTheAdjoint(_ test: Case, threads: Int) throws {
    let x = spread(test.input.elementCount)
    let cotangent = spread(test.output.elementCount, seed: 2)
    let forward = try warpKernel(
      input: test.input, output: test.output, fill: 0, hasOneMatrix: test.hasOneMatrix)
    let backward = try Threads.with(threads) { () throws(PhospheneError) in
      try warpInputGradientKernel(
        input: test.input, output: test.output, hasOneMatrix: test.hasOneMatrix)
    }
    let gradient = try run(
      backward, [cotangent, test.matrices], output: x.count, threads: threads)
    let plain = try Reference.warpInputGradient(
      input: test.input, output: test.output, hasOneMatrix: test.hasOneMatrix)
    #expect(
      relativeError(gradient, try run(plain, [cotangent, test.matrices], output: x.count)) < 1e-6)
    let y = try run(forward, [x, test.matrices], output: cotangent.count)
    #expect(abs(dot(y, cotangent) - dot(x, gradient)) < 1e-4)
  }

  @Test func unfitShapesAreRefused() {
    let sentence = refusal {
      _ = try warpKernel(input: [2, 4, 4, 3], output: [3, 4, 4, 3], fill: 0)
    }
    #expect(sentence?.contains("(2, 4, 4, 3) and (3, 4, 4, 3)") == true)
  }
}
