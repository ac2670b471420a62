@testable import CABI
import CPhosphene
import Glibc
import Synchronization
import Tensors
import Testing

@Suite struct LibraryABITests {
  @Test func headerAndLibraryAgree() {
    #expect(ph_abi_version() == UInt32(PH_ABI_VERSION))
    #expect(ph_version().map { String(cString: $0) } == libraryVersion)
    #expect(Shape.maximumRank == Int(PH_MAX_RANK))
    let types = [PH_FLOAT32, PH_INT32, PH_BOOL, PH_FLOAT16, PH_BFLOAT16, PH_INT8, PH_UINT8]
    let all: [DataType] = [.float32, .int32, .bool, .float16, .bfloat16, .int8, .uint8]
    #expect(all.map(\.rawValue) == types.map { Int32($0) })
  }

  // Every error has a status of its own, none of them success.
  @Test(
    arguments: [
      (.invalidArgument("a"), PH_INVALID_ARGUMENT, "a"), (.unsupported("b"), PH_UNSUPPORTED, "b"),
      (.modelFile("c"), PH_MODEL_FILE, "c"), (.outOfMemory("d"), PH_OUT_OF_MEMORY, "d"),
      (.internalFailure("e"), PH_INTERNAL, "e"),
      (.cancelled, PH_CANCELLED, "stopped because the progress callback asked for it"),
    ] as [(PhospheneError, Int, String)])
  func errorsBecomeStatuses(error: PhospheneError, code: Int, message: String) {
    let received = status { () throws(PhospheneError) in throw error }
    #expect(received == ph_status(code))
    #expect(lastMessage == message)
    // Success doesn't clear it.
    #expect(status {} == ok)
    #expect(lastMessage == message)
  }

  @Test func engineDescribesItself() throws {
    let json = try #require(ph_engine_json().map { String(cString: $0) })
    for key in ["version", "onednn", "isa", "threads"] { #expect(json.contains("\"\(key)\": ")) }
  }

  @Test(arguments: [-1, 1025, .min, .max] as [Int32]) func absurdThreadCountsAreRefused(
    count: Int32
  ) {
    #expect(ph_set_threads(count) == invalid)
    #expect(lastMessage.hasSuffix("between 0 and 1024, received \(count)"))
    #expect(ph_threads() >= 1)
  }

  // Another thread's failures are its own.
  @Test func messagesBelongToTheirThread() {
    #expect(ph_set_threads(-7) == invalid)
    let mine = lastMessage
    let theirs = Mutex<[String]>([])
    withUnsafePointer(to: theirs) { pointer in
      var thread = pthread_t()
      pthread_create(
        &thread, nil,
        { pointer in
          let texts = pointer?.assumingMemoryBound(to: Mutex<[String]>.self)
          texts?.pointee.withLock { $0.append(lastMessage) }
          _ = ph_set_threads(-8)
          texts?.pointee.withLock { $0.append(lastMessage) }
          return nil
        }, UnsafeMutableRawPointer(mutating: pointer))
      pthread_join(thread, nil)
    }
    #expect(theirs.withLock { $0.count } == 2)
    #expect(theirs.withLock { $0.first } == "")
    #expect(theirs.withLock { $0.last }?.hasSuffix("received -8") == true)
    #expect(lastMessage == mine)
  }
}
