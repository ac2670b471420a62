public import Graphs
public import Tensors

/// The axes that channels lie along throughout a network.
struct ChannelAxes: Sendable {
  /// Where the channels of a tensor come from: its axis counted from the first, or that of an input,
  /// which a later layer may tell.
  private enum Origin {
    case input(Int)
    case axis(Int)
    case last
  }

  /// What is known of a tensor.
  private struct Known {
    let origin: Origin
    let rank: Int
  }

  private var origins: [String: Origin] = [:]
  /// For each input what the first layer says that reads it and says something.
  private var inputs: [Int?]

  init(
    of network: NetworkConfig, inputShapes: [[Int?]], structure: StructuralLowering
  ) throws(PhospheneError) {
    inputs = Array(repeating: nil, count: inputShapes.count)
    let arguments = inputShapes.enumerated().map { index, shape in
      Known(origin: .input(index), rank: shape.count)
    }
    _ = try walk(network, arguments, prefix: "", structure)
    for (index, shape) in inputShapes.enumerated() where inputs[index] == nil && shape.count == 4 {
      // Nothing but the numbers of colours of a picture tells.
      let counts: Set = [1, 3, 4]
      if let last = shape[3], counts.contains(last) { continue }
      if let first = shape[1], counts.contains(first) { inputs[index] = 1 }
    }
  }

  /// The axis of a layer's output that has a number of axes.
  func axis(ofLayer path: String, rank: Int) -> Int {
    switch origins[path] {
    case .axis(let axis): ChannelAxes.position(axis, rank: rank)
    case .input(let index): self.axis(ofInput: index, rank: rank)
    case .last, nil: max(rank - 1, 0)
    }
  }

  /// The axis of an input of the network.
  func axis(ofInput index: Int, rank: Int) -> Int {
    ChannelAxes.position(inputs[index] ?? -1, rank: rank)
  }

  /// What has fewer axes than images has its channels behind the batch.
  private static func position(_ axis: Int, rank: Int) -> Int {
    min(max(axis < 0 ? rank + axis : axis, 1), max(rank - 1, 0))
  }

  private mutating func walk(
    _ network: NetworkConfig, _ arguments: [Known], prefix: String, _ structure: StructuralLowering
  ) throws(PhospheneError) -> [Known] {
    let schedule = try CallSchedule(network)
    let unknown = Known(origin: .last, rank: 0)
    var results: [[Known]] = []
    func result(_ source: CallSchedule.Source) -> Known {
      let outputs = results[source.call]
      return source.output < outputs.count ? outputs[source.output] : outputs.first ?? unknown
    }
    for call in schedule.calls {
      let sources = call.sources.map(result)
      let path = prefix + call.path
      switch call.layer.kind {
      case .input:
        let position = network.inputs.firstIndex { $0.layer == call.layer.name }
        results.append([
          position.map { $0 < arguments.count ? arguments[$0] : unknown } ?? unknown
        ])
      case .layer:
        results.append(
          (structure.outputShapes[path] ?? []).map { shape in
            let origin = origin(by: call.layer.channels, of: sources, rank: shape.count)
            return Known(origin: origin, rank: shape.count)
          })
      case .network(let inner):
        results.append(try walk(inner, sources, prefix: path + "/", structure))
      }
      origins[path] = results[results.count - 1].first?.origin
    }
    return schedule.outputs.map(result)
  }

  /// What an output of a layer is, given what the layer reads.
  private mutating func origin(
    by rule: ChannelRule, of sources: [Known], rank: Int
  ) -> Origin {
    switch rule {
    case .axis(let axis):
      for case .input(let index) in sources.map(\.origin) where inputs[index] == nil {
        inputs[index] = axis
      }
      return .axis(ChannelAxes.position(axis, rank: rank))
    case .inherited:
      // What has fewer axes is spread along the others, and another branch may have made its axes
      // by hand.
      let alike = sources.filter { $0.rank == rank }.map(\.origin)
      let said = alike.first { if case .axis = $0 { true } else { false } }
      let read = alike.first { if case .input = $0 { true } else { false } }
      return said ?? read ?? .last
    case .reduced(let axes, let keepsAxes):
      guard let source = sources.first, case .axis(let axis) = source.origin, let axes else {
        return .last
      }
      let gone = Set(axes.map { $0 < 0 ? $0 + source.rank : $0 })
      guard !gone.contains(axis) else { return .last }
      return .axis(keepsAxes ? axis : axis - gone.filter { $0 < axis }.count)
    case .transposed(let order):
      guard let source = sources.first, case .axis(let axis) = source.origin else { return .last }
      let order = order ?? Array((0..<source.rank).reversed())
      let place = order.firstIndex { ($0 < 0 ? $0 + source.rank : $0) == axis }
      return place.map { .axis($0) } ?? .last
    case .last: return .last
    }
  }
}

extension Model {
  /// The axis, batch included, that the channels of a layer's output lie along.
  public func channelAxis(ofLayer path: String, rank: Int) -> Int {
    architecture.channels.axis(ofLayer: Model.callPath(path), rank: rank)
  }

  /// The same of an input, by its position.
  public func channelAxis(ofInput index: Int) -> Int {
    architecture.channels.axis(ofInput: index, rank: inputShapes[index].count)
  }
}

extension Graph {
  /// Appends an array with one of its axes moved behind the others.
  public mutating func movingLast(
    _ value: Value, from axis: Int
  ) throws(PhospheneError) -> Value {
    let rank = shape(value).rank
    guard axis != rank - 1 else { return value }
    return try transpose(value, Array(0..<axis) + Array(axis + 1..<rank) + [axis])
  }

  /// Appends an array with its last axis moved to where another is.
  public mutating func movingLast(_ value: Value, to axis: Int) throws(PhospheneError) -> Value {
    let rank = shape(value).rank
    guard axis != rank - 1 else { return value }
    return try transpose(value, Array(0..<axis) + [rank - 1] + Array(axis..<rank - 1))
  }
}
