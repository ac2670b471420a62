import Graphs
import KerasModels
import Tensors
import TestSupport
import Testing

@Suite struct ModelTests {
  static let fixtures = Fixture.load("models.json") + Fixture.load("legacy.json")

  private let vector: Fixture

  init() throws {
    vector = try #require(Self.fixtures.first { $0.name == "unbuilt" })
  }

  // Whole networks of Keras 3, and two in the dialect of Keras 2: outputs and inner layers.
  @Test(arguments: fixtures) func valuesAreThoseOfKeras(_ fixture: Fixture) throws {
    let layers = (fixture.layers ?? [:]).sorted { $0.key < $1.key }
    let results = try fixture.model.run(
      fixture.inputs.map { try $0.tensor }, paths: layers.map(\.key))
    let expected = fixture.outputs + layers.map(\.value)
    #expect(results.count == expected.count)
    for (result, expected) in zip(results, expected) {
      #expect(result.shape.axes == expected.shape)
      #expect(relativeError(result.elements, expected.elements) < Tolerance.keras)
    }
  }

  @Test func weightsAreChecked() throws {
    let architecture = try Architecture(configJSON: vector.config)
    var weights = try vector.weights.mapValues { try $0.tensor }
    func refusal(_ weights: [String: Tensor]) -> String? {
      TestSupport.refusal { _ = try Model(architecture: architecture, weights: weights) }
    }
    #expect(refusal(weights) == nil)
    let kernel = weights.removeValue(forKey: "a/kernel")
    #expect(refusal(weights) == "weight 'a/kernel' of shape (4, 3) is missing")
    weights["a/kernel"] = try Tensor([3, 4], repeating: 1)
    #expect(
      refusal(weights)
        == "weight 'a/kernel' must be float32 of shape (4, 3), received float32 (3, 4)")
    weights["a/kernel"] = Tensor(
      TensorType([4, 3], .int32), storage: try Storage(byteCount: 48))
    #expect(
      refusal(weights)
        == "weight 'a/kernel' must be float32 of shape (4, 3), received int32 (4, 3)")
    weights["a/kernel"] = kernel
    weights["c/kernel"] = kernel
    #expect(refusal(weights) == "weight 'c/kernel' belongs to no layer of this model")
  }

  @Test func digestFollowsNumbersAndSettingsOnly() throws {
    let model = try vector.model
    #expect(model.digest.count == 64)
    #expect(try vector.model.digest == model.digest)
    // Another text of the same settings.
    let spaced = vector.config.replacing(", ", with: " ,\n  ")
    #expect(try vector.model(configJSON: spaced).digest == model.digest)
    let tanh = vector.config.replacing("\"relu\"", with: "\"tanh\"")
    #expect(try vector.model(configJSON: tanh).digest != model.digest)
    var weights = try vector.weights.mapValues { try $0.tensor }
    weights["b/bias"] = try Tensor([2], [0, .leastNonzeroMagnitude])
    let other = try Model(architecture: model.architecture, weights: weights)
    #expect(other.digest != model.digest)
  }

  @Test func onlyWhatIsNeededIsLowered() throws {
    let model = try vector.model
    var graph = Graph()
    let x = graph.input(TensorType([2, 4]))
    let lowered = try model.lower(into: graph, on: [x], wanted: ["a"], needsOutputs: false)
    #expect(lowered.outputs.isEmpty)
    #expect(lowered.layers.keys.sorted() == ["a"])
  }

  @Test func unknownPathsAreNamed() throws {
    var graph = Graph()
    let x = graph.input(TensorType([2, 4]))
    let lowered = try vector.model.lower(into: graph, on: [x])
    for path in ["c", "a:0", "a:1", "a:-1", "a#1", ""] {
      #expect(refusal { _ = try lowered.value(path) } == "the model has no layer output '\(path)'")
    }
  }

  // Feeding a layer's output gives what follows from it.
  @Test func layersMayBeFed() throws {
    let model = try vector.model
    let inner = try model.run(vector.inputs.map { try $0.tensor }, paths: ["a"])[1]
    var graph = Graph()
    let a = graph.input(inner.type)
    let lowered = try model.lower(into: graph, on: [a], fed: ["a"], wanted: [])
    let plan = try Plan(lowered.graph, outputs: lowered.outputs, pool: model.constants)
    let output = try plan.run([inner])[0].elements
    #expect(relativeError(output, vector.outputs[0].elements) < Tolerance.keras)
    let sentence = refusal { _ = try model.lower(into: graph, on: [a], fed: ["b"], wanted: ["a"]) }
    #expect(sentence?.hasPrefix("what is asked for depends on the model's input") == true)
  }

  @Test func wrongNumbersOfInputsAreRefused() throws {
    let model = try vector.model
    #expect(
      refusal { _ = try model.lower(on: []) }
        == "model 'late' takes 1 inputs, received 0")
    var graph = Graph()
    let x = graph.input(TensorType([2, 5]))
    let sentence = refusal { _ = try model.lower(into: graph, on: [x]) }
    #expect(
      sentence?.contains("layer 'a' (Dense): the layer needs a weight of shape (5, 3)") == true)
  }
}
