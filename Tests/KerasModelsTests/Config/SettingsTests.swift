import KerasModels
import Tensors
import TestSupport
import Testing

/// Settings that the layers refuse: the sentence names layer, setting and value.
@Suite struct SettingsTests {
  struct Case: CustomTestStringConvertible {
    let className: String
    let config: String
    let sentence: String
    var isUnsupported = false
    var inputs = ["x"]
    var testDescription: String { "\(className) \(config)" }
  }

  static let cases = [
    Case(
      className: "Wibble", config: "{}", sentence: "the layer class isn't supported: load",
      isUnsupported: true),
    Case(
      className: "Lambda", config: "{}",
      sentence: "a Lambda in a file holds code, which is never run",
      isUnsupported: true),
    Case(
      className: "Conv2D",
      config: #"{"filters": 1, "kernel_size": 1, "data_format": "sideways"}"#,
      sentence: "received 'sideways'", isUnsupported: true),
    Case(
      className: "Flatten", config: #"{"data_format": "sideways"}"#,
      sentence: "received 'sideways'", isUnsupported: true),
    Case(className: "Conv2D", config: "{}", sentence: "the configuration has no 'kernel_size'"),
    Case(
      className: "Conv2D", config: #"{"filters": 3, "kernel_size": 1, "groups": 2}"#,
      sentence: "filters must be a multiple of groups, received 3 and 2"),
    Case(
      className: "Conv2D", config: #"{"filters": 0, "kernel_size": 1}"#,
      sentence: "filters must be a positive whole number, received 0"),
    Case(
      className: "Conv2D", config: #"{"filters": 2, "kernel_size": [3, 0]}"#,
      sentence: "kernel_size needs 2 positive numbers, received [3, 0]"),
    Case(
      className: "Conv2D", config: #"{"filters": 2, "kernel_size": [3, 3, 3]}"#,
      sentence: "kernel_size needs 2 positive numbers, received [3, 3, 3]"),
    Case(
      className: "Conv2D", config: #"{"filters": 2, "kernel_size": 3, "strides": -1}"#,
      sentence: "strides needs 2 positive numbers, received [-1]"),
    Case(
      className: "Conv2D", config: #"{"filters": 2, "kernel_size": 3, "dilation_rate": [0, 1]}"#,
      sentence: "dilation_rate needs 2 positive numbers, received [0, 1]"),
    Case(
      className: "Conv2D", config: #"{"filters": 2, "kernel_size": 3, "padding": "causal"}"#,
      sentence: "causal", isUnsupported: true),
    Case(
      className: "Conv2D", config: #"{"filters": 2, "kernel_size": 7}"#,
      sentence: "an image of [6, 6] is too small along axis 0"),
    Case(
      className: "Conv2D", config: #"{"filters": 9, "kernel_size": 1, "groups": 3}"#,
      sentence: "Conv2D needs channels in 3 groups, received 2 channels"),
    Case(
      className: "Conv2D", config: #"{"filters": 2, "kernel_size": 3, "lora_rank": 4}"#,
      sentence: "lora_rank isn't supported", isUnsupported: true),
    Case(
      className: "Conv2D", config: #"{"filters": 2, "kernel_size": 3, "activation": "wobble"}"#,
      sentence: "activation 'wobble' isn't supported; known are", isUnsupported: true),
    Case(
      className: "Activation",
      config: #"{"activation": {"class_name": "MyActivation", "config": {}}}"#,
      sentence: "activation MyActivation: the layer class isn't supported", isUnsupported: true),
    Case(
      className: "Dense", config: #"{"units": 0}"#, sentence: "units must be positive, received 0"),
    Case(
      className: "Dense", config: #"{"units": 2.5}"#,
      sentence: "'config.units' is 2.5, expected a whole number"),
    Case(
      className: "Dense", config: #"{"units": "2"}"#,
      sentence: #"'config.units' is "2", expected a whole number"#),
    Case(
      className: "Dense",
      config:
        #"{"units": 2, "dtype": {"class_name": "QuantizedDTypePolicy", "config": {"mode": "float8", "name": "float8_from_float32"}}}"#,
      sentence: "float8 quantization isn't supported", isUnsupported: true),
    Case(
      className: "BatchNormalization", config: #"{"axis": 4}"#,
      sentence: "axis 4 isn't a feature axis of an input of shape (2, 6, 6, 2)"),
    Case(
      className: "BatchNormalization", config: #"{"axis": 0}"#,
      sentence: "axis 0 isn't a feature axis"),
    Case(
      className: "MaxPooling2D", config: #"{"pool_size": [2, 2, 2]}"#,
      sentence: "pool_size needs 2 positive numbers, received [2, 2, 2]"),
    Case(
      className: "AveragePooling2D", config: #"{"pool_size": 7}"#, sentence: "is too small along"),
    Case(
      className: "ReLU", config: #"{"negative_slope": -0.5}"#,
      sentence: "negative_slope must not be negative, received -0.5"),
    Case(
      className: "Softmax", config: #"{"axis": []}"#, sentence: "axis needs at least one axis"),
    Case(className: "Softmax", config: #"{"axis": 4}"#, sentence: "axis 4 isn't an axis of shape"),
    Case(
      className: "Reshape", config: #"{"target_shape": [-1, -1]}"#,
      sentence: "target_shape needs positive lengths and at most one -1, received [-1, -1]"),
    Case(
      className: "Reshape", config: #"{"target_shape": [5, -1]}"#,
      sentence: "an input of shape (2, 6, 6, 2) can't be reshaped to [5, -1]"),
    Case(
      className: "ZeroPadding2D", config: #"{"padding": [[1, 2], [-1, 0]]}"#,
      sentence:
        "padding needs two numbers from 0 to 65536 for each of 2 axes, received [[1, 2], [-1, 0]]"),
    Case(
      className: "Concatenate", config: #"{"axis": 4}"#, sentence: "axis 4 isn't an axis of",
      inputs: ["x", "x"]),
    Case(
      className: "Subtract", config: "{}", sentence: "Subtract takes two inputs, received 3",
      inputs: ["x", "x", "x"]),
  ]

  @Test(arguments: cases) func refusalsNameLayerSettingAndValue(_ test: Case) {
    let config = functional(
      [imageInput, entry(test.className, "odd", test.config, on: test.inputs)], outputs: ["odd"])
    let error = #expect(throws: PhospheneError.self) { try Architecture(configJSON: config) }
    let message = error?.message ?? ""
    #expect(message.contains("layer 'odd' (\(test.className)): "), "\(message)")
    #expect(message.contains(test.sentence), "\(message)")
    switch error {
    case .unsupported: #expect(test.isUnsupported, "\(message)")
    case .invalidArgument: #expect(!test.isUnsupported, "\(message)")
    default: Issue.record("\(String(describing: error))")
    }
  }

  @Test func onlyImagesFitImageLayers() {
    for className in ["MaxPooling2D", "GlobalMaxPooling2D", "ZeroPadding2D"] {
      let config = functional(
        [vectorInput, entry(className, "odd", on: ["x"])], outputs: ["odd"])
      let message = refusal { _ = try Architecture(configJSON: config) } ?? "accepted"
      #expect(
        message.hasSuffix("needs an input (batch, height, width, channels), received shape (2, 4)"))
    }
  }
}
