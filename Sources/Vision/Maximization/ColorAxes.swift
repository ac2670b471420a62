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

  /// Returns the coordinates along the axes of values red, green, blue, red, ….
  static func unmixed(_ rgb: [Float]) -> [Float] {
    let m = mixing.map(Double.init)
    func minor(_ i: Int, _ j: Int) -> Double {
      let rows = [0, 1, 2].filter { $0 != i }
      let columns = [0, 1, 2].filter { $0 != j }
      let product = m[rows[0] * 3 + columns[0]] * m[rows[1] * 3 + columns[1]]
      return product - m[rows[0] * 3 + columns[1]] * m[rows[1] * 3 + columns[0]]
    }
    let determinant = m[0] * minor(0, 0) - m[1] * minor(0, 1) + m[2] * minor(0, 2)
    var result = rgb
    for start in stride(from: 0, to: rgb.count, by: 3) {
      for j in 0..<3 {
        result[start + j] = Float(
          (0..<3).reduce(0.0) { sum, i in
            let sign = (i + j) % 2 == 0 ? 1.0 : -1.0
            return sum + Double(rgb[start + i]) * sign * minor(j, i) / determinant
          })
      }
    }
    return result
  }
}
