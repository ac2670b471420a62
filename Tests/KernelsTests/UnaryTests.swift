import Glibc
@testable import Kernels
import Tensors
import Testing

@Suite struct UnaryTests {
  static let functions: [UnaryFunction] = [
    .relu(negativeSlope: 0), .relu(negativeSlope: 0.25), .relu(negativeSlope: -0.5),
    .clip(low: -0.5, high: 0.5), .sigmoid, .tanh, .exponential, .logarithm, .squareRoot, .square,
    .absolute, .linear(scale: 2, offset: 1), .power(2), .power(3), .power(-1), .power(2.5),
    .power(0.5), .power(-0.5),
    .step,
    .sign, .softplus, .elu(alpha: 1), .elu(alpha: -0.5), .reciprocal, .silu, .gelu, .geluTanh,
    .mish, .hardSigmoid, .hardSwish, .softsign, .exponentialMinusOne, .logarithmPlusOne, .cubeRoot,
    .erf, .erfInverse, .sine, .cosine, .tangent, .arcsine, .arccosine, .arctangent,
    .hyperbolicSine, .hyperbolicCosine, .inverseHyperbolicSine, .inverseHyperbolicCosine,
    .inverseHyperbolicTangent, .floor, .ceiling, .round, .truncate,
  ]

  // By hand.
  @Test(
    arguments: [
      (.relu(negativeSlope: 0), [0, 0, 0, 2]), (.relu(negativeSlope: 0.5), [-2, -0.5, 0, 2]),
      (.clip(low: -1, high: 1), [-1, -1, 0, 1]), (.square, [16, 1, 0, 4]),
      (.absolute, [4, 1, 0, 2]), (.linear(scale: 2, offset: 1), [-7, -1, 1, 5]),
      (.power(3), [-64, -1, 0, 8]), (.step, [0, 0, 0, 1]), (.sign, [-1, -1, 0, 1]),
      (.reciprocal, [-0.25, -1, .infinity, 0.5]), (.hardSigmoid, [0, 1 / 3, 0.5, 5 / 6]),
      (.hardSwish, [0, -1 / 3, 0, 5 / 3]), (.softsign, [-0.8, -0.5, 0, 2 / 3]),
      (.isNaN, [0, 0, 0, 0]), (.isFinite, [1, 1, 1, 1]), (.isInfinite, [0, 0, 0, 0]),
    ] as [(UnaryFunction, [Float])])
  func valuesByHand(function: UnaryFunction, expected: [Float]) throws {
    #expect(try run(unaryKernel(function, count: 4), [[-4, -1, 0, 2]], output: 4) == expected)
  }

  // By hand: halves go to the even side, and truncation goes to zero.
  @Test(
    arguments: [
      (.floor, [-3, -2, 0, 0, 1, 2]), (.ceiling, [-2, -1, 0, 1, 2, 3]),
      (.round, [-2, -2, 0, 0, 2, 2]), (.truncate, [-2, -1, 0, 0, 1, 2]),
    ] as [(UnaryFunction, [Float])])
  func roundingByHand(function: UnaryFunction, expected: [Float]) throws {
    let x: [Float] = [-2.5, -1.75, 0, 0.5, 1.5, 2.5]
    #expect(try run(unaryKernel(function, count: 6), [x], output: 6) == expected)
  }

  // Around the numbers that have no fraction any more, and with the sign of zero.
  @Test(arguments: [UnaryFunction.floor, .ceiling, .round, .truncate])
  func roundingOfAllSizes(function: UnaryFunction) throws {
    var x: [Float] = [-.infinity, .infinity, -0.0, -0.25, 0.49999997, 16_777_218, 3e38]
    for power in 0..<25 {
      let number = Float(1 << power)
      x += [number, number.nextUp, number.nextDown, number + 0.5, 1.5 * number.nextUp]
    }
    x += x.map { -$0 }
    let y = try run(unaryKernel(function, count: x.count), [x], output: x.count)
    for index in x.indices {
      #expect(y[index] == function(x[index]) && y[index].sign == function(x[index]).sign)
    }
  }

  @Test(
    arguments: [
      (.isNaN, [0, 0, 1, 0]), (.isInfinite, [1, 1, 0, 0]), (.isFinite, [0, 0, 0, 1]),
    ] as [(UnaryFunction, [Float])])
  func predicatesByHand(function: UnaryFunction, expected: [Float]) throws {
    let x: [Float] = [.infinity, -.infinity, .nan, .greatestFiniteMagnitude]
    #expect(try run(unaryKernel(function, count: 4), [x], output: 4) == expected)
  }

  // To 15 digits from tables of the error function and its inverse.
  @Test func errorFunctionByHand() throws {
    let x: [Float] = [0, 0.5, -0.5, 0.9, 0.9999, 1, -1, 1.5]
    let y = try run(unaryKernel(.erfInverse, count: 8), [x], output: 8)
    let expected: [Float] = [0, 0.476936276, -0.476936276, 1.16308715, 2.75106391]
    // 0.9999 is a float's distance from the number that the last one belongs to.
    #expect(relativeError(Array(y[..<4]), Array(expected[..<4])) < 1e-7)
    #expect(abs(y[4] - expected[4]) < 1e-4)
    #expect(y[5] == .infinity && y[6] == -.infinity && y[7].isNaN)
    let back = try run(unaryKernel(.erf, count: 5), [Array(y[..<5])], output: 5)
    #expect(relativeError(back, Array(x[..<5])) < 1e-7)
  }

  // Where exponentials overflow or vanish: zero below, the number itself above.
  @Test(arguments: [UnaryFunction.silu, .gelu, .geluTanh, .mish], [8, 800])
  func farFromZero(_ function: UnaryFunction, count: Int) throws {
    let x = (0..<count).map { ([-1e4, -200, -90, -30, 30, 90, 200, 1e4] as [Float])[$0 % 8] }
    let y = try run(unaryKernel(function, count: count), [x], output: count)
    let slopes = try run(
      unaryGradientKernel(function, count: count), [x.map { _ in 1 }, x], output: count)
    for index in x.indices {
      #expect(abs(y[index] - max(x[index], 0)) <= 1e-6, "\(x[index])")
      #expect(abs(slopes[index] - (x[index] > 0 ? 1 : 0)) <= 1e-6, "\(x[index])")
    }
  }

  // The C library's functions are the independent numbers; 700 elements go through oneDNN.
  @Test(arguments: functions, [7, 700]) func values(_ function: UnaryFunction, count: Int) throws {
    let x = spread(count).map { number -> Float in
      switch domain(of: function) {
      case .all: number * 6
      case .positive: number * 3 + 3.25
      case .aboveOne: number * 3 + 4.25
      case .unit: number
      }
    }
    let y = try run(unaryKernel(function, count: count), [x], output: count)
    #expect(relativeError(y, x.map { function($0) }) < 2e-6)
    let isStepwise = [.step, .sign, .round].contains(function)
    if !isStepwise {
      #expect(relativeError(y, x.map { Float(function.inDouble(Double($0))) }) < 2e-6)
    }
  }

  @Test(arguments: functions, [7, 700])
  func nanStays(_ function: UnaryFunction, count: Int) throws {
    var x = spread(count).map { domain(of: function) == .unit ? $0 : $0 + 2 }
    x[count - 2] = .nan
    let y = try run(unaryKernel(function, count: count), [x], output: count)
    for index in y.indices { #expect(y[index].isNaN == (index == count - 2), "element \(index)") }
  }

  // What the C library's power function says, few or many elements.
  @Test(arguments: [8, 800]) func rootsAtTheEnds(count: Int) throws {
    let x = (0..<count).map {
      ([-.infinity, -1, -0.0, 0, 4, 0.25, .infinity, .nan] as [Float])[$0 % 8]
    }
    for exponent: Float in [0.5, -0.5] {
      let y = try run(unaryKernel(.power(exponent), count: count), [x], output: count)
      for index in x.indices {
        let expected = powf(x[index], exponent)
        #expect(y[index] == expected || (y[index].isNaN && expected.isNaN), "\(x[index])")
      }
    }
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
    switch domain(of: function) {
    case .positive: x = x.map { abs($0) + 0.25 }
    case .aboveOne: x = x.map { abs($0) + 1.25 }
    case .all, .unit: break
    }
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
    let sigmoid = try unaryGradientKernel(.hardSigmoid, count: 3)
    #expect(try run(sigmoid, [[6, 6, 6], [0, 1, 0.5]], output: 3) == [0, 0, 1])
    let swish = try unaryGradientKernel(.hardSwish, count: 4)
    #expect(try run(swish, [[6, 6, 6, 6], [-3, 3, 0, 9]], output: 4) == [0, 6, 3, 6])
  }

  @Test func largeArraysAreDividedAmongThreads() throws {
    let x = spread(100_003)
    let kernel = try unaryKernel(.relu(negativeSlope: 0), count: x.count)
    #expect(try run(kernel, [x], output: x.count) == x.map { max($0, 0) })
  }

  /// The numbers that a function is tested with.
  private enum Domain { case all, positive, aboveOne, unit }

  private func domain(of function: UnaryFunction) -> Domain {
    switch function {
    case .logarithm, .squareRoot, .power, .reciprocal, .logarithmPlusOne, .cubeRoot: .positive
    case .inverseHyperbolicCosine: .aboveOne
    case .erfInverse, .arcsine, .arccosine, .inverseHyperbolicTangent, .tangent: .unit
    default: .all
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
    case .silu: x / (1 + exp(-x))
    case .gelu: x / 2 * (1 + Glibc.erf(x / 2.0.squareRoot()))
    case .geluTanh:
      x / 2 * (1 + Glibc.tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    case .mish: x * Glibc.tanh(log(1 + exp(x)))
    case .hardSigmoid: min(max(x + 3, 0), 6) / 6
    case .hardSwish: x * min(max(x + 3, 0), 6) / 6
    case .softsign: x / (abs(x) + 1)
    case .exponentialMinusOne: exp(x) - 1
    case .logarithmPlusOne: log(1 + x)
    case .cubeRoot: pow(x, 1 / 3)
    case .erf: Glibc.erf(x)
    case .erfInverse: inverse(of: Glibc.erf, at: x)
    case .sine: sin(x)
    case .cosine: cos(x)
    case .tangent: sin(x) / cos(x)
    case .arcsine: asin(x)
    case .arccosine: acos(x)
    case .arctangent: atan(x)
    case .hyperbolicSine: (exp(x) - exp(-x)) / 2
    case .hyperbolicCosine: (exp(x) + exp(-x)) / 2
    case .inverseHyperbolicSine: log(x + (x * x + 1).squareRoot())
    case .inverseHyperbolicCosine: log(x + (x * x - 1).squareRoot())
    case .inverseHyperbolicTangent: log((1 + x) / (1 - x)) / 2
    case .floor: x.rounded(.down)
    case .ceiling: x.rounded(.up)
    case .round: x.rounded()
    case .truncate: x.rounded(.towardZero)
    case .isNaN, .isInfinite: 0
    case .isFinite: 1
    }
  }
}

/// The number between -10 and 10 where a growing function has a value, by bisection.
private func inverse(of function: (Double) -> Double, at value: Double) -> Double {
  var (low, high) = (-10.0, 10.0)
  for _ in 0..<80 {
    let middle = (low + high) / 2
    if function(middle) < value { low = middle } else { high = middle }
  }
  return low
}
