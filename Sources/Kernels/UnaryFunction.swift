import Glibc

/// A function of one number, applied to every element; NaN stays NaN unless it is asked for.
public enum UnaryFunction: Hashable, Sendable {
  /// `x > 0 ? x : negativeSlope * x`, and exactly zero for every negative `x` if the slope is.
  case relu(negativeSlope: Float)
  /// `min(max(x, low), high)`.
  case clip(low: Float, high: Float)
  /// `1 / (1 + exp(-x))`.
  case sigmoid
  /// The hyperbolic tangent.
  case tanh
  /// `exp(x)`.
  case exponential
  /// The natural logarithm.
  case logarithm
  /// The square root.
  case squareRoot
  /// `x * x`.
  case square
  /// `|x|`.
  case absolute
  /// `scale * x + offset`.
  case linear(scale: Float, offset: Float)
  /// `x` to the power of an exponent.
  case power(Float)
  /// `x > 0 ? 1 : 0`.
  case step
  /// -1, 0 or 1.
  case sign
  /// `log(1 + exp(x))`.
  case softplus
  /// `x > 0 ? x : alpha * (exp(x) - 1)`.
  case elu(alpha: Float)
  /// `1 / x`.
  case reciprocal
  /// `x * sigmoid(x)`, also called swish.
  case silu
  /// `x` times the normal distribution's share below `x`, by the error function.
  case gelu
  /// The approximation `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x)))` of ``gelu``.
  case geluTanh
  /// `x * tanh(log(1 + exp(x)))`.
  case mish
  /// `min(max(x + 3, 0), 6) / 6`.
  case hardSigmoid
  /// `x * min(max(x + 3, 0), 6) / 6`.
  case hardSwish
  /// `x / (|x| + 1)`.
  case softsign
  /// `exp(x) - 1`, exact near zero.
  case exponentialMinusOne
  /// `log(1 + x)`, exact near zero.
  case logarithmPlusOne
  /// The cube root, negative for negative numbers.
  case cubeRoot
  /// The error function.
  case erf
  /// The inverse of the error function.
  case erfInverse
  /// The sine of an angle in radians.
  case sine
  /// The cosine of an angle in radians.
  case cosine
  /// The tangent of an angle in radians.
  case tangent
  /// The angle from `-pi / 2` to `pi / 2` whose sine is `x`.
  case arcsine
  /// The angle from 0 to `pi` whose cosine is `x`.
  case arccosine
  /// The angle from `-pi / 2` to `pi / 2` whose tangent is `x`.
  case arctangent
  /// `(exp(x) - exp(-x)) / 2`.
  case hyperbolicSine
  /// `(exp(x) + exp(-x)) / 2`.
  case hyperbolicCosine
  /// The number whose hyperbolic sine is `x`.
  case inverseHyperbolicSine
  /// The number from zero on whose hyperbolic cosine is `x`.
  case inverseHyperbolicCosine
  /// The number whose hyperbolic tangent is `x`.
  case inverseHyperbolicTangent
  /// The largest whole number up to `x`.
  case floor
  /// The smallest whole number from `x` on.
  case ceiling
  /// The nearest whole number, the even one of two.
  case round
  /// The whole number next to `x` on the side of zero.
  case truncate
  /// 1 if `x` is NaN, otherwise 0.
  case isNaN
  /// 1 if `x` is an infinity, otherwise 0.
  case isInfinite
  /// 1 if `x` is neither NaN nor an infinity, otherwise 0.
  case isFinite

  /// What the derivative of a function is computed from.
  public enum GradientSource: Hashable, Sendable {
    /// From what the function returned.
    case output
    /// From what the function was given.
    case input
    /// From neither: the derivative is the same everywhere.
    case none
  }

  /// What ``unaryGradientKernel(_:count:)`` wants as its second input: the output wherever it
  /// tells enough, because then the input's memory is free early.
  public var gradientSource: GradientSource {
    switch self {
    case .relu(let slope): slope >= 0 ? .output : .input
    case .elu(let alpha): alpha >= 0 ? .output : .input
    case .clip, .sigmoid, .tanh, .exponential, .squareRoot, .reciprocal, .hardSigmoid,
      .exponentialMinusOne, .cubeRoot, .erfInverse, .tangent:
      .output
    case .logarithm, .square, .absolute, .power, .softplus, .silu, .gelu, .geluTanh, .mish,
      .hardSwish, .softsign, .logarithmPlusOne, .erf, .sine, .cosine, .arcsine, .arccosine,
      .arctangent, .hyperbolicSine, .hyperbolicCosine, .inverseHyperbolicSine,
      .inverseHyperbolicCosine, .inverseHyperbolicTangent:
      .input
    case .linear, .step, .sign, .floor, .ceiling, .round, .truncate, .isNaN, .isInfinite,
      .isFinite:
      .none
    }
  }

  /// The function's value at one point, from the C library.
  func callAsFunction(_ x: Float) -> Float {
    switch self {
    case .relu(let slope): slope == 0 ? (x <= 0 ? 0 : x) : (x < 0 ? slope * x : x)
    case .clip(let low, let high): x < low ? low : (x > high ? high : x)
    case .sigmoid: 1 / (1 + expf(-x))
    case .tanh: tanhf(x)
    case .exponential: expf(x)
    case .logarithm: logf(x)
    case .squareRoot: x.squareRoot()
    case .square: x * x
    case .absolute: abs(x)
    case .linear(let scale, let offset): scale * x + offset
    case .power(let exponent): powf(x, exponent)
    case .step: x > 0 ? 1 : (x == x ? 0 : x)
    case .sign: x > 0 ? 1 : (x < 0 ? -1 : x)
    case .softplus: x > 0 ? x + log1pf(expf(-x)) : log1pf(expf(x))
    case .elu(let alpha): x > 0 ? x : alpha * expm1f(x)
    case .reciprocal: 1 / x
    case .silu: x / (1 + expf(-x))
    case .gelu: 0.5 * x * erfcf(-x * inverseRootOfTwo)
    case .geluTanh: 0.5 * x * (1 + tanhf(geluTanhArgument(x)))
    case .mish: x * tanhf(UnaryFunction.softplus(x))
    case .hardSigmoid: UnaryFunction.clip(low: 0, high: 6)(x + 3) / 6
    case .hardSwish: x * UnaryFunction.hardSigmoid(x)
    case .softsign: x / (abs(x) + 1)
    case .exponentialMinusOne: expm1f(x)
    case .logarithmPlusOne: log1pf(x)
    case .cubeRoot: cbrtf(x)
    case .erf: erff(x)
    case .erfInverse: inverseErrorFunction(x)
    case .sine: sinf(x)
    case .cosine: cosf(x)
    case .tangent: tanf(x)
    case .arcsine: asinf(x)
    case .arccosine: acosf(x)
    case .arctangent: atanf(x)
    case .hyperbolicSine: sinhf(x)
    case .hyperbolicCosine: coshf(x)
    case .inverseHyperbolicSine: asinhf(x)
    case .inverseHyperbolicCosine: acoshf(x)
    case .inverseHyperbolicTangent: atanhf(x)
    case .floor: x.rounded(.down)
    case .ceiling: x.rounded(.up)
    case .round: x.rounded(.toNearestOrEven)
    case .truncate: x.rounded(.towardZero)
    case .isNaN: x.isNaN ? 1 : 0
    case .isInfinite: x.isInfinite ? 1 : 0
    case .isFinite: x.isFinite ? 1 : 0
    }
  }
}

/// `1 / sqrt(2)`.
private let inverseRootOfTwo: Float = 0.70710678

/// What ``UnaryFunction/geluTanh`` takes the hyperbolic tangent of.
func geluTanhArgument(_ x: Float) -> Float { 0.79788456 * (x + 0.044715 * x * x * x) }

/// The inverse of the error function: Giles' approximation, and two steps of Newton's method in
/// double precision.
private func inverseErrorFunction(_ x: Float) -> Float {
  guard abs(x) < 1 else { return abs(x) == 1 ? x * .infinity : .nan }
  let target = Double(x)
  let w = -log((1 - target) * (1 + target))
  var y = w < 5 ? polynomial(gilesCentre, w - 2.5) : polynomial(gilesTail, w.squareRoot() - 3)
  y *= target
  let halfRootOfPi = 0.88622692545275801
  for _ in 0..<2 { y -= (erf(y) - target) * halfRootOfPi * exp(y * y) }
  return Float(y)
}

private func polynomial(_ coefficients: [Double], _ x: Double) -> Double {
  coefficients.reduce(0) { $0 * x + $1 }
}

// Source: M. Giles, "Approximating the erfinv function" (2011), table 5.

private let gilesCentre = [
  2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
  -0.00417768164, 0.246640727, 1.50140941,
]

private let gilesTail = [
  -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
  0.00943887047, 1.00167406, 2.83297682,
]
