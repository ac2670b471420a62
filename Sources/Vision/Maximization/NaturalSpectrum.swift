import Glibc

/// How strong each frequency is in natural images, on average, along the axes of ``ColorAxes``.
///
/// A closed form of the mean magnitude of ImageNet's spectra that MACO (Fel et al. 2023) keeps fixed:
/// `ln r = k0 + k1 ln f + k2 (fx² + fy²) + k3 (fx⁴ + fy⁴) + k4 fx² fy²` with frequencies in cycles a
/// pixel, fitted to the published array of 512 by 512 pixels. It explains 99 % of the variance.
enum NaturalSpectrum {
  private static let coefficients: [[Double]] = [
    [2.5548, -1.6042, 1.1096, -62.1605, -15.0565],
    [2.5865, -1.5855, -2.9711, -53.196, -14.3952],
    [2.7267, -1.4916, -2.0683, -55.3898, -14.5344],
  ]

  /// The frequency zero, which the form doesn't cover.
  private static let means: [Double] = [255_052, 269_511, 227_829]

  /// The lowest frequency that the form was fitted to.
  private static let lowest = 1.5 / 512

  /// The magnitude of one frequency, in cycles a pixel down and across, on a colour axis: 0 is
  /// brightness.
  static func magnitude(axis: Int, fy: Double, fx: Double) -> Double {
    guard fy != 0 || fx != 0 else { return means[axis] }
    let (k, y, x) = (coefficients[axis], fy * fy, fx * fx)
    let frequency = max((y + x).squareRoot(), lowest)
    return exp(
      k[0] + k[1] * log(frequency) + k[2] * (y + x) + k[3] * (y * y + x * x) + k[4] * y * x)
  }
}
