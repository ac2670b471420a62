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
    case DecodingError.keyNotFound(let key, let context):
      let place =
        ["", "config"].contains(context.place) ? "the configuration" : "'\(context.place)'"
      self = .invalidArgument("\(what): \(place) has no '\(key.stringValue)'")
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
      self = .invalidArgument(
        "\(what): '\(context.place)' can't be read: \(context.sentence)")
    case DecodingError.dataCorrupted(let context) where context.codingPath.isEmpty:
      // The decoder says the same of a fraction or a minus where neither fits.
      self = .invalidArgument(
        "\(what): the text isn't valid: it is no JSON, or a number in it is a fraction or negative "
          + "where that doesn't fit (\(context.debugDescription))")
    case DecodingError.dataCorrupted(let context):
      self = .invalidArgument(
        "\(what): '\(context.place)' isn't valid: \(context.sentence)")
    // Such as a fraction where a whole number is needed.
    default: self = .invalidArgument("\(what): a value can't be read: \(error)")
    }
  }
}

extension DecodingError.Context {
  /// Where in a document: `regularizers[0].kind`; of a network within its layer, which is named anyway.
  fileprivate var place: String {
    let start = codingPath.lastIndex { $0.stringValue == "config" } ?? 0
    return codingPath[start...].reduce("") { path, key in
      if let index = key.intValue { return "\(path)[\(index)]" }
      return path.isEmpty ? key.stringValue : "\(path).\(key.stringValue)"
    }
  }

  /// What a decoder says, in the words of the document instead of Swift's.
  fileprivate var sentence: String {
    let words = debugDescription.split(separator: " ")
    if debugDescription.hasPrefix("Cannot initialize"), let value = words.last {
      return "there is no '\(value)' here"
    }
    if debugDescription.hasPrefix("Expected to decode"), words.count > 7 {
      let type = words[3].prefix { $0 != "<" }
      let expected = DecodingError.Context.names[String(type)] ?? "something else"
      let found = words[(words.firstIndex(of: "found") ?? 0)...].dropFirst()
        .filter { $0 != "instead." }.joined(separator: " ")
      return "expected \(expected), received \(found)"
    }
    if debugDescription.hasPrefix("Cannot get") { return "expected something, received null" }
    return debugDescription
  }

  private static let names = [
    "Int": "a whole number", "UInt64": "a whole number, 0 or more", "Double": "a number",
    "Float": "a number", "Bool": "true or false", "String": "text", "Array": "a list",
    "Dictionary": "an object",
  ]
}
