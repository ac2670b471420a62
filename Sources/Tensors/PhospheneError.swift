/// Everything that can go wrong because of what a caller passed in or what the machine has left.
///
/// One case for each status code of the C ABI; a broken rule inside the engine is a
/// `precondition`, not an error. Messages are one sentence: what was received, what was expected,
/// how to fix it.
public enum PhospheneError: Error, Equatable, Sendable {
  /// An argument has a value that the call can't accept.
  case invalidArgument(String)
  /// A model uses something that the engine doesn't implement.
  case unsupported(String)
  /// A model file can't be read or written, or isn't what it says it is.
  case modelFile(String)
  /// The caller asked, from its progress callback, to stop.
  case cancelled
  /// The work needs more memory than there is, or than was allowed.
  case outOfMemory(String)
  /// A library below the engine failed where it should not have.
  case internalFailure(String)

  /// The sentence that explains the failure.
  public var message: String {
    switch self {
    case .invalidArgument(let text), .unsupported(let text), .modelFile(let text),
      .outOfMemory(let text), .internalFailure(let text):
      text
    case .cancelled: "stopped because the progress callback asked for it"
    }
  }
}
