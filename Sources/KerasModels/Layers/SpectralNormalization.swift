import Graphs
import Tensors

/// Keras' `SpectralNormalization`: at inference the layer inside, whose kernel training has divided
/// by its largest singular value.
struct SpectralNormalization: Layer {
  static let classNames = ["SpectralNormalization"]

  private enum CodingKeys: String, CodingKey { case layer }

  let layer: LayerEntry

  init(decoding config: LayerConfig) throws {
    layer = try config.container(keyedBy: CodingKeys.self).decode(LayerEntry.self, forKey: .layer)
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let inputs = context.call.inputs
    let kernel = try kernel(for: inputs, in: context)
    // Keras lists the kernel first, then its own vector, then what else the layer has.
    _ = try context.scoped("layer") { (context) throws(PhospheneError) in
      try context.weight(kernel.name, kernel.shape, isTrainable: kernel.isTrainable)
    }
    _ = try context.weight("vector_u", [1, kernel.shape.axes.last ?? 1], isTrainable: false)
    let outputs = try context.scoped("layer") { (context) throws(PhospheneError) in
      try context.call(layer.kind, on: inputs)
    }
    for (index, output) in outputs.enumerated() {
      context.setMask(output.mask, ofOutput: index)
    }
    return outputs.map(\.value)
  }

  /// Finds the weight that is normalized by lowering the layer for nothing but its weights' names.
  private func kernel(
    for inputs: [MaskedValue], in context: LoweringContext
  ) throws(PhospheneError) -> WeightDescription {
    var probe = context
    probe.weights = WeightRecorder()
    _ = try probe.scoped("layer") { (probe) throws(PhospheneError) in
      try probe.call(layer.kind, on: inputs)
    }
    let own =
      (probe.weights as? WeightRecorder)?.weights
      .filter { $0.path == context.path + "/layer" } ?? []
    // Keras casts what embeddings it finds to the type of the ids: to whole numbers, mostly.
    guard let kernel = own.first(where: { $0.name == "kernel" }) else {
      throw .unsupported("the layer inside must have a kernel, received \(layer.className)")
    }
    return kernel
  }
}
