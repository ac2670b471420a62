import Graphs
import KerasModels
import Tensors
import TestSupport
@testable import Vision

/// Returns a chain of layers with small weights, behind an input of a shape without its batch.
func network(_ input: String, _ layers: [(kind: String, name: String, config: String)]) throws
  -> Model
{
  let list = layers.map {
    #"{"class_name": "\#($0.kind)", "config": {"name": "\#($0.name)"\#($0.config)}}"#
  }
  let config = """
    {"class_name": "Sequential", "config": {"name": "model", "layers": [
    {"class_name": "InputLayer", "config": {"name": "input", "batch_shape": [null, \(input)]}},
    \(list.joined(separator: ", "))]}}
    """
  let architecture = try Architecture(configJSON: config)
  var weights: [String: Tensor] = [:]
  for (index, weight) in architecture.weightShapes.enumerated() {
    weights[weight.key] = try spread(weight.shape, seed: index + 1)
  }
  return try Model(architecture: architecture, weights: weights)
}

/// A network whose layers `same` and `rectified` are known without computing: the input, and what is
/// positive of it.
func transparentNetwork() throws -> Model {
  try network("2, 2, 2", [("Dropout", "same", ""), ("ReLU", "rectified", "")])
}

/// A network whose output is the softmax of its four inputs.
func classifier() throws -> Model {
  try network("4", [("Softmax", "classes", "")])
}

/// A small network without kinks.
func smoothNetwork(_ input: String = "6, 6, 3") throws -> Model {
  try network(
    input,
    [
      ("Conv2D", "conv", #", "filters": 4, "kernel_size": 3, "activation": "tanh""#),
      ("GlobalAveragePooling2D", "mean", ""),
      ("Dense", "classes", #", "units": 3, "activation": "softmax""#),
    ])
}

extension Model {
  /// Runs a request.
  func run(_ request: String, _ inputs: [Tensor]) throws -> [Tensor] {
    let graph = try Request(json: request).graph(of: self, on: inputs.map(\.type))
    return try Plan(graph.graph, outputs: graph.outputs, pool: constants).run(inputs)
  }
}
