// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation, AlwaysUseLowerCamelCase
// The functions below are documented in phosphene.h, which the compiler checks them against.

public import CPhosphene
import Kernels
import Synchronization
import Tensors

/// The version of the library.
let libraryVersion = "0.1.0"

private let versionText = CText(libraryVersion)

private let engineText: Result<CText, PhospheneError> = {
  do throws(PhospheneError) {
    try EngineInformation.check()
    return .success(
      CText(
        """
        {"version": "\(libraryVersion)", "onednn": "\(EngineInformation.oneDNNVersion)", \
        "isa": "\(EngineInformation.instructionSet)", "threads": \(Threads.available)}
        """))
  } catch {
    return .failure(error)
  }
}()

/// How many threads calls compute with; zero stands for all that the process may use.
enum ThreadSetting {
  private static let requested = Atomic<Int>(0)

  static var count: Int {
    get {
      let requested = requested.load(ordering: .relaxed)
      // A forked child has one, whatever was asked for before.
      return requested == 0 || Threads.isForked ? Threads.available : requested
    }
    set { requested.store(newValue, ordering: .relaxed) }
  }
}

@c @implementation
public func ph_abi_version() -> UInt32 { UInt32(PH_ABI_VERSION) }

@c @implementation
public func ph_version() -> UnsafePointer<CChar>? { versionText.pointer }

@c @implementation
public func ph_last_error_message() -> UnsafePointer<CChar>? { LastError.cString }

@c @implementation
public func ph_engine_json() -> UnsafePointer<CChar>? {
  switch engineText {
  case .success(let text): return text.pointer
  case .failure(let error):
    LastError.message = error.message
    return nil
  }
}

@c @implementation
public func ph_set_threads(_ count: Int32) -> ph_status {
  status { () throws(PhospheneError) in
    guard (0...1024).contains(count) else {
      throw .invalidArgument("the number of threads must lie between 0 and 1024, received \(count)")
    }
    ThreadSetting.count = Int(count)
  }
}

@c @implementation
public func ph_threads() -> Int32 { Int32(ThreadSetting.count) }
