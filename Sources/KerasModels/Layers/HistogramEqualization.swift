import Graphs
import Tensors

/// Keras' `ContrastLimitedAdaptiveHistogramEqualization`: each pixel by the share of darker pixels in
/// its neighbourhood, in tiles whose histograms are cut off and blended.
///
/// Source: Keras, `clahe.py`.
struct HistogramEqualization: Layer {
  static let classNames = ["ContrastLimitedAdaptiveHistogramEqualization"]

  private enum CodingKeys: String, CodingKey {
    case valueRange = "value_range"
    case clipLimit = "clip_limit"
    case grid = "tile_grid_size"
  }

  /// The values of a pixel.
  private static let levelCount = 256

  private let format: DataFormat
  private let low: Float
  private let high: Float
  private let clipLimit: Float
  /// The number of tiles along height and width.
  private let grid: [Int]

  init(decoding config: LayerConfig) throws {
    format = try config.dataFormat()
    let settings = try config.container(keyedBy: CodingKeys.self)
    let range =
      try settings.decodeIfPresent(NumericArray.self, forKey: .valueRange)?.elements ?? [0, 255]
    guard range.count == 2, range[0] < range[1] else {
      throw PhospheneError.invalidArgument(
        "value_range needs a smallest and a larger number, received \(range)")
    }
    (low, high) = (range[0], range[1])
    clipLimit = try settings.decodeIfPresent(Float.self, forKey: .clipLimit) ?? 4
    grid =
      try settings.decodeIfPresent(Lengths.self, forKey: .grid)?.expanded(to: 2, "tile_grid_size")
      ?? [8, 8]
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try context.graph.image(
      inputs.only("HistogramEqualization"), rank: 2, from: format, "HistogramEqualization")
    // Moved, not copied.
    var graph = context.graph
    context.graph = Graph()
    defer { context.graph = graph }
    guard low != 0 || high != 255 else {
      return [try graph.channelsLast(equalize(input, in: &graph), to: format)]
    }
    // In Keras' order: another rounding may be another level.
    let share = try graph.divide(
      graph.linear(input, scale: 1, offset: -low), graph.constant(high - low))
    let equalized = try equalize(graph.linear(share, scale: 255), in: &graph)
    let result = try graph.linear(equalized, scale: (high - low) / 255, offset: low)
    return [try graph.channelsLast(result, to: format)]
  }

  /// Appends pixels from 0 to 255 after equalization, as (batch, height, width, channels).
  private func equalize(
    _ pixels: Value, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let shape = graph.shape(pixels)
    let (batch, channels) = (shape[0], shape[3])
    let tiles = zip(shape.axes[1...2], grid).map { ($0 + $1 - 1) / $1 }
    let tableCount = batch.multipliedClamping(by: channels)
      .multipliedClamping(by: (grid[0] + 2) * (grid[1] + 2) * HistogramEqualization.levelCount)
    guard tableCount <= 1 << 24, zip(tiles, grid).allSatisfy({ $0 * $1 <= 1 << 12 }) else {
      throw .unsupported(
        "tile_grid_size \(grid) makes too many histograms of an input of shape \(shape)")
    }
    // Behind the image's end it is mirrored until the tiles are full.
    var padded = pixels
    for (index, axis) in [1, 2].enumerated() {
      let length = shape[axis]
      let positions = (0..<tiles[index] * grid[index]).map {
        Float($0 < length ? $0 : 2 * length - 1 - $0)
      }
      guard positions.allSatisfy({ $0 >= 0 }) else {
        throw .invalidArgument(
          "tile_grid_size \(grid) is too fine for an input of shape \(shape)")
      }
      padded = try graph.gather(
        padded, graph.constant(Tensor([positions.count], positions)), axis: axis)
    }
    let levels = try graph.unary(
      .truncate, graph.unary(.clip(low: 0, high: 255), padded))
    let tables = try shares(of: levels, tiles: tiles, in: &graph)

    let own = try graph.slice(
      graph.slice(levels, axis: 1, start: 0, length: shape[1]), axis: 2, start: 0,
      length: shape[2])
    // Where the table of each image and channel begins, and those of the tiles around a pixel.
    let step = HistogramEqualization.levelCount * channels
    let images = graph.constant(
      try Tensor(
        [batch, 1, 1, channels],
        (0..<batch).flatMap { image in
          (0..<channels).map {
            Float(
              image * step * (grid[0] + 2) * (grid[1] + 2) + $0 * HistogramEqualization.levelCount)
          }
        }))
    let base = try graph.add(own, images)
    let rows = TileBlend(length: shape[1], tile: tiles[0], step: step * (grid[1] + 2))
    let columns = TileBlend(length: shape[2], tile: tiles[1], step: step)
    func look(_ row: [Float], _ column: [Float]) throws(PhospheneError) -> Value {
      let places = try graph.add(
        graph.constant(Tensor([shape[1], 1, 1], row)),
        graph.constant(Tensor([shape[2], 1], column)))
      return try graph.gather(tables, graph.add(base, places))
    }
    func blend(_ a: Value, _ b: Value, _ share: Value) throws(PhospheneError) -> Value {
      try graph.add(a, graph.multiply(graph.subtract(b, a), share))
    }
    let across = graph.constant(try Tensor([shape[2], 1], columns.shares))
    let above = try blend(
      look(rows.first, columns.first), look(rows.first, columns.second), across)
    let below = try blend(
      look(rows.second, columns.first), look(rows.second, columns.second), across)
    return try blend(
      above, below, graph.constant(Tensor([shape[1], 1, 1], rows.shares)))
  }

  /// Appends, for each tile and one more around them, each channel and each level, the share of
  /// pixels up to this level, from 0 to 255: one long table.
  private func shares(
    of levels: Value, tiles: [Int], in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let shape = graph.shape(levels)
    let (batch, channels) = (shape[0], shape[3])
    let count = HistogramEqualization.levelCount
    let tileCount = batch * grid[0] * grid[1] * channels
    let split = try graph.reshape(
      levels, to: [batch, grid[0], tiles[0], grid[1], tiles[1], channels])
    let rows = try graph.reshape(
      graph.transpose(split, [0, 1, 3, 5, 2, 4]), to: [tileCount, tiles[0] * tiles[1]])
    let starts = graph.constant(
      try Tensor([tileCount, 1], (0..<tileCount).map { Float($0 * count) }))
    let ones = graph.constant(try Tensor([tileCount, tiles[0] * tiles[1]], repeating: 1))
    var histograms = try graph.reshape(
      graph.scatterAdd(ones, graph.add(rows, starts), length: tileCount * count),
      to: [tileCount, count])
    let pixelCount = Float(tiles[0] * tiles[1])
    if clipLimit > 0 {
      let clipped = try graph.unary(
        .clip(low: 0, high: clipLimit * pixelCount / Float(count)), histograms)
      let excess = try graph.reduce(
        .sum, graph.subtract(histograms, clipped), axes: [1])
      histograms = try graph.add(
        clipped, graph.reshape(graph.linear(excess, scale: 1 / Float(count)), to: [tileCount, 1]))
    }
    let sums = try graph.cumulative(.sum, histograms, axis: 1)
    let smallest = try graph.reshape(
      graph.reduce(.minimum, sums, axes: [1]), to: [tileCount, 1])
    let range = try graph.linear(smallest, scale: -1, offset: pixelCount)
    let divisor = try graph.select(range, range, graph.constant(1))
    let share = try graph.divide(
      graph.linear(graph.subtract(sums, smallest), scale: 255), divisor)
    var tables = try graph.reshape(
      graph.unary(.clip(low: 0, high: 255), share),
      to: [batch, grid[0], grid[1], channels, count])
    for axis in 1...2 {
      let last = grid[axis - 1] - 1
      let positions = ([0] + Array(0...last) + [last]).map(Float.init)
      tables = try graph.gather(
        tables, graph.constant(Tensor([positions.count], positions)), axis: axis)
    }
    return try graph.reshape(tables, to: [graph.shape(tables).elementCount])
  }
}

/// Between which two tiles the pixels of an axis lie, and how near to the second.
private struct TileBlend {
  private(set) var first: [Float] = []
  private(set) var second: [Float] = []
  private(set) var shares: [Float] = []

  /// Looks at `length` pixels in tiles of `tile`, whose tables lie `step` elements apart.
  init(length: Int, tile: Int, step: Int) {
    for pixel in 0..<length {
      let position = (Float(pixel) - Float(tile) / 2) / Float(tile) + 1
      let floor = position.rounded(.down)
      first.append(floor * Float(step))
      second.append((floor + 1) * Float(step))
      shares.append(position - floor)
    }
  }
}
