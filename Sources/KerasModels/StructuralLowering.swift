import Graphs
import Tensors

/// What lowering a network without its weights tells: shapes, weights, order of execution.
///
/// Free lengths are found by lowering twice with different ones, far enough apart to differ after
/// strides of 256 too: a length that differs is free.
struct StructuralLowering {
  /// For each path in order of execution, the shapes of its outputs, `nil` where a length is free.
  private(set) var outputShapes: [String: [[Int?]]] = [:]
  private(set) var order: [String] = []
  /// The weights in the order in which the layers ask for them, each once.
  private(set) var weights: [WeightDescription] = []

  init(of network: NetworkConfig) throws(PhospheneError) {
    do throws(PhospheneError) {
      try self.init(of: network, freeLengths: (288, 544))
    } catch {
      // The windows of sounds are longer than pictures are wide.
      guard network.layers.contains(where: \.hasFreeLength),
        let longer = try? StructuralLowering(of: network, freeLengths: (4128, 5152))
      else { throw error }
      self = longer
    }
  }

  private init(
    of network: NetworkConfig, freeLengths: (Int, Int)
  ) throws(PhospheneError) {
    let first = try StructuralLowering.lower(network, batch: 2, free: freeLengths.0)
    let second = try StructuralLowering.lower(network, batch: 3, free: freeLengths.1)
    order = first.order
    guard let recorder = first.weights as? WeightRecorder else {
      preconditionFailure("lowering exchanged the source of weights")
    }
    weights = recorder.weights
    for (path, values) in first.outputs {
      let others = second.outputs[path] ?? values
      outputShapes[path] = zip(values, others).map { value, other in
        zip(first.graph.shape(value).axes, second.graph.shape(other).axes)
          .map { $0 == $1 ? $0 : nil }
      }
    }
  }

  private static func lower(
    _ network: NetworkConfig, batch: Int, free: Int
  ) throws(PhospheneError) -> Lowering {
    var lowering = Lowering(weights: WeightRecorder())
    var inputs: [Value] = []
    for reference in network.inputs {
      guard let layer = network.layers.first(where: { $0.name == reference.layer }),
        case .input(let config) = layer.kind
      else {
        throw .invalidArgument(
          "model '\(network.name)' names '\(reference.layer)' as an input, which is no InputLayer")
      }
      let axes = config.shape.enumerated().map { $1 ?? ($0 == 0 ? batch : free) }
      let shape = try Shape(checking: axes, of: "input '\(reference.layer)'")
      inputs.append(lowering.graph.input(TensorType(shape)))
    }
    _ = try lowering.lower(network, on: inputs.map { MaskedValue(value: $0) })
    return lowering
  }
}

extension LayerEntry {
  /// Whether it is an input with a length, besides the batch, that the model leaves open.
  fileprivate var hasFreeLength: Bool {
    if case .input(let config) = kind { config.shape.dropFirst().contains(nil) } else { false }
  }
}

/// Gives layers values of the right shapes in place of weights, and notes what they asked for.
final class WeightRecorder: WeightSource {
  private(set) var weights: [WeightDescription] = []
  private var values: [WeightDescription: Value] = [:]

  func value(
    of weight: WeightDescription, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    if let value = values[weight] { return value }
    _ = try Shape(checking: weight.shape.axes, of: "weight '\(weight.key)'")
    let value = graph.input(TensorType(weight.shape))
    values[weight] = value
    weights.append(weight)
    return value
  }

  func arrange(by layerPaths: [String]) {
    var ranks: [String: Int] = [:]
    for (rank, path) in layerPaths.enumerated() { ranks[path] = rank }
    func rank(_ weight: WeightDescription) -> Int? {
      var path = weight.path[...]
      while true {
        if let rank = ranks[String(path)] { return rank }
        guard let slash = path.lastIndex(of: "/") else { return nil }
        path = path[..<slash]
      }
    }
    let found = weights.indices.compactMap { index in
      rank(weights[index]).map { (rank: $0, index: index) }
    }
    let ordered = found.sorted { ($0.rank, $0.index) < ($1.rank, $1.index) }
      .map { weights[$0.index] }
    for (place, weight) in zip(found.map(\.index), ordered) { weights[place] = weight }
  }
}
