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
    /// The picture's spectrum, in which each frequency begins as strong as in natural images, and from
    /// which a picture of one contrast is made.
    case natural
    /// The phases of a spectrum whose magnitudes are those of natural images: MACO (Fel et al. 2023).
    case maco
  }

  var kind: Kind
  /// The spectrum's weight falls as frequency to this power; 1 is that of natural images.
  var decayPower: Float
  /// The standard deviation of the random numbers to start from.
  var standardDeviation: Float
  /// Whether colours are mixed from axes along which those of natural images vary independently.
  var decorrelate: Bool
  /// The standard deviation of a `natural` picture before the sigmoid.
  var contrast: Float
  /// Whether the contrast was stated, so that no other one suits better.
  private(set) var statesContrast = true
  /// What is known of the pictures that the network was made for; `nil` for natural images.
  var prior: Prior?

  enum CodingKeys: String, CodingKey, CaseIterable {
    case kind, decorrelate, contrast, prior
    case decayPower = "decay_power"
    case standardDeviation = "standard_deviation"
  }

  /// What suits a kind.
  static func standard(_ kind: Kind) -> Parametrization {
    Parametrization(
      kind: kind, decayPower: 1, standardDeviation: kind == .maco ? 1 : 0.01,
      decorrelate: kind != .pixel, contrast: kind == .natural ? 1.5 : 1)
  }

  init(
    kind: Kind, decayPower: Float, standardDeviation: Float, decorrelate: Bool, contrast: Float = 1
  ) {
    self.kind = kind
    self.decayPower = decayPower
    self.standardDeviation = standardDeviation
    self.decorrelate = decorrelate
    self.contrast = contrast
  }

  init(from decoder: any Decoder) throws {
    let options = try decoder.options(CodingKeys.self)
    kind = try options.decode(Kind.self, forKey: .kind)
    let standard = Parametrization.standard(kind)
    decayPower =
      try options.decodeIfPresent(Float.self, forKey: .decayPower) ?? standard.decayPower
    standardDeviation =
      try options.decodeIfPresent(Float.self, forKey: .standardDeviation)
      ?? standard.standardDeviation
    decorrelate =
      try options.decodeIfPresent(Bool.self, forKey: .decorrelate) ?? standard.decorrelate
    contrast = try options.decodeIfPresent(Float.self, forKey: .contrast) ?? standard.contrast
    statesContrast = options.contains(.contrast)
    prior = try options.decodeIfPresent(Prior.self, forKey: .prior)
  }

  func check() throws(PhospheneError) {
    try require(0...4, decayPower, "decay_power")
    try require(0...100, standardDeviation, "standard_deviation")
    try require(0.01...100, contrast, "contrast")
    try prior?.check()
    guard prior == nil || kind != .pixel && decorrelate else {
      throw .invalidArgument(
        "a prior says how colours and frequencies go together, which 'pixel' and decorrelate false "
          + "leave out: choose 'natural', 'fourier' or 'maco'")
    }
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
  /// How many slices a volume has, one below the other.
  var depth = 1

  /// The shape of the numbers that the optimizer changes.
  var parameterShape: Shape {
    switch parametrization.kind {
    case .pixel: [count, height, width, channels]
    case _ where depth > 1: [count, channels, depth, height / depth, width]
    // Real parts above, imaginary parts below; half of the columns, as the picture is real.
    case .fourier, .natural: [count, channels, 2 * height, width / 2 + 1]
    case .maco: [count, channels, height, width / 2 + 1]
    }
  }

  /// Appends the pictures, (count, height, width, channels) between 0 and 1.
  func image(of parameters: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
    var value = parameters
    switch parametrization.kind {
    case .pixel: break
    case .natural where depth > 1:
      value = try standardized(volume(of: value, in: &graph), in: &graph)
      value = try graph.linear(value, scale: parametrization.contrast)
    case _ where depth > 1: value = try volume(of: value, in: &graph)
    case .fourier:
      let weights =
        parametrization.prior == nil
        ? graph.constant(try Tensor([2 * height, width / 2 + 1], scale + scale))
        : try allWeights(in: &graph)
      value = try inverseTransform(of: graph.multiply(value, weights), in: &graph)
    case .natural:
      let weights = try allWeights(in: &graph)
      value = try standardized(
        inverseTransform(of: graph.multiply(value, weights), in: &graph), in: &graph)
      value = try graph.linear(value, scale: parametrization.contrast)
    case .maco: value = try imageOfPhases(value, in: &graph)
    }
    if let mixing {
      value = try graph.matrixProduct(
        value, graph.constant(try Tensor([channels, channels], mixing)))
    }
    if parametrization.prior != nil {
      value = try graph.add(value, graph.constant(try Tensor([channels], middles)))
      return try graph.unary(.sigmoid, value)
    }
    return try graph.unary(.sigmoid, graph.linear(value, scale: 1, offset: middles[0]))
  }

  /// Appends the weights of real and imaginary parts, (channels, 2 height, width / 2 + 1).
  private func allWeights(in graph: inout Graph) throws(PhospheneError) -> Value {
    let both = (0..<channels).flatMap { channel in
      let weights = weights(ofChannel: channel)
      return weights + weights
    }
    return graph.constant(try Tensor([channels, 2 * height, width / 2 + 1], both))
  }

  /// `irfft2(spectrum)` as two matrix products, as (count, height, width, channels).
  func inverseTransform(
    of spectrum: Value, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let half = width / 2 + 1
    let vertical = graph.constant(try Tensor([2 * height, 2 * height], verticalMatrix))
    let columns = try graph.matrixProduct(vertical, spectrum)
    let parts = try graph.reshape(columns, to: [count, channels, 2, height, half])
    let horizontal = graph.constant(try Tensor([2, half, width], horizontalMatrices))
    let rows = try graph.reduce(.sum, graph.matrixProduct(parts, horizontal), axes: [2])
    return try graph.transpose(rows, [0, 2, 3, 1])
  }

  /// The weight of each frequency, (height, width / 2 + 1).
  ///
  /// Source: lucid, `optvis/param/spatial.py`: `sqrt(width * height)` over the frequency to the decay
  /// power; 4 brings the result into the sigmoid's range.
  var scale: [Float] {
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
