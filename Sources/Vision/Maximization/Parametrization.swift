import Glibc
import Graphs
import Tensors

/// How a picture is made of the numbers that the optimizer changes.
struct Parametrization: Codable, Sendable {
  enum Kind: String, Codable, Sendable {
    /// One number a pixel and channel, through a sigmoid.
    case pixel
    /// The picture's spectrum, with low frequencies weighted as in natural images.
    case fourier
  }

  var kind: Kind
  /// The spectrum's weight falls as frequency to this power; 1 is that of natural images.
  var decayPower: Float
  /// The standard deviation of the random numbers to start from.
  var standardDeviation: Float
  /// Whether colours are mixed from axes along which those of natural images vary independently.
  var decorrelate: Bool

  enum CodingKeys: String, CodingKey {
    case kind, decorrelate
    case decayPower = "decay_power"
    case standardDeviation = "standard_deviation"
  }

  static func fourier() -> Parametrization {
    Parametrization(kind: .fourier, decayPower: 1, standardDeviation: 0.01, decorrelate: true)
  }

  init(kind: Kind, decayPower: Float, standardDeviation: Float, decorrelate: Bool) {
    self.kind = kind
    self.decayPower = decayPower
    self.standardDeviation = standardDeviation
    self.decorrelate = decorrelate
  }

  init(from decoder: any Decoder) throws {
    let options = try decoder.container(keyedBy: CodingKeys.self)
    kind = try options.decode(Kind.self, forKey: .kind)
    decayPower = try options.decodeIfPresent(Float.self, forKey: .decayPower) ?? 1
    standardDeviation =
      try options.decodeIfPresent(Float.self, forKey: .standardDeviation) ?? 0.01
    decorrelate = try options.decodeIfPresent(Bool.self, forKey: .decorrelate) ?? (kind == .fourier)
  }

  func check() throws(PhospheneError) {
    try require(0...4, decayPower, "decay_power")
    try require(0...100, standardDeviation, "standard_deviation")
  }
}

/// A parametrization for pictures of one size.
struct ParametrizedImage {
  let parametrization: Parametrization
  let count: Int
  let height: Int
  let width: Int
  let channels: Int
  /// The brightness of what lies around the canvas, from 0 to 1.
  let background: Float

  /// What parameters of zero give, before the sigmoid: the background, but not so near to black or
  /// white that nothing moves away from it.
  private var middle: Float {
    let brightness = min(max(background, 0.25), 0.75)
    return logf(brightness / (1 - brightness))
  }

  /// The shape of the numbers that the optimizer changes.
  var parameterShape: Shape {
    switch parametrization.kind {
    case .pixel: [count, height, width, channels]
    // Real parts above, imaginary parts below; half of the columns, as the picture is real.
    case .fourier: [count, channels, 2 * height, width / 2 + 1]
    }
  }

  /// Appends the pictures, (count, height, width, channels) between 0 and 1.
  func image(of parameters: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
    var value = parameters
    if parametrization.kind == .fourier {
      value = try inverseTransform(of: value, in: &graph)
    }
    if parametrization.decorrelate, channels == 3 {
      let mixing = graph.constant(try Tensor([3, 3], ColorAxes.mixing))
      value = try graph.matrixProduct(value, mixing)
    }
    return try graph.unary(.sigmoid, graph.linear(value, scale: 1, offset: middle))
  }

  /// `irfft2(scale * spectrum) / 4` as two matrix products, as (count, height, width, channels).
  ///
  /// Source: lucid, `optvis/param/spatial.py`: the scale is `sqrt(width * height)` over the
  /// frequency to the decay power, and 4 brings the result into the sigmoid's range.
  private func inverseTransform(
    of spectrum: Value, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let half = width / 2 + 1
    let scaled = try graph.multiply(
      spectrum, graph.constant(Tensor([2 * height, half], Array((scale + scale)))))
    let vertical = graph.constant(try Tensor([2 * height, 2 * height], verticalMatrix))
    let columns = try graph.matrixProduct(vertical, scaled)
    let parts = try graph.reshape(columns, to: [count, channels, 2, height, half])
    let horizontal = graph.constant(try Tensor([2, half, width], horizontalMatrices))
    let rows = try graph.reduce(.sum, graph.matrixProduct(parts, horizontal), axes: [2])
    return try graph.transpose(rows, [0, 2, 3, 1])
  }

  /// The weight of each frequency, (height, width / 2 + 1).
  private var scale: [Float] {
    let half = width / 2 + 1
    let lowest = 1 / Double(max(width, height))
    var scale: [Float] = []
    scale.reserveCapacity(height * half)
    for row in 0..<height {
      let fy = Double(row <= (height - 1) / 2 ? row : row - height) / Double(height)
      for column in 0..<half {
        let fx = Double(column) / Double(width)
        let frequency = max((fx * fx + fy * fy).squareRoot(), lowest)
        let weight = pow(frequency, -Double(parametrization.decayPower))
        scale.append(Float(weight * (Double(width * height)).squareRoot() / 4))
      }
    }
    return scale
  }

  /// The complex sums over rows as one real matrix: real parts above, imaginary parts below.
  private var verticalMatrix: [Float] {
    var matrix = [Float](repeating: 0, count: 4 * height * height)
    for row in 0..<height {
      for frequency in 0..<height {
        let angle = 2 * Double.pi * Double(row * frequency % height) / Double(height)
        let (cosine, sine) = (Float(cos(angle)), Float(sin(angle)))
        matrix[row * 2 * height + frequency] = cosine
        matrix[row * 2 * height + height + frequency] = -sine
        matrix[(height + row) * 2 * height + frequency] = sine
        matrix[(height + row) * 2 * height + height + frequency] = cosine
      }
    }
    return matrix
  }

  /// The sums over columns, for real and for imaginary parts.
  ///
  /// Frequencies that stand for their
  /// mirror images too count twice.
  private var horizontalMatrices: [Float] {
    let half = width / 2 + 1
    var matrices = [Float](repeating: 0, count: 2 * half * width)
    for frequency in 0..<half {
      let isAlone = frequency == 0 || 2 * frequency == width
      let weight = (isAlone ? 1.0 : 2.0) / Double(width * height)
      for column in 0..<width {
        let angle = 2 * Double.pi * Double(column * frequency % width) / Double(width)
        matrices[frequency * width + column] = Float(weight * cos(angle))
        matrices[(half + frequency) * width + column] = Float(-weight * sin(angle))
      }
    }
    return matrices
  }
}

extension ParametrizedImage {
  /// Random parameters to start from; picture `k` of every objective draws the same numbers.
  func randomParameters(seed: UInt64, replicates: Int) throws(PhospheneError) -> Tensor {
    let size = parameterShape.elementCount / count
    var elements: [Float] = []
    elements.reserveCapacity(parameterShape.elementCount)
    for picture in 0..<count {
      var random = Random(
        seed: seed, stream: RandomStream.parameters.number(replicate: picture % replicates))
      elements += random.normals(size).map { $0 * parametrization.standardDeviation }
    }
    return try Tensor(parameterShape, elements)
  }

  /// The parameters of given pictures, (count, height, width, channels) between 0 and 1.
  func parameters(of image: Tensor) throws(PhospheneError) -> Tensor {
    // The sigmoid never reaches its ends.
    var values = image.elements.map { (pixel: Float) -> Float in
      let clipped = min(max(pixel, 1e-3), 1 - 1e-3)
      return logf(clipped / (1 - clipped)) - middle
    }
    if parametrization.decorrelate, channels == 3 { values = ColorAxes.unmixed(values) }
    guard parametrization.kind == .fourier else { return try Tensor(parameterShape, values) }
    return try Tensor(parameterShape, transformed(values))
  }

  /// The spectrum divided by the scale: what ``inverseTransform(of:in:)`` undoes.
  private func transformed(_ image: [Float]) -> [Float] {
    let half = width / 2 + 1
    let scale = scale
    var spectrum = [Float](repeating: 0, count: parameterShape.elementCount)
    let (across, down) = (UnitCircle(width), UnitCircle(height))
    for picture in 0..<count {
      for channel in 0..<channels {
        var (real, imaginary) = (
          [Double](repeating: 0, count: height * half), [Double](repeating: 0, count: height * half)
        )
        for row in 0..<height {
          for frequency in 0..<half {
            for column in 0..<width {
              let turn = column * frequency % width
              let pixel = Double(
                image[((picture * height + row) * width + column) * channels + channel])
              real[row * half + frequency] += pixel * across.cosines[turn]
              imaginary[row * half + frequency] -= pixel * across.sines[turn]
            }
          }
        }
        let start = (picture * channels + channel) * 2 * height * half
        for frequencyY in 0..<height {
          for frequency in 0..<half {
            var (a, b) = (0.0, 0.0)
            for row in 0..<height {
              let turn = row * frequencyY % height
              let (cosine, sine) = (down.cosines[turn], -down.sines[turn])
              let (re, im) = (real[row * half + frequency], imaginary[row * half + frequency])
              a += re * cosine - im * sine
              b += re * sine + im * cosine
            }
            let weight = Double(scale[frequencyY * half + frequency])
            spectrum[start + frequencyY * half + frequency] = Float(a / weight)
            spectrum[start + (height + frequencyY) * half + frequency] = Float(b / weight)
          }
        }
      }
    }
    return spectrum
  }
}

/// Cosines and sines of the angles that divide a circle into equal parts.
private struct UnitCircle {
  let cosines: [Double]
  let sines: [Double]

  init(_ count: Int) {
    let angles = (0..<count).map { 2 * Double.pi * Double($0) / Double(count) }
    cosines = angles.map { cos($0) }
    sines = angles.map { sin($0) }
  }
}

/// The axes along which the colours of natural images vary independently.
///
/// Source: lucid, `optvis/param/color.py`, the square root of ImageNet's colour correlation.
enum ColorAxes {
  private static let correlation: [[Float]] = [
    [0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03],
  ]

  /// The norm of the longest column, which brings the matrix to unit size.
  private static let norm = (0.26 * 0.26 + 0.27 * 0.27 + 0.27 * 0.27 as Float).squareRoot()

  /// Red, green and blue of each axis: `rgb = axes × mixing`, row by row.
  static let mixing: [Float] = (0..<9).map { correlation[$0 % 3][$0 / 3] / norm }

  /// Returns the coordinates along the axes of values red, green, blue, red, ….
  static func unmixed(_ rgb: [Float]) -> [Float] {
    let m = mixing.map(Double.init)
    func minor(_ i: Int, _ j: Int) -> Double {
      let rows = [0, 1, 2].filter { $0 != i }
      let columns = [0, 1, 2].filter { $0 != j }
      let product = m[rows[0] * 3 + columns[0]] * m[rows[1] * 3 + columns[1]]
      return product - m[rows[0] * 3 + columns[1]] * m[rows[1] * 3 + columns[0]]
    }
    let determinant = m[0] * minor(0, 0) - m[1] * minor(0, 1) + m[2] * minor(0, 2)
    var result = rgb
    for start in stride(from: 0, to: rgb.count, by: 3) {
      for j in 0..<3 {
        result[start + j] = Float(
          (0..<3).reduce(0.0) { sum, i in
            let sign = (i + j) % 2 == 0 ? 1.0 : -1.0
            return sum + Double(rgb[start + i]) * sign * minor(j, i) / determinant
          })
      }
    }
    return result
  }
}

/// The random streams of a maximization, one a purpose.
enum RandomStream: UInt64 {
  case parameters = 1
  case transforms = 2

  func number(replicate: Int, step: Int = 0) -> UInt64 {
    rawValue << 56 | UInt64(replicate) << 32 | UInt64(step)
  }
}
