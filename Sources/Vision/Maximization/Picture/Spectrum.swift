import Glibc
import Graphs
import Tensors

/// The two-dimensional spectrum of real pictures of one size: real parts above, imaginary parts below,
/// and half of the columns, as the others are mirror images.
struct Spectrum: Sendable {
  let height: Int
  let width: Int

  /// How many frequencies lie side by side.
  var half: Int { width / 2 + 1 }

  /// A number for each frequency, in cycles a pixel down and across, (height, half).
  func map(_ weight: (_ fy: Double, _ fx: Double) -> Double) -> [Float] {
    var weights: [Float] = []
    weights.reserveCapacity(height * half)
    for row in 0..<height {
      let fy = Double(row <= (height - 1) / 2 ? row : row - height) / Double(height)
      for column in 0..<half {
        weights.append(Float(weight(fy, Double(column) / Double(width))))
      }
    }
    return weights
  }

  /// Appends `irfft2` of spectra, (count, channels, 2 height, half), as two matrix products: pictures
  /// (count, height, width, channels).
  func pictures(of spectra: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
    let axes = graph.shape(spectra).axes
    let columns = try graph.matrixProduct(vertical(in: &graph), spectra)
    let parts = try graph.reshape(columns, to: [axes[0], axes[1], 2, height, half])
    let rows = try graph.reduce(
      .sum, graph.matrixProduct(parts, horizontal(in: &graph)), axes: [2])
    return try graph.transpose(rows, [0, 2, 3, 1])
  }

  /// Appends `rfft2` of pictures: what ``pictures(of:in:)`` undoes, by the same matrices transposed.
  func spectra(of pictures: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
    let axes = graph.shape(pictures).axes
    let planes = try graph.reshape(
      graph.transpose(pictures, [0, 3, 1, 2]), to: [axes[0], axes[3], 1, height, width])
    let parts = try graph.matrixProduct(planes, horizontal(in: &graph), transposeB: true)
    let sums = try graph.matrixProduct(
      vertical(in: &graph), graph.reshape(parts, to: [axes[0], axes[3], 2 * height, half]),
      transposeA: true)
    let inverse = graph.constant(try Tensor([half], (0..<half).map { Float(1 / share(of: $0)) }))
    return try graph.multiply(sums, inverse)
  }

  /// What a column of frequencies counts in a picture: those that stand for their mirror images too
  /// count twice.
  private func share(of column: Int) -> Double {
    (column == 0 || 2 * column == width ? 1 : 2) / Double(width * height)
  }

  /// Appends the complex sums over rows as one real matrix.
  private func vertical(in graph: inout Graph) throws(PhospheneError) -> Value {
    let side = 2 * height
    let turns = UnitCircle(height)
    return graph.constant(
      try Tensor([side, side]) { matrix in
        for row in 0..<height {
          for frequency in 0..<height {
            let turn = row * frequency % height
            let (cosine, sine) = (Float(turns.cosines[turn]), Float(turns.sines[turn]))
            matrix[row * side + frequency] = cosine
            matrix[row * side + height + frequency] = -sine
            matrix[(height + row) * side + frequency] = sine
            matrix[(height + row) * side + height + frequency] = cosine
          }
        }
      })
  }

  /// Appends the sums over columns, for real and for imaginary parts.
  private func horizontal(in graph: inout Graph) throws(PhospheneError) -> Value {
    let turns = UnitCircle(width)
    return graph.constant(
      try Tensor([2, half, width]) { matrices in
        for frequency in 0..<half {
          let weight = share(of: frequency)
          for column in 0..<width {
            let turn = column * frequency % width
            matrices[frequency * width + column] = Float(weight * turns.cosines[turn])
            matrices[(half + frequency) * width + column] = Float(-weight * turns.sines[turn])
          }
        }
      })
  }
}

/// Cosines and sines of the angles that divide a circle into equal parts.
private struct UnitCircle {
  let cosines: [Double]
  let sines: [Double]

  init(_ count: Int) {
    let angles = (0..<count).map { 2 * Double.pi * Double($0) / Double(count) }
    cosines = angles.map { cos($0) }
    sines = angles.map { sin($0) }
  }
}
