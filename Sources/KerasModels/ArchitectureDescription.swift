import Tensors

/// What is said about an architecture to those who can't see Swift values: one JSON document.
struct ArchitectureDescription {
  struct Input {
    let name: String
    let shape: [Int?]
    let dtype: String
    /// The axis that the channels lie along.
    let channelAxis: Int
    let form: InputForm
  }

  struct Output {
    let path: String
    let shape: [Int?]
  }

  struct Weight {
    let key: String
    let name: String
    let shape: [Int]
    let trainable: Bool
  }

  struct Layer {
    let name: String
    let path: String
    let kind: String
    let inputShapes: [[Int?]]
    let outputShapes: [[Int?]]
    let parameters: Int
    let trainable: Bool
    /// Whether it is a function of `keras.ops`, which Keras doesn't count among the layers.
    let isOperation: Bool
    let activation: String?
    let weights: [Weight]
    let calls: [String]
    let connectedTo: [String]
    let layers: [Layer]?
  }

  let name: String
  let className: String
  let readsSequences: Bool
  let inputs: [Input]
  let outputs: [Output]
  let layers: [Layer]
  /// Variables that belong to no layer but to the model itself.
  let weights: [Weight]
  /// All outputs of all calls, in order of execution, and their shapes.
  let trace: [String]
  let traceShapes: [[Int?]]
  /// The axes that their channels lie along.
  let traceChannelAxes: [Int]

  init(
    _ network: NetworkConfig, _ structure: StructuralLowering, _ channels: ChannelAxes
  ) throws(PhospheneError) {
    name = network.name
    className = network.className
    readsSequences = network.readsSequences
    var inputs: [Input] = []
    for (index, reference) in network.inputs.enumerated() {
      for layer in network.layers where layer.name == reference.layer {
        guard case .input(let config) = layer.kind else { continue }
        inputs.append(
          Input(
            name: layer.name, shape: config.shape, dtype: config.dataType,
            channelAxis: channels.axis(ofInput: index, rank: config.shape.count),
            form: network.form(ofInputWithRank: config.shape.count)))
      }
    }
    self.inputs = inputs
    let schedule = try CallSchedule(network)
    outputs = schedule.outputs.map { source in
      let path = schedule.calls[source.call].path
      let shapes = structure.outputShapes[path] ?? []
      return Output(
        path: source.output == 0 ? path : "\(path):\(source.output)",
        shape: source.output < shapes.count ? shapes[source.output] : [])
    }
    var builder = LayerListBuilder(structure: structure)
    layers = try builder.layers(
      of: network, prefixes: [""], weightPrefix: "", isTrainable: true)
    weights = builder.ownWeights(of: "", isTrainable: true)
    let traced = structure.order.flatMap { path in
      (structure.outputShapes[path] ?? []).enumerated().map { output, shape in
        (
          path: output == 0 ? path : "\(path):\(output)", shape: shape,
          axis: channels.axis(ofLayer: path, rank: shape.count)
        )
      }
    }
    trace = traced.map(\.path)
    traceShapes = traced.map(\.shape)
    traceChannelAxes = traced.map(\.axis)
  }
}

/// Walks a network and its nested ones, and describes each layer once with all of its calls.
private struct LayerListBuilder {
  let structure: StructuralLowering
  private let weightsByPath: [String: [WeightDescription]]

  init(structure: StructuralLowering) {
    self.structure = structure
    // A layer's weights may belong to a part of it; a nested model's, to its layers.
    var weightsByPath: [String: [WeightDescription]] = [:]
    for weight in structure.weights {
      var owner = weight.path[...]
      while true {
        weightsByPath[String(owner), default: []].append(weight)
        guard let slash = owner.lastIndex(of: "/") else { break }
        owner = owner[..<slash]
      }
    }
    self.weightsByPath = weightsByPath
  }

  mutating func layers(
    of network: NetworkConfig, prefixes: [String], weightPrefix: String, isTrainable: Bool
  ) throws(PhospheneError) -> [ArchitectureDescription.Layer] {
    let schedule = try CallSchedule(network)
    var callsByLayer: [String: [CallSchedule.Call]] = [:]
    for call in schedule.calls { callsByLayer[call.layer.name, default: []].append(call) }
    var descriptions: [ArchitectureDescription.Layer] = []
    // Keras' own list of a Sequential model leaves its InputLayer out.
    for layer in network.layers {
      if case .input = layer.kind, network.className == "Sequential" { continue }
      descriptions.append(
        try describe(
          layer, calls: callsByLayer[layer.name] ?? [], schedule: schedule, prefixes: prefixes,
          weightPrefix: weightPrefix, isTrainable: isTrainable && layer.isTrainable))
    }
    return descriptions
  }

  /// The weights of a layer with those of its parts, named from the layer on.
  private func weights(of path: String, isTrainable: Bool) -> [ArchitectureDescription.Weight] {
    (weightsByPath[path] ?? []).map {
      ArchitectureDescription.Weight(
        key: $0.key, name: String($0.key.dropFirst(path.isEmpty ? 0 : path.count + 1)),
        shape: $0.shape.axes, trainable: $0.isTrainable && isTrainable)
    }
  }

  /// The weights of a model that belong to none of its layers.
  func ownWeights(of path: String, isTrainable: Bool) -> [ArchitectureDescription.Weight] {
    structure.weights.filter { $0.path == path }.map {
      ArchitectureDescription.Weight(
        key: $0.key, name: $0.name, shape: $0.shape.axes,
        trainable: $0.isTrainable && isTrainable)
    }
  }

  private mutating func describe(
    _ layer: LayerEntry, calls: [CallSchedule.Call], schedule: CallSchedule, prefixes: [String],
    weightPrefix: String, isTrainable: Bool
  ) throws(PhospheneError) -> ArchitectureDescription.Layer {
    let path = weightPrefix + pathElement(layer.name)
    var paths: [String] = []
    for prefix in prefixes { paths += calls.map { prefix + $0.path } }
    var outputShapes = paths.first.flatMap { structure.outputShapes[$0] } ?? []
    var inner: [ArchitectureDescription.Layer]?
    let parameters = weightsByPath[path]?.reduce(0) { $0 + $1.shape.elementCount } ?? 0
    var weights = weights(of: path, isTrainable: isTrainable)
    switch layer.kind {
    case .input(let config):
      outputShapes = [config.shape]
      paths = []
    case .network(let network):
      let nested = try layers(
        of: network, prefixes: paths.map { $0 + "/" }, weightPrefix: path + "/",
        isTrainable: isTrainable)
      // In the order of the layers, behind the model's own.
      weights = ownWeights(of: path, isTrainable: isTrainable) + nested.flatMap(\.weights)
      inner = nested
    case .layer: break
    }
    let first = calls.first
    let sources = (first?.sources ?? []).map { schedule.calls[$0.call] }
    return ArchitectureDescription.Layer(
      name: layer.name, path: path, kind: layer.replacedClass ?? layer.className,
      inputShapes: sources.map { source in
        if case .input(let config) = source.layer.kind { return config.shape }
        return structure.outputShapes[(prefixes.first ?? "") + source.path]?.first ?? []
      },
      outputShapes: outputShapes, parameters: parameters, trainable: isTrainable,
      isOperation: layer.isOperation,
      activation: layer.activation, weights: weights, calls: paths,
      connectedTo: sources.map { (prefixes.first ?? "") + $0.path }, layers: inner)
  }
}

extension LayerEntry {
  /// Whether it is a function of `keras.ops`; those that Keras 2 wrapped are layers.
  fileprivate var isOperation: Bool {
    guard case .layer(let layer) = kind else { return false }
    let isWrapped = className.hasSuffix("OpLambda") || className == "TensorFlowOpLayer"
    return LayerRegistry.isOperation(layer) && !isWrapped
  }

  /// The name of the layer's activation, if it has one.
  fileprivate var activation: String? {
    guard case .layer(let layer) = kind else { return nil }
    return (layer as? any ActivatedLayer)?.activationName
  }
}
