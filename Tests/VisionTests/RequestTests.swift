import Graphs
import KerasModels
import Tensors
import TestSupport
import Testing
@testable import Vision

@Suite struct RequestTests {
  private let x: Tensor

  init() throws { x = try Tensor([1, 2, 2, 2], [1, -2, 3, 4, 5, 6, 7, -8]) }

  @Test func outputsComeInTheOrderOfTheRequest() throws {
    let model = try transparentNetwork()
    let rectified: [Float] = [1, 0, 3, 4, 5, 6, 7, 0]
    #expect(try model.run("{}", [x]).map(\.elements) == [rectified])
    let both = try model.run(#"{"outputs": ["rectified", "same", "rectified"]}"#, [x])
    #expect(both.map(\.elements) == [rectified, x.elements, rectified])
    let before = try model.run(
      #"{"outputs": [{"path": "rectified", "pre_activation": true}, {"path": "rectified"}]}"#, [x])
    #expect(before.map(\.elements) == [x.elements, rectified])
  }

  @Test func layersMayBeFed() throws {
    let model = try transparentNetwork()
    let fed = try model.run(#"{"inputs": ["same"], "outputs": ["rectified"]}"#, [x])
    #expect(fed[0].elements == [1, 0, 3, 4, 5, 6, 7, 0])
  }

  @Test func cotangentsPassBackward() throws {
    let model = try transparentNetwork()
    let cotangent = try Tensor([1, 2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8])
    let result = try model.run(#"{"gradient": {"cotangent": "rectified"}}"#, [x, cotangent])
    #expect(result.map(\.elements) == [[1, 0, 3, 4, 5, 6, 7, 0]])
    let ill = refusal {
      _ = try model.run(#"{"gradient": {"cotangent": "rectified"}}"#, [x, Tensor([1], [1])])
    }
    #expect(
      ill == "the cotangent of 'rectified' must have its shape (1, 2, 2, 2), received (1,)")
  }

  @Test func gradientsMayBeTakenAtLayers() throws {
    let model = try transparentNetwork()
    func gradient(_ layer: String, at: String) throws -> [Float] {
      let objective = #"{"terms": [{"kind": "energy", "layer": "\#(layer)"}]}"#
      return try model.run(
        #"{"gradient": {"objective": \#(objective), "at": "\#(at)"}}"#, [x])[1].elements
    }
    #expect(try gradient("rectified", at: "rectified") == [0.25, 0, 0.75, 1, 1.25, 1.5, 1.75, 0])
    let unreachable = refusal { _ = try gradient("same", at: "rectified") }
    #expect(unreachable?.contains("doesn't depend on the output of layer 'rectified'") == true)
  }

  @Test(
    arguments: [
      #"{"kind": "logit", "index": 1}"#, #"{"kind": "probability", "index": 2}"#,
      #"{"kind": "channel", "layer": "conv", "index": 3}"#,
      #"{"kind": "neuron", "layer": "conv", "index": 0, "pre_activation": true}"#,
      #"{"kind": "energy", "layer": "conv"}"#,
    ])
  func gradientsMatchDifferences(term: String) throws {
    let model = try smoothNetwork()
    let request = #"{"gradient": {"objective": {"terms": [\#(term)]}}}"#
    let image = try spread([1, 6, 6, 3])
    let graph = try Request(json: request).graph(of: model, on: [image.type])
    let plan = try Plan(graph.graph, outputs: graph.outputs, pool: model.constants)
    let gradient = try plan.run([image])[1].elements
    let step: Float = 1 / 64
    let differences = try image.elements.indices.map { index in
      let scores = try [step, -step].map { offset in
        var moved = image.elements
        moved[index] += offset
        return try plan.run([Tensor(image.shape, moved)])[0].elements[0]
      }
      return (scores[0] - scores[1]) / (2 * step)
    }
    #expect(relativeError(gradient, differences) < Tolerance.differences)
  }

  // The rule of a gradient walk is part of the request.
  @Test func rulesAreFollowed() throws {
    let model = try network("2", [("ReLU", "relu", "")])
    let inputs = [try Tensor([1, 2], [1, -1]), try Tensor([1, 2], [-3, 5])]
    func gradient(_ rule: String) throws -> [Float] {
      try model.run(
        #"{"gradient": {"cotangent": "relu", "rule": "\#(rule)"}}"#, inputs)[0].elements
    }
    #expect(try gradient("plain") == [-3, 0])
    #expect(try gradient("guided") == [0, 0])
    #expect(try gradient("deconvolution") == [0, 5])
  }

  @Test(
    arguments: [
      ("", "request: the text is no JSON"), ("[]", "request"),
      (#"{"outputs": "same"}"#, "outputs"),
      (
        #"{"outputs": [7]}"#,
        "'outputs[0]' is 7, expected the path of a layer or an object with one"
      ),
      (#"{"outputs": ["none"]}"#, "no layer output 'none'"),
      (#"{"gradient": {}}"#, "a gradient needs an objective or a cotangent"),
      (#"{"gradient": {"rule": "wish"}}"#, "wish"),
      (
        #"{"inputs": ["same", "rectified"]}"#,
        "2 layers to feed and 1 input given: each layer needs one"
      ),
    ])
  func brokenRequestsAreRefused(request: String, sentence: String) throws {
    let model = try transparentNetwork()
    let received = refusal { _ = try model.run(request, [x]) }
    #expect(received?.contains(sentence) == true, "\(received ?? "accepted")")
  }

  @Test(arguments: [[1, 2, 2], [1, 2, 2, 3], [0, 2, 2, 2], [1, 2, 2, 2, 1]])
  func unfitInputsAreRefused(axes: [Int]) throws {
    let model = try transparentNetwork()
    let input = try Tensor(Shape(axes), repeating: 1)
    #expect(
      refusal { _ = try model.run("{}", [input]) }
        == "the model takes inputs of shape (any, 2, 2, 2), received \(Shape(axes))")
  }
}
