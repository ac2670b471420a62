import Graphs
import Tensors

/// How Keras quantized a layer, as far as its weights don't show it.
///
/// Weights come in as the floats that their whole numbers stand for. What is left is how the layer
/// rounds its inputs before it multiplies them with the kernel: at each call, to whole numbers of as
/// many bits as the largest one allows.
///
/// Source: keras 3.15, `layers/core/dense.py`, `_int8_call`; `quantizers/quantizers.py`,
/// `abs_max_quantize`.
struct Quantization: Sendable {
  private let inputs: Quantizer?

  /// The layers that are computed as Keras does, in modes whose weights have a meaning of their own.
  private static let known = ["Dense", "EinsumDense", "Embedding"]

  private enum Keys: String, CodingKey {
    case dtype
    case quantizationConfig = "quantization_config"
  }

  /// Reads the settings of a layer.
  ///
  /// - Returns: `nil` if the layer isn't quantized.
  /// - Throws: `unsupported` for a layer that would compute something else than Keras does.
  init?(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: Keys.self)
    let policy = (try? settings.decodeIfPresent(WrittenPolicy.self, forKey: .dtype))?.name ?? ""
    // Keras writes "int8", "int8_from_float32", "int4/128", "int4/-1_from_float32" …
    let name = String(policy.prefix { $0 != "_" && $0 != "/" })
    guard ["int8", "int4", "float8", "gptq", "awq"].contains(name) else { return nil }
    guard Quantization.known.contains(config.className), name == "int8" || name == "int4" else {
      throw PhospheneError.unsupported(
        "\(name) quantization isn't supported; known are int8 and int4 of "
          + Quantization.known.joined(separator: ", "))
    }
    let written = try settings.decodeIfPresent(WrittenConfig.self, forKey: .quantizationConfig)
    let quantizer = written.map(\.config.activationQuantizer) ?? (name == "int8" ? .standard : nil)
    // With scales for blocks of a column (not "int4/-1") Keras leaves inputs as they are.
    let hasBlocks = policy.contains("/") && !policy.contains("/-")
    guard let quantizer, config.className != "Embedding", !hasBlocks else {
      inputs = nil
      return
    }
    let range = quantizer.config.valueRange
    guard quantizer.className == "AbsMaxQuantizer", range.count == 2, range[0] < range[1] else {
      throw PhospheneError.unsupported(
        "activation_quantizer must be an AbsMaxQuantizer with two numbers as value_range, received "
          + "\(quantizer.className) with \(range)")
    }
    inputs = quantizer
  }

  /// Appends the layer's input as it is multiplied with the kernel.
  ///
  /// - Parameters:
  ///   - input: What the layer is called on.
  ///   - axes: The axes that are summed over: their largest element decides.
  ///   - graph: The graph to append to.
  /// - Returns: The input, rounded if the layer rounds its inputs.
  /// - Throws: `invalidArgument` for an input that is too large to be described.
  func rounded(
    _ input: Value, axes: [Int], in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    guard let inputs else { return input }
    let shape = graph.shape(input)
    let column = Shape(shape.axes.indices.map { axes.contains($0) ? 1 : shape[$0] })
    let largest = try graph.reshape(
      graph.reduce(.maximum, graph.unary(.absolute, input), axes: axes), to: column)
    let scale = try graph.divide(
      graph.constant(inputs.config.valueRange[1]),
      graph.linear(largest, scale: 1, offset: inputs.config.epsilon))
    let range = UnaryFunction.clip(
      low: inputs.config.valueRange[0], high: inputs.config.valueRange[1])
    let whole = try graph.unary(range, graph.unary(.round, graph.multiply(input, scale)))
    // Keras' gradient passes the rounding as if it weren't there.
    let error = try graph.subtract(graph.divide(whole, scale), input)
    return try graph.add(input, graph.stopGradient(error))
  }
}

/// Keras' `AbsMaxQuantizer`.
private struct Quantizer: Decodable, Sendable {
  struct Settings: Decodable, Sendable {
    let valueRange: [Float]
    let epsilon: Float

    enum CodingKeys: String, CodingKey {
      case epsilon
      case valueRange = "value_range"
    }
  }

  let className: String
  let config: Settings

  enum CodingKeys: String, CodingKey {
    case config
    case className = "class_name"
  }

  static let standard = Quantizer(
    className: "AbsMaxQuantizer", config: Settings(valueRange: [-127, 127], epsilon: 1e-7))
}

/// Keras' `QuantizationConfig`.
private struct WrittenConfig: Decodable {
  struct Settings: Decodable {
    let activationQuantizer: Quantizer?

    enum CodingKeys: String, CodingKey { case activationQuantizer = "activation_quantizer" }
  }

  let config: Settings
}

/// A type, which Keras writes as a name or as an object.
private struct WrittenPolicy: Decodable {
  let name: String?

  private enum CodingKeys: String, CodingKey { case config }
  private enum SettingKeys: String, CodingKey { case mode, name }

  init(from decoder: any Decoder) throws {
    if let name = try? decoder.singleValueContainer().decode(String.self) {
      self.name = name
      return
    }
    let settings = try decoder.container(keyedBy: CodingKeys.self)
      .nestedContainer(keyedBy: SettingKeys.self, forKey: .config)
    name =
      try settings.decodeIfPresent(String.self, forKey: .mode)
      ?? settings.decodeIfPresent(String.self, forKey: .name)
  }
}
