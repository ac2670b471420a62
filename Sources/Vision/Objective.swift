public import Graphs
public import KerasModels
public import Tensors

/// A number for each sample that says how much of something a network sees: a weighted sum of
/// units, channels, scores.
public struct Objective: Codable, Hashable, Sendable {
  /// One summand.
  public struct Term: Codable, Hashable, Sendable {
    var weight: Float
    var kind: Kind
    var layer: String?
    var index: Index?
    var position: [Int]?
    var output: String?
    /// `nil` for what suits the layer's activation.
    var preActivation: PreActivation?
    var vector: [Float]?
    var activations: Activations?
    var cosinePower: Float?

    enum CodingKeys: String, CodingKey {
      case kind, weight, layer, index, position, output, vector, activations
      case preActivation = "pre_activation"
      case cosinePower = "cosine_power"
    }

    /// Reads a term, giving what is left out its default.
    public init(from decoder: any Decoder) throws {
      let term = try decoder.container(keyedBy: CodingKeys.self)
      weight = try term.decodeIfPresent(Float.self, forKey: .weight) ?? 1
      kind = try term.decode(Kind.self, forKey: .kind)
      try decoder.requireKnown(kind.options, kind: kind.rawValue)
      layer = try term.decodeIfPresent(String.self, forKey: .layer)
      index = try term.decodeIfPresent(Index.self, forKey: .index)
      position = try term.decodeIfPresent([Int].self, forKey: .position)
      output = try term.decodeIfPresent(String.self, forKey: .output)
      preActivation = try term.decodeIfPresent(PreActivation.self, forKey: .preActivation)
      vector = try term.decodeIfPresent([Float].self, forKey: .vector)
      activations = try term.decodeIfPresent(Activations.self, forKey: .activations)
      cosinePower = try term.decodeIfPresent(Float.self, forKey: .cosinePower)
    }
  }

  /// What a term measures.
  public enum Kind: String, NamedOption, Sendable {
    /// The mean of one channel of a layer over all positions.
    case channel
    /// One unit of a layer, the one in the middle unless a position is given.
    case neuron
    /// An output of the network before its softmax or sigmoid.
    case logit
    /// An output of the network.
    case probability
    /// The mean of the squares of a layer's output.
    case energy
    /// How far a layer's channels point along a vector, mean over all positions.
    case direction
    /// How far a layer's output points along given activations.
    case match
    /// How little a layer's channels go together as they do in other samples.
    case diversity

    /// The names of what a term of this kind may state.
    var options: [Term.CodingKeys] {
      let own: [Term.CodingKeys] =
        switch self {
        case .channel: [.layer, .index]
        case .neuron: [.layer, .index, .position]
        case .logit, .probability: [.output, .index]
        case .energy, .diversity: [.layer]
        case .direction: [.layer, .vector, .cosinePower]
        case .match: [.layer, .activations, .cosinePower]
        }
      return [.kind, .weight, .preActivation] + own
    }
  }

  /// Which samples of a batch belong together: those of one objective, from different starts, in the
  /// same one of several views.
  struct Grouping {
    /// The number of samples of an objective, without views.
    let count: Int
    let views: Int

    /// Whether two samples are different ones of a group.
    func areSiblings(_ a: Int, _ b: Int) -> Bool {
      a / views != b / views && a % views == b % views
        && a / (count * views) == b / (count * views)
    }
  }

  /// One index for all samples, or one for each.
  enum Index: Codable, Hashable, Sendable {
    case all(Int)
    case each([Int])

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let index = try? container.decode(Int.self) {
        self = .all(index)
      } else {
        guard let indices = try? container.decode([Int].self) else {
          throw UnexpectedValue(in: decoder, expected: "a whole number or a list of them")
        }
        self = .each(indices)
      }
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .all(let index): try container.encode(index)
      case .each(let indices): try container.encode(indices)
      }
    }
  }

  /// The summands.
  public var terms: [Term]

  private enum CodingKeys: CodingKey, CaseIterable { case terms }

  /// Reads an objective.
  public init(from decoder: any Decoder) throws {
    terms = try decoder.options(CodingKeys.self).decode([Term].self, forKey: .terms)
  }

  /// The layers whose outputs the objective reads.
  public var layers: [String] { terms.compactMap(\.layer) }
  /// Whether the objective reads the network's outputs.
  public var readsOutputs: Bool { terms.contains { $0.kind == .logit || $0.kind == .probability } }

  /// What must be computed for it: the layers that it reads, and those outputs that it names.
  var neededLayers: [String] { terms.compactMap { $0.layer ?? $0.output } }
  /// Whether all outputs of a model must be computed too: it reads one without a name, or one that is
  /// an input and no layer's.
  func needsOutputs(of model: Model) -> Bool {
    terms.contains { term in
      guard term.kind == .logit || term.kind == .probability else { return false }
      return term.output.map(model.inputNames.contains) ?? true
    }
  }

  /// Refuses more terms than a graph is made of in a moment.
  func check() throws(PhospheneError) {
    guard (1...1024).contains(terms.count) else {
      throw .invalidArgument("an objective has 1 to 1024 terms, received \(terms.count)")
    }
    for case let vector? in terms.map(\.vector) where vector.allSatisfy({ $0 == 0 }) {
      throw .invalidArgument(
        "the vector of a direction needs a number other than 0, received \(counted(vector.count, "zero"))"
      )
    }
  }

  /// Appends the objective.
  ///
  /// - Parameters:
  ///   - lowered: The model on some inputs, with what ``layers`` and ``readsOutputs`` ask for.
  ///   - model: The same model, for names.
  /// - Returns: A value of shape `(batch,)`.
  /// - Throws: `invalidArgument` for a layer, index or position that doesn't exist.
  public func value(
    in lowered: inout LoweredModel, of model: Model
  ) throws(PhospheneError) -> Value {
    try value(in: &lowered, of: model, grouping: nil)
  }

  /// The same, where samples belong together in groups; without them all do.
  func value(
    in lowered: inout LoweredModel, of model: Model, grouping: Grouping?
  ) throws(PhospheneError) -> Value {
    try check()
    var sum: Value?
    for term in terms {
      guard term.weight.isFinite else {
        throw .invalidArgument("an objective's weight must be finite, received \(term.weight)")
      }
      let value = try lowered.graph.linear(
        term.value(in: &lowered, of: model, grouping: grouping), scale: term.weight)
      if let previous = sum {
        sum = try lowered.graph.add(previous, value)
      } else {
        sum = value
      }
    }
    guard let sum else { throw .invalidArgument("an objective needs at least one term") }
    return sum
  }
}
