import Glibc
import Synchronization
import Tensors

/// A chain of convolutions, computed by strips of rows.
///
/// A strip's rows before the depthwise stage lie in a buffer of the thread, zeros where the window
/// overhangs the image. The rows that the next strip's windows see too are kept for it.
struct StripChain: Kernel {
  private let chain: ConvolutionChain
  private let depthwise: Int
  private let rows: WindowAxis
  private let strips: Int
  private let shares: Int
  /// The pointwise stage before, for as many rows: those of a strip, and those that a strip of the
  /// first height lacks where a thread begins.
  private let before: [Int: any Kernel]
  /// The depthwise stage and the pointwise one behind, for strips of as many rows.
  private let middle: [Int: any Kernel]
  private let behind: [Int: any Kernel]

  /// Bytes from row to row of the arrays.
  private let inputRow, bufferRow, middleRow, outputRow: Int
  private let bufferByteCount, middleByteCount: Int
  private let kernelScratch: Int

  /// Prepares the strips; `nil` where the stages are of other kinds or want their weights in
  /// different orders.
  init?(_ chain: ConvolutionChain, strips wanted: Int? = nil) throws(PhospheneError) {
    let stages = chain.stages
    guard let depthwise = stages.depthwiseStage, chain.shapes.allSatisfy({ $0.elementCount > 0 })
    else { return nil }
    (self.chain, self.depthwise) = (chain, depthwise)
    let (input, wide) = (chain.shapes[0], chain.shapes[depthwise])
    let (narrow, output) = (chain.shapes[depthwise + 1], chain.shapes[stages.count])
    let geometry = stages[depthwise].geometry
    rows = WindowAxis(
      inputLength: wide[1], outputLength: narrow[1], window: geometry.window[0],
      stride: geometry.strides[0], dilation: 1, padLow: geometry.padLow[0])
    (inputRow, bufferRow) = (4 * input[2] * input[3], 4 * wide[2] * wide[3])
    (middleRow, outputRow) = (4 * narrow[2] * narrow[3], 4 * output[2] * output[3])

    var (before, middle, behind): ([Int: any Kernel], [Int: any Kernel], [Int: any Kernel]) =
      ([:], [:], [:])
    let bytes = bufferRow * rows.inputLength + middleRow * rows.outputLength
    strips =
      wanted
      ?? StripChain.strips(
        rows: rows.outputLength, bytes: bytes, images: input[0])
    shares = min(Threads.current, strips * input[0])
    let (length, count) = (rows.outputLength, strips)
    let heights = Set((0..<count).map { length * ($0 + 1) / count - length * $0 / count })
    guard let tallest = heights.max(), let lowest = heights.min(), lowest > 0,
      rows.window - rows.stride <= rows.inputLength,
      tallest * rows.stride <= rows.inputLength,
      (rows.outputLength - lowest - 1) * rows.stride + rows.window <= rows.inputLength + rows.padLow
    else { return nil }
    bufferByteCount = (bufferRow * ((tallest - 1) * rows.stride + rows.window) + 63) & ~63
    middleByteCount = depthwise == stages.count - 1 ? 0 : (middleRow * tallest + 63) & ~63

    var stripGeometry = geometry
    (stripGeometry.padLow[0], stripGeometry.padHigh[0]) = (0, 0)
    let (window, stride) = (rows.window, rows.stride)
    let single: () throws(PhospheneError) -> Void = { () throws(PhospheneError) in
      if depthwise == 1 {
        for count in Set(heights.map { $0 * stride } + [window - stride]) where count > 0 {
          before[count] = try chain.kernel(0, input: [1, count, input[2], input[3]])
        }
      }
      for height in heights {
        middle[height] = try chain.kernel(
          depthwise, input: [1, (height - 1) * stride + window, wide[2], wide[3]],
          geometry: stripGeometry)
        guard depthwise < stages.count - 1 else { continue }
        behind[height] = try chain.kernel(
          depthwise + 1, input: [1, height, narrow[2], narrow[3]])
      }
    }
    try Threads.with(1, single)
    (self.before, self.middle, self.behind) = (before, middle, behind)
    for kernels in [before, middle, behind] {
      let layouts = Set(kernels.values.map { $0.layout(ofInput: 1) })
      guard layouts.count <= 1 else { return nil }
    }
    kernelScratch = [before, middle, behind].flatMap(\.values).reduce(0) {
      max($0, ($1.scratchByteCount + 63) & ~63)
    }
  }

  /// The most bytes of a strip between the stages: what a core's second cache holds of today's
  /// processors.
  private static let stripByteCount = 1 << 20

  /// The number of strips of each of `images` images that take `bytes` between the stages.
  private static func strips(rows: Int, bytes: Int, images: Int) -> Int {
    let threads = Threads.current
    let fitting = (bytes + stripByteCount - 1) / stripByteCount
    let least = min(rows, max(fitting, (threads + images - 1) / images))
    // Strips of one height need fewer kernels, and threads with equal shares wait for nobody.
    return (least...min(rows, 2 * least)).first { rows % $0 == 0 && $0 * images % threads == 0 }
      ?? least
  }

  var scratchByteCount: Int { shares * shareByteCount }

  private var shareByteCount: Int { bufferByteCount + middleByteCount + kernelScratch }

  func layout(ofInput index: Int) -> Layout {
    guard let stage = chain.stage(withWeights: index) else { return .dense }
    return kernels(of: stage).first?.value.layout(ofInput: 1) ?? .dense
  }

  func pack(
    input index: Int, from dense: UnsafeRawPointer, into packed: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    guard let stage = chain.stage(withWeights: index) else { return }
    try kernels(of: stage).first?.value.pack(input: 1, from: dense, into: packed)
  }

  private func kernels(of stage: Int) -> [Int: any Kernel] {
    stage < depthwise ? before : stage == depthwise ? middle : behind
  }

  func run(_ arguments: Arguments, scratch: UnsafeMutableRawPointer) throws(PhospheneError) {
    let count = strips * chain.shapes[0][0]
    let failure = Mutex<PhospheneError?>(nil)
    Threads.parallel(shares) { share in
      do throws(PhospheneError) {
        try runShare(
          count * share / shares..<count * (share + 1) / shares, arguments,
          scratch: scratch + share * shareByteCount)
      } catch {
        failure.withLock { $0 = error }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
  }

  /// Computes strips that follow each other, of one or several images.
  private func runShare(
    _ share: Range<Int>, _ arguments: Arguments, scratch: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    let (buffer, between) = (scratch, scratch + bufferByteCount)
    let rest = between + middleByteCount
    var kept: Range<Int>?
    for strip in share {
      let (image, place) = strip.quotientAndRemainder(dividingBy: strips)
      let first = rows.outputLength * place / strips
      let height = rows.outputLength * (place + 1) / strips - first
      if place == 0 { kept = nil }
      let top = first * rows.stride - rows.padLow
      let seen = top..<top + (height - 1) * rows.stride + rows.window
      var source = buffer
      if depthwise == 0, seen.lowerBound >= 0, seen.upperBound <= rows.inputLength {
        source = arguments.bytes(0) + (image * rows.inputLength + seen.lowerBound) * inputRow
      } else {
        try fill(buffer, with: seen, of: image, keeping: kept, height, arguments, scratch: rest)
        kept = depthwise == 0 ? nil : seen
      }
      let target =
        arguments.bytes(chain.output) + (image * rows.outputLength + first) * outputRow
      let addend =
        arguments.bytes(chain.addend) + (image * rows.outputLength + first) * outputRow
      guard let middle = middle[height] else { continue }
      let behind = behind[height]
      try chain.run(
        middle, stage: depthwise, arguments, from: source, addend: addend,
        to: behind == nil ? target : between, scratch: rest)
      if let behind {
        try chain.run(
          behind, stage: depthwise + 1, arguments, from: between, addend: addend, to: target,
          scratch: rest)
      }
    }
  }

  /// Brings the rows `seen` of an image into the buffer.
  private func fill(
    _ buffer: UnsafeMutableRawPointer, with seen: Range<Int>, of image: Int,
    keeping kept: Range<Int>?, _ height: Int, _ arguments: Arguments,
    scratch: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    let inside = seen.clamped(to: 0..<rows.inputLength)
    var next = inside.lowerBound
    let source = arguments.bytes(0) + image * rows.inputLength * inputRow
    /// Computes `count` rows, the last of which may be known already.
    func compute(_ count: Int) throws(PhospheneError) {
      let start = min(next, rows.inputLength - count)
      if let kernel = before[count] {
        try chain.run(
          kernel, stage: 0, arguments, from: source + start * inputRow, addend: nil,
          to: buffer + (start - seen.lowerBound) * bufferRow, scratch: scratch)
      } else {
        memcpy(
          buffer + (start - seen.lowerBound) * bufferRow, source + start * inputRow,
          count * bufferRow)
      }
    }
    if let kept {
      let common = inside.lowerBound..<min(kept.upperBound, rows.inputLength)
      memmove(
        buffer + (common.lowerBound - seen.lowerBound) * bufferRow,
        buffer + (common.lowerBound - kept.lowerBound) * bufferRow, common.count * bufferRow)
      next = common.upperBound
    }
    memset(buffer, 0, (inside.lowerBound - seen.lowerBound) * bufferRow)
    memset(
      buffer + (inside.upperBound - seen.lowerBound) * bufferRow, 0,
      (seen.upperBound - inside.upperBound) * bufferRow)
    let shared = rows.window - rows.stride
    if kept == nil, shared > 0 {
      try compute(shared)
      next = seen.lowerBound + shared
    }
    try compute(height * rows.stride)
  }
}
