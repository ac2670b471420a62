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

extension Objective.Term {
  fileprivate func value(
    in lowered: inout LoweredModel, of model: Model, grouping: Objective.Grouping?
  ) throws(PhospheneError) -> Value {
    switch kind {
    case .channel, .neuron, .energy, .direction, .match, .diversity:
      guard let layer else { throw .invalidArgument("objective '\(kind.rawValue)' needs a layer") }
      var value = try lowered.value(layer)
      switch preActivation ?? .no {
      case .no: break
      case .yes: value = try lowered.graph.preActivation(of: value)
      case .rectified:
        let before = try lowered.graph.preActivation(of: value)
        value = try lowered.graph.unary(.relu(negativeSlope: 0), before)
      }
      let what = "layer '\(layer)'"
      if kind != .energy, kind != .match {
        let axis = model.channelAxis(ofLayer: layer, rank: lowered.graph.shape(value).rank)
        value = try lowered.graph.movingLast(value, from: axis)
      }
      switch kind {
      case .channel: return try channel(of: value, what, in: &lowered.graph)
      case .neuron: return try neuron(of: value, what, in: &lowered.graph)
      case .direction: return try direction(of: value, what, in: &lowered.graph)
      case .match: return try match(of: value, what, in: &lowered.graph)
      case .diversity:
        return try diversity(of: value, what, grouping: grouping, in: &lowered.graph)
      default:
        let square = try lowered.graph.unary(.square, value)
        return try lowered.graph.mean(square)
      }
    case .logit, .probability:
      let (path, value) = try output(of: lowered, model)
      let rank = lowered.graph.shape(value).rank
      guard rank == 2 else {
        throw .invalidArgument(
          "output '\(path)' has \(rank) axes, not (batch, classes): name its layer and a position "
            + "with neuron instead of a class")
      }
      let scores = kind == .logit ? try lowered.graph.logits(of: value) : value
      return try channel(of: scores, "output '\(path)'", in: &lowered.graph)
    }
  }

  private func output(
    of lowered: LoweredModel, _ model: Model
  ) throws(PhospheneError) -> (String, Value) {
    let paths = model.outputPaths
    guard let output else {
      guard lowered.outputs.count == 1 else {
        throw .invalidArgument(
          "the model has \(lowered.outputs.count) outputs: choose one with output=, among "
            + paths.joined(separator: ", "))
      }
      return (paths.first ?? "", lowered.outputs[0])
    }
    guard let position = paths.firstIndex(of: output) else {
      throw .invalidArgument(
        "the model has no output '\(output)', its outputs are \(paths.joined(separator: ", "))")
    }
    // Where none but some outputs are asked for, they are found among the layers.
    let isThere = position < lowered.outputs.count
    return (output, isThere ? lowered.outputs[position] : try lowered.value(output))
  }

  private func channel(
    of value: Value, _ what: String, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    try graph.mean(selected(from: value, what, in: &graph))
  }

  private func neuron(
    of value: Value, _ what: String, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let spatial = Array(graph.shape(value).axes.dropFirst().dropLast())
    let position = position ?? spatial.map { $0 / 2 }
    guard position.count == spatial.count,
      zip(position, spatial).allSatisfy({ (0..<$1).contains($0) })
    else {
      throw .invalidArgument(
        "position \(position) doesn't exist in \(what), whose positions have shape "
          + "\(Shape(spatial))")
    }
    var value = value
    for (axis, start) in position.enumerated() {
      value = try graph.slice(value, axis: axis + 1, start: start, length: 1)
    }
    return try graph.mean(selected(from: value, what, in: &graph))
  }

  /// The elements of the last axis that the index names: one for all samples, or one for each.
  private func selected(
    from value: Value, _ what: String, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let shape = graph.shape(value)
    guard let length = shape.axes.last, shape.rank >= 2 else {
      throw .invalidArgument("\(what) has no channels: its shape is \(shape)")
    }
    func check(_ index: Int) throws(PhospheneError) {
      guard (0..<length).contains(index) else {
        throw .invalidArgument(
          "index \(index) doesn't exist: \(what) has "
            + (length == 1 ? "1 channel, 0" : "\(length) channels, 0 to \(length - 1)"))
      }
    }
    switch index {
    case nil: throw .invalidArgument("objective '\(kind.rawValue)' needs an index")
    case .all(let index):
      try check(index)
      return try graph.slice(value, axis: shape.rank - 1, start: index, length: 1)
    case .each(let indices):
      guard indices.count == shape[0] else {
        throw .invalidArgument(
          "\(indices.count) indices were given for a batch of \(shape[0]): one for each sample is "
            + "needed")
      }
      var mask = [Float](repeating: 0, count: shape[0] * length)
      for (sample, index) in indices.enumerated() {
        try check(index)
        mask[sample * length + index] = 1
      }
      let axes = [shape[0]] + shape.axes.dropFirst().dropLast().map { _ in 1 } + [length]
      let chosen = try graph.multiply(value, graph.constant(Tensor(Shape(axes), mask)))
      return try graph.reduce(.sum, chosen, axes: [shape.rank - 1])
    }
  }
}

extension Graph {
  /// Appends the mean over all axes but the first.
  mutating func mean(_ value: Value) throws(PhospheneError) -> Value {
    try reduce(.mean, value, axes: Array(1..<max(shape(value).rank, 1)))
  }
}
