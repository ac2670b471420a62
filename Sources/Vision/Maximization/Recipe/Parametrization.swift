import Tensors

/// How a picture is made of the numbers that the optimizer changes.
struct Parametrization: Sendable {
  enum Kind: String, NamedOption, Sendable {
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
  /// What is known of the inputs that the network was made for; `nil` for natural images.
  var prior: Prior?

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
}

/// What a recipe says of a parametrization; `nil` for what suits.
struct StatedParametrization: Codable, Sendable {
  var kind: Parametrization.Kind?
  var decayPower: Float?
  var standardDeviation: Float?
  var decorrelate: Bool?
  var contrast: Float?
  var prior: Prior?

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case kind, decorrelate, contrast, prior
    case decayPower = "decay_power"
    case standardDeviation = "standard_deviation"
  }

  init() {}

  init(from decoder: any Decoder) throws {
    let options = try decoder.options(CodingKeys.self)
    kind = try options.decodeIfPresent(Parametrization.Kind.self, forKey: .kind)
    decayPower = try options.decodeIfPresent(Float.self, forKey: .decayPower)
    standardDeviation = try options.decodeIfPresent(Float.self, forKey: .standardDeviation)
    decorrelate = try options.decodeIfPresent(Bool.self, forKey: .decorrelate)
    contrast = try options.decodeIfPresent(Float.self, forKey: .contrast)
    prior = try options.decodeIfPresent(Prior.self, forKey: .prior)
  }

  /// A parametrization with everything stated.
  init(_ whole: Parametrization) {
    kind = whole.kind
    decayPower = whole.decayPower
    standardDeviation = whole.standardDeviation
    decorrelate = whole.decorrelate
    contrast = whole.contrast
    prior = whole.prior
  }

  /// The parametrization that this is with what suits in place of what is left out; its kind is that
  /// of what suits, which was chosen by the one that is stated.
  func completed(by suitable: Parametrization) -> Parametrization {
    var whole = Parametrization(
      kind: suitable.kind, decayPower: decayPower ?? suitable.decayPower,
      standardDeviation: standardDeviation ?? suitable.standardDeviation,
      decorrelate: decorrelate ?? suitable.decorrelate, contrast: contrast ?? suitable.contrast)
    whole.prior = prior
    return whole
  }

  func check() throws(PhospheneError) {
    if let decayPower { try require(0...4, decayPower, "decay_power") }
    if let standardDeviation { try require(0...100, standardDeviation, "standard_deviation") }
    if let contrast { try require(0.01...100, contrast, "contrast") }
    try prior?.check()
  }
}
