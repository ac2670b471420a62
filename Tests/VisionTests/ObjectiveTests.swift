import KerasModels
import Tensors
import TestSupport
import Testing
@testable import Vision

@Suite struct ObjectiveTests {
  private static let image: [Float] = [1, -2, 3, 4, 5, 6, 7, -8]

  private func gradient(_ terms: String, of model: Model, at input: Tensor) throws -> [Tensor] {
    try model.run(#"{"gradient": {"objective": {"terms": [\#(terms)]}}}"#, [input])
  }

  // By hand on the picture [[(1, -2), (3, 4)], [(5, 6), (7, -8)]].
  @Test(
    arguments: [
      (
        #"{"kind": "channel", "layer": "same", "index": 0}"#, 4,
        [0.25, 0, 0.25, 0, 0.25, 0, 0.25, 0]
      ),
      (
        #"{"kind": "channel", "layer": "rectified", "index": 1}"#, 2.5,
        [0, 0, 0, 0.25, 0, 0.25, 0, 0]
      ),
      (
        #"{"kind": "channel", "layer": "rectified", "index": 1, "pre_activation": true}"#, 0,
        [0, 0.25, 0, 0.25, 0, 0.25, 0, 0.25]
      ),
      (#"{"kind": "neuron", "layer": "same", "index": 1}"#, -8, [0, 0, 0, 0, 0, 0, 0, 1]),
      (
        #"{"kind": "neuron", "layer": "same", "index": 0, "position": [0, 1]}"#, 3,
        [0, 0, 1, 0, 0, 0, 0, 0]
      ),
      (#"{"kind": "energy", "layer": "same"}"#, 25.5, [0.25, -0.5, 0.75, 1, 1.25, 1.5, 1.75, -2]),
      (
        #"{"kind": "channel", "layer": "same", "index": 0, "weight": 2}, {"kind": "neuron", "layer": "same", "index": 1, "weight": -1}"#,
        16, [0.5, 0, 0.5, 0, 0.5, 0, 0.5, -1]
      ),
    ] as [(String, Float, [Float])])
  func valuesByHand(terms: String, score: Float, slopes: [Float]) throws {
    let results = try gradient(
      terms, of: transparentNetwork(), at: Tensor([1, 2, 2, 2], Self.image))
    #expect(results[0].shape == [1])
    #expect(results[0].elements == [score])
    #expect(results[1].elements == slopes)
  }

  // Each sample of a batch has a score of its own, and may have an index of its own.
  @Test func samplesAreIndependent() throws {
    let twice = try Tensor([2, 2, 2, 2], Self.image + Self.image.map { 10 * $0 })
    let model = try transparentNetwork()
    let all = try gradient(
      #"{"kind": "channel", "layer": "same", "index": 0}"#, of: model, at: twice)
    #expect(all[0].elements == [4, 40])
    let each = try gradient(
      #"{"kind": "neuron", "layer": "same", "index": [0, 1]}"#, of: model, at: twice)
    #expect(each[0].elements == [7, -80])
    #expect(each[1].elements == [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1])
  }

  // exp(0), exp(log 2), exp(log 5) and exp(0) sum to 9.
  @Test func probabilitiesAndLogits() throws {
    let x = try Tensor([1, 4], [0, 0.693_147_2, 1.609_438, 0])
    let logit = try gradient(#"{"kind": "logit", "index": 2}"#, of: classifier(), at: x)
    #expect(logit.map(\.elements) == [[1.609_438], [0, 0, 1, 0]])
    let named = try gradient(
      #"{"kind": "logit", "index": 2, "output": "classes"}"#, of: classifier(), at: x)
    #expect(named.map(\.elements) == logit.map(\.elements))
    let results = try gradient(#"{"kind": "probability", "index": 2}"#, of: classifier(), at: x)
    #expect(relativeError(results[0].elements, [5 / 9]) <= Tolerance.rounding)
    // p_2 (1 - p_2) at the index, -p_2 p_j elsewhere.
    let slopes: [Float] = [-5 / 81, -10 / 81, 20 / 81, -5 / 81]
    #expect(relativeError(results[1].elements, slopes) <= Tolerance.rounding)
  }

  @Test(
    arguments: [
      ("", "an objective needs at least one term"),
      (#"{"kind": "channel", "layer": "none", "index": 0}"#, "no layer output 'none'"),
      (#"{"kind": "channel", "index": 0}"#, "objective 'channel' needs a layer"),
      (#"{"kind": "channel", "layer": "same"}"#, "objective 'channel' needs an index"),
      (
        #"{"kind": "channel", "layer": "same", "index": 2}"#,
        "index 2 doesn't exist: layer 'same' has 2 channels, 0 to 1"
      ),
      (#"{"kind": "neuron", "layer": "same", "index": -1}"#, "index -1 doesn't exist"),
      (
        #"{"kind": "neuron", "layer": "same", "index": 0, "position": [2, 0]}"#,
        "position [2, 0] doesn't exist in layer 'same', whose positions have shape (2, 2)"
      ),
      (
        #"{"kind": "neuron", "layer": "same", "index": 0, "position": [0]}"#,
        "position [0] doesn't exist"
      ),
      (
        #"{"kind": "channel", "layer": "same", "index": [0, 1]}"#,
        "2 indices were given for a batch of 1: one for each sample is needed"
      ),
      (#"{"kind": "logit", "index": 0}"#, "output 'rectified' has 4 axes, not (batch, classes)"),
      (
        #"{"kind": "logit", "index": 0, "output": "same"}"#,
        "the model has no output 'same', its outputs are rectified"
      ),
      (#"{"kind": "wish"}"#, "wish"),
      (#"{"layer": "same"}"#, "the configuration has no 'kind'"),
      (#"{"kind": "channel", "layer": "same", "index": 0.5}"#, "request"),
    ])
  func whatDoesNotExistIsRefused(terms: String, sentence: String) throws {
    let model = try transparentNetwork()
    let received = refusal {
      _ = try gradient(terms, of: model, at: Tensor([1, 2, 2, 2], Self.image))
    }
    #expect(received?.contains(sentence) == true, "\(received ?? "accepted")")
  }
}
