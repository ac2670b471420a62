import Glibc
import Graphs
import Tensors

/// The Fourier transforms of the frames of a signal, as a product with a matrix.
struct FourierTransform: Sendable {
  /// How the samples of a frame are weighted.
  enum Window: Decodable, Sendable {
    case hann, hamming
    case given([Float])

    private enum Name: String, CaseIterable { case hann, hamming }

    init(from decoder: any Decoder) throws {
      guard let name = try? decoder.singleValueContainer().decode(String.self) else {
        self = .given(try NumericArray(from: decoder).elements)
        return
      }
      switch Name(rawValue: name) {
      case .hann: self = .hann
      case .hamming: self = .hamming
      case nil:
        throw PhospheneError.unsupported(
          "window must be one of 'hann', 'hamming', None or an array, received '\(name)'")
      }
    }

    /// The weight of each of `count` samples.
    func weights(_ count: Int) -> [Float] {
      let (middle, amplitude): (Double, Double)
      switch self {
      case .given(let weights): return weights
      case .hann: (middle, amplitude) = (0.5, 0.5)
      case .hamming: (middle, amplitude) = (0.54, 0.46)
      }
      // As TensorFlow has it: periodic for even lengths, symmetric for odd ones.
      if count == 1 { return [1] }
      let period = Double(count % 2 == 0 ? count : count - 1)
      return (0..<count).map { Float(middle - amplitude * cos(2 * .pi * Double($0) / period)) }
    }
  }

  /// Matrices of more elements than a network has weights aren't made.
  static let longestFrame = 1 << 13

  let length: Int
  /// The samples of a frame that the window leaves, and where they begin.
  private let samples: Range<Int>
  private let weights: [Float]

  var binCount: Int { length / 2 + 1 }

  init(length: Int, frameLength: Int, window: Window?) throws(PhospheneError) {
    guard frameLength <= length, length <= FourierTransform.longestFrame else {
      throw .unsupported(
        "sequence_length must not exceed fft_length, nor this \(FourierTransform.longestFrame), "
          + "received \(frameLength) and \(length)")
    }
    self.length = length
    if let window {
      let start = (length - frameLength) / 2
      (samples, weights) = (start..<start + frameLength, window.weights(frameLength))
    } else {
      (samples, weights) = (0..<length, Array(repeating: 1, count: length))
    }
    guard weights.count == samples.count else {
      throw .invalidArgument(
        "window needs \(samples.count) numbers, received \(weights.count)")
    }
  }

  /// Appends real and imaginary parts (..., frames, frequencies) of signals (..., samples), which
  /// are mirrored at both ends if the first frame's middle lies at their start.
  func apply(
    to signals: Value, stride: Int, isCentered: Bool = true, in graph: inout Graph
  ) throws(PhospheneError) -> (real: Value, imaginary: Value) {
    let shape = graph.shape(signals)
    let edge = isCentered ? length / 2 : 0
    guard let count = shape.axes.last, count > edge, count + 2 * edge >= length else {
      throw .invalidArgument(
        "signals of shape \(shape) have too few samples for fft_length \(length)")
    }
    let frameCount = (count + 2 * edge - length) / stride + 1
    var positions: [Float] = []
    for frame in 0..<frameCount {
      for sample in samples {
        let position = abs(frame * stride + sample - edge)
        positions.append(Float(position < count ? position : 2 * (count - 1) - position))
      }
    }
    let indices = graph.constant(try Tensor([frameCount, samples.count], positions))
    let frames = try graph.gather(signals, indices, axis: -1)
    let rows = try graph.reshape(
      frames, to: [graph.shape(frames).elementCount / samples.count, samples.count])
    let result = Shape(shape.axes.dropLast() + [frameCount, binCount])
    let angles = (0..<length).map { 2 * Double.pi * Double($0) / Double(length) }
    func part(_ wave: [Float]) throws(PhospheneError) -> Value {
      var matrix: [Float] = []
      matrix.reserveCapacity(samples.count * binCount)
      for (sample, weight) in zip(samples, weights) {
        for bin in 0..<binCount { matrix.append(weight * wave[sample * bin % length]) }
      }
      let waves = graph.constant(try Tensor([samples.count, binCount], matrix))
      return try graph.reshape(graph.matrixProduct(rows, waves), to: result)
    }
    return (try part(angles.map { Float(cos($0)) }), try part(angles.map { Float(-sin($0)) }))
  }
}
