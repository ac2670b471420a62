import Glibc
import Tensors
import Testing

@testable import Kernels

@Suite struct RecurrentStepsTests {
  static let sizes = [(1, 1), (3, 5), (2, 16), (4, 37), (1, 128), (70, 33)]

  @Test(arguments: sizes) func lstmIsThatOfTheReference(rows: Int, units: Int) throws {
    let count = rows * units
    let inputs = [
      spread(4 * count).map { 6 * $0 }, spread(4 * count, seed: 2).map { 3 * $0 },
      spread(count, seed: 3).map { 2 * $0 },
    ]
    let expected = try run(Reference.lstmStep(rows: rows, units: units), inputs, output: 2 * count)
    for threads in [1, 2] {
      let received = try run(
        lstmStepKernel(rows: rows, units: units), inputs, output: 2 * count, threads: threads)
      #expect(relativeError(received, expected) < 1e-6)
    }
  }

  @Test(arguments: sizes) func gruIsThatOfTheReference(rows: Int, units: Int) throws {
    let count = rows * units
    let inputs = [
      spread(3 * count).map { 6 * $0 }, spread(3 * count, seed: 2).map { 3 * $0 },
      spread(count, seed: 3),
    ]
    let expected = try run(Reference.gruStep(rows: rows, units: units), inputs, output: count)
    for threads in [1, 2] {
      let received = try run(
        gruStepKernel(rows: rows, units: units), inputs, output: count, threads: threads)
      #expect(relativeError(received, expected) < 1e-6)
    }
  }

  // By hand: gates that are wide open or shut.
  @Test func openAndShutGates() throws {
    let (open, shut): (Float, Float) = (200, -200)
    // Forget everything, take the candidate, show it; then keep everything, show nothing.
    let lstm = try run(
      lstmStepKernel(rows: 2, units: 1),
      [[open, shut, 0.5, open, shut, open, 9, shut], [0, 0, 0, 0, 0, 0, 0, 0], [7, 0.25]],
      output: 4)
    #expect(relativeError(lstm, [tanhf(tanhf(0.5)), 0, tanhf(0.5), 0.25]) < 1e-6)
    // Keep the state; then replace it, with the product and without.
    let gru = try run(
      gruStepKernel(rows: 3, units: 1),
      [
        [open, 0, 1, shut, open, 0.5, shut, shut, 0.5], [0, 0, 5, 0, 0, 0.25, 0, 0, 0.25],
        [0.125, 0.125, 0.125],
      ], output: 3)
    #expect(relativeError(gru, [0.125, tanhf(0.75), tanhf(0.5)]) < 1e-6)
  }

  @Test func nanStaysInItsUnit() throws {
    var sums = [Float](repeating: 0.5, count: 4 * 20)
    sums[20 + 3] = .nan
    let y = try run(
      lstmStepKernel(rows: 1, units: 20), [sums, sums, [Float](repeating: 1, count: 20)],
      output: 40)
    #expect(y.indices.filter { y[$0].isNaN } == [3, 23])
  }
}

@Suite struct LaneFunctionsTests {
  /// The largest error in units of the last place, over many numbers.
  private func largestError(
    _ function: (Lanes) -> Lanes, _ exact: (Double) -> Double, from low: Float, to high: Float
  ) -> Double {
    let count = 1 << 16
    var largest = 0.0
    for start in stride(from: 0, to: count, by: 16) {
      var x = Lanes()
      for lane in 0..<16 { x[lane] = low + (high - low) * Float(start + lane) / Float(count) }
      let y = function(x)
      for lane in 0..<16 {
        let wanted = exact(Double(x[lane]))
        let unit = Double(max(Float(abs(wanted)).ulp, .leastNormalMagnitude))
        largest = max(largest, abs(Double(y[lane]) - wanted) / unit)
      }
    }
    return largest
  }

  @Test func sigmoidIsRight() {
    #expect(largestError(sigmoid, { 1 / (1 + exp(-$0)) }, from: -80, to: 80) < 4)
    #expect(largestError(sigmoid, { 1 / (1 + exp(-$0)) }, from: -2, to: 2) < 4)
  }

  @Test func hyperbolicTangentIsRight() {
    #expect(largestError(hyperbolicTangent, tanh, from: -20, to: 20) < 4)
    #expect(largestError(hyperbolicTangent, tanh, from: -0.7, to: 0.7) < 4)
    #expect(largestError(hyperbolicTangent, tanh, from: -1e-6, to: 1e-6) < 4)
  }

  @Test func endsOfTheLine() {
    let x = Lanes(
      .infinity, -.infinity, .nan, 1e30, -1e30, 0, 100, -100, 88, -88, 1, -1, 2, -2, 3, -3)
    let (s, t) = (sigmoid(x), hyperbolicTangent(x))
    #expect(s[0] == 1 && s[3] == 1 && s[6] == 1 && s[5] == 0.5)
    #expect(s[1] < 1e-37 && s[4] < 1e-37 && s[7] < 1e-37)
    #expect(t[0] == 1 && t[1] == -1 && t[3] == 1 && t[4] == -1 && t[5] == 0)
    #expect(s[2].isNaN && t[2].isNaN)
  }
}
