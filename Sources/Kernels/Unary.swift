public import Tensors

extension UnaryFunction {
  /// Applies the function to an array; `x` and `y` may be the same.
  ///
  /// One loop for each function, because only then the function is compiled into the loop.
  func apply(
    _ count: Int, from x: UnsafeMutablePointer<Float>, to y: UnsafeMutablePointer<Float>
  ) {
    switch self {
    case .relu(negativeSlope: 0):
      inParallel(count) { mapLanes($0, x, y) { $0.replacing(with: 0, where: $0 .<= 0) } }
    case .relu(let slope):
      inParallel(count) { mapLanes($0, x, y) { $0.replacing(with: slope * $0, where: $0 .< 0) } }
    case .clip(let low, let high):
      inParallel(count) { mapLanes($0, x, y) { clipped($0, low, high) } }
    case .squareRoot: inParallel(count) { mapElements($0, x, y) { $0.squareRoot() } }
    case .square, .power(2): inParallel(count) { mapLanes($0, x, y) { $0 * $0 } }
    case .power(1): inParallel(count) { mapLanes($0, x, y) { $0 } }
    case .power(3): inParallel(count) { mapLanes($0, x, y) { $0 * $0 * $0 } }
    case .power(-1), .reciprocal: inParallel(count) { mapLanes($0, x, y) { 1 / $0 } }
    case .absolute: inParallel(count) { mapLanes($0, x, y) { $0.magnitudes } }
    case .linear(let scale, let offset):
      inParallel(count) { mapLanes($0, x, y) { scale * $0 + offset } }
    case .step:
      inParallel(count) {
        mapLanes($0, x, y) {
          $0.replacing(with: 0, where: $0 .<= 0).replacing(with: 1, where: $0 .> 0)
        }
      }
    case .sign:
      inParallel(count) {
        mapLanes($0, x, y) {
          $0.replacing(with: -1, where: $0 .< 0).replacing(with: 1, where: $0 .> 0)
        }
      }
    case .hardSigmoid: inParallel(count) { mapLanes($0, x, y) { clipped($0 + 3, 0, 6) / 6 } }
    case .hardSwish: inParallel(count) { mapLanes($0, x, y) { $0 * (clipped($0 + 3, 0, 6) / 6) } }
    case .softsign: inParallel(count) { mapLanes($0, x, y) { $0 / ($0.magnitudes + 1) } }
    case .floor:
      inParallel(count) {
        mapLanes($0, x, y) { x in
          let near = roundedToEven(x)
          return near.replacing(with: near - 1, where: near .> x)
        }
      }
    case .ceiling:
      inParallel(count) {
        mapLanes($0, x, y) { x in
          let near = roundedToEven(x)
          return near.replacing(with: near + 1, where: near .< x).withSigns(of: x)
        }
      }
    case .round: inParallel(count) { mapLanes($0, x, y) { roundedToEven($0) } }
    case .truncate:
      inParallel(count) {
        mapLanes($0, x, y) { x in
          let size = x.magnitudes
          let near = roundedToEven(size)
          return near.replacing(with: near - 1, where: near .> size).withSigns(of: x)
        }
      }
    case .isNaN: inParallel(count) { mapLanes($0, x, y) { indicator($0 .!= $0) } }
    case .isInfinite:
      inParallel(count) { mapLanes($0, x, y) { indicator($0.magnitudes .== .infinity) } }
    case .isFinite: inParallel(count) { mapLanes($0, x, y) { indicator($0 - $0 .== 0) } }
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

  /// Whether oneDNN computes the function faster than the C library: it has no short formula.
  fileprivate var isTranscendental: Bool {
    switch self {
    case .sigmoid, .tanh, .exponential, .logarithm, .softplus, .elu, .silu, .gelu, .geluTanh,
      .mish:
      true
    default: false
    }
  }
}

/// The nearest whole numbers, the even ones of two.
///
/// Numbers from 2^23 on are whole; smaller ones lose their fraction in a sum with that.
@inline(__always) private func roundedToEven(_ x: Lanes) -> Lanes {
  let (size, shift) = (x.magnitudes, Lanes(repeating: 8_388_608))
  return x.replacing(with: (size + shift) - shift, where: size .< shift).withSigns(of: x)
}

extension Lanes {
  private var bits: SIMD16<UInt32> { unsafeBitCast(self, to: SIMD16<UInt32>.self) }

  /// The numbers without their signs.
  @inline(__always) var magnitudes: Lanes {
    unsafeBitCast(bits & SIMD16<UInt32>(repeating: ~(1 << 31)), to: Lanes.self)
  }

  /// The numbers with the signs of others, where they have none.
  @inline(__always) fileprivate func withSigns(of other: Lanes) -> Lanes {
    unsafeBitCast(bits | other.bits & SIMD16<UInt32>(repeating: 1 << 31), to: Lanes.self)
  }
}

/// The nearest numbers from `low` to `high`; NaN stays NaN.
@inline(__always) private func clipped(_ x: Lanes, _ low: Float, _ high: Float) -> Lanes {
  x.replacing(with: low, where: x .< low).replacing(with: high, where: x .> high)
}

/// Below this many elements the C library is faster than starting a primitive of oneDNN.
let transcendentalThreshold = 256

/// Applies a function to every element.
///
/// Inputs: `x` of `count` elements. Output: as many.
public func unaryKernel(
  _ function: UnaryFunction, count: Int
) throws(PhospheneError) -> any Kernel {
  if count >= transcendentalThreshold, let kernel = try oneDNNKernel(function, count: count) {
    return kernel
  }
  return LoopKernel { function.apply(count, from: $0[0], to: $0[1]) }
}

/// The function as a kernel of oneDNN, `nil` if a loop of our own is as fast.
private func oneDNNKernel(
  _ function: UnaryFunction, count: Int
) throws(PhospheneError) -> (any Kernel)? {
  switch function {
  // The compiler makes no vector instruction of a square root, for the sake of `errno`.
  case .squareRoot: try eltwiseKernel(function, count: count)
  // Powers of both infinities and of both zeros are alike.
  case .power(0.5):
    try eltwiseKernel(.squareRoot, count: count) { arguments in
      inParallel(count) {
        zipElements($0, arguments[0], arguments[1], arguments[1]) {
          $0 == -.infinity ? .infinity : $1 + 0
        }
      }
    }
  case .power(-0.5):
    try eltwiseKernel(.squareRoot, count: count) { arguments in
      inParallel(count) {
        zipElements($0, arguments[0], arguments[1], arguments[1]) {
          $0 == -.infinity ? 0 : 1 / ($1 + 0)
        }
      }
    }
  case _ where function.isTranscendental:
    try eltwiseKernel(function, count: count) { keepNaN(count, from: $0[0], in: $0[1]) }
  default: nil
  }
}

/// Writes the NaNs of `x` to `y`, where oneDNN has put numbers.
func keepNaN(
  _ count: Int, from x: UnsafeMutablePointer<Float>, in y: UnsafeMutablePointer<Float>
) {
  inParallel(count) { range in
    for first in stride(from: range.lowerBound, to: range.upperBound, by: 1 << 10) {
      let block = first..<min(first + 1 << 10, range.upperBound)
      // Only the inputs are read where all are numbers, which is nearly always.
      guard mayHoldNaN(block, x) else { continue }
      zipLanes(block, x, y, y) { $1.replacing(with: $0, where: $0 .!= $0) }
    }
  }
}

/// Whether there is a NaN or an infinity among some numbers: times zero it is NaN, and so is any sum
/// with it.
private func mayHoldNaN(_ range: Range<Int>, _ x: UnsafeMutablePointer<Float>) -> Bool {
  var sums = Lanes()
  var index = range.lowerBound
  while index + 16 <= range.upperBound {
    sums += x.lanes(at: index) * 0
    index += 16
  }
  sums += x.lanes(at: index, count: range.upperBound - index) * 0
  return sums.sum() != 0
}
