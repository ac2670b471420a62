import KerasModels
import Tensors
import TestSupport
import Testing

/// The structures of whole networks, as `ArchitectureDescription` tells them.
@Suite struct ArchitectureTests {
  static let fixtures = Dictionary(
    uniqueKeysWithValues: Fixture.load("models.json").map { ($0.name, $0) })

  private func description(_ name: String) throws -> Description {
    try Description(#require(Self.fixtures[name]).model.architecture)
  }

  // Height and width of the image are free: what depends on them is null, what doesn't is known.
  @Test func freeLengthsAreNull() throws {
    let functional = try description("functional")
    #expect(functional.className == "Functional")
    #expect(functional.inputs.map(\.name) == ["image"])
    #expect(functional.inputs.map(\.shape) == [[nil, nil, nil, 2]])
    let shapes = functional.layers.map { $0.outputShapes }
    #expect(
      shapes == [
        [[nil, nil, nil, 2]], [[nil, nil, nil, 3]], [[nil, nil, nil, 3]], [[nil, nil, nil, 3]],
        [[nil, nil, nil, 3]], [[nil, nil, nil, 3]], [[nil, nil, nil, 6]], [[nil, 6]],
      ])
    #expect(
      functional.outputs == [
        Description.Output(path: "mean", shape: [nil, 6]),
        Description.Output(path: "relu", shape: [nil, nil, nil, 3]),
      ])
  }

  @Test func layersAreDescribed() throws {
    let functional = try description("functional")
    let names = ["image", "conv1", "bn", "relu", "conv2", "add", "join", "mean"]
    #expect(functional.layers.map(\.name) == names)
    #expect(functional.layers.map(\.calls) == [[]] + names.dropFirst().map { [$0] })
    #expect(functional.trace == Array(names.dropFirst()))
    let join = functional.layers[6]
    #expect(join.connectedTo == ["add", "relu"])
    let norm = functional.layers[2]
    #expect(norm.kind == "BatchNormalization")
    #expect(
      norm.weights.map(\.key) == ["bn/gamma", "bn/beta", "bn/moving_mean", "bn/moving_variance"])
    #expect(norm.weights.map(\.trainable) == [true, true, false, false])
    #expect(norm.parameters == 12)
    #expect(
      functional.layers.map(\.activation) == [nil, "linear", nil, "relu", "linear", nil, nil, nil])
  }

  // Keras' own list of a Sequential model leaves its InputLayer out.
  @Test(arguments: [
    ("sequential", ["conv", "pool", "flatten", "dense"]), ("unbuilt", ["a", "b"]),
  ])
  func sequentialModelsListTheirLayers(name: String, layers: [String]) throws {
    let description = try description(name)
    #expect(description.className == "Sequential")
    #expect(description.layers.map(\.name) == layers)
    #expect(description.trace == layers)
    #expect(description.inputs.count == 1)
    #expect(description.outputs.map(\.path) == [layers.last])
  }

  @Test func nestedModelsHaveLayersOfTheirOwn() throws {
    let nested = try description("nested")
    let inner = try #require(nested.layers.first { $0.name == "inner" })
    #expect(inner.layers?.map(\.path) == ["inner/inner_input", "inner/block", "inner/dense"])
    let block = try #require(inner.layers?[1])
    #expect(block.layers?.map(\.path) == ["inner/block/dense"])
    #expect(block.weights.map(\.key) == ["inner/block/dense/kernel", "inner/block/dense/bias"])
    #expect(inner.parameters == 4 * 4 + 4 + 4 * 3 + 3)
    #expect(
      nested.trace == [
        "inner/block/dense", "inner/block", "inner/dense", "inner", "dense",
      ])
  }

  @Test func secondCallsHaveNumbers() throws {
    let shared = try description("shared")
    let layer = try #require(shared.layers.first { $0.name == "shared" })
    #expect(layer.calls == ["shared", "shared#1"])
    #expect(layer.weights.map(\.key) == ["shared/kernel", "shared/bias"])
    let tower = try #require(shared.layers.first { $0.name == "tower" })
    #expect(tower.calls == ["tower", "tower#1"])
    #expect(tower.layers?[0].calls == ["tower/dense", "tower#1/dense"])
    let difference = try #require(shared.layers.first { $0.name == "difference" })
    #expect(difference.connectedTo == ["tower", "tower#1"])
    #expect(
      Set(shared.trace) == [
        "shared", "shared#1", "tower/dense", "tower", "tower#1/dense", "tower#1", "difference",
      ])
  }

  @Test func outputsMayBeNestedModels() throws {
    let outer = try description("nested outputs")
    #expect(outer.outputs.map(\.path) == ["twice#1", "twice"])
    #expect(outer.trace == ["twice/dense", "twice", "twice#1/dense", "twice#1"])
  }

  @Test func frozenModelsHaveNoTrainableWeights() throws {
    let config = functional(
      [vectorInput, entry("Dense", "dense", #"{"units": 2, "trainable": false}"#, on: ["x"])],
      outputs: ["dense"])
    let dense = try #require(Description(Architecture(configJSON: config)).layers.last)
    #expect(!dense.trainable)
    #expect(dense.weights.map(\.trainable) == [false, false])
  }

  @Test func bareInfinityIsAccepted() throws {
    let config = functional(
      [vectorInput, entry("ReLU", "relu", #"{"max_value": Infinity}"#, on: ["x"])],
      outputs: ["relu"])
    #expect(try Architecture(configJSON: config).outputPaths == ["relu"])
  }

  @Test(
    arguments: [
      ("", "model configuration: the text is no JSON"),
      ("[]", "model configuration: "), ("{}", "the configuration has no 'class_name'"),
      (#"{"class_name": "Functional"}"#, "model configuration: "),
      (#"{"class_name": "MyModel", "config": {}}"#, "a model of class 'MyModel' holds code"),
    ])
  func whatIsNoConfigurationIsRefused(text: String, sentence: String) {
    let received = refusal { _ = try Architecture(configJSON: text) }
    #expect(received?.contains(sentence) == true, "\(received ?? "accepted")")
  }
}
