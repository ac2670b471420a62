import Graphs
import Tensors

/// Keras' `UpSampling1D` to `3D`: spatial axes some times as long, by repetition or, over two axes,
/// by interpolation.
struct UpSampling: Layer {
  static let classNames = ["UpSampling1D", "UpSampling2D", "UpSampling3D"]

  let keepsWholeNumbers = true

  private enum CodingKeys: String, CodingKey { case size, interpolation }

  private let className: String
  private let format: DataFormat
  private let factors: [Int]
  private let interpolation: Interpolation

  init(decoding config: LayerConfig) throws {
    className = config.className
    format = try config.dataFormat()
    let settings = try config.container(keyedBy: CodingKeys.self)
    let rank = config.spatialRank
    factors =
      try settings.decodeIfPresent(Lengths.self, forKey: .size)?.expanded(to: rank, "size")
      ?? Array(repeating: 2, count: rank)
    interpolation =
      rank == 2
      ? try settings.choice(Interpolation.self, forKey: .interpolation, default: .nearest)
      : .nearest
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only(className)
    try context.graph.requireImage(input, rank: factors.count, format, className)
    let axes = context.graph.shape(input).axes
    let first = format.firstSpatialAxis
    guard interpolation == .nearest else {
      var value = input
      for (index, factor) in factors.enumerated() {
        let axis = first + index
        value = try context.graph.interpolate(
          value, axis: axis, to: axes[axis].multipliedClamping(by: factor), interpolation)
      }
      return [try context.rounded(value)]
    }
    // An axis of repetitions behind each spatial axis.
    var (single, repeated, result) = (Array(axes[..<first]), Array(axes[..<first]), axes)
    for (index, factor) in factors.enumerated() {
      let length = axes[first + index]
      single += [length, 1]
      repeated += [length, factor]
      result[first + index] = length.multipliedClamping(by: factor)
    }
    let rest = axes[(first + factors.count)...]
    _ = try Shape(checking: result, of: "the output of \(className)")
    let column = try context.graph.reshape(input, to: Shape(single + rest))
    let copies = try context.graph.broadcast(column, to: Shape(repeated + rest))
    return [try context.graph.reshape(copies, to: Shape(result))]
  }
}
