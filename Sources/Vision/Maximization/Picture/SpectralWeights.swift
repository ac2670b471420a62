import Glibc
import Graphs
import Tensors

// How strongly the numbers of a spectrum count in the picture.

extension ParametrizedImage {
  /// Lucid's weight of each frequency, (height, width / 2 + 1).
  ///
  /// Source: lucid, `optvis/param/spatial.py`: `sqrt(width * height)` over the frequency to the decay
  /// power; 4 brings the result into the sigmoid's range.
  var scale: [Float] {
    let lowest = 1 / Double(max(width, height))
    let gain = Double(width * height).squareRoot() / 4
    let power = -Double(parametrization.decayPower)
    return spectrum.map { fy, fx in
      pow(max((fx * fx + fy * fy).squareRoot(), lowest), power) * gain
    }
  }

  /// The magnitude of each frequency, (height, width / 2 + 1): along the axes of natural colours where
  /// there are three, that of brightness for all channels otherwise.
  func magnitudes(ofChannel channel: Int) -> [Float] {
    spectrum.map { magnitude(ofChannel: channel, fy: $0, fx: $1) }
  }

  /// What the numbers of a channel's spectrum are multiplied with, (height, width / 2 + 1).
  func weights(ofChannel channel: Int) -> [Float] {
    guard parametrization.kind == .natural || parametrization.prior != nil else { return scale }
    var weights = magnitudes(ofChannel: channel)
    if parametrization.kind == .fourier {
      // As strong as Lucid's at the lowest frequency.
      let gain = scale[0] / weights[0]
      return weights.map { $0 * gain }
    }
    // The mean of a photo's channel is far stronger than its shapes. Here it would use up the
    // contrast: a picture of one colour, as the standardization is over all channels.
    if weights.count > 1 { weights[0] = weights[1] }
    return weights
  }

  /// The weights of real and imaginary parts of all channels, (channels, 2 height, width / 2 + 1), or of
  /// any of them if they are alike.
  func allWeights(in graph: inout Graph) throws(PhospheneError) -> Value {
    let areAlike = parametrization.kind == .fourier && parametrization.prior == nil
    let both = (0..<(areAlike ? 1 : channels)).flatMap { channel in
      let weights = weights(ofChannel: channel)
      return weights + weights
    }
    let plane = [2 * height, spectrum.half]
    return graph.constant(try Tensor(Shape((areAlike ? [] : [channels]) + plane), both))
  }

  /// What the numbers of a plane of a spectrum are multiplied with, planes counted as ``parameterShape``
  /// has them, real and imaginary parts apart; `nil` for phases.
  func weights(ofPlane plane: Int) -> [Float]? {
    if parametrization.kind == .maco {
      return plane < channels ? nil : alphaWeights
    }
    return plane / 2 < channels ? weights(ofChannel: plane / 2) : alphaWeights
  }

  /// What the waves of a channel of a volume are multiplied with, (depth, slice height, width): the same
  /// law of frequency as for pictures.
  func volumeWeights(ofChannel channel: Int) -> [Float] {
    let (z, y, x) = (
      Waves(length: depth).frequencies, Waves(length: height / depth).frequencies,
      Waves(length: width).frequencies
    )
    let lowest = 1 / Double(max(z.count, y.count, x.count))
    let isNatural = parametrization.kind != .fourier
    func lucids(_ frequency: Double) -> Double {
      pow(frequency, -Double(parametrization.decayPower)) / 4
    }
    // As strong as Lucid's at the lowest frequency.
    let gain = isNatural ? 1 : lucids(lowest) / magnitude(ofChannel: channel, fy: 0, fx: lowest)
    var weights: [Float] = []
    weights.reserveCapacity(height * width)
    for fz in z {
      for fy in y {
        for fx in x {
          let frequency = (fz * fz + fy * fy + fx * fx).squareRoot()
          let weight =
            isNatural || parametrization.prior != nil
            ? gain
              * magnitude(ofChannel: channel, fz: fz, fy: fy, fx: frequency == 0 ? lowest : fx)
            : lucids(max(frequency, lowest))
          weights.append(Float(weight))
        }
      }
    }
    return weights
  }

  /// Says of a prior whose frequencies are of magnitudes that no inputs have that they are; `nil` of
  /// any other and of nature.
  var extremityOfPrior: String? {
    guard let prior = parametrization.prior, !prior.spectrum.isEmpty else { return nil }
    for channel in 0..<channels {
      let magnitudes = magnitudes(ofChannel: channel)
      guard let least = magnitudes.min(), let largest = magnitudes.max(),
        largest > 1e8 * least || !(1e-10...1e10).contains(largest)
      else { continue }
      return "the spectrum of the prior is that of no inputs: its magnitudes go from \(least) to "
        + "\(largest); measure it on more of them, or leave it out"
    }
    return nil
  }

  /// The magnitude of a frequency of a channel, by the prior or by nature: along an axis of colours if
  /// channels are mixed, else as that of brightness.
  private func magnitude(
    ofChannel channel: Int, fz: Double = 0, fy: Double, fx: Double
  ) -> Double {
    guard let prior = parametrization.prior else {
      let axis = parametrization.decorrelate && channels == 3 ? channel : 0
      return NaturalSpectrum.magnitude(axis: axis, fz: fz, fy: fy, fx: fx)
    }
    let isZero = fz == 0 && fy == 0 && fx == 0
    let lowest = 1 / Double(max(width, height / depth, depth))
    return prior.magnitude(axis: channel, fz: fz, fy: fy, fx: isZero ? lowest : fx)
  }
}
