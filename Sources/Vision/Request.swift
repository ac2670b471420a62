import FoundationEssentials
public import Graphs
public import KerasModels
public import Tensors

/// What a plan shall compute of a model: layer outputs, or an objective and its gradient.
public struct Request: Decodable, Sendable {
  /// The output of one layer.
  struct Output: Decodable, Sendable {
    let path: String
    let preActivation: Bool

    private enum CodingKeys: String, CodingKey, CaseIterable {
      case path
      case preActivation = "pre_activation"
    }

    init(from decoder: any Decoder) throws {
      if let path = try? decoder.singleValueContainer().decode(String.self) {
        (self.path, preActivation) = (path, false)
      } else {
        guard let output = try? decoder.container(keyedBy: CodingKeys.self) else {
          throw UnexpectedValue(in: decoder, expected: "the path of a layer or an object with one")
        }
        try decoder.requireKnown(CodingKeys.allCases)
        path = try output.decode(String.self, forKey: .path)
        preActivation = try output.decodeIfPresent(Bool.self, forKey: .preActivation) ?? false
      }
    }
  }

  /// What to differentiate, and with respect to what.
  struct Gradient: Decodable, Sendable {
    let objective: Objective?
    /// The layer whose output gets the caller's own cotangent, instead of an objective.
    let cotangent: String?
    /// The layer with respect to whose output to differentiate; `nil` for the inputs.
    let at: String?
    let rule: GradientRule?

    private enum CodingKeys: CodingKey, CaseIterable { case objective, cotangent, at, rule }

    init(from decoder: any Decoder) throws {
      let gradient = try decoder.options(CodingKeys.self)
      objective = try gradient.decodeIfPresent(Objective.self, forKey: .objective)
      cotangent = try gradient.decodeIfPresent(String.self, forKey: .cotangent)
      at = try gradient.decodeIfPresent(String.self, forKey: .at)
      rule = try gradient.decodeIfPresent(GradientRule.self, forKey: .rule)
    }
  }

  let outputs: [Output]?
  let inputs: [String]?
  let gradient: Gradient?
  /// Whether direct convolution alone will do, which is slower and keeps a digit more.
  public let isExact: Bool

  /// Reads a request.
  public init(json: String) throws(PhospheneError) {
    self = try decodeOptions(Request.self, json, "request")
  }

  private enum CodingKeys: CodingKey, CaseIterable { case outputs, inputs, gradient, exact }

  /// Reads a request.
  public init(from decoder: any Decoder) throws {
    let request = try decoder.options(CodingKeys.self)
    outputs = try request.decodeIfPresent([Output].self, forKey: .outputs)
    inputs = try request.decodeIfPresent([String].self, forKey: .inputs)
    gradient = try request.decodeIfPresent(Gradient.self, forKey: .gradient)
    isExact = try request.decodeIfPresent(Bool.self, forKey: .exact) ?? false
  }
}

extension GradientRule: NamedOption {}

/// A request on inputs of given types, as a graph.
public struct RequestGraph: Sendable {
  /// The graph.
  public let graph: Graph
  /// The values that were asked for.
  public let outputs: [Value]
}

extension Request {
  /// Builds the graph of the request.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - types: The types of the inputs, batch included, and of the cotangent if there is one.
  /// - Returns: The graph and the values that were asked for, in order.
  /// - Throws: `invalidArgument` for inputs, layers or objectives that don't exist.
  public func graph(
    of model: Model, on types: [TensorType]
  ) throws(PhospheneError) -> RequestGraph {
    var graph = Graph()
    var inputs: [Value] = []
    let count = types.count - (gradient?.cotangent == nil ? 0 : 1)
    guard count >= 0 else {
      throw .invalidArgument("the cotangent is the last input, received no inputs")
    }
    if self.inputs == nil { try model.check(Array(types.prefix(count))) }
    for type in types.prefix(count) { inputs.append(graph.input(type)) }
    if let gradient {
      return try gradientGraph(gradient, of: model, graph, inputs, types)
    }
    guard let outputs else {
      let lowered = try model.lower(into: graph, on: inputs, fed: self.inputs ?? [])
      return RequestGraph(graph: lowered.graph, outputs: lowered.outputs)
    }
    var lowered = try model.lower(
      into: graph, on: inputs, fed: self.inputs ?? [], wanted: outputs.map(\.path),
      needsOutputs: false)
    var values: [Value] = []
    for output in outputs {
      let value = try lowered.value(output.path)
      values.append(output.preActivation ? try lowered.graph.preActivation(of: value) : value)
    }
    return RequestGraph(graph: lowered.graph, outputs: values)
  }

  private func gradientGraph(
    _ gradient: Gradient, of model: Model, _ graph: Graph, _ inputs: [Value],
    _ types: [TensorType]
  ) throws(PhospheneError) -> RequestGraph {
    var wanted =
      (gradient.objective?.layers ?? []) + [gradient.cotangent, gradient.at].compactMap(\.self)
    wanted = wanted.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    var lowered = try model.lower(
      into: graph, on: inputs, fed: self.inputs ?? [], wanted: wanted,
      needsOutputs: gradient.objective?.readsOutputs ?? false,
      cuts: [gradient.at].compactMap(\.self))
    var sources =
      if let at = gradient.at { [try lowered.value(at)] } else { inputs }
    var target: Value
    var cotangent: Value?
    var outputs: [Value] = []
    if let path = gradient.cotangent, let type = types.last {
      target = try lowered.value(path)
      guard lowered.graph.shape(target) == type.shape else {
        throw .invalidArgument(
          "the cotangent of '\(path)' must have its shape \(lowered.graph.shape(target)), received "
            + "\(type.shape)")
      }
      cotangent = lowered.graph.input(type)
    } else if let objective = gradient.objective {
      target = try objective.value(in: &lowered, of: model)
      // Before the gradient is taken, so that it passes through the same parts.
      let reduced = try lowered.graph.computingRegions(for: [target] + sources)
      lowered.graph = reduced.graph
      (target, sources) = (reduced.values[0], Array(reduced.values.dropFirst()))
      outputs = [target]
    } else {
      throw .invalidArgument("a gradient needs an objective or a cotangent")
    }
    let gradients = try lowered.graph.gradient(
      of: target, withRespectTo: sources, cotangent: cotangent, rule: gradient.rule ?? .plain)
    for (source, gradient) in zip(sources, gradients) {
      // An input that the objective doesn't depend on has the gradient zero.
      if let gradient {
        outputs.append(gradient)
      } else if let at = self.gradient?.at {
        throw .invalidArgument(
          "the objective doesn't depend on the output of layer '\(at)': choose a layer before its own"
        )
      } else {
        outputs.append(
          lowered.graph.constant(try Tensor(lowered.graph.shape(source), repeating: 0)))
      }
    }
    return RequestGraph(graph: lowered.graph, outputs: outputs)
  }
}

extension Model {
  /// Refuses inputs that the model wasn't made for.
  public func check(_ types: [TensorType]) throws(PhospheneError) {
    guard types.count == inputShapes.count else {
      throw .invalidArgument(
        "the model takes \(counted(inputShapes.count, "input")), received \(types.count)")
    }
    for (shape, type) in zip(inputShapes, types) {
      let fits =
        shape.count == type.shape.rank
        && zip(shape, type.shape.axes).enumerated().allSatisfy { axis, lengths in
          axis == 0 || lengths.0 == nil || lengths.0 == lengths.1
        }
      guard fits, type.shape.elementCount > 0 else {
        let expected = shape.map { $0.map(String.init) ?? "any" }.joined(separator: ", ")
        throw .invalidArgument(
          "the model takes inputs of shape (\(expected)), received \(type.shape)")
      }
    }
  }
}

/// Decodes options that a caller wrote as JSON.
func decodeOptions<Options: Decodable>(
  _ type: Options.Type, _ json: String, _ what: String
) throws(PhospheneError) -> Options {
  do {
    let decoder = JSONDecoder()
    // Python writes bare Infinity and NaN, which the checks of each number name.
    decoder.allowsJSON5 = true
    return try decoder.decode(Document<Options>.self, from: Data(json.utf8)).value
  } catch {
    throw PhospheneError(decoding: error, of: what)
  }
}
