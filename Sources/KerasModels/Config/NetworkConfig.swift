import Tensors

/// One layer's entry in a Keras configuration: what it is and what it is called on.
struct LayerEntry: Decodable, Sendable {
  /// What the entry describes.
  enum Kind: Sendable {
    case input(InputConfig)
    case layer(any Layer)
    case network(NetworkConfig)
  }

  let name: String
  let className: String
  /// The class of the layer that a network stands for: a custom layer that was rewritten as a
  /// network is still known by its own class, and its calls are counted as a layer's.
  let replacedClass: String?
  let isTrainable: Bool
  let kind: Kind
  /// What it says about its outputs' channels.
  let channels: ChannelRule
  /// What each call is given.
  var calls: [CallArguments<TensorReference>]
  /// Whether the calls are written in Keras 2's way.
  fileprivate(set) var isLegacy: Bool

  private enum CodingKeys: String, CodingKey {
    case name, config, module
    case className = "class_name"
    case inboundNodes = "inbound_nodes"
    case registeredName = "registered_name"
    case standsFor = "stands_for"
    case kerasVersion = "keras_version"
  }

  private enum CommonKeys: String, CodingKey { case name, trainable, dtype }

  init(from decoder: any Decoder) throws {
    let entry = try decoder.container(keyedBy: CodingKeys.self)
    className = try entry.decode(String.self, forKey: .className)
    replacedClass = try entry.decodeIfPresent(String.self, forKey: .standsFor)
    // Keras 2.0 to 2.2 write a list of layers for a Sequential model.
    let isList = (try? entry.nestedUnkeyedContainer(forKey: .config)) != nil
    let common =
      isList ? nil : try entry.nestedContainer(keyedBy: CommonKeys.self, forKey: .config)
    let configName = try common?.decodeIfPresent(String.self, forKey: .name)
    name = try entry.decodeIfPresent(String.self, forKey: .name) ?? configName ?? ""
    isTrainable = try common?.decodeIfPresent(Bool.self, forKey: .trainable) ?? true
    let nodes = try entry.decodeIfPresent([InboundNode].self, forKey: .inboundNodes) ?? []
    calls = nodes.map(\.arguments)
    isLegacy = nodes.contains(where: \.isLegacy)
    do {
      switch className {
      case "InputLayer":
        kind = .input(try entry.decode(InputConfig.self, forKey: .config))
        channels = .inherited
      case "Functional", "Model", "Sequential":
        let version = try entry.decodeIfPresent(String.self, forKey: .kerasVersion)
        let network = try KerasVersion.reading(writtenBy: version, in: decoder) { [className] in
          try NetworkConfig(className: className, decoder: entry.superDecoder(forKey: .config))
        }
        kind = .network(network)
        channels = .last
        for call in calls { try call.check(against: NetworkConfig.callParameters) }
      default:
        var module = try entry.decodeIfPresent(String.self, forKey: .module) ?? ""
        // Keras 3 writes no modules into .h5 files, and of a layer more than its name.
        let isBare = common?.contains(.trainable) != true && common?.contains(.dtype) != true
        if module.isEmpty, isBare, !nodes.isEmpty, !isLegacy,
          LayerRegistry.operationNames.contains(className)
        {
          module = "keras.ops"
        }
        let config = LayerConfig(
          className: className, module: module,
          registeredName: try entry.decodeIfPresent(String.self, forKey: .registeredName),
          decoder: try entry.superDecoder(forKey: .config))
        // Whether a layer knows how it is quantized or not, it must not be left out of account.
        _ = try Quantization(decoding: config)
        let layer = try LayerRegistry.layer(config)
        for call in calls { try call.check(against: layer.arguments) }
        kind = .layer(layer)
        channels = try ChannelRule(layer, decoding: config, calls: calls)
      }
    } catch {
      throw PhospheneError(decoding: error, of: "layer '\(name)' (\(className))", in: decoder)
    }
  }
}

/// A Sequential or Functional model: its layers and what flows in and out.
struct NetworkConfig: Sendable {
  let name: String
  let className: String
  let layers: [LayerEntry]
  /// The tensors that a call of the network sets, and those that it returns.
  let inputs: [TensorReference]
  let outputs: [TensorReference]

  /// The classes of all layers, those of nested models too.
  var allClassNames: Set<String> {
    var names: Set<String> = []
    for layer in layers {
      names.insert(layer.className)
      if case .network(let network) = layer.kind { names.formUnion(network.allClassNames) }
    }
    return names
  }

  /// The paths of all layers, those of nested models in their places.
  func layerPaths(prefix: String) -> [String] {
    layers.flatMap { layer in
      let path = prefix + pathElement(layer.name)
      if case .network(let network) = layer.kind {
        return network.layerPaths(prefix: path + "/")
      }
      return [path]
    }
  }

  /// The parameters of a model's `call`.
  static let callParameters = ["inputs", "training", "mask"]

  private enum CodingKeys: String, CodingKey {
    case name, layers
    case inputLayers = "input_layers"
    case outputLayers = "output_layers"
    case buildInputShape = "build_input_shape"
  }

  private enum FirstLayerKeys: String, CodingKey { case config }

  init(className: String, decoder: any Decoder) throws {
    guard decoder.codingPath.count < 64 * 3 else {
      throw PhospheneError.invalidArgument("models are nested more than 64 deep")
    }
    self.className = className
    if className == "Sequential", let list = try? decoder.unkeyedContainer() {
      // Keras 2.0 to 2.2 write nothing but the layers.
      name = className.lowercased()
      (layers, inputs, outputs) = try NetworkConfig.chain(
        [LayerEntry](from: decoder), in: list, name: name)
    } else {
      let settings = try decoder.container(keyedBy: CodingKeys.self)
      name = try settings.decodeIfPresent(String.self, forKey: .name) ?? className.lowercased()
      let entries = try settings.decode([LayerEntry].self, forKey: .layers)
      if className == "Sequential" {
        let shape = try settings.decodeIfPresent(WrittenShape.self, forKey: .buildInputShape)
        (layers, inputs, outputs) = try NetworkConfig.chain(
          entries, in: settings.nestedUnkeyedContainer(forKey: .layers),
          built: shape.map { try InputConfig(shape: $0.lengths) }, name: name)
      } else {
        let counting = CallCounting(entries)
        layers = entries.map(counting.normalized)
        inputs = try settings.decode(TensorStructure.self, forKey: .inputLayers).tensors
        outputs = try settings.decode(TensorStructure.self, forKey: .outputLayers).tensors
          .map(counting.normalizedOutput)
      }
    }
    guard Set(layers.map(\.name)).count == layers.count else {
      throw PhospheneError.invalidArgument("two layers of model '\(name)' have the same name")
    }
  }

  /// Connects the layers of a Sequential one behind the other.
  ///
  /// What goes in, an InputLayer says, or the shape that the model was built for, or the first layer.
  private static func chain(
    _ entries: [LayerEntry], in list: any UnkeyedDecodingContainer, built: InputConfig? = nil,
    name: String
  ) throws -> ([LayerEntry], [TensorReference], [TensorReference]) {
    var first = built
    if case .input(let input) = entries.first?.kind {
      first = input
    } else if first == nil, !entries.isEmpty {
      var list = list
      let layer = try list.nestedContainer(keyedBy: FirstLayerKeys.self)
      first = try? layer.decode(InputConfig.self, forKey: .config)
    }
    guard let first else {
      throw PhospheneError.invalidArgument(
        "Sequential model '\(name)' has no input shape: build it or give it an Input first")
    }
    var layers: [LayerEntry] = []
    var last = TensorReference(layer: "", call: 0, output: 0)
    for entry in entries {
      if case .input = entry.kind {
        guard layers.isEmpty else {
          throw PhospheneError.invalidArgument(
            "Sequential model '\(name)' has an InputLayer behind other layers")
        }
        layers.append(entry)
      } else {
        if layers.isEmpty { layers.append(LayerEntry(input: first, name: "\(name)_input")) }
        layers.append(LayerEntry(entry, calledOn: last.layer.isEmpty ? layers[0].name : last.layer))
      }
      last = TensorReference(layer: layers[layers.count - 1].name, call: 0, output: 0)
    }
    guard let input = layers.first else {
      throw PhospheneError.invalidArgument("Sequential model '\(name)' has no layers")
    }
    return (layers, [TensorReference(layer: input.name, call: 0, output: 0)], [last])
  }
}

extension LayerEntry {
  /// Stands for the input that a Sequential model doesn't list.
  fileprivate init(input: InputConfig, name: String) {
    self.name = name
    className = "InputLayer"
    replacedClass = nil
    isTrainable = true
    kind = .input(input)
    channels = .inherited
    calls = []
    isLegacy = false
  }

  /// The same layer, called once on the first output of another.
  fileprivate init(_ entry: LayerEntry, calledOn layer: String) {
    name = entry.name
    className = entry.className
    replacedClass = entry.replacedClass
    isTrainable = entry.isTrainable
    kind = entry.kind
    channels = entry.channels
    calls = [
      CallArguments(positional: [.tensor(TensorReference(layer: layer, call: 0, output: 0))])
    ]
    isLegacy = false
  }
}

/// How a configuration counts the calls of nested models.
///
/// A nested model has one call behind it that isn't written: the one that built it. Keras 3 counts it
/// where a Functional model is named as an output and not where another layer reads it; Keras 2
/// counts it everywhere, for Sequential models too.
///
/// Source: keras 3.15, `models/functional.py`, `get_config` and `serialize_node`.
private struct CallCounting {
  private let isLegacy: Bool
  private let outputOffsets: [String: Int]

  init(_ layers: [LayerEntry]) {
    let isLegacy = layers.contains(where: \.isLegacy)
    self.isLegacy = isLegacy
    outputOffsets = Dictionary(
      layers.map { layer in
        guard case .network = layer.kind, layer.replacedClass == nil else {
          return (layer.name, 0)
        }
        return (layer.name, layer.className != "Sequential" || isLegacy ? 1 : 0)
      }, uniquingKeysWith: { first, _ in first })
  }

  /// The layer with every call that it reads counted from zero.
  func normalized(_ layer: LayerEntry) -> LayerEntry {
    guard isLegacy else { return layer }
    var layer = layer
    layer.isLegacy = false
    layer.calls = layer.calls.map { $0.map(normalizedOutput) }
    return layer
  }

  /// An output of the model with its call counted from zero.
  func normalizedOutput(_ tensor: TensorReference) -> TensorReference {
    let offset = outputOffsets[tensor.layer] ?? 0
    return TensorReference(
      layer: tensor.layer, call: max(tensor.call - offset, 0), output: tensor.output)
  }
}
