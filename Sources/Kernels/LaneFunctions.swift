// Functions of sixteen numbers at a time, for arrays that are too small for oneDNN and kernels that
// need several of them. They are correct to two units in the last place, and NaN stays NaN.
//
// Source: S. Moshier, Cephes Mathematical Library, `single/expf.c` and `single/tanhf.c`.

/// `exp(x)`, from e^-87 to e^88: beyond that the nearest of the two.
@inline(__always) func exponential(_ x: Lanes) -> Lanes {
  let (low, high) = (Lanes(repeating: -87), Lanes(repeating: 88))
  let x = x.replacing(with: low, where: x .< low).replacing(with: high, where: x .> high)
  // In this sum the nearest whole number of x / log 2 stands in the lowest bits.
  let shifted = x * 1.44269504 + 12_582_912
  let whole = shifted - 12_582_912
  // log 2 in two parts, of which the first times a whole number is exact.
  let r = x - whole * 0.693359375 + whole * 2.12194440e-4
  var p = r * 1.9875691500e-4 + 1.3981999507e-3
  p = p * r + 8.3334519073e-3
  p = p * r + 4.1665795894e-2
  p = p * r + 1.6666665459e-1
  p = p * r + 5.0000001201e-1
  let fraction = p * r * r + r + 1
  let exponent = unsafeBitCast(shifted, to: SIMD16<UInt32>.self) &+ 127
  return fraction * unsafeBitCast(exponent &<< 23, to: Lanes.self)
}

/// `1 / (1 + exp(-x))`.
@inline(__always) func sigmoid(_ x: Lanes) -> Lanes { 1 / (1 + exponential(-x)) }

/// The hyperbolic tangent.
@inline(__always) func hyperbolicTangent(_ x: Lanes) -> Lanes {
  let square = x * x
  var p = square * -5.70498872745e-3 + 2.06390887954e-2
  p = p * square - 5.37397155531e-2
  p = p * square + 1.33314422036e-1
  p = p * square - 3.33332819422e-1
  let near = p * square * x + x
  // Far from zero; with the sign of x there too, because exp(2 x) may be small or large.
  let far = 1 - 2 / (exponential(x + x) + 1)
  return far.replacing(with: near, where: square .< 0.390625)
}
