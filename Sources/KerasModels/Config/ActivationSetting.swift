import Graphs
import Tensors

/// An activation that a layer ends with: a function of `keras.activations`, which Keras writes as its
/// name or as an object, or an activation layer.
struct ActivationSetting: Decodable, Sendable {
  /// What summaries call it.
  let name: String
  private let kind: Kind

  private enum Kind: Sendable {
    case function(ActivationFunction)
    case layer(any Layer)
  }

  private enum CodingKeys: String, CodingKey {
    case module, config
    case className = "class_name"
  }

  init(from decoder: any Decoder) throws {
    if let name = try? decoder.singleValueContainer().decode(String.self) {
      (self.name, kind) = (name, .function(try ActivationSetting.function(name, decoder)))
      return
    }
    guard let object = try? decoder.container(keyedBy: CodingKeys.self) else {
      throw UnexpectedValue(in: decoder, expected: "a name or an object")
    }
    let className = try object.decode(String.self, forKey: .className)
    let module = try object.decodeIfPresent(String.self, forKey: .module) ?? ""
    if let name = try? object.decode(String.self, forKey: .config) {
      guard className == "function" else {
        throw PhospheneError.unsupported("activation \(className) isn't supported")
      }
      (self.name, kind) = (name, .function(try ActivationSetting.function(name, decoder)))
      return
    }
    guard className != "__lambda__" else {
      throw PhospheneError.unsupported(
        "an activation that is a lambda holds code, which is never run: load the live model")
    }
    guard decoder.codingPath.count < 256 else {
      throw PhospheneError.invalidArgument("activations are nested too deep")
    }
    name = className
    do {
      kind = .layer(
        try LayerRegistry.layer(
          LayerConfig(
            className: className, module: module, decoder: object.superDecoder(forKey: .config))))
    } catch {
      throw PhospheneError(decoding: error, of: "activation \(className)", in: decoder)
    }
  }

  private static func function(
    _ name: String, _ decoder: any Decoder
  ) throws(PhospheneError) -> ActivationFunction {
    let version = KerasVersion.writer(of: decoder)
    guard let function = ActivationFunction(name: name, writtenBy: version) else {
      throw .unsupported(
        "activation '\(name)' isn't supported; known are "
          + ActivationFunction.names.joined(separator: ", "))
    }
    return function
  }

  /// Whether each element of the result depends on the element at its place only, so that the
  /// activation may be applied under any shape.
  var isElementwise: Bool {
    if case .function(let function) = kind { function.isElementwise } else { false }
  }

  /// Appends the activation; a layer's weights are filed under `activation`.
  func apply(
    to value: Value, in context: inout LoweringContext
  ) throws(PhospheneError) -> Value {
    switch kind {
    case .function(let function): return try context.graph.activation(function, value)
    case .layer(let layer):
      let result = try context.scoped("activation") { (context) throws(PhospheneError) in
        try context.call(.layer(layer), on: [MaskedValue(value: value)])
      }
      return try result.map(\.value).only("an activation")
    }
  }

  /// Appends an activation that has no weights.
  func apply(to value: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
    var context = LoweringContext(
      graph: graph, weights: NoWeights(), path: "",
      call: BoundCall(CallArguments(positional: []), parameters: []))
    graph = Graph()
    defer { graph = context.graph }
    return try apply(to: value, in: &context)
  }
}

/// Where an activation finds weights that is applied where none can be filed.
private final class NoWeights: WeightSource {
  func value(
    of weight: WeightDescription, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    throw .unsupported(
      "an activation with weights isn't supported here: make it a layer of its own")
  }
}
