import Glibc

/// How strong each frequency is in natural images, on average, along the axes of ``ColorAxes``.
///
/// A closed form of the mean magnitude of ImageNet's spectra that MACO (Fel et al. 2023) keeps fixed,
/// fitted to the published array of 512 by 512 pixels. It explains 99 % of the variance.
enum NaturalSpectrum {
  private static let laws = [
    SpectralLaw([2.5548, -1.6042, 1.1096, -62.1605, -15.0565]),
    SpectralLaw([2.5865, -1.5855, -2.9711, -53.196, -14.3952]),
    SpectralLaw([2.7267, -1.4916, -2.0683, -55.3898, -14.5344]),
  ]

  /// The frequency zero, which the form doesn't cover.
  private static let means: [Double] = [255_052, 269_511, 227_829]

  /// The lowest frequency that the form was fitted to.
  private static let lowest = 1.5 / 512

  /// The magnitude of one frequency, in cycles a pixel through, down and across, on a colour axis: 0 is
  /// brightness.
  static func magnitude(axis: Int, fz: Double = 0, fy: Double, fx: Double) -> Double {
    guard fz != 0 || fy != 0 || fx != 0 else { return means[axis] }
    return exp(laws[axis].logarithm(fz: fz, fy: fy, fx: fx, lowest: lowest))
  }
}

/// The strength of frequencies by five coefficients:
/// `ln r = k0 + k1 ln f + k2 Σ fi² + k3 Σ fi⁴ + k4 Σ fi² fj²` with frequencies in cycles a pixel along
/// each axis, `f` the length of all together, and pairs of axes in the last sum.
struct SpectralLaw: Sendable {
  private let k: (Double, Double, Double, Double, Double)

  /// - Precondition: There are five coefficients.
  init(_ k: [Double]) {
    precondition(k.count == 5, "\(k.count) coefficients of a spectrum")
    self.k = (k[0], k[1], k[2], k[3], k[4])
  }

  /// The logarithm of a magnitude; frequencies below the lowest count as that in `ln f`.
  func logarithm(fz: Double, fy: Double, fx: Double, lowest: Double = 0) -> Double {
    let (z, y, x) = (fz * fz, fy * fy, fx * fx)
    let sum = z + y + x
    let frequency = max(sum.squareRoot(), lowest)
    return k.0 + k.1 * log(frequency) + k.2 * sum + k.3 * (z * z + y * y + x * x)
      + k.4 * (y * x + z * (y + x))
  }
}
