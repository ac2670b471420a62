import Glibc
import Graphs
import Tensors

/// How an image is sampled between its pixels.
///
/// Each is a linear map along each axis by itself, and pixels are squares: the first one reaches
/// from 0 to 1, its value lies at 0.5.
///
/// Source: TensorFlow, `resize_bilinear_op.cc`, `resize_bicubic_op.cc`, `resize_area_op.cc`,
/// `scale_and_translate_op.cc` and `sampling_kernels.h`.
enum Interpolation: String, CaseIterable, Sendable {
  case nearest, bilinear, bicubic, lanczos3, lanczos5, area

  /// Longer axes than any picture has would take minutes to prepare.
  static let longestAxis = 1 << 16

  /// Returns the weights of an axis' pixels in those of another length.
  ///
  /// With `antialias` a filter is widened where it makes an image smaller.
  func matrix(from length: Int, to count: Int, antialias: Bool) -> SparseMatrix {
    // In 32 bits, as TensorFlow computes positions: another rounding is another pixel.
    let scale = Float(length) / Float(count)
    let rows = (0..<count).map { index in
      switch self {
      case .nearest:
        let position = Int(((Float(index) + 0.5) * scale).rounded(.down))
        return [SparseMatrix.Entry(min(max(position, 0), length - 1), 1)]
      case .bilinear where !antialias:
        return Interpolation.linear((Float(index) + 0.5) * scale - 0.5, length)
      case .bicubic where !antialias:
        return Interpolation.cubic((Float(index) + 0.5) * scale - 0.5, length)
      case .area: return Interpolation.share(index, scale, length)
      case .bilinear, .bicubic, .lanczos3, .lanczos5:
        return filtered(index, Float(count) / Float(length), length, antialias: antialias)
      }
    }
    return SparseMatrix(columnCount: length, rows: rows)
  }

  /// The two pixels next to a position.
  private static func linear(_ position: Float, _ length: Int) -> [SparseMatrix.Entry] {
    let floor = position.rounded(.down)
    let share = position - floor
    return [
      SparseMatrix.Entry(max(Int(floor), 0), 1 - share),
      SparseMatrix.Entry(min(Int(position.rounded(.up)), length - 1), share),
    ]
  }

  /// Keys' cubic with a = -1/2 on the four pixels next to a position; those outside don't count.
  private static func cubic(_ position: Float, _ length: Int) -> [SparseMatrix.Entry] {
    let floor = position.rounded(.down)
    // TensorFlow looks its weights up in a table.
    let share = ((position - floor) * 1024).rounded(.toNearestOrEven) / 1024
    let weights = [1 + share, share, 1 - share, 2 - share].map(keysCubic)
    let entries = zip(Int(floor) - 1..<Int(floor) + 3, weights)
      .filter { (0..<length).contains($0.0) }
    return normalized(entries.map { SparseMatrix.Entry($0.0, $0.1) })
  }

  /// The pixels below one pixel of the result, by the share of each that lies there.
  private static func share(
    _ index: Int, _ scale: Float, _ length: Int
  ) -> [SparseMatrix.Entry] {
    let (start, end) = (Float(index) * scale, Float(index + 1) * scale)
    return (Int(start.rounded(.down))..<Int(end.rounded(.up))).map { pixel in
      let (low, high) = (max(Float(pixel), start), min(Float(pixel + 1), end))
      return SparseMatrix.Entry(min(max(pixel, 0), length - 1), (high - low) / scale)
    }
  }

  /// The pixels below a filter around a position, as wide as a pixel of the result if that is
  /// larger.
  private func filtered(
    _ index: Int, _ magnification: Float, _ length: Int, antialias: Bool
  ) -> [SparseMatrix.Entry] {
    let inverse = Float(1 / Double(magnification))
    let width = antialias ? max(inverse, 1) : 1
    let position = (Float(index) + 0.5) * inverse
    guard (0...Float(length)).contains(position) else { return [] }
    let reach = radius * width
    let first = Int((position - reach - 0.5).rounded(.up))
    let last = Int((position + reach - 0.5).rounded(.down))
    let pixels = min(max(first, 0), length - 1)...min(max(last, 0), length - 1)
    return Interpolation.normalized(
      pixels.map { SparseMatrix.Entry($0, filter(abs((Float($0) + 0.5 - position) / width))) })
  }

  /// The distance from which on the filter is zero.
  private var radius: Float {
    switch self {
    case .lanczos5: 5
    case .lanczos3: 3
    case .bicubic: 2
    default: 1
    }
  }

  private func filter(_ distance: Float) -> Float {
    switch self {
    case .bicubic: Interpolation.keysCubic(distance)
    case .lanczos3, .lanczos5: Interpolation.lanczos(distance, radius)
    default: max(1 - distance, 0)
    }
  }

  private static func keysCubic(_ x: Float) -> Float {
    if x >= 2 { return 0 }
    return x >= 1 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : (1.5 * x - 2.5) * x * x + 1
  }

  private static func lanczos(_ x: Float, _ radius: Float) -> Float {
    if x > radius { return 0 }
    // Here the quotient would be that of two numbers near zero.
    if x <= 1e-3 { return 1 }
    return radius * sinf(.pi * x) * sinf(.pi * x / radius) / (.pi * .pi * x * x)
  }

  private static func normalized(_ entries: [SparseMatrix.Entry]) -> [SparseMatrix.Entry] {
    let sum = entries.reduce(0) { $0 + $1.value }
    guard abs(sum) >= 1000 * .leastNormalMagnitude else { return entries }
    return entries.map { SparseMatrix.Entry($0.column, $0.value / sum) }
  }
}

extension Graph {
  /// Appends an array whose axis is as long as `count` says, by interpolation.
  mutating func interpolate(
    _ value: Value, axis: Int, to count: Int, _ interpolation: Interpolation,
    antialias: Bool = false
  ) throws(PhospheneError) -> Value {
    let length = shape(value)[axis]
    guard length != count else { return value }
    guard length > 0, (1...Interpolation.longestAxis).contains(count),
      length <= Interpolation.longestAxis
    else {
      throw .unsupported(
        "interpolated axes have 1 to \(Interpolation.longestAxis) elements, received \(length) to "
          + "become \(count)")
    }
    return try sparseProduct(
      interpolation.matrix(from: length, to: count, antialias: antialias), value, axis: axis)
  }
}
