import Glibc
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

  // A mapped file's pages may go and come again; owned bytes never go.
  @Test func releasedPagesAreReadAgain() throws {
    let (page, count) = (Int(sysconf(Int32(_SC_PAGESIZE))), 3)
    var path = Array("/tmp/phosphene-pages.XXXXXX".utf8CString)
    let descriptor = mkstemp(&path)
    try #require(descriptor >= 0)
    defer {
      close(descriptor)
      unlink(path)
    }
    let bytes = (0..<count * page).map { UInt8(truncatingIfNeeded: $0 / 7) }
    #expect(write(descriptor, bytes, bytes.count) == bytes.count)
    let start = try #require(
      mmap(nil, bytes.count, PROT_READ, MAP_PRIVATE, descriptor, 0))
    let mapped = Storage(mapping: start, byteCount: bytes.count)
    let owned = try Storage(byteCount: bytes.count)
    owned.start.copyMemory(from: start, byteCount: bytes.count)
    for storage in [mapped, owned] {
      storage.releasePages(page / 2..<bytes.count - 1)
      storage.releasePages(5..<6)
      #expect(Array(UnsafeRawBufferPointer(start: storage.start, count: bytes.count)) == bytes)
    }
  }
}
