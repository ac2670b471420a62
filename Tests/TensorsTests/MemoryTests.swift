import Tensors
import Testing

@Suite struct MemoryTests {
  @Test func somethingIsAvailable() {
    #expect(Memory.available > 1 << 26)
  }

  @Test func smallWorkIsNeverRefused() throws {
    try Memory.require(1 << 26, for: "these results")
    try Memory.require(0, for: "these results")
  }

  @Test func workBeyondTheMachineIsRefusedInNumbers() throws {
    let error = #expect(throws: PhospheneError.self) {
      try Memory.require(1 << 50, for: "these results")
    }
    guard case .outOfMemory(let sentence) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(sentence.hasPrefix("these results need 1073741824 MiB, of which at most "))
  }
}
