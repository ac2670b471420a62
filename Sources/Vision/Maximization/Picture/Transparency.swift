import Glibc
import Graphs
import KerasModels
import Tensors

/// What of a picture is transparent.
enum Transparency: Codable, Equatable, Sendable {
  /// Nothing is known.
  case none
  /// What mattered little to the objective, summed up over all steps.
  case attention
  /// What one more channel says, which is optimized as the colours are.
  case optimized

  private static let optimizedName = "optimized"

  init(from decoder: any Decoder) throws {
    let option = try decoder.singleValueContainer()
    if let isAsked = try? option.decode(Bool.self) {
      self = isAsked ? .attention : .none
      return
    }
    guard (try? option.decode(String.self)) == Transparency.optimizedName else {
      throw UnexpectedValue(
        in: decoder, expected: "false, true or '\(Transparency.optimizedName)'")
    }
    self = .optimized
  }

  func encode(to encoder: any Encoder) throws {
    var option = encoder.singleValueContainer()
    switch self {
    case .none: try option.encode(false)
    case .attention: try option.encode(true)
    case .optimized: try option.encode(Transparency.optimizedName)
    }
  }
}

/// Pictures in a graph.
struct Drawing {
  /// (count, height, width, channels) between 0 and 1.
  let colors: Value
  /// How opaque each pixel is, (count, height, width, 1) between 0 and 1; `nil` for pictures that are
  /// opaque everywhere.
  let alpha: Value?

  /// Appends what is seen before a ground: `alpha * colors + (1 - alpha) * ground`.
  func seen(before ground: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
    guard let alpha else { return colors }
    return try graph.blend(colors, alpha, with: ground)
  }
}

extension ParametrizedImage {
  /// How strong the opacity's spectrum is, measured by Lucid's: so that steps as long as suit the colours
  /// get it from half to nothing in good time.
  private var alphaGain: Float {
    switch parametrization.kind {
    case .natural: 4
    case .maco: 0.08
    case .fourier, .pixel: 2
    }
  }

  /// What the numbers of the opacity's spectrum are multiplied with, (height, width / 2 + 1).
  ///
  /// They fall faster than those of colours, as things have outlines and no grain.
  var alphaWeights: [Float] {
    let lowest = 1 / Double(max(width, height))
    let gain = Double(alphaGain) * Double(width * height).squareRoot() / (4 * lowest)
    return spectrum.map { fy, fx in
      let length = (fy * fy + fx * fx).squareRoot() / lowest
      // Most of a picture is ground, which is transparent all over.
      return length == 0 ? 4 * gain : gain * pow(length, -1.5)
    }
  }

  /// Appends how opaque each pixel is, (count, height, width, 1) between 0 and 1: half where the
  /// parameters are zero.
  func alpha(of parameters: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
    guard parametrization.kind != .pixel else {
      return try graph.unary(
        .sigmoid, graph.slice(parameters, axis: 3, start: channels, length: 1))
    }
    let last = try graph.slice(
      parameters, axis: 1, start: channels, length: graph.shape(parameters)[1] - channels)
    let plane = [2 * height, spectrum.half]
    let weights = graph.constant(try Tensor(Shape(plane), alphaWeights + alphaWeights))
    let waves = try graph.multiply(
      graph.reshape(last, to: Shape([count, 1] + plane)), weights)
    return try graph.unary(.sigmoid, spectrum.pictures(of: waves, in: &graph))
  }
}

extension Rendering {
  /// The deviation of the random numbers that a ground's spectrum is made of: Lucid's, which gives
  /// clouds of all colours.
  private static let groundDeviation: Float = 0.5

  /// The parametrization of random grounds: Lucid's, as its `collapse_alpha_random` has them.
  private var groundImage: ParametrizedImage {
    var ground = image
    ground.hasAlpha = false
    ground.parametrization.kind = .fourier
    ground.parametrization.decayPower = 1
    ground.parametrization.decorrelate = true
    return ground
  }

  /// Appends the pictures before what the recipe says lies around them.
  func seen(_ drawing: Drawing, in graph: inout Graph) throws(PhospheneError) -> Value {
    guard drawing.alpha != nil else { return drawing.colors }
    return try drawing.seen(before: graph.constant(recipe.background), in: &graph)
  }

  /// Appends the pictures before a ground of random clouds, and the input that makes these, so that
  /// what is transparent is of no use to the objective.
  ///
  /// Source: lucid, `optvis/transform.py`, `collapse_alpha_random`.
  func seenBeforeRandomGround(
    _ drawing: Drawing, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    guard drawing.alpha != nil else { return drawing.colors }
    let ground = groundImage
    let numbers = graph.input(TensorType(ground.parameterShape))
    return try drawing.seen(before: ground.image(of: numbers, in: &graph), in: &graph)
  }

  /// The random numbers of the grounds of one step; `nil` where pictures are opaque.
  func groundParameters(step: Int) throws(PhospheneError) -> Tensor? {
    guard image.hasAlpha else { return nil }
    let shape = groundImage.parameterShape
    let size = shape.elementCount / sizes.count
    return try Tensor(shape) { numbers in
      for picture in 0..<sizes.count {
        var random = Random(
          seed: recipe.seed,
          stream: RandomStream.ground.number(replicate: picture % recipe.count, step: step))
        let own = random.manyNormals(size, deviation: Rendering.groundDeviation)
        _ = numbers[(picture * size)..<((picture + 1) * size)].update(fromContentsOf: own)
      }
    }
  }
}

extension Rendering {
  /// Appends how much each pixel of the pictures matters to what a gradient at the network's input
  /// belongs to: its absolute value, mean over channels, (count, height, width, 1) as ``shown``.
  ///
  /// Source: Fel et al. 2023, whose transparency is the sum of it over all steps.
  func attention(
    to picture: Value, behind input: Value, gradient: Value, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let back = try graph.gradient(of: input, withRespectTo: [picture], cotangent: gradient)
    guard let gradient = back[0] else {
      throw .invalidArgument("the objective doesn't depend on the network's input")
    }
    var sizes = try graph.unary(.absolute, gradient)
    if self.sizes.form != .signal {
      let shape = graph.shape(sizes)
      sizes = try graph.reshape(
        graph.reduce(.mean, sizes, axes: [3]), to: [shape[0], shape[1], shape[2], 1])
    }
    return try self.sizes.shown(sizes, background: 0, in: &graph)
  }
}
