import Glibc
import Tensors

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

  /// Appends a transform of the canvas, when a share of all steps is done.
  mutating func apply(
    _ transform: Transform, canvas: (height: Int, width: Int), progress: Double = 0,
    random: inout Random
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
    case .pad(let pixels):
      let (height, width) = (Double(canvas.height), Double(canvas.width))
      let border = Double(2 * pixels)
      turn([(height + border) / height, 0, 0, (width + border) / width], around: canvas)
    case .flip:
      turn([1, 0, 0, random.uniform() < 0.5 ? 1 : -1], around: canvas)
    case .crop(let first, let last, let centre):
      let side = first + (last - first) * progress
      turn([side, 0, 0, side], around: canvas)
      let room = (1 - side) / 2
      let centre =
        switch centre {
        case .normal(let deviation): random.normals(2).map { deviation * Double($0) }
        case .uniform: (0..<2).map { _ in random.uniform(-1, 1) * (room + Transform.overreach) }
        }
      offset[0] += min(max(centre[0], -room), room) * Double(canvas.height)
      offset[1] += min(max(centre[1], -room), room) * Double(canvas.width)
    case .noise, .blur: break
    }
  }

  /// Takes back all that leaves a column of one pixel.
  mutating func stayInColumn() {
    matrix = [matrix[0], 0, 0, 1]
    offset[1] = 0
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
