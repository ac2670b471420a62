import Graphs
import Tensors

/// `LayerScale` of `keras.applications`' ConvNeXt: the last axis times one learned factor a channel.
struct LayerScale: Layer {
  static let classNames = ["LayerScale"]

  private enum CodingKeys: String, CodingKey { case projectionDim = "projection_dim" }

  private let channels: Int

  init(decoding config: LayerConfig) throws {
    channels = try config.container(keyedBy: CodingKeys.self)
      .decode(Int.self, forKey: .projectionDim)
    guard (1..<(1 << 24)).contains(channels) else {
      throw PhospheneError.invalidArgument("projection_dim must be positive, received \(channels)")
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    // Keras gives the variable no name of its own.
    let gamma = try context.weight("variable", [channels])
    return [try context.graph.multiply(inputs.only("LayerScale"), gamma)]
  }
}
