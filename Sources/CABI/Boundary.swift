import CPhosphene
import Glibc
import Tensors

/// Runs the body of a C function, turning a thrown error into a status and a message.
///
/// A Swift trap ends the host process, so bodies check every argument before they use it.
func status(_ body: () throws(PhospheneError) -> Void) -> ph_status {
  do {
    try body()
    return ph_status(PH_OK)
  } catch {
    LastError.message = error.message
    return error.status
  }
}

/// Runs the body of a C function that returns what was asked for, or `nil` with a message.
func answer<Result>(_ body: () throws(PhospheneError) -> Result?) -> Result? {
  do {
    return try body()
  } catch {
    LastError.message = error.message
    return nil
  }
}

extension PhospheneError {
  /// The status code of the C ABI.
  var status: ph_status {
    switch self {
    case .invalidArgument: ph_status(PH_INVALID_ARGUMENT)
    case .unsupported: ph_status(PH_UNSUPPORTED)
    case .modelFile: ph_status(PH_MODEL_FILE)
    case .cancelled: ph_status(PH_CANCELLED)
    case .outOfMemory: ph_status(PH_OUT_OF_MEMORY)
    case .internalFailure: ph_status(PH_INTERNAL)
    }
  }
}

/// Returns the value of a required pointer argument.
func required<Pointer>(_ pointer: Pointer?, _ name: String) throws(PhospheneError) -> Pointer {
  guard let pointer else { throw .invalidArgument("\(name) is NULL") }
  return pointer
}

/// Returns the text of a required string argument.
func text(_ pointer: UnsafePointer<CChar>?, _ name: String) throws(PhospheneError) -> String {
  let pointer = try required(pointer, name)
  guard let text = String(validatingCString: pointer) else {
    throw .invalidArgument("\(name) is not UTF-8")
  }
  return text
}

/// The message of the calling thread's latest failure.
enum LastError {
  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    pthread_key_create(&key) { free($0) }
    return key
  }()

  static var cString: UnsafePointer<CChar>? {
    UnsafePointer(pthread_getspecific(key)?.assumingMemoryBound(to: CChar.self))
  }

  static var message: String? {
    get { cString.map { String(cString: $0) } }
    set {
      free(pthread_getspecific(key))
      pthread_setspecific(key, newValue.map { strdup($0) })
    }
  }
}
