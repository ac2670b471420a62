import Graphs
import Tensors

/// Keras' `ZeroPadding1D` to `3D`: zeros around the spatial axes.
struct ZeroPadding: Layer {
  static let classNames = ["ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"]

  let keepsWholeNumbers = true

  private enum CodingKeys: String, CodingKey { case padding }

  private let className: String
  private let format: DataFormat
  private let edges: [EdgeLengths.Pair]

  init(decoding config: LayerConfig) throws {
    className = config.className
    format = try config.dataFormat()
    edges =
      try config.container(keyedBy: CodingKeys.self)
      .decodeIfPresent(EdgeLengths.self, forKey: .padding)?
      .pairs(for: config.spatialRank, "padding")
      ?? Array(repeating: (low: 1, high: 1), count: config.spatialRank)
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only(className)
    try context.graph.requireImage(input, rank: edges.count, format, className)
    var low = context.graph.shape(input).axes.map { _ in 0 }
    var high = low
    for (index, edge) in edges.enumerated() {
      low[format.firstSpatialAxis + index] = edge.low
      high[format.firstSpatialAxis + index] = edge.high
    }
    return [try context.graph.pad(input, low: low, high: high)]
  }
}

/// Keras' `Cropping1D` to `3D`: the spatial axes without their ends.
struct Cropping: Layer {
  static let classNames = ["Cropping1D", "Cropping2D", "Cropping3D"]

  let keepsWholeNumbers = true

  private enum CodingKeys: String, CodingKey { case cropping }

  private let className: String
  private let format: DataFormat
  private let edges: [EdgeLengths.Pair]

  init(decoding config: LayerConfig) throws {
    className = config.className
    format = try config.dataFormat()
    let standard = config.spatialRank == 2 ? 0 : 1
    edges =
      try config.container(keyedBy: CodingKeys.self)
      .decodeIfPresent(EdgeLengths.self, forKey: .cropping)?
      .pairs(for: config.spatialRank, "cropping")
      ?? Array(repeating: (low: standard, high: standard), count: config.spatialRank)
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only(className)
    try context.graph.requireImage(input, rank: edges.count, format, className)
    var value = input
    for (index, edge) in edges.enumerated() {
      let axis = format.firstSpatialAxis + index
      let length = context.graph.shape(input)[axis] - edge.low - edge.high
      guard length > 0 else {
        throw .invalidArgument(
          "cropping \(edge.low) and \(edge.high) elements leaves nothing of axis \(axis) of an "
            + "input of shape \(context.graph.shape(input))")
      }
      value = try context.graph.slice(value, axis: axis, start: edge.low, length: length)
    }
    return [value]
  }
}

/// The numbers of elements at both ends of spatial axes: one number for all ends, one for each
/// axis, or two for each axis.
private struct EdgeLengths: Decodable {
  typealias Pair = (low: Int, high: Int)

  private let ends: [[Int]]
  /// Whether a list of numbers was read.
  private let isFlat: Bool

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(Int.self) {
      (ends, isFlat) = ([[number]], false)
    } else if let numbers = try? container.decode([Int].self) {
      (ends, isFlat) = (numbers.map { [$0] }, true)
    } else {
      (ends, isFlat) = (try container.decode([Lengths].self).map(\.values), false)
    }
  }

  /// Returns the two numbers of each of `rank` axes.
  func pairs(for rank: Int, _ setting: String) throws(PhospheneError) -> [Pair] {
    var pairs = ends.count == 1 ? Array(repeating: ends[0], count: rank) : ends
    // Along one axis two numbers are its two ends.
    if rank == 1, isFlat { pairs = [ends.flatMap(\.self)] }
    guard pairs.count == rank,
      pairs.allSatisfy({ pair in
        (1...2).contains(pair.count) && pair.allSatisfy { (0...1 << 16).contains($0) }
      })
    else {
      throw .invalidArgument(
        "\(setting) needs two numbers from 0 to 65536 for each of \(rank) axes, received \(ends)")
    }
    return pairs.map { ($0[0], $0[$0.count - 1]) }
  }
}
