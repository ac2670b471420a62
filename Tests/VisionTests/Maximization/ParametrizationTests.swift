import Glibc
import Graphs
import Tensors
import TestSupport
import Testing
@testable import Vision

@Suite struct ParametrizationTests {
  private struct Size: CustomTestStringConvertible, Sendable {
    let height: Int, width: Int, channels: Int
    var background: Float = 0.5
    var testDescription: String { "\(height) × \(width) × \(channels), \(background)" }
  }

  private static let sizes = [
    Size(height: 4, width: 6, channels: 3), Size(height: 5, width: 7, channels: 3),
    Size(height: 6, width: 4, channels: 1, background: 0.25),
    Size(height: 1, width: 8, channels: 2),
  ]

  private func image(
    _ size: Size, _ parametrization: Parametrization, count: Int = 2
  ) -> ParametrizedImage {
    ParametrizedImage(
      parametrization: parametrization, count: count, height: size.height, width: size.width,
      channels: size.channels, background: size.background)
  }

  private func pixels(of image: ParametrizedImage, _ parameters: Tensor) throws -> Tensor {
    try compute([parameters]) { [try image.image(of: $1[0], in: &$0)] }[0]
  }

  /// Pixels before colours: NumPy's `irfft2(scale * (real + 1j * imaginary)) / 4` as the sum over all
  /// frequencies, of which half are the conjugates of others.
  private func naiveInverse(_ spectrum: [Float], _ size: Size, decay: Double) -> [Double] {
    let (height, width, half) = (size.height, size.width, size.width / 2 + 1)
    func frequency(_ index: Int, _ length: Int) -> Double {
      Double(index <= (length - 1) / 2 ? index : index - length) / Double(length)
    }
    func coefficient(_ ky: Int, _ kx: Int) -> (Double, Double) {
      let length =
        (frequency(ky, height) * frequency(ky, height)
        + Double(kx * kx) / Double(width * width)).squareRoot()
      let scale =
        Double(width * height).squareRoot()
        / pow(max(length, 1 / Double(max(width, height))), decay)
      return (
        scale * Double(spectrum[ky * half + kx]),
        scale * Double(spectrum[(height + ky) * half + kx])
      )
    }
    var pixels: [Double] = []
    for row in 0..<height {
      for column in 0..<width {
        var sum = 0.0
        for ky in 0..<height {
          for kx in 0..<width {
            let isMirrored = kx >= half
            let (re, im) =
              isMirrored
              ? coefficient((height - ky) % height, width - kx) : coefficient(ky, kx)
            let angle =
              2 * Double.pi
              * (Double(ky * row) / Double(height) + Double(kx * column) / Double(width))
            sum += re * cos(angle) - (isMirrored ? -im : im) * sin(angle)
          }
        }
        pixels.append(sum / Double(height * width) / 4)
      }
    }
    return pixels
  }

  /// lucid, `optvis/param/color.py`.
  private func mixed(_ axes: [Double]) -> [Double] {
    let root = [[0.26, 0.09, 0.02], [0.27, 0, -0.05], [0.27, -0.09, 0.03]]
    let norm =
      (0..<3).map { j in
        (0..<3).reduce(0) { $0 + root[$1][j] * root[$1][j] }.squareRoot()
      }.max() ?? 1
    return root.map { row in zip(row, axes).reduce(0) { $0 + $1.0 * $1.1 } / norm }
  }

  @Test(arguments: sizes, [false, true])
  private func fourierIsLucids(size: Size, decorrelate: Bool) throws {
    let parametrization = Parametrization(
      kind: .fourier, decayPower: 1.25, standardDeviation: 1, decorrelate: decorrelate)
    let image = image(size, parametrization)
    let parameters = try spread(image.parameterShape)
    let result = try pixels(of: image, parameters)
    #expect(result.shape == [2, size.height, size.width, size.channels])

    let plane = image.parameterShape.elementCount / 2 / size.channels
    let area = size.height * size.width
    let middle = log(Double(size.background) / (1 - Double(size.background)))
    var expected: [Float] = []
    for picture in 0..<2 {
      let planes = (0..<size.channels).map { channel in
        let start = (picture * size.channels + channel) * plane
        return naiveInverse(
          Array(parameters.elements[start..<start + plane]), size, decay: 1.25)
      }
      for position in 0..<area {
        var color = planes.map { $0[position] }
        if decorrelate, size.channels == 3 { color = mixed(color) }
        expected += color.map { Float(1 / (1 + exp(-$0 - middle))) }
      }
    }
    #expect(relativeError(result.elements, expected) < 1e-5)
  }

  @Test(arguments: sizes, [Parametrization.Kind.fourier, .pixel])
  private func parametersInvertTheImage(size: Size, kind: Parametrization.Kind) throws {
    for decorrelate in [false, true] {
      let image = image(
        size,
        Parametrization(
          kind: kind, decayPower: 1, standardDeviation: 0.01, decorrelate: decorrelate))
      let pictures = try spread([2, size.height, size.width, size.channels], from: 0.05, to: 0.95)
      let result = try pixels(of: image, image.parameters(of: pictures))
      #expect(relativeError(result.elements, pictures.elements) < 1e-5)
    }
  }

  // NumPy's `rfft2` as the sum over all pixels.
  @Test(arguments: sizes) private func spectraAreSumsOverAllPixels(size: Size) throws {
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

  // The colours of a picture don't know of its opacity, which is a spectrum that falls faster, but for
  // what is the same everywhere.
  @Test(arguments: [Parametrization.Kind.pixel, .fourier, .natural, .maco])
  func opacityIsOneMoreChannel(kind: Parametrization.Kind) throws {
    let size = Size(height: 6, width: 5, channels: 3)
    let opaque = image(size, .standard(kind))
    var both = opaque
    both.hasAlpha = true
    let parameters = try spread(both.parameterShape)
    let (plain, axis) = (opaque.parameterShape, kind == .pixel ? 3 : 1)
    let more = both.parameterShape[axis] - plain[axis]
    #expect(more == (kind == .maco ? 2 : 1))
    let results = try compute([parameters]) { graph, values in
      let colors = try graph.slice(values[0], axis: axis, start: 0, length: plain[axis])
      return [
        try both.image(of: values[0], in: &graph), try opaque.image(of: colors, in: &graph),
        try both.alpha(of: values[0], in: &graph),
        try graph.slice(values[0], axis: axis, start: plain[axis], length: more),
      ]
    }
    #expect(results[0].elements == results[1].elements)
    #expect(results[2].shape == [2, 6, 5, 1])
    let numbers = results[3].elements
    let gains: [Parametrization.Kind: Float] = [.fourier: 2, .natural: 4, .maco: 0.08]
    // As strong as Lucid's at the lowest frequency, a sixth.
    let gain = (gains[kind] ?? 0) / (6 as Float).squareRoot()
    let expected =
      kind == .pixel
      ? numbers.map { 1 / (1 + exp(-$0)) }
      : (0..<2).flatMap { picture in
        let own = numbers[picture * 36..<(picture + 1) * 36].enumerated().map {
          $1 * gain * ($0 == 0 || $0 == 18 ? 4 : 1)
        }
        return naiveInverse(own, size, decay: 1.5).map { Float(1 / (1 + exp(-$0))) }
      }
    #expect(relativeError(results[2].elements, expected) < 1e-5)
  }

  @Test(arguments: [Parametrization.Kind.pixel, .fourier])
  func aStartIsHalfTransparent(kind: Parametrization.Kind) throws {
    var image = image(Self.sizes[0], .standard(kind))
    image.hasAlpha = true
    let pictures = try spread([2, 4, 6, 3], from: 0.05, to: 0.95)
    let results = try compute([image.parameters(of: pictures)]) {
      [try image.image(of: $1[0], in: &$0), try image.alpha(of: $1[0], in: &$0)]
    }
    #expect(relativeError(results[0].elements, pictures.elements) < 1e-5)
    #expect(results[1].elements.allSatisfy { $0 == 0.5 })
  }

  // A ground shows through as far as the pixel is transparent.
  @Test func drawingsAreSeenBeforeAGround() throws {
    let inputs = [
      try Tensor([1, 1, 2, 2], [0.5, 1, 0.25, 0]), try Tensor([1, 1, 2, 1], [0.75, 0]),
      try Tensor([1, 1, 2, 2], [0.125, 0, 0.5, 1]),
    ]
    let seen = try compute(inputs) { graph, values in
      let drawing = Drawing(colors: values[0], alpha: values[1])
      return [
        try drawing.seen(before: values[2], in: &graph),
        try Drawing(colors: values[0], alpha: nil).seen(before: values[2], in: &graph),
      ]
    }
    #expect(seen[0].elements == [0.40625, 0.75, 0.5, 1])
    #expect(seen[1].elements == inputs[0].elements)
  }

  // Black and white lie at infinity: they are met to a thousandth.
  @Test func endsAreNearlyReached() throws {
    let size = Size(height: 1, width: 2, channels: 1)
    let image = image(
      size,
      Parametrization(kind: .pixel, decayPower: 1, standardDeviation: 0, decorrelate: false),
      count: 1)
    let result = try pixels(of: image, image.parameters(of: Tensor([1, 1, 2, 1], [0, 1])))
    #expect(relativeError(result.elements, [0.001, 0.999]) < 1e-5)
  }

  // Parameters of zero are the background, or what is near to it where nothing would move.
  @Test(arguments: [(0.5, 0.5), (0.3, 0.3), (0, 0.25), (1, 0.75)] as [(Float, Float)])
  func nothingIsTheBackground(background: Float, brightness: Float) throws {
    let size = Size(height: 4, width: 4, channels: 3, background: background)
    let image = image(size, .standard(.fourier), count: 1)
    let result = try pixels(of: image, Tensor(image.parameterShape, repeating: 0)).elements
    #expect(relativeError(result, result.map { _ in brightness }) <= Tolerance.rounding)
  }

  @Test func randomParametersRepeatForEachObjective() throws {
    let image = image(Size(height: 8, width: 8, channels: 3), .standard(.fourier), count: 4)
    let size = image.parameterShape.elementCount / 4
    let elements = try image.randomParameters(seed: 3, replicates: 2).elements
    let parts = (0..<4).map { Array(elements[$0 * size..<($0 + 1) * size]) }
    #expect(parts[0] == parts[2])
    #expect(parts[1] == parts[3])
    #expect(parts[0] != parts[1])
    #expect(try image.randomParameters(seed: 4, replicates: 2).elements != elements)
    // The standard deviation of 2 * 240 numbers has a standard error of 1 / sqrt(960).
    let all = parts[0] + parts[1]
    let deviation = (all.reduce(0) { $0 + $1 * $1 } / Float(all.count)).squareRoot()
    #expect(abs(deviation / 0.01 - 1) < 5 / (960 as Float).squareRoot())
  }

  // Fel et al. 2023: standardized phases with the magnitudes of the closed form, as the sum over all
  // frequencies; the picture standardized, its colours mixed as lucid's are.
  @Test(arguments: [Size(height: 6, width: 8, channels: 3), Size(height: 5, width: 7, channels: 1)])
  private func phasesMakePictures(size: Size) throws {
    let maco = image(size, .standard(.maco), count: 1)
    let phases = try maco.randomParameters(seed: 3, replicates: 1)
    let (height, width, half) = (size.height, size.width, size.width / 2 + 1)
    #expect(phases.shape == [1, size.channels, height, half])
    func standardized(_ values: [Double]) -> [Double] {
      let mean = values.reduce(0, +) / Double(values.count)
      let square = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
      return values.map { ($0 - mean) / (square.squareRoot() + 1e-5) }
    }
    let angles = standardized(phases.elements.map(Double.init))
    var planes: [Double] = []
    for channel in 0..<size.channels {
      for row in 0..<height {
        for column in 0..<width {
          var sum = 0.0
          for ky in 0..<height {
            let fy = Double(ky <= (height - 1) / 2 ? ky : ky - height) / Double(height)
            for kx in 0..<half {
              let r = NaturalSpectrum.magnitude(
                axis: channel, fy: fy, fx: Double(kx) / Double(width))
              let angle =
                2 * Double.pi
                * (Double(ky * row) / Double(height) + Double(kx * column) / Double(width))
              let twice = kx == 0 || 2 * kx == width ? 1.0 : 2.0
              sum += twice * r * cos(angles[(channel * height + ky) * half + kx] + angle)
            }
          }
          planes.append(sum)
        }
      }
    }
    let values = standardized(planes)
    let area = height * width
    var expected: [Float] = []
    for pixel in 0..<area {
      let axes = (0..<size.channels).map { values[$0 * area + pixel] }
      let colours = size.channels == 3 ? mixed(axes) : axes
      expected += colours.map { Float(1 / (1 + exp(-$0))) }
    }
    #expect(relativeError(try pixels(of: maco, phases).elements, expected) < 1e-4)
  }

  /// `irfft2(weights * spectrum)`, moved to mean 0 and scaled to one contrast over all channels.
  @Test(arguments: sizes)
  private func naturalPicturesHaveOneContrast(size: Size) throws {
    let natural = image(
      size,
      Parametrization(
        kind: .natural, decayPower: 1, standardDeviation: 1, decorrelate: true, contrast: 1.75))
    let parameters = try spread(natural.parameterShape)
    let (half, area) = (size.width / 2 + 1, size.height * size.width)
    let plane = 2 * size.height * half
    let middle = log(Double(size.background) / (1 - Double(size.background)))
    var expected: [Float] = []
    for picture in 0..<2 {
      var planes = (0..<size.channels).flatMap { channel -> [Double] in
        let weights = natural.weights(ofChannel: channel)
        let start = (picture * size.channels + channel) * plane
        // With a decay of 0 only the gain of Lucid's scale is left.
        let gain = 4 / Float(area).squareRoot()
        return naiveInverse(
          (0..<plane).map {
            parameters.elements[start + $0] * weights[$0 % (plane / 2)] * gain
          }, size, decay: 0)
      }
      let mean = planes.reduce(0, +) / Double(planes.count)
      let square = planes.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(planes.count)
      planes = planes.map { 1.75 * ($0 - mean) / square.squareRoot() }
      for position in 0..<area {
        var color = (0..<size.channels).map { planes[$0 * area + position] }
        if size.channels == 3 { color = mixed(color) }
        expected += color.map { Float(1 / (1 + exp(-$0 - middle))) }
      }
    }
    #expect(relativeError(try pixels(of: natural, parameters).elements, expected) < 1e-4)
  }

  // The mean of a channel counts as much as the widest wave, not as in photos a hundred times as much.
  @Test func frequencyZeroIsNoStrongerThanTheLowest() {
    let natural = image(Self.sizes[0], .standard(.natural))
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
      Size(height: 12, width: 5, channels: 2),
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

  @Test func phasesKeepNoStartPicture() throws {
    let maco = image(Self.sizes[0], .standard(.maco))
    let picture = try Tensor([2, 4, 6, 3], repeating: 0.5)
    #expect(
      refusal { _ = try maco.parameters(of: picture) }?.contains("leave start out") == true)
  }
}
