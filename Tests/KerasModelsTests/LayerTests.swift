import FoundationEssentials
import Graphs
import KerasModels
import Tensors
import TestSupport
import Testing

/// Laws of all layers, on networks of one layer each; Python's tests compare every class and setting
/// with Keras.
@Suite struct LayerTests {
  static let fixtures = Fixture.load("layers.json")

  @Test(arguments: fixtures) func valuesAreThoseOfKeras(_ fixture: Fixture) throws {
    let outputs = try fixture.model.run(fixture.inputs.map { try $0.tensor })
    #expect(outputs.map(\.shape.axes) == fixture.outputs.map(\.shape))
    for (output, expected) in zip(outputs, fixture.outputs) {
      #expect(relativeError(output.elements, expected.elements) < Tolerance.keras)
    }
  }

  @Test(arguments: fixtures) func weightsAreThoseOfKeras(_ fixture: Fixture) throws {
    let architecture = try Architecture(configJSON: fixture.config)
    let shapes = Dictionary(
      uniqueKeysWithValues: architecture.weightShapes.map { ($0.key, $0.shape.axes) })
    #expect(shapes == fixture.weights.mapValues(\.shape))
  }

  // What the description promises for any batch is what comes out.
  @Test(arguments: fixtures) func shapesAreInferred(_ fixture: Fixture) throws {
    let description = try Description(fixture.model.architecture)
    let layer = try #require(description.layers.last)
    #expect(layer.outputShapes == fixture.outputs.map(\.freeShape))
    #expect(layer.inputShapes == fixture.inputs.map(\.freeShape))
    #expect(layer.parameters == fixture.weights.values.reduce(0) { $0 + $1.elements.count })
  }

  // Sample after sample gives the same as all at once.
  @Test(arguments: fixtures.filter { ($0.inputs.first?.shape[0] ?? 0) > 1 })
  func samplesAreIndependent(_ fixture: Fixture) throws {
    let model = try fixture.model
    var joined: [Float] = []
    for sample in 0..<fixture.inputs[0].shape[0] {
      let single = try fixture.inputs.map { input in
        let size = input.elements.count / input.shape[0]
        return try Tensor(
          Shape([1] + input.shape.dropFirst()),
          Array(input.elements[sample * size..<(sample + 1) * size]))
      }
      joined += try model.run(single)[0].elements
    }
    #expect(relativeError(joined, fixture.outputs[0].elements) < Tolerance.keras)
  }

  // Keras writes the long names only, but knows the short ones too.
  @Test(
    arguments: [
      ("AveragePooling2D", "AvgPool2D"), ("Conv2D", "Convolution2D"),
      ("GlobalAveragePooling2D", "GlobalAvgPool2D"), ("GlobalMaxPooling2D", "GlobalMaxPool2D"),
      ("MaxPooling2D", "MaxPool2D"),
    ])
  func shortNamesMeanTheSame(name: String, alias: String) throws {
    let pattern = "\"class_name\": \"\(name)\""
    let fixture = try #require(Self.fixtures.first { $0.config.contains(pattern) })
    let config = fixture.config.replacing(pattern, with: "\"class_name\": \"\(alias)\"")
    let output = try fixture.model(configJSON: config).run(fixture.inputs.map { try $0.tensor })
    #expect(relativeError(output[0].elements, fixture.outputs[0].elements) < Tolerance.keras)
  }

  // Any number or word of a configuration in place of any other: a sentence, never a trap.
  @Test(arguments: fixtures) func settingsFromOutsideAreChecked(_ fixture: Fixture) {
    let text = Array(fixture.config.utf8)
    let digits = Set("0123456789.".utf8)
    let others = ["-1", "0", "9223372036854775807", "1e300", "null", "[]", "\"x\"", "true", "{}"]
    var position = 0
    while position < text.count {
      let end = text[position...].firstIndex { !digits.contains($0) } ?? text.count
      if end > position, position > 0,
        !"\"_abcdefghijklmnopqrstuvwxyzD".utf8.contains(text[position - 1])
      {
        for other in others {
          let edited = text[..<position] + Array(other.utf8) + text[end...]
          _ = refusal { _ = try Architecture(configJSON: String(decoding: edited, as: UTF8.self)) }
        }
      }
      position = end + 1
    }
  }
}
