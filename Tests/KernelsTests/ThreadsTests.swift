@testable import Kernels
import Glibc
import Synchronization
import Tensors
import Testing

@Suite struct ThreadsTests {
  @Test func numberIsSetAndRestored() throws {
    let before = Threads.current
    let inside = try Threads.with(3) { () throws(PhospheneError) in Threads.current }
    #expect(inside == 3 && Threads.current == before)
    #expect(throws: PhospheneError.cancelled) {
      try Threads.with(3) { () throws(PhospheneError) in throw .cancelled }
    }
    #expect(Threads.current == before)
  }

  @Test(arguments: [0, -1, 1 << 20]) func impossibleNumbersAreRefused(count: Int) {
    let sentence = refusal { try Threads.with(count) {} }
    #expect(sentence?.contains("received \(count)") == true)
  }

  @Test func availableIsWithinTheMachine() {
    #expect((1...max(1, sysconf(Int32(_SC_NPROCESSORS_CONF)))).contains(Threads.available))
  }

  @Test(arguments: [0, 1, 2, 7, 100], [1, 2, 5]) func everyNumberComesOnce(
    count: Int, threads: Int
  ) throws {
    let calls = Mutex([Int](repeating: 0, count: count))
    try Threads.with(threads) {
      Threads.parallel(count) { index in calls.withLock { $0[index] += 1 } }
    }
    #expect(calls.withLock { $0 } == [Int](repeating: 1, count: count))
  }

  @Test(arguments: [0, 1, 99, 1000], [1, 100, 5000]) func rangesCoverTheLength(
    length: Int, grain: Int
  ) throws {
    let covered = Mutex([Int](repeating: 0, count: length))
    try Threads.with(4) {
      Threads.split(length, grain: grain) { range in
        #expect(range.count >= min(grain, length))
        covered.withLock { for index in range { $0[index] += 1 } }
      }
    }
    #expect(covered.withLock { $0 } == [Int](repeating: 1, count: length))
  }
}
