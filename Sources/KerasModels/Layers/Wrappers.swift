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
  private enum MergeMode: String, Decodable {
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
        "the inner layer must be a recurrent one of Keras, received a \(entry.className)")
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

/// Keras' `TimeDistributed`: a layer or a model applied to each step of (batch, steps, ...).
struct TimeDistributed: Layer {
  static let classNames = ["TimeDistributed"]

  let arguments = ["inputs", "training", "mask"]
  let passesMask = true

  private enum CodingKeys: String, CodingKey { case layer }

  private let inner: LayerEntry

  init(decoding config: LayerConfig) throws {
    inner = try config.container(keyedBy: CodingKeys.self)
      .decode(LayerEntry.self, forKey: .layer)
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try context.call.tensors("inputs").map(\.value).only("TimeDistributed")
    let shape = context.graph.shape(input)
    guard shape.rank >= 3 else {
      throw .invalidArgument(
        "TimeDistributed needs an input (batch, steps, ...), received shape \(shape)")
    }
    let mask = acceptsMask ? context.call.mask : nil
    if let mask, !context.graph.shape(mask).axes.starts(with: shape.axes.prefix(2)) {
      throw .invalidArgument(
        "the mask must begin with the input's batch and steps, here (\(shape[0]), \(shape[1])), "
          + "received shape \(context.graph.shape(mask))")
    }
    return try context.scoped("layer") { (context) throws(PhospheneError) in
      [
        inner.containsOperations
          ? try stepByStep(input, mask: mask, in: &context)
          : try allSteps(input, mask: mask, in: &context)
      ]
    }
  }

  /// Layers treat each sample alone at inference, so that steps may stand as samples.
  private func allSteps(
    _ input: Value, mask: Value?, in context: inout LoweringContext
  ) throws(PhospheneError) -> Value {
    func folded(_ value: Value) throws(PhospheneError) -> Value {
      let axes = context.graph.shape(value).axes
      return try context.graph.reshape(
        value, to: Shape([axes[0] * axes[1]] + axes.dropFirst(2)))
    }
    let shape = context.graph.shape(input)
    let mask: Value? = if let mask { try folded(mask) } else { nil }
    let value = try apply(to: folded(input), mask: mask, in: &context)
    let result = context.graph.shape(value)
    guard result.rank >= 1, result[0] == shape[0] * shape[1] else {
      throw .unsupported(
        "TimeDistributed needs an inner layer that keeps the batch axis, received shape \(result) "
          + "for \(shape[0] * shape[1]) samples")
    }
    return try context.graph.reshape(
      value, to: Shape([shape[0], shape[1]] + result.axes.dropFirst()))
  }

  /// Functions of `keras.ops` may join samples.
  private func stepByStep(
    _ input: Value, mask: Value?, in context: inout LoweringContext
  ) throws(PhospheneError) -> Value {
    let byStep = try context.graph.exchangingFirstAxes(input)
    let masks = try mask.map { (mask) throws(PhospheneError) in
      try context.graph.exchangingFirstAxes(mask)
    }
    var outputs: [Value] = []
    for step in 0..<context.graph.shape(byStep)[0] {
      let mask: Value? =
        if let masks { try context.graph.element(step, of: masks) } else { nil }
      let output = try apply(
        to: context.graph.element(step, of: byStep), mask: mask, in: &context)
      let shape = context.graph.shape(output)
      guard shape.rank >= 1 else {
        throw .unsupported("TimeDistributed needs an inner layer that keeps the batch axis")
      }
      outputs.append(try context.graph.reshape(output, to: Shape([1] + shape.axes)))
    }
    return try context.graph.exchangingFirstAxes(
      context.graph.concatenate(outputs, axis: 0))
  }

  private var acceptsMask: Bool {
    if case .layer(let layer) = inner.kind { layer.arguments.contains("mask") } else { true }
  }

  private func apply(
    to value: Value, mask: Value?, in context: inout LoweringContext
  ) throws(PhospheneError) -> Value {
    let named: [(name: String, value: Argument<MaskedValue>)] =
      mask.map { [("mask", .tensor(MaskedValue(value: $0)))] } ?? []
    let outputs = try context.call(inner.kind, on: [MaskedValue(value: value)], named: named)
    guard outputs.count == 1 else {
      throw .unsupported(
        "TimeDistributed needs an inner layer with one output, '\(inner.name)' has "
          + "\(outputs.count)")
    }
    return outputs[0].value
  }
}

extension LayerEntry {
  /// Whether it is a model with functions of `keras.ops` in it.
  fileprivate var containsOperations: Bool {
    switch kind {
    case .input: false
    case .layer(let layer): LayerRegistry.isOperation(layer)
    case .network(let network): network.layers.contains(where: \.containsOperations)
    }
  }
}
