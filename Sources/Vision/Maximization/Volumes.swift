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

extension Rendering {
  /// Appends how much each pixel of the pictures matters to what a gradient at the network's input
  /// belongs to: its absolute value, mean over channels, (count, height, width, 1) as ``shown``.
  ///
  /// Source: Fel et al. 2023, whose transparency is the sum of it over all steps.
  func attention(
    to picture: Value, behind input: Value, gradient: Value, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let back = try graph.gradient(of: input, withRespectTo: [picture], cotangent: gradient)
    guard let gradient = back[0] else {
      throw .invalidArgument("the objective doesn't depend on the network's input")
    }
    var sizes = try graph.unary(.absolute, gradient)
    if self.sizes.form != .signal {
      let shape = graph.shape(sizes)
      sizes = try graph.reshape(
        graph.reduce(.mean, sizes, axes: [3]), to: [shape[0], shape[1], shape[2], 1])
    }
    return try self.sizes.shown(sizes, background: 0, in: &graph)
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
  /// What the waves of a channel of a volume are multiplied with, (depth, slice height, width): the same
  /// law of frequency as for pictures.
  private func volumeWeights(ofChannel channel: Int) -> [Float] {
    let (z, y, x) = (
      Waves(length: depth).frequencies, Waves(length: height / depth).frequencies,
      Waves(length: width).frequencies
    )
    let lowest = 1 / Double(max(z.count, y.count, x.count))
    var weights: [Float] = []
    weights.reserveCapacity(height * width)
    for fz in z {
      for fy in y {
        for fx in x {
          let frequency = max((fz * fz + fy * fy + fx * fx).squareRoot(), lowest)
          if parametrization.kind == .natural {
            let across = (frequency * frequency - fx * fx).squareRoot()
            weights.append(
              Float(NaturalSpectrum.magnitude(axis: 0, fy: across.isNaN ? 0 : across, fx: fx)))
          } else {
            weights.append(Float(pow(frequency, -Double(parametrization.decayPower)) / 4))
          }
        }
      }
    }
    return weights
  }

  /// Appends volumes of waves, (count, channels, depth, slice height, width), as (count, height, width,
  /// channels).
  func volume(of waves: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
    let slice = height / depth
    let weights = graph.constant(
      try Tensor([channels, depth, slice, width], (0..<channels).flatMap(volumeWeights)))
    let along = graph.constant(try Tensor([width, width], Waves(length: width).matrix))
    let down = graph.constant(try Tensor([slice, slice], Waves(length: slice).matrix))
    let through = graph.constant(try Tensor([depth, depth], Waves(length: depth).matrix))
    var value = try graph.multiply(waves, weights)
    value = try graph.matrixProduct(value, along, transposeB: true)
    value = try graph.matrixProduct(down, value)
    value = try graph.reshape(value, to: [count, channels, depth, slice * width])
    value = try graph.matrixProduct(through, value)
    value = try graph.reshape(value, to: [count, channels, height, width])
    return try graph.transpose(value, [0, 2, 3, 1])
  }

  /// The waves of volumes, (count, height, width, channels): what ``volume(of:in:)`` undoes.
  func waves(of volume: [Float]) -> [Float] {
    let slice = height / depth
    let matrices = [depth, slice, width].map { Waves(length: $0).matrix }
    let strides = [slice * width, width, 1]
    var result: [Float] = []
    result.reserveCapacity(volume.count)
    for picture in 0..<count {
      for channel in 0..<channels {
        var values = (0..<height * width).map {
          volume[(picture * height * width + $0) * channels + channel]
        }
        for (axis, length) in [depth, slice, width].enumerated() {
          var turned = values
          for index in values.indices {
            let wave = index / strides[axis] % length
            let first = index - wave * strides[axis]
            turned[index] = (0..<length).reduce(0) {
              $0 + matrices[axis][$1 * length + wave] * values[first + $1 * strides[axis]]
            }
          }
          values = turned
        }
        result += zip(values, volumeWeights(ofChannel: channel)).map { $0 / $1 }
      }
    }
    return result
  }
}
