import Graphs
import Tensors

/// A number that is subtracted from the objective, so that the picture stays simple.
enum Regularizer: Codable, Sendable {
  /// The mean difference of neighbouring pixels to a power: 1 keeps edges, 2 smooths them.
  case totalVariation(weight: Float, power: Int)
  /// The mean square of the distance from the same picture, blurred a little: what is left out of
  /// fine grain.
  case blur(weight: Float)
  /// The mean square of the distance from the start picture's pixels.
  case distance(weight: Float)
  /// The power mean of the distance from mid-grey, `(mean |2 x - 1|^p)^(1 / p)` for pixels between
  /// 0 and 1.
  case lp(weight: Float, p: Float)
  /// How far means and deviations of channels lie from what is known of them, see
  /// ``Graph/statisticalDistance(count:input:known:)``; `nil` for the source that the network has.
  case statistics(weight: Float, of: StatisticsSource?)
  /// The mean opacity to a power, 1 or 2; relative to a positive objective as it stands, or in its units.
  case alpha(weight: Float, power: Int, isRelative: Bool)

  private enum Kind: String, NamedOption {
    case alpha, blur, distance, lp, statistics
    case totalVariation = "total_variation"

    /// The names of what a penalty of this kind may state.
    var options: [CodingKeys] {
      switch self {
      case .totalVariation: [.kind, .weight, .power]
      case .lp: [.kind, .weight, .p]
      case .blur, .distance: [.kind, .weight]
      case .statistics: [.kind, .weight, .source]
      case .alpha: [.kind, .weight, .power, .isRelative]
      }
    }
  }
  private enum CodingKeys: String, CodingKey {
    case kind, weight, power, p
    case source = "of"
    case isRelative = "relative"
  }

  init(from decoder: any Decoder) throws {
    let options = try decoder.container(keyedBy: CodingKeys.self)
    let kind = try options.decode(Kind.self, forKey: .kind)
    try decoder.requireKnown(kind.options, kind: kind.rawValue)
    let weight = try options.decode(Float.self, forKey: .weight)
    switch kind {
    case .totalVariation:
      self = .totalVariation(
        weight: weight, power: try options.decodeIfPresent(Int.self, forKey: .power) ?? 1)
    case .blur: self = .blur(weight: weight)
    case .distance: self = .distance(weight: weight)
    case .lp:
      self = .lp(weight: weight, p: try options.decodeIfPresent(Float.self, forKey: .p) ?? 2)
    case .statistics:
      self = .statistics(
        weight: weight, of: try options.decodeIfPresent(StatisticsSource.self, forKey: .source))
    case .alpha:
      self = .alpha(
        weight: weight, power: try options.decodeIfPresent(Int.self, forKey: .power) ?? 1,
        isRelative: try options.decodeIfPresent(Bool.self, forKey: .isRelative) ?? false)
    }
  }

  func encode(to encoder: any Encoder) throws {
    var options = encoder.container(keyedBy: CodingKeys.self)
    switch self {
    case .totalVariation(let weight, let power):
      try options.encode(Kind.totalVariation, forKey: .kind)
      try options.encode(weight, forKey: .weight)
      try options.encode(power, forKey: .power)
    case .blur(let weight):
      try options.encode(Kind.blur, forKey: .kind)
      try options.encode(weight, forKey: .weight)
    case .distance(let weight):
      try options.encode(Kind.distance, forKey: .kind)
      try options.encode(weight, forKey: .weight)
    case .lp(let weight, let p):
      try options.encode(Kind.lp, forKey: .kind)
      try options.encode(weight, forKey: .weight)
      try options.encode(p, forKey: .p)
    case .statistics(let weight, let source):
      try options.encode(Kind.statistics, forKey: .kind)
      try options.encode(weight, forKey: .weight)
      try options.encodeIfPresent(source, forKey: .source)
    case .alpha(let weight, let power, let isRelative):
      try options.encode(Kind.alpha, forKey: .kind)
      try options.encode(weight, forKey: .weight)
      try options.encode(power, forKey: .power)
      try options.encode(isRelative, forKey: .isRelative)
    }
  }

  /// Whether the penalty looks at the network's layers, not at the picture alone.
  var readsLayers: Bool { if case .statistics = self { true } else { false } }

  /// The same with its weight multiplied.
  func scaled(by factor: Float) -> Regularizer {
    switch self {
    case .totalVariation(let weight, let power):
      .totalVariation(weight: factor * weight, power: power)
    case .blur(let weight): .blur(weight: factor * weight)
    case .distance(let weight): .distance(weight: factor * weight)
    case .lp(let weight, let p): .lp(weight: factor * weight, p: p)
    case .statistics(let weight, let source): .statistics(weight: factor * weight, of: source)
    case .alpha(let weight, let power, let isRelative):
      .alpha(weight: isRelative ? weight : factor * weight, power: power, isRelative: isRelative)
    }
  }

  /// Where the statistics are from that it compares with, if it does and that is stated.
  var source: StatisticsSource? {
    if case .statistics(_, let source) = self { source } else { nil }
  }

  func check() throws(PhospheneError) {
    switch self {
    case .totalVariation(let weight, let power):
      try require(0...1e6, weight, "total variation weight")
      try require(1...2, power, "total variation power")
    case .blur(let weight): try require(0...1e6, weight, "blur weight")
    case .distance(let weight): try require(0...1e6, weight, "distance weight")
    case .lp(let weight, let p):
      try require(0...1e6, weight, "lp weight")
      try require(1...64, p, "lp p")
    case .statistics(let weight, _): try require(0...1e6, weight, "statistics weight")
    case .alpha(let weight, let power, _):
      try require(0...1e6, weight, "alpha weight")
      try require(1...2, power, "alpha power")
    }
  }

  /// Appends the weighted number of each picture, of shape `(count,)`.
  ///
  /// - Parameters:
  ///   - image: The pictures, (count, height, width, channels) between 0 and 1.
  ///   - alpha: How opaque they are, (count, height, width, 1), if that is optimized.
  ///   - scores: Their objectives, `(count,)`.
  ///   - start: Where they started, if that was given.
  ///   - input: The shape of what the network takes, channels last, by default that of the pictures.
  ///   - known: What is known of the network's layers.
  ///   - graph: Where it is appended to.
  /// - Returns: The penalties.
  /// - Throws: `invalidArgument` for a penalty on what the pictures haven't got.
  func value(
    of image: Value, alpha: Value? = nil, scores: Value? = nil, start: Tensor? = nil,
    input: Shape? = nil, known: [Graph.Statistics] = [], in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    switch self {
    case .blur(let weight):
      let grain = try graph.grain(of: image)
      return try graph.linear(graph.mean(graph.unary(.square, grain)), scale: weight)
    case .distance(let weight):
      guard let start else {
        throw .invalidArgument(
          "the penalty 'distance' measures from a start picture: give a start, or leave the penalty out"
        )
      }
      let difference = try graph.subtract(image, graph.constant(start))
      return try graph.linear(graph.mean(graph.unary(.square, difference)), scale: weight)
    case .totalVariation(let weight, let power):
      var sum: Value?
      for axis in 1...2 where graph.shape(image)[axis] > 1 {
        let length = graph.shape(image)[axis] - 1
        let after = try graph.slice(image, axis: axis, start: 1, length: length)
        let before = try graph.slice(image, axis: axis, start: 0, length: length)
        let difference = try graph.subtract(after, before)
        let term = try graph.mean(graph.unary(power == 1 ? .absolute : .square, difference))
        if let previous = sum { sum = try graph.add(previous, term) } else { sum = term }
      }
      guard let sum else {
        return graph.constant(try Tensor([graph.shape(image)[0]], repeating: 0))
      }
      return try graph.linear(sum, scale: weight)
    case .lp(let weight, let p):
      let distance = try graph.unary(.absolute, graph.linear(image, scale: 2, offset: -1))
      // A flat grey picture has the distance zero, where the root is not smooth.
      let mean = try graph.linear(
        graph.mean(graph.unary(.power(p), distance)), scale: 1, offset: 1e-12)
      return try graph.linear(graph.unary(.power(1 / p), mean), scale: weight)
    case .statistics(let weight, _):
      return try graph.linear(
        graph.statisticalDistance(
          count: graph.shape(image)[0], input: input ?? graph.shape(image), known: known),
        scale: weight)
    case .alpha(let weight, let power, let isRelative):
      guard let alpha else {
        throw .invalidArgument(
          "the penalty 'alpha' is on a transparency that is optimized: ask for transparency "
            + "\"optimized\", or leave the penalty out")
      }
      let mean = try graph.mean(power == 1 ? alpha : graph.unary(.square, alpha))
      guard isRelative, let scores else { return try graph.linear(mean, scale: weight) }
      // As it stands: the penalty must not make the objective itself less worth having. One that is
      // negative says that there is nothing to see yet.
      let size = try graph.stopGradient(graph.unary(.relu(negativeSlope: 0), scores))
      return try graph.linear(graph.multiply(mean, size), scale: weight)
    }
  }
}

extension Graph {
  /// Appends what a blur takes from pictures (count, height, width, channels): the inner pixels minus
  /// the mean of their neighbours and themselves by binomial weights, 1/4, 1/2, 1/4 along each axis
  /// of at least three pixels.
  fileprivate mutating func grain(of image: Value) throws(PhospheneError) -> Value {
    let axes = shape(image).axes
    let taps: [[Float]] = axes[1...2].map { $0 < 3 ? [1] : [0.25, 0.5, 0.25] }
    let kernel = taps[0].flatMap { down in
      taps[1].flatMap { right in [Float](repeating: down * right, count: axes[3]) }
    }
    let weights = constant(try Tensor([taps[0].count, taps[1].count, 1, axes[3]], kernel))
    let geometry = WindowGeometry(
      window: taps.map(\.count), strides: [1, 1], dilations: [1, 1], padLow: [0, 0],
      padHigh: [0, 0])
    let blurred = try convolution(image, weights: weights, geometry: geometry, groups: axes[3])
    var inner = image
    for axis in 1...2 {
      inner = try slice(
        inner, axis: axis, start: taps[axis - 1].count / 2, length: shape(blurred)[axis])
    }
    return try subtract(inner, blurred)
  }
}
