import Graphs
import Tensors

/// Keras' `Pipeline`: layers called one on the result of the other, as one layer.
struct Pipeline: Layer {
  static let classNames = ["Pipeline"]

  let arguments = ["inputs", "training", "mask"]

  private enum CodingKeys: String, CodingKey { case layers }

  /// The layers with the names under which Keras saves them.
  private let layers: [(name: String, entry: LayerEntry)]

  init(decoding config: LayerConfig) throws {
    let entries = try config.container(keyedBy: CodingKeys.self)
      .decode([LayerEntry].self, forKey: .layers)
    layers = zip(savedNames(of: entries.map(\.className)), entries).map { ($0, $1) }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    guard var value = context.call.tensor("inputs") else {
      throw .invalidArgument("Pipeline takes one input")
    }
    value.mask = context.call.mask
    for (name, entry) in layers {
      let outputs = try context.scoped("layers") { (context) throws(PhospheneError) in
        try context.scoped(name) { (context) throws(PhospheneError) in
          try context.call(entry.kind, on: [value])
        }
      }
      guard outputs.count == 1, let output = outputs.first else {
        throw .unsupported("layer '\(entry.name)' of a Pipeline must have one output")
      }
      value = output
    }
    context.setMask(value.mask)
    return [value.value]
  }
}
