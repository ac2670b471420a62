public import Graphs
public import Tensors

/// What a layer says about the axis that the channels of its outputs lie along.
enum ChannelRule: Hashable, Sendable {
  /// An axis as Keras counts it: from the first, or from the last if it is negative.
  case axis(Int)
  /// That of what the layer reads.
  case inherited
  /// The layer makes features of its own, along the last axis.
  case last

  /// Layers whose outputs have the axes of what they read.
  private static let inheriting = Set(
    ([
      ActivationLayer.self, Augmentation.self, AutoContrast.self, Concatenate.self,
      CustomScale.self, Discretization.self, Dropout.self, LayerNormalization.self,
      LayerScale.self, Masking.self, Merge.self, Normalization.self, PReLU.self,
      ParametricActivation.self, RMSNormalization.self, Rescaling.self, SetMask.self,
      Softmax.self, UnitNormalization.self,
    ] as [any Layer.Type]).flatMap { $0.classNames })

  /// The functions of `keras.ops` of which the same is true.
  private static let inheritingOperations = Set(
    [OperationRule.elementwise, OperationRule.comparisons, OperationRule.activations]
      .flatMap(\.keys) + ["BatchNorm", "Concatenate", "LayerNorm", "Normalize", "RMSNorm"])

  private enum CodingKeys: String, CodingKey {
    case axis
    case dataFormat = "data_format"
  }

  /// Reads what the settings of a layer say.
  init(_ layer: any Layer, decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    switch layer {
    case let wrapper as TimeDistributed: self = wrapper.inner.channels
    case let wrapper as SpectralNormalization: self = wrapper.layer.channels
    case is Flatten: self = .last
    case is BatchNormalization, is GroupNormalization:
      // tf_keras writes a list.
      let axis =
        (try? settings.decodeIfPresent(Int.self, forKey: .axis))
        ?? (try? settings.decodeIfPresent([Int].self, forKey: .axis))?.first
      self = .axis(axis ?? -1)
    default:
      switch try? settings.decodeIfPresent(String.self, forKey: .dataFormat) {
      case DataFormat.channelsFirst.rawValue:
        // Sequences of images have an axis of steps before their channels.
        let spatial = (1...3).first { config.className.contains("\($0)D") }
        self = .axis(spatial.map { -1 - $0 } ?? 1)
      case DataFormat.channelsLast.rawValue: self = .axis(-1)
      default:
        let inheriting =
          config.isOperation ? ChannelRule.inheritingOperations : ChannelRule.inheriting
        self = inheriting.contains(config.className) ? .inherited : .last
      }
    }
  }
}

/// The axes that channels lie along throughout a network.
struct ChannelAxes: Sendable {
  /// What is known of a tensor.
  private enum Origin {
    case input(Int)
    case axis(Int)
    case last
  }

  private var origins: [String: Origin] = [:]
  /// For each input what the first layer says that reads it and says something.
  private var inputs: [Int?]

  init(of network: NetworkConfig, inputShapes: [[Int?]]) throws(PhospheneError) {
    inputs = Array(repeating: nil, count: inputShapes.count)
    _ = try walk(network, inputShapes.indices.map { .input($0) }, prefix: "")
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
    _ network: NetworkConfig, _ arguments: [Origin], prefix: String
  ) throws(PhospheneError) -> [Origin] {
    let schedule = try CallSchedule(network)
    var results: [[Origin]] = []
    func result(_ source: CallSchedule.Source) -> Origin {
      let outputs = results[source.call]
      return source.output < outputs.count ? outputs[source.output] : outputs.first ?? .last
    }
    for call in schedule.calls {
      let sources = call.sources.map(result)
      let path = prefix + call.path
      switch call.layer.kind {
      case .input:
        let position = network.inputs.firstIndex { $0.layer == call.layer.name }
        results.append([position.map { $0 < arguments.count ? arguments[$0] : .last } ?? .last])
      case .layer: results.append([origin(by: call.layer.channels, of: sources)])
      case .network(let inner): results.append(try walk(inner, sources, prefix: path + "/"))
      }
      origins[path] = results[results.count - 1].first
    }
    return schedule.outputs.map(result)
  }

  /// What a layer's outputs are, given what it reads.
  private mutating func origin(by rule: ChannelRule, of sources: [Origin]) -> Origin {
    switch rule {
    case .axis(let axis):
      for case .input(let index) in sources where inputs[index] == nil { inputs[index] = axis }
      return .axis(axis)
    case .inherited:
      // Another branch may have made its axes by hand.
      let said = sources.first { if case .axis = $0 { true } else { false } }
      let read = sources.first { if case .input = $0 { true } else { false } }
      return said ?? read ?? .last
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
