/// The axes along which the colours of natural images vary independently.
///
/// Source: lucid, `optvis/param/color.py`, the square root of ImageNet's colour correlation.
enum ColorAxes {
  private static let correlation: [[Float]] = [
    [0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03],
  ]

  /// The norm of the longest column, which brings the matrix to unit size.
  private static let norm = (0.26 * 0.26 + 0.27 * 0.27 + 0.27 * 0.27 as Float).squareRoot()

  /// Red, green and blue of each axis: `rgb = axes × mixing`, row by row.
  static let mixing: [Float] = (0..<9).map { correlation[$0 % 3][$0 / 3] / norm }

  /// The other way round: `axes = rgb × unmixing`, the inverse of ``mixing`` by its cofactors.
  static let unmixing: [Float] = {
    let m = mixing.map(Double.init)
    func minor(_ i: Int, _ j: Int) -> Double {
      let rows = [0, 1, 2].filter { $0 != i }
      let columns = [0, 1, 2].filter { $0 != j }
      let product = m[rows[0] * 3 + columns[0]] * m[rows[1] * 3 + columns[1]]
      return product - m[rows[0] * 3 + columns[1]] * m[rows[1] * 3 + columns[0]]
    }
    let determinant = m[0] * minor(0, 0) - m[1] * minor(0, 1) + m[2] * minor(0, 2)
    return (0..<9).map { index in
      let (i, j) = (index / 3, index % 3)
      return Float(((i + j) % 2 == 0 ? 1 : -1) * minor(j, i) / determinant)
    }
  }()
}
