import Tensors

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
          "layer '\(key.layer)' is called \(counted(calls.count, "time")), another one reads call \(key.call)"
        )
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
