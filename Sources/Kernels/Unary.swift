import Glibc
public import Tensors

/// A function of one number, applied to every element; NaN stays NaN.
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
    case .clip, .sigmoid, .tanh, .exponential, .squareRoot, .reciprocal: .output
    case .logarithm, .square, .absolute, .power, .softplus: .input
    case .linear, .step, .sign: .none
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
    }
  }

  /// Applies the function to an array; `x` and `y` may be the same.
  ///
  /// One loop for each function, so that the compiler can vectorize it.
  func apply(
    _ count: Int, from x: UnsafeMutablePointer<Float>, to y: UnsafeMutablePointer<Float>
  ) {
    switch self {
    case .relu(negativeSlope: 0): mapElements(count, x, y) { $0 <= 0 ? 0 : $0 }
    case .relu(let slope): mapElements(count, x, y) { $0 < 0 ? slope * $0 : $0 }
    case .clip(let low, let high):
      mapElements(count, x, y) { $0 < low ? low : ($0 > high ? high : $0) }
    case .squareRoot: mapElements(count, x, y) { $0.squareRoot() }
    case .square, .power(2): mapElements(count, x, y) { $0 * $0 }
    case .power(1): mapElements(count, x, y) { $0 }
    case .power(3): mapElements(count, x, y) { $0 * $0 * $0 }
    case .power(-1), .reciprocal: mapElements(count, x, y) { 1 / $0 }
    case .absolute: mapElements(count, x, y) { abs($0) }
    case .linear(let scale, let offset): mapElements(count, x, y) { scale * $0 + offset }
    case .step: mapElements(count, x, y) { $0 > 0 ? 1 : ($0 == $0 ? 0 : $0) }
    case .sign: mapElements(count, x, y) { $0 > 0 ? 1 : ($0 < 0 ? -1 : $0) }
    case .sigmoid, .tanh, .exponential, .logarithm, .power, .softplus, .elu:
      Threads.split(count, grain: loopGrain / 16) { range in
        for index in range { y[index] = self(x[index]) }
      }
    }
  }

  /// Whether the function is worth a kernel of oneDNN: it has no short formula.
  fileprivate var isTranscendental: Bool {
    switch self {
    case .sigmoid, .tanh, .exponential, .logarithm, .softplus, .elu: true
    default: false
    }
  }
}

/// Below this many elements the C library is faster than starting a primitive of oneDNN.
private let transcendentalThreshold = 256

/// Applies a function to every element.
///
/// Inputs: `x` of `count` elements. Output: as many. NaN stays NaN.
public func unaryKernel(
  _ function: UnaryFunction, count: Int
) throws(PhospheneError) -> any Kernel {
  if function.isTranscendental, count >= transcendentalThreshold {
    let kernel = try eltwiseKernel(function, count: count) { arguments in
      keepNaN(count, from: arguments[0], in: arguments[1])
    }
    if let kernel { return kernel }
  }
  return LoopKernel { function.apply(count, from: $0[0], to: $0[1]) }
}

/// Writes the NaNs of `x` to `y`, where oneDNN has put numbers.
private func keepNaN(
  _ count: Int, from x: UnsafeMutablePointer<Float>, in y: UnsafeMutablePointer<Float>
) {
  zipElements(count, x, y, y) { $0 == $0 ? $1 : $0 }
}

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
      zipElements(count, arguments[0], arguments[2], arguments[2]) { $0 * $1 }
    }
    if let kernel { return kernel }
  case .linear(let scale, _):
    return LoopKernel { arguments in
      mapElements(count, arguments[0], arguments[1]) { scale * $0 }
    }
  case .step, .sign:
    return LoopKernel { arguments in mapElements(count, arguments[0], arguments[1]) { _ in 0 } }
  default: break
  }
  return LoopKernel { function.applyGradient(count, $0[0], $0[1], to: $0[2]) }
}

extension UnaryFunction {
  /// Multiplies cotangents with the derivative, made of the output or the input.
  fileprivate func applyGradient(
    _ count: Int, _ cotangent: UnsafeMutablePointer<Float>, _ s: UnsafeMutablePointer<Float>,
    to y: UnsafeMutablePointer<Float>
  ) {
    let c = cotangent
    switch self {
    case .relu(negativeSlope: 0): zipElements(count, c, s, y) { $1 > 0 ? $0 : 0 }
    case .relu(let slope): zipElements(count, c, s, y) { $1 > 0 ? $0 : slope * $0 }
    case .clip(let low, let high):
      zipElements(count, c, s, y) { $1 > low && $1 < high ? $0 : 0 }
    case .sigmoid: zipElements(count, c, s, y) { $0 * $1 * (1 - $1) }
    case .tanh: zipElements(count, c, s, y) { $0 * (1 - $1 * $1) }
    case .exponential: zipElements(count, c, s, y) { $0 * $1 }
    case .logarithm: zipElements(count, c, s, y) { $0 / $1 }
    case .squareRoot: zipElements(count, c, s, y) { $0 * 0.5 / $1 }
    case .square, .power(2): zipElements(count, c, s, y) { $0 * 2 * $1 }
    case .absolute: zipElements(count, c, s, y) { $1 > 0 ? $0 : ($1 < 0 ? -$0 : 0) }
    case .power(let exponent):
      zipElements(count, c, s, y) { $0 * exponent * powf($1, exponent - 1) }
    case .softplus: zipElements(count, c, s, y) { $0 * UnaryFunction.sigmoid($1) }
    case .elu(let alpha) where alpha >= 0:
      zipElements(count, c, s, y) { $1 > 0 ? $0 : $0 * ($1 + alpha) }
    case .elu(let alpha): zipElements(count, c, s, y) { $1 > 0 ? $0 : $0 * alpha * expf($1) }
    case .reciprocal: zipElements(count, c, s, y) { -$0 * $1 * $1 }
    case .linear, .step, .sign: preconditionFailure("the derivative has no source")
    }
  }
}
