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
      // The dot products are -3, 11, 17 and -9.
      (
        #"{"kind": "direction", "layer": "same", "vector": [1, 2]}"#, 4,
        [0.25, 0.5, 0.25, 0.5, 0.25, 0.5, 0.25, 0.5]
      ),
      // The base64 of 1, 0, 0, 0, 0, 0, 0, 1.
      (
        #"{"kind": "match", "layer": "same", "activations": {"shape": [2, 2, 2], "float32": "AACAPwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAgD8="}}"#,
        -0.875, [0.125, 0, 0, 0, 0, 0, 0, 0.125]
      ),
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

  // lucid's formula: cosines below 0.1 count as 0.1.
  @Test func anglesCountToo() throws {
    let x = try Tensor([1, 2, 2, 2], Self.image)
    let received = try gradient(
      #"{"kind": "direction", "layer": "same", "vector": [1, 2], "cosine_power": 2}"#,
      of: transparentNetwork(), at: x)[0].elements
    let lengths = [5, 25, 61, 113].map { Float($0).squareRoot() }
    let expected = zip([-3, 11, 17, -9] as [Float], lengths).reduce(0 as Float) { sum, each in
      let cosine = max(each.0 / each.1 / (5 as Float).squareRoot(), 0.1)
      return sum + each.0 * cosine * cosine / 4
    }
    #expect(abs(received[0] - expected) < 1e-3)
  }

  // By hand: the channels' Gram matrices are (84, -16, -16, 120) and four times the same number, whose
  // dot product is 86 after both are divided by their lengths, sqrt(21968) and 1.
  @Test func samplesOfABatchAreCompared() throws {
    let twice = try Tensor([2, 2, 2, 2], Self.image + Self.image.map { _ in 3 })
    let results = try gradient(
      #"{"kind": "diversity", "layer": "same"}"#, of: transparentNetwork(), at: twice)
    let expected = -86 / (21968 as Float).squareRoot()
    #expect(relativeError(results[0].elements, [expected, expected]) <= Tolerance.rounding)
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
      ("", "an objective has 1 to 1024 terms, received 0"),
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
      (#"{"kind": "direction", "layer": "same"}"#, "objective 'direction' needs a vector"),
      (
        #"{"kind": "direction", "layer": "same", "vector": [1]}"#,
        "a vector of length 1 doesn't fit: layer 'same' has 2 channels"
      ),
      (
        #"{"kind": "direction", "layer": "same", "vector": [1, 2], "cosine_power": -1}"#,
        "cosine_power must lie between"
      ),
      (#"{"kind": "match", "layer": "same"}"#, "objective 'match' needs activations"),
      (
        #"{"kind": "match", "layer": "same", "activations": {"shape": [1], "float32": ""}}"#,
        "the activations have shape (1,), layer 'same' has (2, 2, 2)"
      ),
      (
        #"{"kind": "match", "layer": "same", "activations": {"shape": [2, 2, 2], "float32": "AAAA"}}"#,
        "activations of shape (2, 2, 2) need 32 bytes, received 3"
      ),
      (
        #"{"kind": "match", "layer": "same", "activations": {"shape": [2, 2, 2], "float32": "?"}}"#,
        "request"
      ),
      (
        #"{"kind": "diversity", "layer": "same"}"#, "two or more of each are needed"
      ),
      (#"{"kind": "wish"}"#, "wish"),
      (#"{"layer": "same"}"#, "has no 'kind'"),
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
