public import Tensors

extension UnaryFunction {
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
    case .hardSigmoid: mapElements(count, x, y) { clippedToSix($0 + 3) / 6 }
    case .hardSwish: mapElements(count, x, y) { $0 * (clippedToSix($0 + 3) / 6) }
    case .softsign: mapElements(count, x, y) { $0 / (abs($0) + 1) }
    case .floor: mapElements(count, x, y) { $0.rounded(.down) }
    case .ceiling: mapElements(count, x, y) { $0.rounded(.up) }
    case .round: mapElements(count, x, y) { $0.rounded(.toNearestOrEven) }
    case .truncate: mapElements(count, x, y) { $0.rounded(.towardZero) }
    case .isNaN: mapElements(count, x, y) { $0 == $0 ? 0 : 1 }
    case .isInfinite: mapElements(count, x, y) { abs($0) == .infinity ? 1 : 0 }
    case .isFinite: mapElements(count, x, y) { $0 - $0 == 0 ? 1 : 0 }
    case .sigmoid, .tanh, .exponential, .logarithm, .power, .softplus, .elu, .silu, .gelu,
      .geluTanh, .mish, .exponentialMinusOne, .logarithmPlusOne, .cubeRoot, .erf, .erfInverse,
      .sine, .cosine, .tangent, .arcsine, .arccosine, .arctangent, .hyperbolicSine,
      .hyperbolicCosine, .inverseHyperbolicSine, .inverseHyperbolicCosine,
      .inverseHyperbolicTangent:
      Threads.split(count, grain: loopGrain / 16) { range in
        for index in range { y[index] = self(x[index]) }
      }
    }
  }

  /// Whether the function is worth a kernel of oneDNN: it has no short formula.
  var isTranscendental: Bool {
    switch self {
    case .sigmoid, .tanh, .exponential, .logarithm, .softplus, .elu, .silu, .gelu, .geluTanh,
      .mish:
      true
    default: false
    }
  }
}

/// `min(max(x, 0), 6)`.
@inline(__always) private func clippedToSix(_ x: Float) -> Float { x < 0 ? 0 : (x > 6 ? 6 : x) }

/// Below this many elements the C library is faster than starting a primitive of oneDNN.
let transcendentalThreshold = 256

/// Applies a function to every element.
///
/// Inputs: `x` of `count` elements. Output: as many.
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
func keepNaN(
  _ count: Int, from x: UnsafeMutablePointer<Float>, in y: UnsafeMutablePointer<Float>
) {
  zipElements(count, x, y, y) { $0 == $0 ? $1 : $0 }
}
