import Synchronization
import Tensors
import Testing

@Suite struct StorageTests {
  // Below and above the size from which pages come straight from the system.
  @Test(arguments: [0, 1, 63, 4096, 1 << 16, 1 << 20])
  func isAlignedAndZeroed(byteCount: Int) throws {
    let storage = try Storage(byteCount: byteCount)
    #expect(storage.byteCount == byteCount)
    #expect(UInt(bitPattern: storage.start) % 64 == 0)
    let bytes = UnsafeRawBufferPointer(start: storage.start, count: byteCount)
    #expect(bytes.allSatisfy { $0 == 0 })
    // The last byte can be written.
    if byteCount > 0 {
      storage.start.storeBytes(of: 255, toByteOffset: byteCount - 1, as: UInt8.self)
    }
  }

  @Test func tooMuchIsAnErrorAndNoTrap() throws {
    let error = #expect(throws: PhospheneError.self) { try Storage(byteCount: 1 << 60) }
    #expect(error == .outOfMemory("no memory left for \(1 << 60) bytes"))
  }

  @Test func borrowedMemoryIsGivenBackWithTheLastTensor() throws {
    let released = Flag()
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 8, alignment: 4)
    defer { memory.deallocate() }
    memory.storeBytes(of: 2.5, as: Float.self)
    var storage: Storage? = Storage(borrowing: memory, byteCount: 8) { released.count() }
    var tensors = try [#require(storage)].map { Tensor(TensorType([1]), storage: $0) }
    storage = nil
    #expect(released.value == 0)
    #expect(tensors[0].elements == [2.5])
    tensors = []
    #expect(released.value == 1)
  }
}

/// Counts calls from wherever they come.
private final class Flag: Sendable {
  private let calls = Atomic<Int>(0)
  var value: Int { calls.load(ordering: .relaxed) }
  func count() { calls.add(1, ordering: .relaxed) }
}
