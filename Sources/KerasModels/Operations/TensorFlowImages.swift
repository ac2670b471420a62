import Graphs
import Tensors

extension OperationRule {
  /// TensorFlow's functions of images, one or a batch, whose channels are last.
  static let tensorFlowImages: [String: OperationRule] = [
    "image.central_crop": OperationRule(["image", "central_fraction"]) { context in
      let share = try context.call.number("central_fraction") ?? 1
      guard share > 0, share <= 1 else {
        throw PhospheneError.invalidArgument("central_fraction must lie above 0 and up to 1")
      }
      return [
        try context.cropped("image") { length in
          let start = Int((Double(length) - Double(length) * share) / 2)
          return (start, length - 2 * start)
        }
      ]
    },
    "image.crop_to_bounding_box": OperationRule(
      ["image", "offset_height", "offset_width", "target_height", "target_width"], cropToBox),
    "image.flip_left_right": unary(of: "image") { graph, image in
      try graph.flip(image, axes: [-2])
    },
    "image.flip_up_down": unary(of: "image") { graph, image in
      try graph.flip(image, axes: [-3])
    },
    "image.pad_to_bounding_box": OperationRule(
      ["image", "offset_height", "offset_width", "target_height", "target_width"]
    ) { context in
      context.call.rename([
        "image": "images", "offset_height": "top_padding", "offset_width": "left_padding",
        "target_height": "target_height", "target_width": "target_width",
      ])
      return try lower("PadImages", in: &context)
    },
    "image.per_image_standardization": unary(of: "image", standardized),
    "image.rgb_to_grayscale": renamed("RGBToGrayscale", ["images": "images"]),
  ]

  private static func unary(
    of argument: String, _ body: @escaping @Sendable (inout Graph, Value) throws -> Value
  ) -> OperationRule {
    OperationRule([argument]) { context in
      let x = try context.requiredValue(argument)
      return [try body(&context.graph, x)]
    }
  }
}

extension LoweringContext {
  /// Appends the part of both spatial axes of an image that `part` gives for their lengths.
  fileprivate mutating func cropped(
    _ name: String, _ part: (_ length: Int) -> (start: Int, length: Int)
  ) throws(PhospheneError) -> Value {
    var image = try requiredValue(name)
    let shape = graph.shape(image)
    guard (3...4).contains(shape.rank) else {
      throw .invalidArgument("images have height, width and channels, received \(shape)")
    }
    for axis in [shape.rank - 3, shape.rank - 2] {
      let (start, length) = part(shape[axis])
      image = try graph.slice(image, axis: axis, start: start, length: length)
    }
    return image
  }
}

private func cropToBox(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  var image = try context.requiredValue("image")
  let rank = context.graph.shape(image).rank
  guard (3...4).contains(rank) else {
    throw .invalidArgument(
      "images have height, width and channels, received \(context.graph.shape(image))")
  }
  for (axis, word) in [(rank - 3, "height"), (rank - 2, "width")] {
    guard let start = try context.call.whole("offset_\(word)"),
      let length = try context.call.whole("target_\(word)")
    else { throw .invalidArgument("offset_\(word) and target_\(word) must be given") }
    image = try context.graph.slice(image, axis: axis, start: start, length: length)
  }
  return [image]
}

/// Each image moved to mean 0 and scaled to deviation 1, or less where it is nearly of one color.
private func standardized(_ graph: inout Graph, _ image: Value) throws(PhospheneError) -> Value {
  let shape = graph.shape(image)
  guard shape.rank >= 3 else {
    throw .invalidArgument("images have height, width and channels, received \(shape)")
  }
  let axes = Array(shape.rank - 3..<shape.rank)
  let count = Float(axes.reduce(1) { $0 * shape[$1] })
  let centered = try graph.subtract(image, graph.kept(.mean, image, axes: axes))
  let variance = try graph.kept(.mean, graph.unary(.square, centered), axes: axes)
  let deviation = try graph.unary(
    .clip(low: 1 / count.squareRoot(), high: .infinity), graph.unary(.squareRoot, variance))
  return try graph.divide(centered, deviation)
}
