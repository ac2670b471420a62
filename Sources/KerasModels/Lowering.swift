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

/// The calls of a network's layers in an order in which they can be computed.
struct CallSchedule {
  /// One call of a layer.
  struct Call {
    let layer: LayerEntry
    /// The layer's name, with `#n` behind it from the second call on.
    let path: String
    let arguments: CallArguments<TensorReference>
    /// Where the tensors among the arguments come from, in the order of their appearance.
    let sources: [Source]
    /// The outputs that other calls or the network's caller read.
    var readOutputs: Set<Int> = []

    var isRead: Bool { !readOutputs.isEmpty }
  }

  /// One output of a call.
  struct Source: Hashable {
    let call: Int
    let output: Int
  }

  private(set) var calls: [Call] = []
  private(set) var outputs: [Source] = []

  private struct Key: Hashable {
    let layer: String
    let call: Int
  }

  init(_ network: NetworkConfig) throws(PhospheneError) {
    var layers: [String: LayerEntry] = [:]
    for layer in network.layers { layers[layer.name] = layer }
    var positions: [Key: Int] = [:]
    var pending: Set<Key> = []

    func arguments(
      _ key: Key
    ) throws(PhospheneError) -> CallArguments<TensorReference> {
      guard let layer = layers[key.layer] else {
        throw .invalidArgument(
          "model '\(network.name)' has no layer '\(key.layer)', which another one reads")
      }
      let isInput = if case .input = layer.kind { true } else { false }
      let calls = isInput ? [CallArguments(positional: [])] : layer.calls
      guard key.call < calls.count else {
        throw .invalidArgument(
          "layer '\(key.layer)' is called \(calls.count) times, another one reads call \(key.call)")
      }
      return calls[key.call]
    }

    // Depth first with a stack of our own: a file may chain more layers than a thread has stack.
    for layer in network.layers {
      let count = if case .input = layer.kind { 1 } else { layer.calls.count }
      for call in 0..<count {
        var stack = [Key(layer: layer.name, call: call)]
        while let key = stack.last {
          if positions[key] != nil {
            stack.removeLast()
            continue
          }
          let arguments = try arguments(key)
          let reads = arguments.tensors
          let missing = reads.map { Key(layer: $0.layer, call: $0.call) }
            .filter { positions[$0] == nil }
          if missing.isEmpty {
            stack.removeLast()
            pending.remove(key)
            guard let layer = layers[key.layer] else { continue }
            positions[key] = calls.count
            calls.append(
              Call(
                layer: layer,
                path: pathElement(key.layer) + (key.call == 0 ? "" : "#\(key.call)"),
                arguments: arguments,
                sources: reads.compactMap { read in
                  positions[Key(layer: read.layer, call: read.call)]
                    .map { Source(call: $0, output: read.output) }
                }))
          } else {
            guard pending.insert(key).inserted else {
              throw .invalidArgument("layer '\(key.layer)' reads its own output")
            }
            stack += missing.reversed()
          }
        }
      }
    }
    for output in network.outputs {
      let key = Key(layer: output.layer, call: output.call)
      guard let position = positions[key] else {
        throw .invalidArgument(
          "model '\(network.name)' has no layer '\(output.layer)' with a call \(output.call), which "
            + "it returns")
      }
      outputs.append(Source(call: position, output: output.output))
    }
    for source in calls.flatMap(\.sources) + outputs {
      calls[source.call].readOutputs.insert(source.output)
    }
  }

  /// Returns which calls have to be computed.
  ///
  /// - Parameters:
  ///   - needsOutputs: Whether the network's outputs are.
  ///   - isWanted: Whether somebody asks for a call's own result.
  ///   - isGiven: Whether a call's result is known, so that nothing before it is needed for it.
  /// - Returns: For each call, whether it is needed.
  func needed(
    outputs needsOutputs: Bool, wanted isWanted: (Call) -> Bool, isGiven: (Call) -> Bool
  ) -> [Bool] {
    var needed = calls.map(isWanted)
    if needsOutputs { for output in outputs { needed[output.call] = true } }
    for index in calls.indices.reversed() where needed[index] && !isGiven(calls[index]) {
      for source in calls[index].sources { needed[source.call] = true }
    }
    return needed
  }
}
