import KerasModels
import Tensors
import TestSupport
import Testing

@Suite struct NetworkConfigTests {
  private static func dense(_ name: String, on nodes: [String]...) -> String {
    let calls = nodes.map { "[\($0.map { "[\"\($0)\", 0, 0]" }.joined(separator: ", "))]" }
    return """
      {"class_name": "Dense", "name": "\(name)", "config": {"units": 4},
      "inbound_nodes": [\(calls.joined(separator: ", "))]}
      """
  }

  @Test(
    arguments: [
      (
        functional([vectorInput, dense("a", on: ["b"]), dense("b", on: ["a"])], outputs: ["b"]),
        "layer 'a' reads its own output"
      ),
      (
        functional([vectorInput, dense("a", on: ["a"])], outputs: ["a"]),
        "layer 'a' reads its own output"
      ),
      (
        functional([vectorInput, dense("a", on: ["y"])], outputs: ["a"]),
        "model 'model' has no layer 'y', which another one reads"
      ),
      (
        functional([vectorInput, dense("a", on: ["x"])], outputs: ["b"]),
        "model 'model' has no layer 'b' with a call 0, which it returns"
      ),
      (
        functional([vectorInput, dense("a", on: ["x"]), dense("a", on: ["x"])], outputs: ["a"]),
        "two layers of model 'model' have the same name"
      ),
      (
        functional([vectorInput, dense("a", on: ["x"])], inputs: ["a"], outputs: ["a"]),
        "model 'model' names 'a' as an input, which is no InputLayer"
      ),
      (
        functional([vectorInput, dense("a", on: ["x", "x"])], outputs: ["a"]),
        "layer 'a' (Dense): Dense takes one input, received 2"
      ),
      (
        functional(
          [vectorInput, dense("a", on: ["x"])], outputs: ["a"]
        ).replacing("[\"x\", 0, 0]]]", with: "[\"x\", 1, 0]]]"),
        "layer 'x' is called 1 time, another one reads call 1"
      ),
      (
        functional(
          [vectorInput, dense("a", on: ["x"])], outputs: ["a"]
        ).replacing("[\"x\", 0, 0]]]", with: "[\"x\", 0, 3]]]"),
        "layer 'a' reads output 3 of a layer that has 1"
      ),
      (
        functional([vectorInput, dense("a", on: ["x"]), dense("b", on: ["a"])], outputs: ["b"])
          .replacing("[\"a\", 0, 0]]]", with: "[\"a\", 2, 0]]]"),
        "layer 'a' is called 1 time, another one reads call 2"
      ),
      (
        functional([vectorInput, dense("a", on: ["x"])], outputs: ["a"])
          .replacing("[null, 4]", with: "[null, 0]"),
        "layer 'x' (InputLayer): an input needs 1 to 8 positive lengths, received"
      ),
      (
        functional([vectorInput, dense("a", on: ["x"])], outputs: ["a"])
          .replacing("[null, 4]", with: "[1, 2, 3, 4, 5, 6, 7, 8, 9]"),
        "layer 'x' (InputLayer): an input needs 1 to 8 positive lengths, received"
      ),
      (
        #"{"class_name": "Sequential", "config": {"name": "s", "layers": []}}"#,
        "Sequential model 's' has no input shape: build it or give it an Input first"
      ),
      (
        #"{"class_name": "Sequential", "config": {"name": "s", "layers": [{"class_name": "Dense", "config": {"name": "d", "units": 2}}]}}"#,
        "Sequential model 's' has no input shape: build it or give it an Input first"
      ),
    ])
  func brokenStructuresAreRefused(config: String, sentence: String) {
    let received = refusal { _ = try Architecture(configJSON: config) }
    #expect(received?.contains(sentence) == true, "\(received ?? "accepted")")
  }

  /// A Sequential model in a Sequential model, and so on.
  private func nested(_ depth: Int) -> String {
    var config = #"{"class_name": "Dense", "config": {"name": "dense", "units": 2}}"#
    for level in 0..<depth {
      config = """
        {"class_name": "Sequential", "config": {"name": "s\(level)", "layers": [
        {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [null, 4]}}, \(config)]}}
        """
    }
    return config
  }

  @Test func deepNestingIsAllowedUpTo64() throws {
    #expect(try Architecture(configJSON: nested(60)).weightShapes.count == 2)
    for depth in [65, 66, 100, 200] {
      let sentence = refusal { _ = try Architecture(configJSON: nested(depth)) }
      #expect(sentence != nil, "depth \(depth)")
    }
    #expect(
      refusal { _ = try Architecture(configJSON: nested(66)) }?
        .hasSuffix("models are nested more than 64 deep") == true)
  }

  @Test(arguments: ["[", "{\"class_name\":", "{\"config\":[{\"a\":", "[[[{\"config\":"])
  func textsOfAHundredThousandBracketsAreRefused(opening: String) {
    let text = String(repeating: opening, count: 100_000)
    #expect(refusal { _ = try Architecture(configJSON: text) } != nil)
    let inside = functional([vectorInput], outputs: ["x"])
      .replacing("{\"batch_shape\"", with: "{\"a\": \(text), \"batch_shape\"")
    #expect(refusal { _ = try Architecture(configJSON: inside) } != nil)
  }

  // Listed backwards, so that the first layer needs all the others before it.
  @Test func longChainsNeedNoStack() throws {
    let count = 20_000
    let layers = (0..<count).reversed().map {
      entry("Dropout", "d\($0)", on: [$0 == 0 ? "x" : "d\($0 - 1)"])
    }
    let architecture = try Architecture(
      configJSON: functional(layers + [vectorInput], outputs: ["d\(count - 1)"]))
    let model = try Model(architecture: architecture, weights: [:])
    let x = try Tensor([1, 4], [1, 2, 3, 4])
    #expect(try model.run([x])[0].elements == [1, 2, 3, 4])
  }

  @Test func longChainsOfOperationsNeedNoStack() throws {
    let count = 5000
    let layers = (0..<count).map {
      entry("ReLU", "r\($0)", on: [$0 == 0 ? "x" : "r\($0 - 1)"])
    }
    let config = functional([vectorInput] + layers, outputs: ["r\(count - 1)"])
    let model = try Model(architecture: Architecture(configJSON: config), weights: [:])
    let x = try Tensor([1, 4], [-1, 2, -3, 4])
    #expect(try model.run([x])[0].elements == [0, 2, 0, 4])
  }
}
