public import Graphs
import Synchronization
public import Tensors

/// A Keras model: an architecture with its weights.
///
/// Models never change; training goes on in Keras, and a later snapshot is another model that
/// shares the architecture.
public final class Model: Sendable {
  /// The structure.
  public let architecture: Architecture
  /// What a model file keeps beside the model, such as how inputs are prepared.
  public let metadata: [String: String]
  /// What plans of this model share.
  public let constants: ConstantPool

  /// How large weights are stored.
  public let precision: Precision

  let weights: [String: Tensor]
  private let digestCache = Mutex<String?>(nil)

  /// Joins an architecture with weights.
  ///
  /// - Parameters:
  ///   - architecture: The structure.
  ///   - weights: A float array for each weight, by key, in Keras' shape.
  ///   - metadata: What a model file shall keep beside it.
  /// - Throws: `invalidArgument` for a missing, unknown or ill-shaped weight, named.
  public init(
    architecture: Architecture, weights: [String: Tensor], metadata: [String: String] = [:]
  ) throws(PhospheneError) {
    if let problem = Model.mismatch(architecture, weights) { throw .invalidArgument(problem) }
    self.architecture = architecture
    self.weights = weights
    self.metadata = metadata
    precision = .float32
    constants = ConstantPool(weights: weights.values)
  }

  /// Joins an architecture with weights that have been rounded.
  init(
    architecture: Architecture, rounded weights: [String: Tensor], metadata: [String: String],
    precision: Precision, digest: String? = nil
  ) {
    (self.architecture, self.weights, self.metadata) = (architecture, weights, metadata)
    self.precision = precision
    constants = ConstantPool(weights: weights.values)
    digestCache.withLock { $0 = digest }
  }

  /// Says which weight is missing, ill-shaped or unknown, if one is.
  static func mismatch(
    _ architecture: Architecture, _ weights: [String: Tensor], precision: Precision = .float32
  ) -> String? {
    var expected: Set<String> = []
    for weight in architecture.weights {
      expected.insert(weight.key)
      guard let tensor = weights[weight.key] else {
        return "weight '\(weight.key)' of shape \(weight.shape) is missing"
      }
      let type = precision == .float32 ? tensor.type : tensor.valueType
      guard type.shape == weight.shape, type.dataType == .float32 else {
        return "weight '\(weight.key)' must be float32 of shape \(weight.shape), received "
          + "\(tensor.type)"
      }
    }
    let unknown = weights.keys.sorted().first { !expected.contains($0) }
    return unknown.map { "weight '\($0)' belongs to no layer of this model" }
  }

  /// The weight filed under a key, if there is one.
  public func weight(_ key: String) -> Tensor? { weights[key] }

  /// SHA-256 over the weights, sorted by key, and the configuration; in hexadecimal.
  ///
  /// The digest says whether two models of one precision compute the same, whatever file they came
  /// from. It is computed once, on demand: it takes a second for each gigabyte or so.
  public var digest: String {
    digestCache.withLock { cache in
      if let cache { return cache }
      let digest = computeDigest()
      cache = digest
      return digest
    }
  }

  private func computeDigest() -> String {
    var hash = SHA256()
    for (key, tensor) in weights.sorted(by: { $0.key < $1.key }) {
      hash.update("\(key) \(tensor.valueType)\n")
      withExtendedLifetime(tensor.storage) {
        let bytes = UnsafeRawBufferPointer(start: tensor.start, count: tensor.type.byteCount)
        if tensor.isHalf {
          hash.update(floatsOfHalves: bytes)
        } else {
          hash.update(bytes)
        }
      }
    }
    hash.update(CanonicalConfig.text(of: architecture.configJSON))
    return hash.hexadecimalDigest()
  }
}

extension SHA256 {
  /// Goes on with floats of which only the upper halves are stored.
  fileprivate mutating func update(floatsOfHalves halves: UnsafeRawBufferPointer) {
    var floats = [UInt32](repeating: 0, count: 4096)
    for start in stride(from: 0, to: halves.count, by: 2 * floats.count) {
      let count = min(floats.count, (halves.count - start) / 2)
      for index in 0..<count {
        let half = halves.loadUnaligned(fromByteOffset: start + 2 * index, as: UInt16.self)
        floats[index] = UInt32(half) << 16
      }
      floats.withUnsafeBytes { update(UnsafeRawBufferPointer(rebasing: $0[..<(4 * count)])) }
    }
  }
}

/// A model in a graph: its inputs, and what was asked of it.
public struct LoweredModel: Sendable {
  /// The graph, to go on from.
  public var graph: Graph
  /// The values of the model's inputs, or of the layers that are fed instead.
  public let inputs: [Value]
  /// The model's outputs; empty if only inner layers were asked for.
  public let outputs: [Value]
  /// The outputs of the layers that were computed, by path.
  public let layers: [String: [Value]]

  /// The value of a layer's output, named by path and, from the second output on, `:n`.
  public func value(_ path: String) throws(PhospheneError) -> Value {
    if let values = layers[path], let value = values.first { return value }
    if let (call, output) = Model.outputNumber(in: path), let values = layers[call],
      values.indices.contains(output)
    {
      return values[output]
    }
    throw .invalidArgument("the model has no layer output '\(path)'")
  }
}

extension Model {
  /// Lowers the model into a graph.
  ///
  /// - Parameters:
  ///   - graph: The graph to append to.
  ///   - inputs: The values that the model is called on: one for each input of the model, or for
  ///     each layer in `fed`.
  ///   - fed: Paths of layers whose outputs `inputs` replaces; empty for the model's own inputs.
  ///   - wanted: Paths of layers whose outputs are asked for; `nil` for all.
  ///   - needsOutputs: Whether the model's own outputs are asked for.
  ///   - cuts: Paths of layers with respect to whose outputs a gradient will be taken.
  /// - Returns: The graph with everything that was asked for.
  /// - Throws: `invalidArgument` for inputs that a layer can't take.
  public func lower(
    into graph: Graph = Graph(), on inputs: [Value], fed: [String] = [],
    wanted: [String]? = nil, needsOutputs: Bool = true, cuts: [String] = []
  ) throws(PhospheneError) -> LoweredModel {
    var lowering = Lowering(weights: StoredWeights(weights: weights))
    lowering.graph = graph
    var arguments: [MaskedValue?] = inputs.map { MaskedValue(value: $0) }
    if !fed.isEmpty {
      guard fed.count == inputs.count else {
        throw .invalidArgument(
          "\(counted(fed.count, "layer")) to feed and \(counted(inputs.count, "input")) given: each layer needs "
            + "one")
      }
      for (path, value) in zip(fed, inputs) {
        lowering.replacements[path, default: [:]][0] = value
        if let (call, output) = Model.outputNumber(in: path) {
          lowering.replacements[call, default: [:]][output] = value
        }
      }
      arguments = architecture.inputShapes.map { _ in nil }
    }
    // A name may itself end like an output number, so both readings count.
    let paths = wanted.map { Set($0 + $0.map(Model.callPath)) }
    lowering.cuts = Set(cuts + cuts.map(Model.callPath))
    let outputs = try lowering.lower(
      architecture.network, on: arguments, wanted: paths, needsOutputs: needsOutputs)
    return LoweredModel(
      graph: lowering.graph, inputs: inputs, outputs: outputs.map(\.value),
      layers: lowering.outputs)
  }

  /// Returns the shapes of inputs without the batch axis, where the model fixes them.
  public var inputShapes: [[Int?]] { architecture.inputShapes }

  /// The names of the inputs, in order.
  public var inputNames: [String] { architecture.network.inputs.map(\.layer) }

  /// The paths of the layers whose outputs the model returns.
  public var outputPaths: [String] { architecture.outputPaths }

  /// The path of the call that a path with an output number belongs to.
  static func callPath(_ path: String) -> String { outputNumber(in: path)?.call ?? path }

  /// Splits a path like `lstm:1`.
  fileprivate static func outputNumber(in path: String) -> (call: String, output: Int)? {
    guard let colon = path.lastIndex(of: ":"), let output = Int(path[path.index(after: colon)...]),
      output > 0
    else { return nil }
    return (String(path[..<colon]), output)
  }
}

/// The weights of a model, as constants.
private final class StoredWeights: WeightSource {
  let weights: [String: Tensor]
  private var values: [String: Value] = [:]

  init(weights: [String: Tensor]) { self.weights = weights }

  func value(
    of weight: WeightDescription, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    if let value = values[weight.key] { return value }
    guard let tensor = weights[weight.key] else {
      throw .invalidArgument("weight '\(weight.key)' is missing")
    }
    guard tensor.shape == weight.shape else {
      // Only inputs of another size than the model was made for lead here.
      throw .invalidArgument(
        "the layer needs a weight of shape \(weight.shape) for an input of this size, its own has "
          + "shape \(tensor.shape)")
    }
    let value = graph.constant(tensor)
    values[weight.key] = value
    return value
  }
}
