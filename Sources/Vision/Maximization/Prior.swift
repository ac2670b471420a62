import Glibc
import Tensors

/// What pictures of one kind have in common: mean colour, how colours vary together, how strong each
/// frequency is.
struct Prior: Codable, Sendable {
  /// The mean brightness of each channel, from 0 to 1.
  var mean: [Float]
  /// For each axis along which colours vary independently its channels; the longest axis has length 1.
  var axes: [[Float]]
  /// For each axis the five coefficients of ``NaturalSpectrum``'s form.
  var spectrum: [[Double]]

  private enum CodingKeys: CodingKey, CaseIterable { case mean, axes, spectrum }

  init(from decoder: any Decoder) throws {
    let prior = try decoder.options(CodingKeys.self)
    mean = try prior.decode([Float].self, forKey: .mean)
    axes = try prior.decode([[Float]].self, forKey: .axes)
    spectrum = try prior.decode([[Double]].self, forKey: .spectrum)
  }

  func check() throws(PhospheneError) {
    let count = mean.count
    guard count > 0, axes.count == count, spectrum.count == count,
      axes.allSatisfy({ $0.count == count && $0.allSatisfy(\.isFinite) }),
      spectrum.allSatisfy({ $0.count == 5 && $0.allSatisfy(\.isFinite) })
    else {
      throw .invalidArgument(
        "a prior needs for each channel a mean, an axis of as many numbers as there are channels, and "
          + "five coefficients of its spectrum")
    }
    for brightness in mean { try require(0...1, brightness, "a mean of the prior") }
    for number in axes.flatMap(\.self) { try require(-2...2, number, "an axis of the prior") }
    for number in spectrum.flatMap(\.self) {
      try require(-1e6...1e6, number, "a coefficient of the prior's spectrum")
    }
  }

  /// The magnitude of one frequency other than zero, in cycles a pixel down and across.
  func magnitude(axis: Int, fy: Double, fx: Double) -> Double {
    let (k, y, x) = (spectrum[axis], fy * fy, fx * fx)
    let power = k[0] + k[1] * log((y + x).squareRoot()) + k[2] * (y + x)
    // What a few pictures say about the corners of a spectrum must not end in infinity.
    return exp(min(max(power + k[3] * (y * y + x * x) + k[4] * y * x, -40), 40))
  }
}

extension ParametrizedImage {
  /// Red, green and blue (or whatever the channels are) of each axis, row by row; `nil` where channels
  /// stand for themselves.
  var mixing: [Float]? {
    guard parametrization.decorrelate else { return nil }
    if let prior = parametrization.prior { return prior.axes.flatMap(\.self) }
    return channels == 3 ? ColorAxes.mixing : nil
  }

  /// What parameters of zero give, before the sigmoid: the background or the prior's mean, but not so
  /// near to black or white that nothing moves away from it.
  var middles: [Float] {
    let means = parametrization.prior?.mean ?? [Float](repeating: background, count: channels)
    return means.map { (mean: Float) in
      let brightness = min(max(mean, 0.25), 0.75)
      return logf(brightness / (1 - brightness))
    }
  }

  /// The magnitude of a frequency along an axis of colours, by the prior or by nature.
  func magnitude(axis: Int, fy: Double, fx: Double) -> Double {
    guard let prior = parametrization.prior else {
      return NaturalSpectrum.magnitude(axis: axis, fy: fy, fx: fx)
    }
    let lowest = 1 / Double(max(width, height))
    return fy == 0 && fx == 0
      ? prior.magnitude(axis: axis, fy: 0, fx: lowest)
      : prior.magnitude(axis: axis, fy: fy, fx: fx)
  }
}
