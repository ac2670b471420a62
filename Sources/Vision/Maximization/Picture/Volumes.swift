import Glibc
import Graphs
import KerasModels
import Tensors

// Inputs that are no pictures: volumes and signals.

extension RenderingSizes {
  /// Appends what there is to look at of (count, height, width, channels): the slices of a volume side
  /// by side in rows, the channels of a signal one below the other, time to the right.
  func shown(
    _ picture: Value, background: Float, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let channels = graph.shape(picture)[3]
    switch form {
    case .picture, .row: return picture
    case .signal: return try graph.transpose(picture, [0, 3, 1, 2])
    case .volume:
      let columns = Int(Double(depth).squareRoot().rounded(.up))
      let rows = (depth + columns - 1) / columns
      let height = view.height / depth
      var slices = try graph.reshape(picture, to: [count, depth, height, view.width, channels])
      if rows * columns > depth {
        let rest = try Tensor(
          [count, rows * columns - depth, height, view.width, channels], repeating: background)
        slices = try graph.concatenate([slices, graph.constant(rest)], axis: 1)
      }
      let grid = try graph.reshape(
        slices, to: [count, rows, columns, height, view.width, channels])
      return try graph.reshape(
        graph.transpose(grid, [0, 1, 3, 2, 4, 5]),
        to: [count, rows * height, columns * view.width, channels])
    }
  }
}

/// The waves along one axis: a constant, then a cosine and a sine of each frequency, as an orthonormal
/// matrix of positions by waves.
struct Waves {
  let length: Int
  /// Cycles a position of each wave.
  var frequencies: [Double] { (0..<length).map { Double(($0 + 1) / 2) / Double(length) } }

  /// Row by row.
  var matrix: [Float] {
    var matrix = [Float](repeating: 0, count: length * length)
    for position in 0..<length {
      for wave in 0..<length {
        let turns = (wave + 1) / 2
        let angle = 2 * Double.pi * Double(turns * position % length) / Double(length)
        let isAlone = wave == 0 || 2 * turns == length
        let size = ((isAlone ? 1 : 2) / Double(length)).squareRoot()
        matrix[position * length + wave] =
          Float(size * (wave % 2 == 1 || wave == 0 ? cos(angle) : sin(angle)))
      }
    }
    return matrix
  }
}

extension ParametrizedImage {
  /// Appends volumes of waves, (count, channels, depth, slice height, width), as (count, height, width,
  /// channels).
  func volume(of waves: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
    let slice = height / depth
    var value = try graph.multiply(waves, allVolumeWeights(in: &graph))
    value = try graph.matrixProduct(value, matrix(width, in: &graph), transposeB: true)
    value = try graph.matrixProduct(matrix(slice, in: &graph), value)
    value = try graph.reshape(value, to: [count, channels, depth, slice * width])
    value = try graph.matrixProduct(matrix(depth, in: &graph), value)
    value = try graph.reshape(value, to: [count, channels, height, width])
    return try graph.transpose(value, [0, 2, 3, 1])
  }

  /// Appends volumes of fixed magnitudes: each number, (count, channels, depth, slice height, width / 2 + 1),
  /// is the phase of a wave to the right, whose cosine and sine are multiplied with those down and through.
  func volume(ofPhases phases: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
    let angles = try standardized(phases, in: &graph)
    let cosines = try graph.matrixProduct(
      graph.unary(.cosine, angles), columns(of: .cosine, in: &graph))
    let sines = try graph.matrixProduct(graph.unary(.sine, angles), columns(of: .sine, in: &graph))
    return try volume(of: graph.add(cosines, sines), in: &graph)
  }

  private enum WavePart { case cosine, sine }

  /// Appends which wave along a row, see ``Waves``, a frequency's cosine or sine is, (width / 2 + 1, width).
  private func columns(
    of part: WavePart, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let half = width / 2 + 1
    return graph.constant(
      try Tensor([half, width]) { matrix in
        matrix.initialize(repeating: 0)
        for frequency in 0..<half {
          let wave = part == .cosine ? max(2 * frequency - 1, 0) : 2 * frequency
          let isAbsent = part == .sine && frequency == 0
          if !isAbsent, wave < width { matrix[frequency * width + wave] = 1 }
        }
      })
  }

  /// Appends the waves of volumes, (count, height, width, channels): what ``volume(of:in:)`` undoes, by
  /// the same matrices transposed.
  func waves(of volume: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
    let slice = height / depth
    var value = try graph.transpose(volume, [0, 3, 1, 2])
    value = try graph.reshape(value, to: [count, channels, depth, slice * width])
    value = try graph.matrixProduct(matrix(depth, in: &graph), value, transposeA: true)
    value = try graph.reshape(value, to: [count, channels, depth, slice, width])
    value = try graph.matrixProduct(matrix(slice, in: &graph), value, transposeA: true)
    value = try graph.matrixProduct(value, matrix(width, in: &graph))
    return try graph.divide(value, allVolumeWeights(in: &graph))
  }

  private func matrix(_ length: Int, in graph: inout Graph) throws(PhospheneError) -> Value {
    graph.constant(try Tensor([length, length], Waves(length: length).matrix))
  }

  private func allVolumeWeights(in graph: inout Graph) throws(PhospheneError) -> Value {
    graph.constant(
      try Tensor(
        [channels, depth, height / depth, width], (0..<channels).flatMap(volumeWeights)))
  }
}
