@preconcurrency internal import CVectorKernels
import Tensors

/// The input gradient of a convolution whose images have few channels, such as a network's first:
/// a matrix product gives what each window contributes, and overlapping windows are added up.
///
/// Each pixel is the sum over its windows in one order, whatever thread computes it.
struct FoldedGradient: Kernel {
  private let vectors: VectorKernels
  private let problem: ph_fold
  private let threads: Int

  /// The rows of the image that are computed at once, for each row of the window.
  private static let blockFactor = 8

  /// Prepares the gradient.
  ///
  /// - Returns: `nil` if the shape isn't of this kind, or the processor lacks wide registers.
  init?(_ problem: Convolution, vectors: VectorKernels? = VectorKernels.best) {
    let (geometry, axes) = (problem.geometry, problem.image.axes)
    // Sixteen channels fill a register of direct convolution, five do a third of it.
    guard let vectors, geometry.window.count == 2, geometry.dilations == [1, 1],
      problem.groups == 1, problem.channels <= 5, problem.filters >= 16,
      problem.image.batch * axes[0].outputLength * axes[1].outputLength >= 12
    else { return nil }
    self.vectors = vectors
    threads = Threads.current
    self.problem = ph_fold(
      images: Int64(problem.image.batch),
      height: Int64(axes[0].inputLength), width: Int64(axes[1].inputLength),
      channels: Int64(problem.channels), output_height: Int64(axes[0].outputLength),
      output_width: Int64(axes[1].outputLength), filters: Int64(problem.filters),
      window_height: Int64(axes[0].window), window_width: Int64(axes[1].window),
      stride_y: Int64(axes[0].stride), stride_x: Int64(axes[1].stride),
      pad_top: Int64(axes[0].padLow), pad_left: Int64(axes[1].padLow))
  }

  private var blockRows: Int {
    min(Int(problem.height), FoldedGradient.blockFactor * Int(problem.window_height))
  }

  /// The floats of one thread.
  private var share: Int {
    let count = withUnsafePointer(to: problem) { vectors.foldScratch($0, Int64(blockRows)) }
    return (Int(count) + 15) / 16 * 16
  }

  var scratchByteCount: Int { 4 * threads * share }

  func layout(ofInput index: Int) -> Layout {
    guard index == 1 else { return .dense }
    let count = problem.window_height * problem.window_width * problem.channels
    return .packed(
      key: "panels \(vectors.filterBlock) true",
      byteCount: 4 * Int(vectors.panelColumns(count) * problem.filters))
  }

  func pack(
    input index: Int, from dense: UnsafeRawPointer, into packed: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    let count = problem.window_height * problem.window_width * problem.channels
    vectors.panelPack(
      problem.filters, count, dense.assumingMemoryBound(to: Float.self), 1, problem.filters,
      packed.assumingMemoryBound(to: Float.self))
  }

  func run(
    _ arguments: Arguments, scratch: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    let memory = scratch.assumingMemoryBound(to: Float.self)
    let (height, rows, share) = (Int(problem.height), blockRows, share)
    let blocks = (height + rows - 1) / rows
    withUnsafePointer(to: problem) { problem in
      Threads.distribute(Int(problem.pointee.images) * blocks, threads: threads) { item, thread in
        let first = item % blocks * rows
        vectors.foldRows(
          problem, arguments[0], arguments[1], arguments[2], Int64(item / blocks), Int64(first),
          Int64(min(first + rows, height)), memory + thread * share)
      }
    }
  }
}
