internal import CVectorKernels
public import Tensors

/// What a rescaling adds to an array.
public enum Rescaling: Hashable, Sendable {
  /// A factor and a summand for each position of the last axis, both constant.
  case scaleAndShift
  /// An array of the same shape.
  case sum
}

/// Computes `x * scale + offset` or `x + addend` and, of the result, an activation that limits it to a
/// range: both in one passage through memory, which is what takes time.
///
/// Inputs: `x` and either `scale` and `offset` of shape (channels) or `addend`. Outputs: the result if
/// `keepsResult` or there is no activation, then the activation of it if there is one. NaN stays NaN.
///
/// `isStreaming` says that nobody reads the result soon, so that it had better not take the place of
/// other arrays in the caches.
///
/// - Precondition: the activation limits to a range: ``UnaryFunction/isClamp``.
public func rescalingKernel(
  _ rescaling: Rescaling, shape: Shape, activation: UnaryFunction?, keepsResult: Bool,
  isStreaming: Bool
) -> any Kernel {
  guard shape.elementCount > 0 else { return LoopKernel { _ in } }
  let problem = RescalingKernel(
    rescaling: rescaling, count: shape.elementCount, channels: shape.axes.last ?? 1,
    range: activation?.clampRange, keepsResult: keepsResult, isStreaming: isStreaming,
    vectors: VectorKernels.best)
  precondition(activation == nil || problem.range != nil)
  return problem
}

/// See ``rescalingKernel(_:shape:activation:keepsResult:isStreaming:)``.
struct RescalingKernel: Kernel {
  let rescaling: Rescaling
  let count: Int
  let channels: Int
  let range: (low: Float, high: Float)?
  let keepsResult: Bool
  let isStreaming: Bool
  /// Without them a plain loop computes the same.
  let vectors: VectorKernels?

  /// The elements after which factors and summands begin anew: repeated so often that they fill
  /// whole registers, if that is not too often.
  private var period: Int {
    guard rescaling == .scaleAndShift else { return 1 << 12 }
    var period = channels
    while period % 16 != 0, period < 1 << 10 { period *= 2 }
    return period
  }

  func layout(ofInput index: Int) -> Layout {
    guard rescaling == .scaleAndShift, index > 0, period > channels else { return .dense }
    return .packed(key: "repeated to \(period)", byteCount: 4 * period)
  }

  func pack(
    input index: Int, from dense: UnsafeRawPointer, into packed: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    for start in stride(from: 0, to: period, by: channels) {
      (packed + 4 * start).copyMemory(from: dense, byteCount: 4 * channels)
    }
  }

  func run(
    _ arguments: Arguments, scratch: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    let isScaled = rescaling == .scaleAndShift
    let firstOutput = isScaled ? 3 : 2
    let hasResult = keepsResult || range == nil
    let (count, period) = (count, period)
    var problem = ph_rescaling(
      period: Int64(period), scale: isScaled ? UnsafePointer(arguments[1]) : nil,
      offset: isScaled ? UnsafePointer(arguments[2]) : nil, x: UnsafePointer(arguments[0]),
      addend: isScaled ? nil : UnsafePointer(arguments[1]), low: range?.0 ?? -.infinity,
      high: range?.1 ?? .infinity, result: hasResult ? arguments[firstOutput] : nil,
      clamped: range == nil ? nil : arguments[firstOutput + (hasResult ? 1 : 0)],
      is_streaming: isStreaming ? 1 : 0)
    withUnsafePointer(to: &problem) { problem in
      Threads.split((count + period - 1) / period, grain: max(1, loopGrain / period)) { range in
        let (first, end) = (range.lowerBound * period, min(range.upperBound * period, count))
        if let vectors {
          vectors.rescale(problem, Int64(first), Int64(end))
        } else {
          Reference.rescale(problem.pointee, first..<end)
        }
      }
    }
  }
}

extension Reference {
  /// The twin of `ph_rescale`.
  static func rescale(_ problem: ph_rescaling, _ range: Range<Int>) {
    for index in range {
      let place = index % Int(problem.period)
      var value = problem.x[index]
      if let scale = problem.scale, let offset = problem.offset {
        value = value * scale[place] + offset[place]
      }
      if let addend = problem.addend { value += addend[index] }
      problem.result?[index] = value
      problem.clamped?[index] =
        value < problem.low ? problem.low : (value > problem.high ? problem.high : value)
    }
  }
}
