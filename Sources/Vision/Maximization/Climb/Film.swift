public import Tensors

/// The pictures at one moment of the way there, without transforms.
public struct Frame: Sendable {
  /// Steps done.
  public let step: Int
  /// The objective of each picture; it belongs to ``image``.
  public let scores: [Float]
  /// Pixels from 0 to 255, (count, height, width, channels).
  public let image: Tensor
}

/// Which pictures of the way there are kept, and those that have been.
struct Film: Sendable {
  private let wanted: Int
  private(set) var frames: [Frame] = []

  /// What the frames of a film may take together.
  static let mostBytes = 1 << 30

  /// - Parameter rendering: Its recipe says how many frames are wanted; they are spread evenly from
  ///   the start to the last step.
  /// - Throws: `invalidArgument` where they would take too much memory.
  init(_ rendering: Rendering) throws(PhospheneError) {
    let (recipe, sizes) = (rendering.recipe, rendering.sizes)
    wanted = recipe.frames
    let canvas = recipe.stages.map(\.size).max { $0[0] * $0[1] < $1[0] * $1[1] }
    let (height, width) = (canvas?[0] ?? sizes.canvas.height, canvas?[1] ?? sizes.canvas.width)
    let count = min(wanted, recipe.steps + 1)
    // As a fraction, which can't overflow.
    let bytes = [sizes.count, height, width, sizes.channels].reduce(Double(count)) {
      $0 * Double($1)
    }
    guard bytes <= Double(Film.mostBytes) else {
      throw .invalidArgument(
        "\(counted(count, "frame")) of \(counted(sizes.count, "picture")) of \(height) x \(width) pixels would take "
          + "\(Int(min(bytes / 0x1p20, 1e15))) MB; at most \(Film.mostBytes >> 20) are kept: ask for fewer frames or "
          + "pictures at once")
    }
  }

  /// Whether the pictures after a step of so many are to be kept.
  func wants(_ step: Int, of steps: Int) -> Bool {
    guard wanted > 1 else { return wanted == 1 && step == steps }
    // Frame i is that of the step next to i * steps / gaps; only the frame next to here may be it.
    let gaps = wanted - 1
    let near = (step * gaps + steps / 2) / steps
    return (near * steps + gaps / 2) / gaps == step
  }

  /// Keeps what a look at the pictures gave: the scores, the network's input, the pictures.
  mutating func keep(_ look: [Tensor], step: Int) throws(PhospheneError) {
    frames.append(Frame(step: step, scores: look[0].elements, image: try look[2].asPixels()))
  }
}

extension Tensor {
  /// Pixels from 0 to 255 of pixels from 0 to 1, rounded.
  ///
  /// - Throws: `outOfMemory`.
  public func asPixels() throws(PhospheneError) -> Tensor {
    let storage = try Storage(byteCount: shape.elementCount)
    let bytes = storage.start.assumingMemoryBound(to: UInt8.self)
    for (index, pixel) in floats.enumerated() {
      bytes[index] = UInt8(min(max(pixel, 0), 1) * 255 + 0.5)
    }
    return Tensor(TensorType(shape, .uint8), storage: storage)
  }
}
