import Graphs
import KerasModels
import Tensors

// What the terms of objectives measure.

extension Objective.Term {
  /// Appends what a term measures, one number a sample.
  func value(
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
