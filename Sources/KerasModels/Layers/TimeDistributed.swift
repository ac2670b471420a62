import Graphs
import Tensors

/// Keras' `TimeDistributed`: a layer or a model applied to each step of (batch, steps, ...).
///
/// Keras 3 hands the mask of its input on as it is; Keras 2 hands on what the inner layer makes of
/// masks, and the steps of which something counts where that is nothing.
///
/// Source: keras 3.15, `layers/rnn/time_distributed.py`; tf_keras 2.20, the same file.
struct TimeDistributed: Layer {
  static let classNames = ["TimeDistributed"]

  let arguments = ["inputs", "training", "mask"]

  private enum CodingKeys: String, CodingKey { case layer }

  let inner: LayerEntry
  private let writer: KerasVersion

  init(decoding config: LayerConfig) throws {
    inner = try config.container(keyedBy: CodingKeys.self)
      .decode(LayerEntry.self, forKey: .layer)
    writer = config.writer
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let sequences = context.call.tensors("inputs").map(\.value)
    let shapes = sequences.map { context.graph.shape($0) }
    guard let first = shapes.first,
      shapes.allSatisfy({ $0.rank >= 3 && $0[0] == first[0] && $0[1] == first[1] })
    else {
      throw .invalidArgument(
        "TimeDistributed needs an input (batch, steps, ...), received shape "
          + shapes.map(\.description).joined(separator: " and "))
    }
    let mask = context.call.mask
    if let mask, !context.graph.shape(mask).axes.starts(with: first.axes.prefix(2)) {
      throw .invalidArgument(
        "the mask must begin with the input's batch and steps, here (\(first[0]), \(first[1])), "
          + "received shape \(context.graph.shape(mask))")
    }
    let outputs = try context.scoped("layer") { (context) throws(PhospheneError) in
      inner.containsOperations
        ? try stepByStep(sequences, mask: mask, in: &context)
        : try allSteps(sequences, mask: mask, in: &context)
    }
    switch writer {
    case .keras3: context.setMask(context.call.passedMask)
    case .keras2:
      let passed = try mask.map { (mask) throws(PhospheneError) in
        let axes = Array(context.graph.shape(mask).axes.indices.dropFirst(2))
        return try context.graph.reduce(.maximum, mask, axes: axes)
      }
      for (index, output) in outputs.enumerated() {
        context.setMask(output.mask ?? passed, ofOutput: index)
      }
    }
    return outputs.map(\.value)
  }

  /// Layers treat each sample alone at inference, so that steps may stand as samples.
  private func allSteps(
    _ inputs: [Value], mask: Value?, in context: inout LoweringContext
  ) throws(PhospheneError) -> [MaskedValue] {
    let first = context.graph.shape(inputs[0])
    let (batch, steps) = (first[0], first[1])
    var folded: [Value] = []
    for value in inputs + (mask.map { [$0] } ?? []) {
      let axes = context.graph.shape(value).axes
      folded.append(
        try context.graph.reshape(value, to: Shape([batch * steps] + axes.dropFirst(2))))
    }
    let innerMask = mask == nil ? nil : folded.removeLast()
    let outputs = try apply(to: folded, mask: innerMask, in: &context)
    func unfolded(_ value: Value) throws(PhospheneError) -> Value {
      let axes = context.graph.shape(value).axes
      guard axes.first == batch * steps else {
        throw .unsupported(
          "TimeDistributed needs an inner layer that keeps the batch axis, received shape "
            + "\(Shape(axes)) for \(batch * steps) samples")
      }
      return try context.graph.reshape(value, to: Shape([batch, steps] + axes.dropFirst()))
    }
    var result: [MaskedValue] = []
    for output in outputs {
      let mask: Value? = if let mask = output.mask { try unfolded(mask) } else { nil }
      result.append(MaskedValue(value: try unfolded(output.value), mask: mask))
    }
    return result
  }

  /// Functions of `keras.ops`, which only Keras 3 has, may join samples.
  private func stepByStep(
    _ inputs: [Value], mask: Value?, in context: inout LoweringContext
  ) throws(PhospheneError) -> [MaskedValue] {
    var byStep: [Value] = []
    for input in inputs + (mask.map { [$0] } ?? []) {
      byStep.append(try context.graph.exchangingFirstAxes(input))
    }
    var outputs: [[Value]] = []
    for step in 0..<context.graph.shape(byStep[0])[0] {
      var values: [Value] = []
      for value in byStep { values.append(try context.graph.element(step, of: value)) }
      let mask = mask == nil ? nil : values.removeLast()
      for (index, output) in try apply(to: values, mask: mask, in: &context).enumerated() {
        let shape = context.graph.shape(output.value)
        guard shape.rank >= 1 else {
          throw .unsupported("TimeDistributed needs an inner layer that keeps the batch axis")
        }
        if index == outputs.count { outputs.append([]) }
        outputs[index].append(
          try context.graph.reshape(output.value, to: Shape([1] + shape.axes)))
      }
    }
    var result: [MaskedValue] = []
    for steps in outputs {
      let joined = try context.graph.concatenate(steps, axis: 0)
      result.append(MaskedValue(value: try context.graph.exchangingFirstAxes(joined)))
    }
    return result
  }

  /// Calls the inner layer.
  ///
  /// Keras 3 goes past what attaches masks to tensors: only a layer that asks for a mask gets it.
  private func apply(
    to values: [Value], mask: Value?, in context: inout LoweringContext
  ) throws(PhospheneError) -> [MaskedValue] {
    var named: [(name: String, value: Argument<MaskedValue>)] = []
    if let mask, inner.acceptsMask { named = [("mask", .tensor(MaskedValue(value: mask)))] }
    let attached = writer == .keras2 ? mask : nil
    return try context.call(
      inner.kind, on: values.map { MaskedValue(value: $0, mask: attached) }, named: named)
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

  /// Whether a call may have a mask.
  fileprivate var acceptsMask: Bool {
    if case .layer(let layer) = kind { layer.arguments.contains("mask") } else { true }
  }
}
