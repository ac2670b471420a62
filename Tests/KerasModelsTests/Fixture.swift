import FoundationEssentials
import Graphs
import KerasModels
import Tensors
import Testing

/// What Keras computed with a network, as `Fixtures/keras/generate.py` wrote it.
struct Fixture: Decodable, Sendable, CustomTestStringConvertible {
  struct Array: Decodable, Sendable {
    let shape: [Int]
    let elements: [Float]
  }

  let name: String
  let config: String
  let weights: [String: Array]
  let inputs: [Array]
  let outputs: [Array]
  let layers: [String: Array]?

  var testDescription: String { name }

  /// Reads the fixtures of a file; none if it is missing, which a test would notice.
  static func load(_ file: String) -> [Fixture] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let url = folder.appending(path: "Fixtures/keras/\(file)")
    do {
      return try JSONDecoder().decode([Fixture].self, from: Data(contentsOf: url))
    } catch {
      Issue.record("\(url.path): \(error)")
      return []
    }
  }

  /// The network with its weights.
  var model: Model {
    get throws { try model(configJSON: config) }
  }

  func model(configJSON: String) throws -> Model {
    try Model(
      architecture: Architecture(configJSON: configJSON),
      weights: weights.mapValues { try $0.tensor })
  }
}

extension Fixture.Array {
  var tensor: Tensor {
    get throws { try Tensor(Shape(shape), elements) }
  }

  /// The shape for any batch.
  var freeShape: [Int?] { [nil] + shape.dropFirst().map { $0 } }
}

extension Model {
  /// Runs the model and returns its outputs, and those of the layers at `paths`.
  func run(_ inputs: [Tensor], paths: [String] = []) throws -> [Tensor] {
    var graph = Graph()
    let values = inputs.map { graph.input($0.type) }
    let lowered = try lower(into: graph, on: values)
    let plan = try Plan(
      lowered.graph, outputs: lowered.outputs + paths.map { try lowered.value($0) },
      pool: constants)
    return try plan.run(inputs)
  }
}

/// A Functional model in the words of Keras 2, from entries made by ``entry(_:_:_:on:)``.
func functional(_ entries: [String], inputs: [String] = ["x"], outputs: [String]) -> String {
  func list(_ names: [String]) -> String {
    "[\(names.map { "[\"\($0)\", 0, 0]" }.joined(separator: ", "))]"
  }
  return """
    {"class_name": "Functional", "config": {"name": "model",
    "layers": [\(entries.joined(separator: ", "))],
    "input_layers": \(list(inputs)), "output_layers": \(list(outputs))}}
    """
}

/// A layer of ``functional(_:inputs:outputs:)``; `nodes` are the inputs of its calls.
func entry(
  _ className: String, _ name: String, _ config: String = "{}", on nodes: [String]...
) -> String {
  let calls = nodes.map { node in
    "[\(node.map { "[\"\($0)\", 0, 0, {}]" }.joined(separator: ", "))]"
  }
  return """
    {"class_name": "\(className)", "name": "\(name)", "config": \(config),
    "inbound_nodes": [\(calls.joined(separator: ", "))]}
    """
}

/// An input of shape (batch, 4).
let vectorInput = entry("InputLayer", "x", #"{"batch_shape": [null, 4]}"#)
/// An input of shape (batch, 6, 6, 2).
let imageInput = entry("InputLayer", "x", #"{"batch_shape": [null, 6, 6, 2]}"#)
