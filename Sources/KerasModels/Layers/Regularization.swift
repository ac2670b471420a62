import Graphs
import Tensors

/// Layers that do nothing at inference: Keras' `Dropout` and its kin, noise, and what only adds to a
/// loss.
struct Dropout: Layer {
  static let classNames = [
    "ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise",
    "Identity", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "StochasticDepth",
  ]

  let passesMask: Bool

  init(decoding config: LayerConfig) throws {
    // Of keras.applications, and the only one without supports_masking.
    passesMask = config.className != "StochasticDepth"
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] { [try inputs.only("a layer without numbers")] }
}
