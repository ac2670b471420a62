import Glibc
import Graphs
import KerasModels
import Tensors

/// Pictures of nothing that have what natural images have in common: things in front of each other, of
/// all sizes and with edges of all sharpness, whose colours and textures are those of nature.
///
/// What the early layers of a network see in them is near to what they see in photos, see
/// `python/docs/maximization.md`. Sources: Lee, Mumford and Huang, "Occlusion Models for Natural Images",
/// 2001; Baradad et al., "Learning to See by Looking at Noise", 2021, who train networks with them.
struct DeadLeaves {
  let height: Int
  let width: Int
  let channels: Int
  /// Noise of mean 0 and deviation 1 that goes on beyond its ends, (height, width, channels) each.
  private let textures: [[Float]]

  /// How many leaves lie on a picture, enough that hardly anything of its ground is seen.
  private static let leafCount = 300

  /// Prepares pictures of 1 or 3 channels.
  ///
  /// - Throws: `outOfMemory`.
  init(height: Int, width: Int, channels: Int) throws(PhospheneError) {
    (self.height, self.width, self.channels) = (height, width, channels)
    textures =
      try DeadLeaves.noise(.natural, height, width, channels)
      + DeadLeaves.noise(.fourier, height, width, channels)
  }

  /// Two pictures of noise with the spectrum that a parametrization begins with, standardized.
  private static func noise(
    _ kind: Parametrization.Kind, _ height: Int, _ width: Int, _ channels: Int
  ) throws(PhospheneError) -> [[Float]] {
    let noise = ParametrizedImage(
      parametrization: .standard(kind), count: 2, height: height, width: width,
      channels: channels, background: 0.5)
    var graph = Graph()
    let parameters = graph.input(TensorType(noise.parameterShape))
    let pictures = try noise.image(of: parameters, in: &graph)
    let plan = try Plan(graph, outputs: [pictures], pool: ConstantPool(weights: []))
    let pixels = try plan.run([noise.randomParameters(seed: 0, replicates: 2)])[0].elements
    return [pixels.prefix(pixels.count / 2), pixels.suffix(pixels.count / 2)].map { picture in
      let mean = picture.reduce(0, +) / Float(picture.count)
      let square = picture.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(picture.count)
      let scale = 1 / max(square.squareRoot(), 1e-6)
      return picture.map { ($0 - mean) * scale }
    }
  }

  /// One of the pictures, (height, width, channels) between 0 and 1; always the same for its number.
  func picture(_ number: Int) -> [Float] {
    var random = Random(seed: 0, stream: RandomStream.leaves.number(replicate: number))
    let ground = Float(random.uniform(0.25, 0.7))
    let spread = Float(random.uniform(0.08, 0.25))
    var tint = random.normals(3)
    tint[0] = 0
    var pixels = [Float](repeating: ground, count: height * width * channels)
    for _ in 0..<DeadLeaves.leafCount {
      let leaf = Leaf(among: textures.count, height, width, &random)
      let axes = zip(random.normals(3), tint).map { $0 + $1 }
      paint(leaf, color: color(axes).map { ground + spread * $0 }, on: &pixels)
    }
    // Light falls from one side.
    let light = random.normals(2).map { 0.25 * $0 }
    for y in 0..<height {
      let down = light[0] * (2 * Float(y) / Float(height) - 1)
      for x in 0..<width {
        let strength = 1 + down + light[1] * (2 * Float(x) / Float(width) - 1)
        for index in (y * width + x) * channels..<(y * width + x + 1) * channels {
          pixels[index] = min(max(pixels[index] * strength, 0), 1)
        }
      }
    }
    return pixels
  }

  /// How far a colour lies from grey, by its places on ``ColorAxes``; brightness alone for one channel.
  private func color(_ axes: [Float]) -> [Float] {
    guard channels == 3 else { return [axes[0]] }
    // A step along the first axis is one in brightness.
    let length = (ColorAxes.mixing[0] + ColorAxes.mixing[1] + ColorAxes.mixing[2]) / 3
    return (0..<3).map { channel in
      (0..<3).reduce(0) { $0 + axes[$1] * ColorAxes.mixing[3 * $1 + channel] } / length
    }
  }

  private func paint(_ leaf: Leaf, color: [Float], on pixels: inout [Float]) {
    // No shape reaches farther than its corners.
    let reach = 1.5 * leaf.radius + leaf.edge
    func span(_ middle: Float, _ length: Int) -> Range<Int> {
      let end = min(max(Int(middle + reach) + 1, 0), length)
      return min(max(Int(middle - reach), 0), end)..<end
    }
    let (rows, columns) = (span(leaf.y, height), span(leaf.x, width))
    textures[leaf.texture].withUnsafeBufferPointer { texture in
      for y in rows {
        let textureRow = (y + leaf.shift.down) % height * width
        for x in columns {
          let cover = leaf.cover(Float(x), Float(y))
          guard cover > 0 else { continue }
          let place = (textureRow + (x + leaf.shift.right) % width) * channels
          let first = (y * width + x) * channels
          for channel in 0..<channels {
            let value = color[channel] + leaf.contrast * texture[place + channel]
            pixels[first + channel] += cover * (value - pixels[first + channel])
          }
        }
      }
    }
  }
}

/// An ellipse, a diamond or a rectangle somewhere on a picture, turned.
private struct Leaf {
  private enum Form: Int { case diamond, ellipse, rectangle }

  let x: Float, y: Float
  let radius: Float
  /// Over how many pixels its edge fades.
  let edge: Float
  let texture: Int
  let shift: (down: Int, right: Int)
  /// How strong its texture is.
  let contrast: Float
  private let form: Form
  private let aspect: Float
  private let cosine: Float, sine: Float

  init(among textures: Int, _ height: Int, _ width: Int, _ random: inout Random) {
    // Sizes fall with their third power, which looks alike from any distance.
    let (least, largest) = (0.06, 0.5)
    let share = random.uniform()
    let size =
      1 / ((1 - share) / (least * least) + share / (largest * largest)).squareRoot()
    radius = Float(size) * Float(min(height, width))
    x = Float(random.uniform(-0.1, 1.1)) * Float(width)
    y = Float(random.uniform(-0.1, 1.1)) * Float(height)
    aspect = Float(random.uniform(0.4, 1))
    let angle = random.uniform(0, Double.pi)
    (cosine, sine) = (Float(cos(angle)), Float(sin(angle)))
    form = Form(rawValue: random.integer(in: 0...2)) ?? .ellipse
    edge = Float(random.uniform(0.7, 2))
    texture = random.integer(in: 0...textures - 1)
    shift = (random.integer(in: 0...height - 1), random.integer(in: 0...width - 1))
    contrast = Float(-0.14 * log(1 - random.uniform()))
  }

  /// How much of a pixel it covers, from 0 to 1.
  func cover(_ column: Float, _ row: Float) -> Float {
    let (dx, dy) = (column - x, row - y)
    let along = abs(dx * cosine + dy * sine) / radius
    let across = abs(dy * cosine - dx * sine) / (radius * aspect)
    let distance =
      switch form {
      case .diamond: along + across
      case .ellipse: (along * along + across * across).squareRoot()
      case .rectangle: max(along, across)
      }
    return min(max((1 - distance) * radius * aspect / edge + 0.5, 0), 1)
  }
}
