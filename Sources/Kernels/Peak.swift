package import Tensors

/// Multiplications and additions alone, out of the innermost cache, on all threads: what this
/// processor computes at most.
///
/// It is the innermost loop of Winograd's convolution, on one matrix again and again. Inputs and
/// outputs: none. It belongs to the benchmark.
package struct PeakKernel: Kernel {
  /// Half of an innermost cache of 32 KB, in rows of one block of filters.
  private static let depthBytes = 16 << 10
  private static let repetitions = 400

  private let vectors: VectorKernels
  private let threads: Int
  private let depth: Int

  /// Prepares the kernel; `nil` without kernels for wide registers.
  package init?(threads: Int) {
    guard let vectors = VectorKernels.best else { return nil }
    self.vectors = vectors
    self.threads = threads
    depth = PeakKernel.depthBytes / 4 / vectors.filterBlock
  }

  /// The operations of one run, two for each product and its addition.
  package var operations: Int {
    2 * threads * PeakKernel.repetitions * 36 * 6 * depth * vectors.filterBlock
  }

  private var weightCount: Int { depth * vectors.filterBlock }
  private var shareCount: Int { weightCount + 6 * depth + 36 * 6 * vectors.filterBlock }

  package var scratchByteCount: Int { 4 * threads * shareCount }

  package func run(
    _ arguments: Arguments, scratch: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    let memory = scratch.assumingMemoryBound(to: Float.self)
    Threads.parallel(threads) { thread in
      let weights = memory + thread * shareCount
      let rows = weights + weightCount
      for _ in 0..<PeakKernel.repetitions {
        // A step of zero: all 36 products are of the same two matrices.
        vectors.winogradMultiply(Int64(depth), weights, 0, rows, 0, 6, rows + 6 * depth)
      }
    }
  }
}
