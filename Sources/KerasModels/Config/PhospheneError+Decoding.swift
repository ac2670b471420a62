public import Tensors

extension PhospheneError {
  /// Says what was wrong with a document or a part of it.
  ///
  /// - Parameters:
  ///   - error: What a decoder threw.
  ///   - what: What it was reading, which begins the sentence.
  public init(decoding error: any Error, of what: String) {
    switch error {
    case PhospheneError.unsupported(let text): self = .unsupported("\(what): \(text)")
    case PhospheneError.invalidArgument(let text): self = .invalidArgument("\(what): \(text)")
    case let error as PhospheneError: self = error
    case DecodingError.keyNotFound(let key, _):
      self = .invalidArgument("\(what): the configuration has no '\(key.stringValue)'")
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
      let path = context.codingPath.map(\.stringValue).suffix(2).joined(separator: ".")
      self = .invalidArgument(
        "\(what): '\(path)' can't be read: \(context.debugDescription)")
    case DecodingError.dataCorrupted(let context):
      let path = context.codingPath.map(\.stringValue).suffix(2).joined(separator: ".")
      self = .invalidArgument(
        "\(what): the text\(path.isEmpty ? "" : " at '\(path)'") isn't valid: "
          + context.debugDescription)
    // Such as a fraction where a whole number is needed.
    default: self = .invalidArgument("\(what): a value can't be read: \(error)")
    }
  }
}
