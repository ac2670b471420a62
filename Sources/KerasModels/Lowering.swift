import Graphs
import Tensors

/// The passage of a network into a graph: every layer that is needed lowers itself, in order.
struct Lowering {
  /// The graph so far.
  var graph = Graph()
  /// Where weights come from.
  let weights: any WeightSource
  /// For each call of a layer, by its path, what it computed.
  private(set) var outputs: [String: [Value]] = [:]
  /// The paths in order of execution.
  private(set) var order: [String] = []
  /// Values that stand for the outputs of calls instead of what these compute: by path, and by the
  /// number of the output.
  var replacements: [String: [Int: Value]] = [:]
  /// Layers whose outputs shall be places of their own in the graph, even where a layer returns its
  /// input or two compute the same: a gradient with respect to one must not see the other.
  var cuts: Set<String> = []
  /// Values that have lost their masks on the way.
  var unmasked: Set<Value> = []

  /// More calls than any network has; models called twice by models called twice … reach it soon.
  private static let largestCallCount = 200_000

  init(weights: any WeightSource) { self.weights = weights }

  /// Lowers a network.
  ///
  /// - Parameters:
  ///   - network: What to lower.
  ///   - inputs: A value for each of its inputs, `nil` for those that nothing may depend on.
  ///   - prefix: The path of the network's call and a slash, or nothing for the outermost.
  ///   - weightPrefix: The same, without call numbers.
  ///   - wanted: The paths that somebody asks for; `nil` for all.
  ///   - needsOutputs: Whether the network's own outputs are asked for.
  /// - Returns: The network's outputs, empty if they aren't asked for.
  /// - Throws: `invalidArgument` for a network or inputs that can't be computed, by layer.
  mutating func lower(
    _ network: NetworkConfig, on inputs: [MaskedValue?], prefix: String = "",
    weightPrefix: String = "", wanted: Set<String>? = nil, needsOutputs: Bool = true
  ) throws(PhospheneError) -> [MaskedValue] {
    guard inputs.count == network.inputs.count else {
      throw .invalidArgument(
        "model '\(network.name)' takes \(network.inputs.count) inputs, received \(inputs.count)")
    }
    let schedule = try CallSchedule(network)
    let needed = schedule.needed(
      outputs: needsOutputs,
      wanted: { call in
        guard let wanted else { return true }
        let path = prefix + call.path
        return wanted.contains(path) || wanted.contains { $0.hasPrefix(path + "/") }
      },
      isGiven: { replacements[prefix + $0.path] != nil })

    var results: [[MaskedValue]] = []
    for (index, call) in schedule.calls.enumerated() {
      guard needed[index] else {
        results.append([])
        continue
      }
      let path = prefix + call.path
      var values: [MaskedValue]
      if let replacement = replacements[path] {
        values = try self.values(of: replacement, for: call, at: path)
      } else {
        values = try compute(
          call, of: network, on: inputs, results: results, prefix: prefix,
          weightPrefix: weightPrefix, wanted: wanted)
      }
      if cuts.contains(path) {
        for index in values.indices {
          values[index] = MaskedValue(
            value: try graph.cut(values[index].value, name: "\(path):\(index)"),
            mask: values[index].mask)
        }
      }
      results.append(values)
      if case .input = call.layer.kind { continue }
      if !values.isEmpty {
        outputs[path] = values.map(\.value)
        order.append(path)
        guard order.count < Lowering.largestCallCount else {
          throw .unsupported("the model calls layers more than \(Lowering.largestCallCount) times")
        }
      }
    }
    guard needsOutputs else { return [] }
    return try schedule.outputs.map { (source) throws(PhospheneError) in
      try value(source, in: results, of: schedule)
    }
  }

  /// Returns the outputs of a call that isn't computed, as many as somebody reads.
  private func values(
    of replacement: [Int: Value], for call: CallSchedule.Call, at path: String
  ) throws(PhospheneError) -> [MaskedValue] {
    var values: [MaskedValue] = []
    let last = max(replacement.keys.max() ?? 0, call.readOutputs.max() ?? 0)
    for output in 0...last {
      if let value = replacement[output] {
        values.append(MaskedValue(value: value))
      } else if call.readOutputs.contains(output) {
        throw .invalidArgument(
          "output \(output) of layer '\(path)' is needed too: feed "
            + "'\(path)\(output == 0 ? "" : ":\(output)")'")
      } else if let any = replacement.values.first {
        // Nobody reads it; it keeps the numbers of the others right.
        values.append(MaskedValue(value: any))
      }
    }
    return values
  }

  private mutating func compute(
    _ call: CallSchedule.Call, of network: NetworkConfig, on inputs: [MaskedValue?],
    results: [[MaskedValue]], prefix: String, weightPrefix: String, wanted: Set<String>?
  ) throws(PhospheneError) -> [MaskedValue] {
    let path = prefix + call.path
    let networkPath = weightPrefix.isEmpty ? "" : String(weightPrefix.dropLast())
    var remaining: [MaskedValue] = []
    for (source, reference) in zip(call.sources, call.arguments.tensors) {
      guard source.output < results[source.call].count else {
        throw .invalidArgument(
          "layer '\(path)' reads output \(source.output) of a layer that has "
            + "\(results[source.call].count)")
      }
      var tensor = results[source.call][source.output].without(unmasked)
      if let type = reference.dataType { tensor.wholeNumbers = elementRange(ofWholeType: type) }
      remaining.append(tensor)
    }
    remaining.reverse()
    // A variable of the network is a tensor like any other to the layer that is called on it.
    let arguments = try call.arguments.map { _ in remaining.removeLast() }
      .resolvingWeights { (name, shape, isTrainable) throws(PhospheneError) in
        let weight = WeightDescription(
          path: networkPath, name: name, shape: shape, isTrainable: isTrainable)
        return MaskedValue(value: try weights.value(of: weight, in: &graph))
      }
    switch call.layer.kind {
    case .input(let config):
      guard let position = network.inputs.firstIndex(where: { $0.layer == call.layer.name })
      else { throw .invalidArgument("input '\(path)' isn't among the model's inputs") }
      guard var input = inputs[position] else {
        throw .invalidArgument(
          "what is asked for depends on the model's input '\(path)', not only on the layers that are "
            + "fed")
      }
      // Keras casts what a network is called on.
      input.wholeNumbers = config.wholeNumbers
      return [input]
    case .layer(let layer):
      guard !arguments.tensors.isEmpty else {
        throw .invalidArgument("layer '\(path)' is called on nothing")
      }
      var context = LoweringContext(
        graph: graph, weights: weights, path: weightPrefix + pathElement(call.layer.name),
        networkPath: networkPath, call: BoundCall(arguments, parameters: layer.arguments))
      // Moved, not copied: the context owns the graph meanwhile.
      graph = Graph()
      context.unmasked = unmasked
      defer {
        (graph, unmasked) = (context.graph, context.unmasked)
      }
      do {
        return try context.lower(layer)
      } catch {
        throw PhospheneError(
          decoding: error, of: "layer '\(path)' (\(call.layer.className))")
      }
    case .network(let inner):
      let name = pathElement(call.layer.name)
      let needsOutputs = call.isRead || wanted.map { $0.contains(path) } ?? true
      let call = BoundCall(arguments, parameters: NetworkConfig.callParameters)
      return try lower(
        inner, on: call.networkInputs, prefix: path + "/",
        weightPrefix: weightPrefix + name + "/", wanted: wanted, needsOutputs: needsOutputs)
    }
  }

  private func value(
    _ source: CallSchedule.Source, in results: [[MaskedValue]], of schedule: CallSchedule
  ) throws(PhospheneError) -> MaskedValue {
    guard source.output < results[source.call].count else {
      throw .invalidArgument(
        "output \(source.output) of layer '\(schedule.calls[source.call].path)' doesn't exist")
    }
    return results[source.call][source.output].without(unmasked)
  }
}
