import Glibc
import Graphs
import Tensors
import TestSupport
import Testing
@testable import Vision

@Suite struct SpectrumTests {
  // NumPy's `rfft2` as the sum over all pixels.
  @Test(arguments: CanvasSize.several) private func spectraAreSumsOverAllPixels(size: CanvasSize)
    throws
  {
    let spectrum = Spectrum(height: size.height, width: size.width)
    let pictures = try spread([2, size.height, size.width, size.channels])
    let received = try compute([pictures]) { [try spectrum.spectra(of: $1[0], in: &$0)] }[0]
    #expect(received.shape == [2, size.channels, 2 * size.height, spectrum.half])
    let pixels = pictures.elements
    var expected: [Float] = []
    for (picture, channel) in (0..<2 * size.channels).map({
      ($0 / size.channels, $0 % size.channels)
    }) {
      var parts: (real: [Float], imaginary: [Float]) = ([], [])
      for (ky, kx) in (0..<size.height * spectrum.half).map({
        ($0 / spectrum.half, $0 % spectrum.half)
      }) {
        var (real, imaginary) = (0.0, 0.0)
        for (row, column) in (0..<size.height * size.width).map({
          ($0 / size.width, $0 % size.width)
        }) {
          let place = ((picture * size.height + row) * size.width + column) * size.channels
          let angle =
            2 * Double.pi
            * (Double(ky * row) / Double(size.height) + Double(kx * column) / Double(size.width))
          real += Double(pixels[place + channel]) * cos(angle)
          imaginary -= Double(pixels[place + channel]) * sin(angle)
        }
        parts.real.append(Float(real))
        parts.imaginary.append(Float(imaginary))
      }
      expected += parts.real + parts.imaginary
    }
    #expect(relativeError(received.elements, expected) < 1e-5)
    let back = try compute([received]) { [try spectrum.pictures(of: $1[0], in: &$0)] }[0]
    #expect(relativeError(back.elements, pixels) < 1e-5)
  }

  // The mean of a channel counts as much as the widest wave, not as in photos a hundred times as much.
  @Test func frequencyZeroIsNoStrongerThanTheLowest() {
    let natural = image(CanvasSize.several[0], .standard(.natural))
    let weights = natural.weights(ofChannel: 0)
    #expect(weights[0] == weights[1])
    #expect(weights[1] > weights[2] && weights[1] > weights[5])
  }

  // Waves are orthonormal, whatever the length.
  @Test(arguments: [1, 2, 5, 8]) func wavesAreOrthonormal(length: Int) {
    let waves = Waves(length: length).matrix
    for a in 0..<length {
      for b in 0..<length {
        let product = (0..<length).reduce(0 as Float) {
          $0 + waves[$1 * length + a] * waves[$1 * length + b]
        }
        #expect(abs(product - (a == b ? 1 : 0)) < 1e-5)
      }
    }
    #expect(Waves(length: 5).frequencies == [0, 0.2, 0.2, 0.4, 0.4])
  }

  @Test func volumesComeBackFromTheirWaves() throws {
    var image = image(
      CanvasSize(height: 12, width: 5, channels: 2),
      Parametrization(
        kind: .fourier, decayPower: 1, standardDeviation: 1, decorrelate: false))
    image.depth = 3
    let parameters = try spread(image.parameterShape)
    #expect(parameters.shape == [2, 2, 3, 4, 5])
    let back = try image.parameters(of: pixels(of: image, parameters))
    #expect(relativeError(back.elements, parameters.elements) < 1e-3)
  }

  // Mean magnitudes of rings of frequencies in the published array.
  @Test(
    arguments: [
      (0, 0.065, 1106 as Double), (1, 0.065, 1068), (2, 0.065, 939), (0, 0.15, 292), (1, 0.15, 265),
      (2, 0.15, 257),
    ])
  func magnitudesAreThoseOfNaturalImages(axis: Int, frequency: Double, mean: Double) {
    let ring = (0..<64).map { step in
      let angle = Double.pi * Double(step) / 64
      return NaturalSpectrum.magnitude(
        axis: axis, fy: frequency * sin(angle), fx: frequency * cos(angle))
    }
    let received = ring.reduce(0, +) / 64
    #expect(abs(log(received / mean)) < 0.3)
  }
}
