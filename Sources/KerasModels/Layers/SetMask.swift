import Graphs
import Tensors

/// Attaches a mask to a tensor, as a custom layer does whose `compute_mask` says so.
///
/// Keras has no such layer: masks are attributes of its tensors. What expands live models writes it
/// behind the outputs of a layer that sets their masks itself.
struct SetMask: Layer {
  static let classNames = ["SetMask"]

  let arguments = ["inputs", "new_mask"]

  init(decoding config: LayerConfig) throws {}

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    guard let input = context.call.tensor("inputs"), let mask = context.call.tensor("new_mask")
    else { throw .invalidArgument("SetMask takes a tensor and its mask") }
    context.setMask(mask.value)
    return [input.value]
  }
}
