import Graphs
import Tensors

/// Keras' `Conv1DTranspose`, `Conv2DTranspose` and `Conv3DTranspose`: the adjoint of a convolution,
/// with a kernel (window..., filters, channels).
struct TransposedConvolution: ActivatedLayer {
  static let classNames = [
    "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "Convolution1DTranspose",
    "Convolution2DTranspose", "Convolution3DTranspose",
  ]

  private enum CodingKeys: String, CodingKey {
    case filters
    case outputPadding = "output_padding"
  }

  private let settings: ConvolutionSettings
  private let filters: Int
  /// What Keras adds to the shortest output along each axis; `nil` for its own choice.
  private let outputPadding: [Int]?

  var activationName: String? { settings.activation?.name }

  init(decoding config: LayerConfig) throws {
    settings = try ConvolutionSettings(decoding: config)
    try settings.requireStridesOrDilations()
    let own = try config.container(keyedBy: CodingKeys.self)
    filters = try own.positive(.filters)
    let lengths = try own.decodeIfPresent(Lengths.self, forKey: .outputPadding)?.values
    let rank = settings.rank
    outputPadding = lengths.map { $0.count == 1 ? Array(repeating: $0[0], count: rank) : $0 }
    guard let outputPadding else { return }
    guard outputPadding.count == rank,
      zip(outputPadding, settings.strides).allSatisfy({ (0..<$1).contains($0) })
    else {
      throw PhospheneError.invalidArgument(
        "output_padding needs a number below the stride for each of \(rank) axes, received "
          + "\(outputPadding) with strides \(settings.strides)")
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try settings.image(inputs.only(settings.className), in: &context.graph)
    let shape = context.graph.shape(input)
    let kernel = try context.weight(
      "kernel", Shape(settings.kernelSize + [filters, shape[settings.rank + 1]]))
    let value = try context.graph.transposedConvolution(
      input, weights: kernel, strides: settings.strides, dilations: settings.dilations,
      isPadded: settings.isPadded, outputPadding: outputPadding)
    return try settings.finish(value, in: &context)
  }
}

extension Graph {
  /// Appends the adjoint of a convolution with weights (window..., filters, channels).
  ///
  /// - Parameters:
  ///   - image: Its channels are last.
  ///   - weights: The kernel.
  ///   - strides: How far windows lie from each other in the result.
  ///   - dilations: How far elements of a window lie from each other.
  ///   - isPadded: Whether Keras' `padding` is `"same"`.
  ///   - outputPadding: What is added to the shortest result along each axis; `nil` for Keras' choice.
  /// - Returns: The result, channels last.
  /// - Throws: `invalidArgument` for a result that is too large.
  mutating func transposedConvolution(
    _ image: Value, weights: Value, strides: [Int], dilations: [Int], isPadded: Bool,
    outputPadding: [Int]?
  ) throws(PhospheneError) -> Value {
    let (input, kernel) = (shape(image), shape(weights))
    let rank = strides.count
    var geometry = WindowGeometry.keras(
      window: Array(kernel.axes.prefix(rank)), strides: strides, dilations: dilations,
      padding: .valid, spatial: Array(input.axes[1...rank]))
    var lengths: [Int] = []
    for axis in 0..<rank {
      let output = try transposedLength(
        input[axis + 1], stride: strides[axis], extent: (kernel[axis] - 1) * dilations[axis] + 1,
        isPadded: isPadded, outputPadding: outputPadding?[axis])
      lengths.append(output.length)
      geometry.padLow[axis] = output.cropped / 2
      geometry.padHigh[axis] = output.cropped - output.cropped / 2
    }
    return try transposedConvolution(
      image, weights: weights, geometry: geometry,
      image: Shape([input[0]] + lengths + [kernel[rank]]))
  }
}

/// Returns the length of the result along an axis, and how much of what the windows cover lies
/// outside of it.
///
/// Source: Keras, `_get_output_shape_given_tf_padding` in `backend/common/backend_utils.py`.
private func transposedLength(
  _ length: Int, stride: Int, extent: Int, isPadded: Bool, outputPadding: Int?
) throws(PhospheneError) -> (length: Int, cropped: Int) {
  let (reach, overflow) = max(length - 1, 0).multipliedReportingOverflow(by: stride)
  guard !overflow, reach < 1 << 40 else {
    throw .invalidArgument("an output of length \(length) is too large for strides of \(stride)")
  }
  let covered = reach + extent
  guard isPadded else { return (covered + (outputPadding ?? max(stride - extent, 0)), 0) }
  let output = outputPadding.map { reach + extent % 2 + $0 } ?? length * stride
  return (output, max(covered - output, 0))
}
