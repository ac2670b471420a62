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
    var geometry = WindowGeometry.keras(
      window: settings.kernelSize, strides: settings.strides, dilations: settings.dilations,
      padding: .valid, spatial: Array(shape.axes[1...settings.rank]))
    var lengths: [Int] = []
    for axis in 0..<settings.rank {
      let output = try outputLength(shape[axis + 1], axis)
      lengths.append(output.length)
      geometry.padLow[axis] = output.cropped / 2
      geometry.padHigh[axis] = output.cropped - output.cropped / 2
    }
    let value = try context.graph.transposedConvolution(
      input, weights: kernel, geometry: geometry, image: Shape([shape[0]] + lengths + [filters]))
    return try settings.finish(value, in: &context)
  }

  /// Returns the length of the output along an axis, and how much of what the windows cover lies
  /// outside of it.
  ///
  /// Source: Keras, `_get_output_shape_given_tf_padding` in `backend/common/backend_utils.py`.
  private func outputLength(
    _ length: Int, _ axis: Int
  ) throws(PhospheneError) -> (length: Int, cropped: Int) {
    let stride = settings.strides[axis]
    let extent = (settings.kernelSize[axis] - 1) * settings.dilations[axis] + 1
    let (reach, overflow) = max(length - 1, 0).multipliedReportingOverflow(by: stride)
    guard !overflow, reach < 1 << 40 else {
      throw .invalidArgument("an output along axis \(axis) is too large for strides of \(stride)")
    }
    let covered = reach + extent
    guard settings.isPadded else {
      return (covered + (outputPadding?[axis] ?? max(stride - extent, 0)), 0)
    }
    let output = outputPadding.map { reach + extent % 2 + $0[axis] } ?? length * stride
    return (output, max(covered - output, 0))
  }
}
