import Glibc
import Graphs
import Tensors
import TestSupport
import Testing
@testable import Vision

@Suite struct ParametrizedImageTests {
  /// lucid, `optvis/param/color.py`.
  private func mixed(_ axes: [Double]) -> [Double] {
    let root = [[0.26, 0.09, 0.02], [0.27, 0, -0.05], [0.27, -0.09, 0.03]]
    let norm =
      (0..<3).map { j in
        (0..<3).reduce(0) { $0 + root[$1][j] * root[$1][j] }.squareRoot()
      }.max() ?? 1
    return root.map { row in zip(row, axes).reduce(0) { $0 + $1.0 * $1.1 } / norm }
  }

  @Test(arguments: CanvasSize.several, [false, true])
  private func fourierIsLucids(size: CanvasSize, decorrelate: Bool) throws {
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

  @Test(arguments: CanvasSize.several, [Parametrization.Kind.fourier, .pixel])
  private func parametersInvertTheImage(size: CanvasSize, kind: Parametrization.Kind) throws {
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

  // Black and white lie at infinity: they are met to a thousandth.
  @Test func endsAreNearlyReached() throws {
    let size = CanvasSize(height: 1, width: 2, channels: 1)
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
    let size = CanvasSize(height: 4, width: 4, channels: 3, background: background)
    let image = image(size, .standard(.fourier), count: 1)
    let result = try pixels(of: image, Tensor(image.parameterShape, repeating: 0)).elements
    #expect(relativeError(result, result.map { _ in brightness }) <= Tolerance.rounding)
  }

  @Test func randomParametersRepeatForEachObjective() throws {
    let image = image(CanvasSize(height: 8, width: 8, channels: 3), .standard(.fourier), count: 4)
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
  @Test(arguments: [
    CanvasSize(height: 6, width: 8, channels: 3), CanvasSize(height: 5, width: 7, channels: 1),
  ])
  private func phasesMakePictures(size: CanvasSize) throws {
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
  @Test(arguments: CanvasSize.several)
  private func naturalPicturesHaveOneContrast(size: CanvasSize) throws {
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

  // Whatever the phases, each wave to the right has as much of cosine and sine together as nature.
  @Test func phasesOfVolumesKeepMagnitudes() throws {
    let (depth, height, width) = (3, 4, 6)
    let maco = ParametrizedImage(
      parametrization: .standard(.maco), count: 1, height: depth * height, width: width,
      channels: 1, background: 0.5, depth: depth)
    #expect(maco.parameterShape == [1, 1, depth, height, width / 2 + 1])
    var graph = Graph()
    let phases = graph.input(TensorType(maco.parameterShape))
    let volume = try maco.volume(ofPhases: phases, in: &graph)
    let plan = try Plan(graph, outputs: [volume], pool: ConstantPool(weights: []))
    let voxels = try plan.run([maco.randomParameters(seed: 5, replicates: 1)])[0].elements
    let matrices = [depth, height, width].map { Waves(length: $0).matrix.map(Double.init) }
    func wave(_ z: Int, _ y: Int, _ x: Int) -> Double {
      voxels.indices.reduce(0) { sum, place in
        let (slice, row, column) = (place / (height * width), place / width % height, place % width)
        return sum + Double(voxels[place]) * matrices[0][slice * depth + z]
          * matrices[1][row * height + y] * matrices[2][column * width + x]
      }
    }
    let lowest = 1 / Double(width)
    for z in 0..<depth {
      for y in 0..<height {
        for frequency in 1..<width / 2 {
          let (cosine, sine) = (wave(z, y, 2 * frequency - 1), wave(z, y, 2 * frequency))
          let expected = NaturalSpectrum.magnitude(
            axis: 0, fz: Double((z + 1) / 2) / Double(depth),
            fy: Double((y + 1) / 2) / Double(height),
            fx: max(Double(frequency) / Double(width), lowest))
          let received = (cosine * cosine + sine * sine).squareRoot()
          #expect(abs(received / expected - 1) < 1e-4)
        }
      }
    }
  }

  @Test func phasesKeepNoStartPicture() throws {
    let maco = image(CanvasSize.several[0], .standard(.maco))
    let picture = try Tensor([2, 4, 6, 3], repeating: 0.5)
    #expect(
      refusal { _ = try maco.parameters(of: picture) }?.contains("leave start out") == true)
  }
}
