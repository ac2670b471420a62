import Tensors

/// A random change of the picture before the network sees it, so that only what survives it is
/// rewarded.
///
/// All that move the picture are one affine map together; blur and noise act on what it shows. The
/// gradient passes through all of them.
enum Transform: Codable, Sendable {
  /// A shift by whole pixels, up to `pixels` along each axis.
  case jitter(pixels: Int)
  /// An enlargement by a factor between two others, around the middle.
  case scale(low: Double, high: Double)
  /// A rotation by up to `degrees` either way, around the middle.
  case rotate(degrees: Double)
  /// A border of the background, so many pixels wide, around the picture.
  case pad(pixels: Int)
  /// A mirror image, left and right exchanged, every other time.
  case flip
  /// A part of the picture, wherever inside: its sides go from the share `first` to `last` of the
  /// picture's over the steps.
  case crop(first: Double, last: Double, centre: Centre)
  /// Normal numbers added to the view, whose deviation goes from `first` to `last` over the steps.
  case noise(first: Double, last: Double)
  /// A Gaussian blur of the view, whose deviation in pixels goes from `first` to `last`.
  case blur(first: Double, last: Double)

  /// Where the middle of a part lies.
  enum Centre: Sendable {
    /// Around the middle of the picture, with a deviation in shares of it, moved inwards where the part
    /// would reach over an edge.
    case normal(deviation: Double)
    /// Anywhere inside, all places equally likely, and now and then along an edge.
    case uniform
  }

  /// How far over an edge a part may lie, in shares of the picture, before it is moved inwards: without
  /// it hardly any part would show the edges, which would stay grey.
  static let overreach = 0.03

  /// What is done unless something else is asked for: lucid's `standard_transforms`, whose shifts
  /// of 8 and 4 pixels were made for canvases of 128, in proportion to the canvas.
  static func standard(side: Int) -> [Transform] {
    [
      .jitter(pixels: max(side / 16, 1)), .scale(low: 0.9, high: 1.1), .rotate(degrees: 10),
      .jitter(pixels: max(side / 32, 1)),
    ]
  }

  /// What suits the phases of a fixed spectrum, which alone don't keep large and small apart.
  static let crops: [Transform] = [
    .crop(first: 0.95, last: 0.35, centre: .normal(deviation: 0.15)), .noise(first: 0.08, last: 0),
  ]

  /// What makes things and their surroundings, at all scales and everywhere on the canvas.
  static let scenes: [Transform] = [
    .crop(first: 0.95, last: 0.5, centre: .uniform), .noise(first: 0.08, last: 0),
  ]

  /// What suits pictures of few pixels, each of which matters.
  static let slight: [Transform] = [
    .jitter(pixels: 1), .scale(low: 0.95, high: 1.05), .rotate(degrees: 5),
  ]

  private enum Kind: String, NamedOption {
    case jitter, scale, rotate, pad, flip, crop, noise, blur

    /// The names of what a transform of this kind may state.
    var options: [CodingKeys] {
      switch self {
      case .jitter, .pad: [.kind, .pixels]
      case .scale: [.kind, .low, .high]
      case .rotate: [.kind, .degrees]
      case .flip: [.kind]
      case .crop: [.kind, .first, .last, .centre, .deviation]
      case .noise, .blur: [.kind, .first, .last]
      }
    }
  }
  private enum CodingKeys: String, CodingKey {
    case kind, pixels, low, high, degrees, first, last, deviation, centre
  }

  init(from decoder: any Decoder) throws {
    let options = try decoder.container(keyedBy: CodingKeys.self)
    let kind = try options.decode(Kind.self, forKey: .kind)
    try decoder.requireKnown(kind.options, kind: kind.rawValue)
    switch kind {
    case .jitter: self = .jitter(pixels: try options.decode(Int.self, forKey: .pixels))
    case .scale:
      self = .scale(
        low: try options.decode(Double.self, forKey: .low),
        high: try options.decode(Double.self, forKey: .high))
    case .rotate: self = .rotate(degrees: try options.decode(Double.self, forKey: .degrees))
    case .pad: self = .pad(pixels: try options.decode(Int.self, forKey: .pixels))
    case .flip: self = .flip
    case .crop:
      self = .crop(
        first: try options.decode(Double.self, forKey: .first),
        last: try options.decode(Double.self, forKey: .last),
        centre: try Centre(
          name: options.decodeIfPresent(String.self, forKey: .centre) ?? "normal",
          deviation: options.decodeIfPresent(Double.self, forKey: .deviation) ?? 0.15))
    case .noise:
      let first = try options.decode(Double.self, forKey: .first)
      let last = try options.decodeIfPresent(Double.self, forKey: .last) ?? first
      self = .noise(first: first, last: last)
    case .blur:
      let first = try options.decode(Double.self, forKey: .first)
      let last = try options.decodeIfPresent(Double.self, forKey: .last) ?? first
      self = .blur(first: first, last: last)
    }
  }

  func encode(to encoder: any Encoder) throws {
    var options = encoder.container(keyedBy: CodingKeys.self)
    switch self {
    case .jitter(let pixels):
      try options.encode(Kind.jitter, forKey: .kind)
      try options.encode(pixels, forKey: .pixels)
    case .scale(let low, let high):
      try options.encode(Kind.scale, forKey: .kind)
      try options.encode(low, forKey: .low)
      try options.encode(high, forKey: .high)
    case .rotate(let degrees):
      try options.encode(Kind.rotate, forKey: .kind)
      try options.encode(degrees, forKey: .degrees)
    case .pad(let pixels):
      try options.encode(Kind.pad, forKey: .kind)
      try options.encode(pixels, forKey: .pixels)
    case .flip: try options.encode(Kind.flip, forKey: .kind)
    case .crop(let first, let last, let centre):
      try options.encode(Kind.crop, forKey: .kind)
      try options.encode(first, forKey: .first)
      try options.encode(last, forKey: .last)
      switch centre {
      case .normal(let deviation):
        try options.encode("normal", forKey: .centre)
        try options.encode(deviation, forKey: .deviation)
      case .uniform: try options.encode("uniform", forKey: .centre)
      }
    case .noise(let first, let last):
      try options.encode(Kind.noise, forKey: .kind)
      try options.encode(first, forKey: .first)
      try options.encode(last, forKey: .last)
    case .blur(let first, let last):
      try options.encode(Kind.blur, forKey: .kind)
      try options.encode(first, forKey: .first)
      try options.encode(last, forKey: .last)
    }
  }

  /// Refuses shifts and borders that leave nothing of a canvas to see.
  func check(canvas: [Int]) throws(PhospheneError) {
    let shorter = canvas.min() ?? 1
    switch self {
    case .jitter(let pixels) where pixels >= shorter, .pad(let pixels) where pixels >= 8 * shorter:
      throw .invalidArgument(
        "a jitter must be smaller than the canvas and a border no wider than eight of it, received "
          + "\(pixels) pixels for a canvas of \(canvas[0]) by \(canvas[1])")
    default: break
    }
  }

  func check() throws(PhospheneError) {
    switch self {
    case .jitter(let pixels): try require(0...4096, pixels, "jitter pixels")
    case .scale(let low, let high):
      try require(0.05...20, low, "scale low")
      try require(low...20, high, "scale high")
    case .rotate(let degrees): try require(0...180, degrees, "rotate degrees")
    case .pad(let pixels): try require(0...4096, pixels, "pad pixels")
    case .flip: break
    case .crop(let first, let last, let centre):
      try require(0.01...1, first, "crop first")
      try require(0.01...1, last, "crop last")
      if case .normal(let deviation) = centre { try require(0...10, deviation, "crop deviation") }
    case .noise(let first, let last):
      try require(0...10, first, "noise first")
      try require(0...10, last, "noise last")
    case .blur(let first, let last):
      try require(0...100, first, "blur first")
      try require(0...100, last, "blur last")
    }
  }
}

extension Transform.Centre {
  init(name: String, deviation: Double) throws(PhospheneError) {
    switch name {
    case "normal": self = .normal(deviation: deviation)
    case "uniform": self = .uniform
    default:
      throw .invalidArgument("crop centre must be 'normal' or 'uniform', received '\(name)'")
    }
  }
}
