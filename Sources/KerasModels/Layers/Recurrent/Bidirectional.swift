import Graphs
import Tensors

/// Keras' `Bidirectional`: a recurrent layer from the first step to the last and one from the last to
/// the first, joined.
///
/// Source: keras 3.15, `layers/rnn/bidirectional.py`.
struct Bidirectional: Layer {
  static let classNames = ["Bidirectional"]

  let arguments = ["sequences", "initial_state", "mask"]

  private enum CodingKeys: String, CodingKey {
    case layer
    case backwardLayer = "backward_layer"
    case mergeMode = "merge_mode"
  }

  /// How the two outputs become one; `nil` in a configuration leaves them apart.
  private enum MergeMode: String, NamedOption {
    case sum, mul, ave, concat
  }

  private let forward: RecurrentLayer
  private let backward: RecurrentLayer
  private let mergeMode: MergeMode?

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    mergeMode = try Bidirectional.mergeMode(settings)
    forward = try Bidirectional.layer(settings.decode(LayerEntry.self, forKey: .layer))
    if let entry = try settings.decodeIfPresent(LayerEntry.self, forKey: .backwardLayer) {
      backward = try Bidirectional.layer(entry)
    } else {
      var copy = forward
      copy.goesBackwards = true
      backward = copy
    }
    guard forward.goesBackwards != backward.goesBackwards,
      forward.returnsSequences == backward.returnsSequences,
      forward.returnsStates == backward.returnsStates
    else {
      throw PhospheneError.invalidArgument(
        "layer and backward_layer must differ in go_backwards and agree in return_sequences and "
          + "return_state")
    }
  }

  private static func mergeMode(
    _ settings: KeyedDecodingContainer<CodingKeys>
  ) throws -> MergeMode? {
    guard settings.contains(.mergeMode) else { return .concat }
    guard let name = try settings.decodeIfPresent(String.self, forKey: .mergeMode) else {
      return nil
    }
    guard let mode = MergeMode(rawValue: name) else {
      throw PhospheneError.unsupported(
        "merge_mode must be 'sum', 'mul', 'ave', 'concat' or None, received '\(name)'")
    }
    return mode
  }

  private static func layer(_ entry: LayerEntry) throws -> RecurrentLayer {
    guard case .layer(let layer) = entry.kind, var layer = layer as? RecurrentLayer else {
      throw PhospheneError.unsupported(
        "the inner layer must be a recurrent one of Keras, received \(entry.className)")
    }
    layer.zeroesMaskedOutputs = layer.returnsSequences
    return layer
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    // Keras 2 writes initial states behind the sequence.
    let sequences = context.call.tensors("sequences")
    guard let sequence = sequences.first else {
      throw .invalidArgument("Bidirectional needs a sequence")
    }
    let states = sequences.dropFirst() + context.call.tensors("initial_state")
    let half = states.count / 2
    let mask = context.call.mask
    func run(
      _ layer: RecurrentLayer, _ name: String, _ states: ArraySlice<MaskedValue>
    ) throws(PhospheneError) -> [Value] {
      var named: [(name: String, value: Argument<MaskedValue>)] = []
      if !states.isEmpty {
        named.append(("initial_state", .list(states.map { .tensor($0) })))
      }
      if let mask { named.append(("mask", .tensor(MaskedValue(value: mask)))) }
      return try context.scoped(name) { (context) throws(PhospheneError) in
        try context.call(.layer(layer), on: [sequence], named: named).map(\.value)
      }
    }
    let first = try run(forward, "forward_layer", states.prefix(half))
    var second = try run(backward, "backward_layer", states.dropFirst(half))
    if forward.returnsSequences {
      second[0] = try context.graph.flip(second[0], axes: [1])
    }
    let merged = try merge(first[0], second[0], in: &context.graph)
    if forward.returnsSequences {
      for index in merged.indices { context.setMask(context.call.passedMask, ofOutput: index) }
    }
    return merged + first.dropFirst() + second.dropFirst()
  }

  private func merge(
    _ first: Value, _ second: Value, in graph: inout Graph
  ) throws(PhospheneError) -> [Value] {
    switch mergeMode {
    case .sum: [try graph.add(first, second)]
    case .mul: [try graph.multiply(first, second)]
    case .ave: [try graph.linear(graph.add(first, second), scale: 0.5)]
    case .concat: [try graph.concatenate([first, second], axis: -1)]
    case nil: [first, second]
    }
  }
}
