import Glibc
import Graphs
import Tensors

extension OperationRule {
  /// Fourier transforms, as products with matrices, and the frames of signals; complex numbers are
  /// pairs of their parts.
  static let fourier: [String: OperationRule] = [
    "ExtractSequences": OperationRule(
      ["x"], settings: ["sequence_length", "sequence_stride"], extractSequences),
    "FFT": OperationRule(["x"]) { context in
      let parts = try context.complex("x")
      return try context.graph.fourier(parts, axis: -1).parts
    },
    "FFT2": OperationRule(["x"]) { context in
      let parts = try context.complex("x")
      let rows = try context.graph.fourier(parts, axis: -1)
      return try context.graph.fourier(rows, axis: -2).parts
    },
    "IFFT2": OperationRule(["x"]) { context in
      let parts = try context.complex("x")
      let rows = try context.graph.fourier(parts, axis: -1, isInverse: true)
      return try context.graph.fourier(rows, axis: -2, isInverse: true).parts
    },
    "IRFFT": OperationRule(["x"], settings: ["fft_length"]) { context in
      let parts = try context.complex("x")
      return [try context.graph.realInverse(parts, length: context.call.whole("fft_length"))]
    },
    "ISTFT": OperationRule(
      ["x"],
      settings: [
        "sequence_length", "sequence_stride", "fft_length", "length", "window", "center",
      ], inverseShortTime),
    "RFFT": OperationRule(["x"], settings: ["fft_length"], realTransform),
    "STFT": OperationRule(
      ["x"],
      settings: ["sequence_length", "sequence_stride", "fft_length", "window", "center"],
      shortTime),
  ]
}

/// Complex numbers in a graph.
private struct ComplexValue {
  let real: Value
  let imaginary: Value

  var parts: [Value] { [real, imaginary] }
}

extension LoweringContext {
  /// An argument that is a pair of real and imaginary parts.
  fileprivate mutating func complex(_ name: String) throws(PhospheneError) -> ComplexValue {
    let parts = try values(name)
    guard parts.count == 2, graph.shape(parts[0]) == graph.shape(parts[1]),
      graph.shape(parts[0]).rank > 0
    else {
      throw .invalidArgument("'\(name)' must be a pair of arrays: real and imaginary parts")
    }
    return ComplexValue(real: parts[0], imaginary: parts[1])
  }

  /// The positive setting `name`, at most as long as transforms may be.
  fileprivate func length(_ name: String) throws(PhospheneError) -> Int {
    guard let length = try call.whole(name), length > 0 else {
      throw .invalidArgument("\(name) must be a positive whole number")
    }
    return length
  }

  /// The setting `window` of short-time transforms.
  fileprivate func window() throws(PhospheneError) -> FourierTransform.Window? {
    switch call["window"] {
    case nil: return nil
    case .string("hann"): return .hann
    case .string("hamming"): return .hamming
    case .string(let name):
      throw .unsupported("window must be 'hann', 'hamming', None or an array, received '\(name)'")
    case .some(let given):
      guard let weights = given.plainNumbers else { throw call.mismatch("window", "an array") }
      return .given(weights.map { Float($0) })
    }
  }
}

extension Graph {
  /// Appends a matrix (count, bins) of cosines or sines of `2 pi i k / length`, `scale` times.
  private mutating func waves(
    _ function: (Double) -> Double, count: Int, bins: Int, length: Int,
    scale: (_ bin: Int) -> Double = { _ in 1 }
  ) throws(PhospheneError) -> Value {
    guard length <= FourierTransform.longestFrame else {
      throw .unsupported(
        "Fourier transforms have at most \(FourierTransform.longestFrame) elements, received "
          + "\(length)")
    }
    let wave = (0..<length).map { function(2 * .pi * Double($0) / Double(length)) }
    let factors = (0..<bins).map(scale)
    var elements: [Float] = []
    elements.reserveCapacity(count * bins)
    for index in 0..<count {
      for bin in 0..<bins { elements.append(Float(factors[bin] * wave[index * bin % length])) }
    }
    return constant(try Tensor([count, bins], elements))
  }

  /// Appends the product of the last axis with a matrix.
  private mutating func product(_ value: Value, _ matrix: Value) throws(PhospheneError) -> Value {
    try tensorProduct(value, [shape(value).rank - 1], matrix, [0])
  }

  /// Appends the Fourier transform along an axis, or its inverse.
  fileprivate mutating func fourier(
    _ value: ComplexValue, axis: Int, isInverse: Bool = false
  ) throws(PhospheneError) -> ComplexValue {
    let axis = try shape(value.real).axis(axis, of: "fft")
    let length = shape(value.real)[axis]
    var order = Array(shape(value.real).axes.indices)
    order.swapAt(axis, order.count - 1)
    let (real, imaginary) = (
      try transpose(value.real, order), try transpose(value.imaginary, order)
    )
    let scale = isInverse ? 1 / Double(length) : 1
    let cosines = try waves(cos, count: length, bins: length, length: length) { _ in scale }
    let sines = try waves(sin, count: length, bins: length, length: length) { _ in
      isInverse ? -scale : scale
    }
    return ComplexValue(
      real: try transpose(add(product(real, cosines), product(imaginary, sines)), order),
      imaginary: try transpose(
        subtract(product(imaginary, cosines), product(real, sines)), order))
  }

  /// Appends the last axis cut or continued with zeros.
  private mutating func fitted(_ value: Value, to length: Int) throws(PhospheneError) -> Value {
    let axis = shape(value).rank - 1
    let present = shape(value)[axis]
    guard length > present else {
      return try slice(value, axis: axis, start: 0, length: length)
    }
    var high = shape(value).axes.map { _ in 0 }
    high[axis] = length - present
    return try pad(value, low: high.map { _ in 0 }, high: high)
  }

  fileprivate mutating func realFourier(
    _ value: Value, length: Int
  ) throws(PhospheneError) -> ComplexValue {
    let bins = length / 2 + 1
    let signal = try fitted(value, to: length)
    let real = try product(signal, waves(cos, count: length, bins: bins, length: length))
    let imaginary = try product(
      signal, waves(sin, count: length, bins: bins, length: length) { _ in -1 })
    return ComplexValue(real: real, imaginary: imaginary)
  }

  /// Appends the real signal whose first half of a transform is given.
  fileprivate mutating func realInverse(
    _ value: ComplexValue, length: Int?
  ) throws(PhospheneError) -> Value {
    let given = shape(value.real).axes.last ?? 1
    let length = length ?? 2 * (given - 1)
    guard length > 0 else { throw .invalidArgument("fft_length must be positive") }
    let bins = length / 2 + 1
    // All frequencies but the first, and the last of an even number, stand for two.
    func share(_ bin: Int) -> Double {
      (bin == 0 || 2 * bin == length ? 1 : 2) / Double(length)
    }
    let cosines = try waves(cos, count: length, bins: bins, length: length, scale: share)
    let sines = try waves(sin, count: length, bins: bins, length: length, scale: share)
    return try subtract(
      product(fitted(value.real, to: bins), transpose(cosines, [1, 0])),
      product(fitted(value.imaginary, to: bins), transpose(sines, [1, 0])))
  }
}

private func realTransform(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  guard let present = context.graph.shape(x).axes.last else {
    throw .invalidArgument("a Fourier transform needs an axis, received a number")
  }
  let length = try context.call.whole("fft_length") ?? present
  guard length > 0 else { throw .invalidArgument("fft_length must be positive") }
  return try context.graph.realFourier(x, length: length).parts
}

/// The parts of a signal that begin `sequence_stride` apart, those that it fills.
private func extractSequences(
  _ context: inout LoweringContext
) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let shape = context.graph.shape(x)
  let length = try context.length("sequence_length")
  let stride = try context.length("sequence_stride")
  guard let count = shape.axes.last, count >= length else {
    throw .invalidArgument("signals of shape \(shape) are shorter than \(length)")
  }
  let frames = (count - length) / stride + 1
  let positions = (0..<frames).flatMap { frame in
    (0..<length).map { Float(frame * stride + $0) }
  }
  let indices = context.graph.constant(try Tensor([frames, length], positions))
  return [try context.graph.gather(x, indices, axis: shape.rank - 1)]
}

private func shortTime(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let transform = try FourierTransform(
    length: context.length("fft_length"), frameLength: context.length("sequence_length"),
    window: context.window())
  let parts = try transform.apply(
    to: x, stride: context.length("sequence_stride"),
    isCentered: context.call.flag("center", default: true), in: &context.graph)
  return [parts.real, parts.imaginary]
}

/// The signal of a short-time transform: its frames, windowed again and added where they overlap.
private func inverseShortTime(
  _ context: inout LoweringContext
) throws(PhospheneError) -> [Value] {
  let parts = try context.complex("x")
  let (length, part) = (try context.length("fft_length"), try context.length("sequence_length"))
  let stride = try context.length("sequence_stride")
  let shape = context.graph.shape(parts.real)
  guard shape.rank >= 2, part <= length else {
    throw .invalidArgument(
      "istft needs (..., frames, frequencies) and fft_length not below sequence_length, received "
        + "shape \(shape), \(length) and \(part)")
  }
  var frames = try context.graph.realInverse(parts, length: length)
  if let window = try context.window() {
    let weights = inverseWindow(window.weights(part), length: length, stride: stride)
    frames = try context.graph.multiply(
      frames, context.graph.constant(Tensor([length], weights)))
  }
  let count = shape[shape.rank - 2]
  let total = length + stride * (count - 1)
  let positions = (0..<count).flatMap { frame in
    (0..<length).map { Float(frame * stride + $0) }
  }
  let indices = context.graph.constant(try Tensor([count, length], positions))
  let signal = try context.graph.scatterAdd(
    frames, indices, axis: shape.rank - 2, length: total)
  let isCentered = context.call.flag("center", default: true)
  let start = isCentered ? length / 2 : 0
  let end: Int
  if let wanted = try context.call.whole("length") {
    end = min(start + wanted, total)
  } else {
    end = total - start
  }
  guard end > start else { throw .invalidArgument("the signal is shorter than its edges") }
  return [
    try context.graph.slice(signal, axis: shape.rank - 2, start: start, length: end - start)
  ]
}

/// A window divided by the sum of the squares of those that overlap it.
///
/// Source: TensorFlow, `inverse_stft_window_fn`.
private func inverseWindow(_ weights: [Float], length: Int, stride: Int) -> [Float] {
  let before = (length - weights.count) / 2
  var window = [Float](repeating: 0, count: length)
  for (index, weight) in weights.enumerated() { window[before + index] = weight }
  var sums = [Float](repeating: 0, count: stride)
  for (index, weight) in window.enumerated() { sums[index % stride] += weight * weight }
  return window.enumerated().map { $1 / sums[$0 % stride] }
}
