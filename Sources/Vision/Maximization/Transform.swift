import Glibc
import Tensors

/// A random change of the picture before the network sees it, so that only what survives it is
/// rewarded.
///
/// All of them together are one affine map, and the gradient passes through it.
enum Transform: Codable, Sendable {
  /// A shift by whole pixels, up to `pixels` along each axis.
  case jitter(pixels: Int)
  /// An enlargement by a factor between two others, around the middle.
  case scale(low: Double, high: Double)
  /// A rotation by up to `degrees` either way, around the middle.
  case rotate(degrees: Double)

  /// What is done unless something else is asked for: lucid's `standard_transforms`, whose shifts
  /// of 8 and 4 pixels were made for canvases of 128, in proportion to the canvas.
  static func standard(side: Int) -> [Transform] {
    [
      .jitter(pixels: max(side / 16, 1)), .scale(low: 0.9, high: 1.1), .rotate(degrees: 10),
      .jitter(pixels: max(side / 32, 1)),
    ]
  }

  private enum Kind: String, Codable { case jitter, scale, rotate }
  private enum CodingKeys: String, CodingKey { case kind, pixels, low, high, degrees }

  init(from decoder: any Decoder) throws {
    let options = try decoder.container(keyedBy: CodingKeys.self)
    switch try options.decode(Kind.self, forKey: .kind) {
    case .jitter: self = .jitter(pixels: try options.decode(Int.self, forKey: .pixels))
    case .scale:
      self = .scale(
        low: try options.decode(Double.self, forKey: .low),
        high: try options.decode(Double.self, forKey: .high))
    case .rotate: self = .rotate(degrees: try options.decode(Double.self, forKey: .degrees))
    }
  }

  func encode(to encoder: any Encoder) throws {
    var options = encoder.container(keyedBy: CodingKeys.self)
    switch self {
    case .jitter(let pixels):
      try options.encode(Kind.jitter, forKey: .kind)
      try options.encode(pixels, forKey: .pixels)
    case .scale(let low, let high):
      try options.encode(Kind.scale, forKey: .kind)
      try options.encode(low, forKey: .low)
      try options.encode(high, forKey: .high)
    case .rotate(let degrees):
      try options.encode(Kind.rotate, forKey: .kind)
      try options.encode(degrees, forKey: .degrees)
    }
  }

  func check() throws(PhospheneError) {
    switch self {
    case .jitter(let pixels): try require(0...4096, pixels, "jitter pixels")
    case .scale(let low, let high):
      try require(0.05...20, low, "scale low")
      try require(low...20, high, "scale high")
    case .rotate(let degrees): try require(0...180, degrees, "rotate degrees")
    }
  }
}

/// The affine map from a view's pixels to the canvas: `(y, x) = matrix · (i, j) + offset`.
struct AffineMap {
  private(set) var matrix = [1.0, 0.0, 0.0, 1.0]
  private(set) var offset = [0.0, 0.0]

  /// The map that shows a whole canvas in a view, pixel centres at whole numbers.
  init(canvas: (height: Int, width: Int), view: (height: Int, width: Int)) {
    let (sy, sx) = (
      Double(canvas.height) / Double(view.height), Double(canvas.width) / Double(view.width)
    )
    matrix = [sy, 0, 0, sx]
    offset = [sy / 2 - 0.5, sx / 2 - 0.5]
  }

  /// Appends a transform of the canvas.
  mutating func apply(
    _ transform: Transform, canvas: (height: Int, width: Int), random: inout Random
  ) {
    switch transform {
    case .jitter(let pixels):
      offset[0] += Double(random.integer(in: -pixels...pixels))
      offset[1] += Double(random.integer(in: -pixels...pixels))
    case .scale(let low, let high):
      // A larger picture means that the view covers less of the canvas.
      let factor = 1 / random.uniform(low, high)
      turn([factor, 0, 0, factor], around: canvas)
    case .rotate(let degrees):
      let angle = random.uniform(-degrees, degrees) * Double.pi / 180
      turn([cos(angle), -sin(angle), sin(angle), cos(angle)], around: canvas)
    }
  }

  /// The six numbers of the warp operation.
  var elements: [Float] {
    [matrix[0], matrix[1], offset[0], matrix[2], matrix[3], offset[1]].map(Float.init)
  }

  private mutating func turn(_ m: [Double], around canvas: (height: Int, width: Int)) {
    let middle = [Double(canvas.height - 1) / 2, Double(canvas.width - 1) / 2]
    let (a, o) = (matrix, [offset[0] - middle[0], offset[1] - middle[1]])
    matrix = [
      m[0] * a[0] + m[1] * a[2], m[0] * a[1] + m[1] * a[3], m[2] * a[0] + m[3] * a[2],
      m[2] * a[1] + m[3] * a[3],
    ]
    offset = [m[0] * o[0] + m[1] * o[1] + middle[0], m[2] * o[0] + m[3] * o[1] + middle[1]]
  }
}
