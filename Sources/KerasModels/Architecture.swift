import FoundationEssentials
import Graphs
public import Tensors

/// The structure of a Keras model: what it computes, without the numbers that it learned.
public final class Architecture: Sendable {
  /// The configuration that the structure was read from, unchanged.
  public let configJSON: String
  /// What the structure consists of, as JSON: layers, shapes, connections, weights.
  public let json: String
  /// The weights that a model of this structure has, in the order of Keras' `get_weights()`.
  public let weightShapes: [(key: String, shape: Shape)]

  let network: NetworkConfig
  let weights: [WeightDescription]
  let channels: ChannelAxes

  private enum RootKeys: String, CodingKey {
    case config
    case className = "class_name"
  }

  /// What says which Keras wrote a configuration.
  private struct Writer: Decodable {
    let kerasVersion: String?

    private enum CodingKeys: String, CodingKey { case kerasVersion = "keras_version" }
  }

  private struct Root: Decodable {
    let network: NetworkConfig

    init(from decoder: any Decoder) throws {
      let root = try decoder.container(keyedBy: RootKeys.self)
      let className = try root.decode(String.self, forKey: .className)
      guard ["Functional", "Model", "Sequential"].contains(className) else {
        throw PhospheneError.unsupported(
          "a model of class '\(className)' holds code, which is never run: build it from built-in layers "
            + "as a Functional or Sequential model")
      }
      network = try NetworkConfig(
        className: className, decoder: root.superDecoder(forKey: .config))
    }
  }

  /// Reads a configuration as `model.to_json()` writes it.
  ///
  /// - Throws: `unsupported` for a layer or setting that isn't known, `invalidArgument` for a text
  ///   that is no configuration or describes a network that can't be computed.
  public init(configJSON: String) throws(PhospheneError) {
    self.configJSON = configJSON
    do {
      let decoder = JSONDecoder()
      // Python writes bare Infinity and NaN.
      decoder.allowsJSON5 = true
      let data = Data(configJSON.utf8)
      if let key = KerasVersion.Writer.key {
        let version = try? decoder.decode(Writer.self, from: data).kerasVersion
        decoder.userInfo[key] = KerasVersion.Writer(KerasVersion(version))
      }
      network = try decoder.decode(Document<Root>.self, from: data).value.network
    } catch {
      throw PhospheneError(decoding: error, of: "model configuration")
    }
    let structure = try StructuralLowering(of: network)
    weights = structure.weights
    weightShapes = structure.weights.map { ($0.key, $0.shape) }
    channels = try ChannelAxes(
      of: network, inputShapes: Architecture.inputShapes(of: network), structure: structure)
    json = try ArchitectureDescription(network, structure, channels).json
  }

  /// The shapes of the inputs, batch included, `nil` where a length is free.
  public var inputShapes: [[Int?]] { Architecture.inputShapes(of: network) }

  private static func inputShapes(of network: NetworkConfig) -> [[Int?]] {
    network.inputs.compactMap { input in
      for layer in network.layers where layer.name == input.layer {
        if case .input(let config) = layer.kind { return config.shape }
      }
      return nil
    }
  }

  /// The paths of the layers whose outputs the model returns.
  public var outputPaths: [String] {
    network.outputs.map { output in
      let call = pathElement(output.layer) + (output.call == 0 ? "" : "#\(output.call)")
      return output.output == 0 ? call : "\(call):\(output.output)"
    }
  }
}
