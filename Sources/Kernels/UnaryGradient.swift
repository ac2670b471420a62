import Glibc
public import Tensors

/// Multiplies a cotangent with the derivative of a function.
///
/// Inputs: the cotangent and, unless ``UnaryFunction/gradientSource-swift.property`` is `none`, the
/// function's output or input as that says; `count` elements each. Output: as many.
///
/// At kinks: relu, step, sign and absolute have the derivative that belongs to `x <= 0` (zero for
/// `absolute`) at zero; clip has zero at both limits. Where the derivative is zero the result is
/// zero even for a cotangent that is infinite or NaN.
///
/// Source: TensorFlow, `ReluGrad` and `Relu6Grad` in `relu_op_functor.h`.
public func unaryGradientKernel(
  _ function: UnaryFunction, count: Int
) throws(PhospheneError) -> any Kernel {
  switch function {
  case .softplus where count >= transcendentalThreshold:
    let kernel = try eltwiseKernel(.sigmoid, count: count, inputCount: 2, source: 1) { arguments in
      keepNaN(count, from: arguments[1], in: arguments[2])
      inParallel(count) { zipLanes($0, arguments[0], arguments[2], arguments[2]) { $0 * $1 } }
    }
    if let kernel { return kernel }
  case .linear(let scale, _):
    return LoopKernel { arguments in
      inParallel(count) { mapLanes($0, arguments[0], arguments[1]) { scale * $0 } }
    }
  case .silu, .gelu, .geluTanh, .mish:
    if count >= transcendentalThreshold,
      let kernel = try eltwiseGradientKernel(
        function, count: count, finish: { keepNaN(count, from: $0[1], in: $0[2]) })
    {
      return kernel
    }
  case _ where function.gradientSource == .none:
    return LoopKernel { arguments in
      inParallel(count) { mapLanes($0, arguments[0], arguments[1]) { _ in Lanes() } }
    }
  default: break
  }
  return LoopKernel { function.applyGradient(count, $0[0], $0[1], to: $0[2]) }
}

extension UnaryFunction {
  /// Multiplies cotangents with the derivative, made of the output or the input.
  func applyGradient(
    _ count: Int, _ cotangent: UnsafeMutablePointer<Float>, _ s: UnsafeMutablePointer<Float>,
    to y: UnsafeMutablePointer<Float>
  ) {
    let c = cotangent
    switch self {
    case .relu(negativeSlope: 0):
      inParallel(count) { zipLanes($0, c, s, y) { choose($1 .> 0, $0, Lanes()) } }
    case .relu(let slope):
      inParallel(count) { zipLanes($0, c, s, y) { choose($1 .> 0, $0, slope * $0) } }
    case .clip(let low, let high):
      inParallel(count) {
        zipLanes($0, c, s, y) { choose(($1 .> low) .& ($1 .< high), $0, Lanes()) }
      }
    case .sigmoid: inParallel(count) { zipLanes($0, c, s, y) { $0 * $1 * (1 - $1) } }
    case .tanh: inParallel(count) { zipLanes($0, c, s, y) { $0 * (1 - $1 * $1) } }
    case .exponential: inParallel(count) { zipLanes($0, c, s, y) { $0 * $1 } }
    case .logarithm: inParallel(count) { zipLanes($0, c, s, y) { $0 / $1 } }
    case .squareRoot: inParallel(count) { zipLanes($0, c, s, y) { $0 * 0.5 / $1 } }
    case .square, .power(2): inParallel(count) { zipLanes($0, c, s, y) { $0 * 2 * $1 } }
    case .absolute:
      inParallel(count) {
        zipLanes($0, c, s, y) { choose($1 .> 0, $0, choose($1 .< 0, -$0, Lanes())) }
      }
    case .power(let exponent):
      inParallel(count) { zipElements($0, c, s, y) { $0 * exponent * powf($1, exponent - 1) } }
    case .softplus:
      inParallel(count) { zipElements($0, c, s, y) { $0 * UnaryFunction.sigmoid($1) } }
    case .elu(let alpha) where alpha >= 0:
      inParallel(count) { zipLanes($0, c, s, y) { choose($1 .> 0, $0, $0 * ($1 + alpha)) } }
    case .elu(let alpha):
      inParallel(count) { zipElements($0, c, s, y) { $1 > 0 ? $0 : $0 * alpha * expf($1) } }
    case .reciprocal: inParallel(count) { zipLanes($0, c, s, y) { -$0 * $1 * $1 } }
    case .hardSigmoid:
      inParallel(count) {
        zipLanes($0, c, s, y) { choose(($1 .> 0) .& ($1 .< 1), $0 / 6, Lanes()) }
      }
    case .hardSwish:
      inParallel(count) {
        zipLanes($0, c, s, y) {
          choose($1 .<= -3, Lanes(), choose($1 .>= 3, $0, $0 * ($1 / 3 + 0.5)))
        }
      }
    case .softsign:
      inParallel(count) {
        zipLanes($0, c, s, y) { $0 / (($1.magnitudes + 1) * ($1.magnitudes + 1)) }
      }
    case .exponentialMinusOne: inParallel(count) { zipLanes($0, c, s, y) { $0 * ($1 + 1) } }
    case .logarithmPlusOne: inParallel(count) { zipLanes($0, c, s, y) { $0 / ($1 + 1) } }
    case .cubeRoot: inParallel(count) { zipLanes($0, c, s, y) { $0 / (3 * $1 * $1) } }
    case .tangent: inParallel(count) { zipLanes($0, c, s, y) { $0 * ($1 * $1 + 1) } }
    case .arcsine:
      inParallel(count) { zipElements($0, c, s, y) { $0 / ((1 - $1) * (1 + $1)).squareRoot() } }
    case .arccosine:
      inParallel(count) { zipElements($0, c, s, y) { -$0 / ((1 - $1) * (1 + $1)).squareRoot() } }
    case .arctangent: inParallel(count) { zipLanes($0, c, s, y) { $0 / ($1 * $1 + 1) } }
    case .inverseHyperbolicSine:
      inParallel(count) { zipElements($0, c, s, y) { $0 / ($1 * $1 + 1).squareRoot() } }
    case .inverseHyperbolicCosine:
      inParallel(count) { zipElements($0, c, s, y) { $0 / (($1 - 1) * ($1 + 1)).squareRoot() } }
    case .inverseHyperbolicTangent:
      inParallel(count) { zipLanes($0, c, s, y) { $0 / ((1 - $1) * (1 + $1)) } }
    case .silu, .gelu, .geluTanh, .mish, .erf, .erfInverse, .sine, .cosine, .hyperbolicSine,
      .hyperbolicCosine:
      Threads.split(count, grain: loopGrain / 16) { range in
        for index in range { y[index] = c[index] * transcendentalDerivative(s[index]) }
      }
    case .linear, .step, .sign, .floor, .ceiling, .round, .truncate, .isNaN, .isInfinite,
      .isFinite:
      preconditionFailure("the derivative has no source")
    }
  }

  /// The derivative at one point, of the output or the input, from the C library.
  private func transcendentalDerivative(_ s: Float) -> Float {
    switch self {
    case .silu:
      let share = UnaryFunction.sigmoid(s)
      return share * (1 + s * (1 - share))
    case .gelu:
      let density = 0.39894228 * expf(-0.5 * s * s)
      return 0.5 * erfcf(-s * 0.70710678) + s * density
    case .geluTanh:
      let tangent = tanhf(geluTanhArgument(s))
      let slope = 0.79788456 * (1 + 3 * 0.044715 * s * s)
      return 0.5 * (1 + tangent) + 0.5 * s * (1 - tangent * tangent) * slope
    case .mish:
      let tangent = tanhf(UnaryFunction.softplus(s))
      return tangent + s * (1 - tangent * tangent) * UnaryFunction.sigmoid(s)
    case .erf: return 1.1283792 * expf(-s * s)
    case .erfInverse: return 0.88622693 * expf(s * s)
    case .sine: return cosf(s)
    case .cosine: return -sinf(s)
    case .hyperbolicSine: return coshf(s)
    case .hyperbolicCosine: return sinhf(s)
    default: preconditionFailure("\(self) has a short derivative")
    }
  }
}
