import Tensors
import Testing

@testable import Kernels

@Suite struct PeakTests {
  /// It stays inside its scratch memory, of which each thread has a part.
  @Test(arguments: [1, 3]) func writesOnlyItsScratchMemory(threads: Int) throws {
    guard let kernel = PeakKernel(threads: threads) else { return }
    let scratch = try Tensor([kernel.scratchByteCount / 4 + 64], repeating: 7)
    var none: UnsafeMutableRawPointer = scratch.start
    try withUnsafePointer(to: &none) { table in
      try Threads.with(threads) { () throws(PhospheneError) in
        try kernel.run(Arguments(table), scratch: scratch.start)
      }
    }
    #expect(scratch.elements.suffix(64).allSatisfy { $0 == 7 })
    // 2 for each of 36 x 6 rows, a depth and a block of filters, as often as it repeats.
    #expect(kernel.operations % (2 * threads * 36 * 6) == 0)
    #expect(kernel.operations > 0)
  }
}
