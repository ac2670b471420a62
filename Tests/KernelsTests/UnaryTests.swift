import Glibc
@testable import Kernels
import Tensors
import Testing

@Suite struct UnaryTests {
  static let functions: [UnaryFunction] = [
    .relu(negativeSlope: 0), .relu(negativeSlope: 0.25), .relu(negativeSlope: -0.5),
    .clip(low: -0.5, high: 0.5), .sigmoid, .tanh, .exponential, .logarithm, .squareRoot, .square,
    .absolute, .linear(scale: 2, offset: 1), .power(2), .power(3), .power(-1), .power(2.5), .step,
    .sign, .softplus, .elu(alpha: 1), .elu(alpha: -0.5), .reciprocal,
  ]

  // By hand.
  @Test(
    arguments: [
      (.relu(negativeSlope: 0), [0, 0, 0, 2]), (.relu(negativeSlope: 0.5), [-2, -0.5, 0, 2]),
      (.clip(low: -1, high: 1), [-1, -1, 0, 1]), (.square, [16, 1, 0, 4]),
      (.absolute, [4, 1, 0, 2]), (.linear(scale: 2, offset: 1), [-7, -1, 1, 5]),
      (.power(3), [-64, -1, 0, 8]), (.step, [0, 0, 0, 1]), (.sign, [-1, -1, 0, 1]),
      (.reciprocal, [-0.25, -1, .infinity, 0.5]),
    ] as [(UnaryFunction, [Float])])
  func valuesByHand(function: UnaryFunction, expected: [Float]) throws {
    #expect(try run(unaryKernel(function, count: 4), [[-4, -1, 0, 2]], output: 4) == expected)
  }

  // The C library's functions are the independent numbers; 700 elements go through oneDNN.
  @Test(arguments: functions, [7, 700]) func values(_ function: UnaryFunction, count: Int) throws {
    var x = spread(count).map { $0 * 3 + 3.25 }
    if !isPositiveOnly(function) { x = x.map { ($0 - 3.25) * 2 } }
    let y = try run(unaryKernel(function, count: count), [x], output: count)
    #expect(relativeError(y, x.map { function($0) }) < 2e-6)
  }

  @Test(arguments: functions, [7, 700])
  func nanStays(_ function: UnaryFunction, count: Int) throws {
    var x = spread(count).map { $0 + 2 }
    x[count - 2] = .nan
    let y = try run(unaryKernel(function, count: count), [x], output: count)
    for index in y.indices { #expect(y[index].isNaN == (index == count - 2), "element \(index)") }
  }

  @Test func reluOfInfinityIsNotNaN() throws {
    let kernel = try unaryKernel(.relu(negativeSlope: 0), count: 2)
    #expect(try run(kernel, [[-.infinity, .infinity]], output: 2) == [0, .infinity])
  }

  @Test(arguments: functions, [7, 700])
  func gradientMatchesDifferences(_ function: UnaryFunction, count: Int) throws {
    // Away from kinks, at least by the step.
    let step: Float = 1 / 256
    var x = spread(count).map { $0 * 0.75 + ($0 > 0 ? 0.01 : -0.01) }
    if isPositiveOnly(function) { x = x.map { abs($0) + 0.25 } }
    x = x.map { abs(abs($0) - 0.5) < 2 * step ? $0 * 1.1 : $0 }
    let cotangent = spread(count, seed: 5)
    let source: [[Float]] =
      switch function.gradientSource {
      case .input: [x]
      case .output: [x.map { function($0) }]
      case .none: []
      }
    let gradient = try run(
      unaryGradientKernel(function, count: count), [cotangent] + source, output: count)
    for index in x.indices {
      let high = function.inDouble(Double(x[index] + step))
      let low = function.inDouble(Double(x[index] - step))
      let width = Double(x[index] + step) - Double(x[index] - step)
      let expected = (high - low) / width * Double(cotangent[index])
      // The difference's own error is step² / 6 times the third derivative.
      #expect(
        abs(Double(gradient[index]) - expected) < 2e-3 * max(abs(expected), 0.1), "x \(x[index])")
    }
  }

  // Strictly inside passes, the kink doesn't.
  @Test func gradientAtKinks() throws {
    let relu = try unaryGradientKernel(.relu(negativeSlope: 0), count: 3)
    #expect(try run(relu, [[5, .nan, .infinity], [1, 0, 0]], output: 3) == [5, 0, 0])
    let clip = try unaryGradientKernel(.clip(low: 0, high: 6), count: 3)
    #expect(try run(clip, [[5, 5, 5], [0, 6, 3]], output: 3) == [0, 0, 5])
  }

  @Test func largeArraysAreDividedAmongThreads() throws {
    let x = spread(100_003)
    let kernel = try unaryKernel(.relu(negativeSlope: 0), count: x.count)
    #expect(try run(kernel, [x], output: x.count) == x.map { max($0, 0) })
  }

  private func isPositiveOnly(_ function: UnaryFunction) -> Bool {
    switch function {
    case .logarithm, .squareRoot, .power, .reciprocal: true
    default: false
    }
  }
}

extension UnaryFunction {
  /// The formula in double precision, for differences.
  fileprivate func inDouble(_ x: Double) -> Double {
    switch self {
    case .relu(let slope): x > 0 ? x : Double(slope) * x
    case .clip(let low, let high): min(max(x, Double(low)), Double(high))
    case .sigmoid: 1 / (1 + exp(-x))
    case .tanh: Glibc.tanh(x)
    case .exponential: exp(x)
    case .logarithm: log(x)
    case .squareRoot: x.squareRoot()
    case .square: x * x
    case .absolute: abs(x)
    case .linear(let scale, let offset): Double(scale) * x + Double(offset)
    case .power(let exponent): pow(x, Double(exponent))
    case .step: x > 0 ? 1 : 0
    case .sign: x > 0 ? 1 : -1
    case .softplus: log(1 + exp(x))
    case .elu(let alpha): x > 0 ? x : Double(alpha) * (exp(x) - 1)
    case .reciprocal: 1 / x
    }
  }
}
