/// Thrown by what reads a document where a value is none of those that may stand there.
public struct UnexpectedValue: Error {
  let codingPath: [any CodingKey]
  let expected: String

  /// Makes the error of a value that could not be read.
  ///
  /// - Parameters:
  ///   - decoder: What was to be read.
  ///   - expected: What may stand there, such as `a whole number or a list of them`.
  public init(in decoder: any Decoder, expected: String) {
    codingPath = decoder.codingPath
    self.expected = expected
  }
}

/// A document or a part of it, whose faults are told in sentences: where, what stands there, what could.
public struct Document<Value: Decodable>: Decodable {
  /// What was read.
  public let value: Value

  /// Reads it.
  public init(from decoder: any Decoder) throws {
    do {
      value = try Value(from: decoder)
    } catch {
      throw PhospheneError(decoding: error, in: decoder)
    }
  }
}

extension PhospheneError {
  /// Says what was wrong with a document or a part of it.
  ///
  /// - Parameters:
  ///   - error: What was thrown while it was read.
  ///   - what: What was being read, which begins the sentence.
  ///   - decoder: The part, while it is open; without it, the text was no JSON.
  public init(decoding error: any Error, of what: String, in decoder: (any Decoder)? = nil) {
    switch PhospheneError(decoding: error, in: decoder) {
    case .unsupported(let text): self = .unsupported("\(what): \(text)")
    case .invalidArgument(let text): self = .invalidArgument("\(what): \(text)")
    case let other: self = other
    }
  }

  fileprivate init(decoding error: any Error, in decoder: (any Decoder)?) {
    switch error {
    case let error as PhospheneError: self = error
    case DecodingError.keyNotFound(let key, let context):
      let place = context.codingPath.place
      let whole = ["", "config"].contains(place) ? "the configuration" : "'\(place)'"
      self = .invalidArgument("\(whole) has no '\(key.stringValue)'")
    case let error as UnexpectedValue:
      self = .invalidArgument(sentence(error.codingPath, in: decoder, error.expected))
    case DecodingError.typeMismatch(let type, let context),
      DecodingError.valueNotFound(let type, let context):
      self = .invalidArgument(sentence(context.codingPath, in: decoder, expectation(of: type)))
    case DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty:
      self = .invalidArgument(
        "'\(context.codingPath.place)' isn't valid: \(context.debugDescription)")
    case is DecodingError: self = .invalidArgument("the text is no JSON")
    // The decoder's own error where a number doesn't fit names the number, but no place.
    default: self = .invalidArgument(sentence(ofNumber: "\(error)", in: decoder))
    }
  }
}

/// Says what stands at a place, and what could.
private func sentence(
  _ path: [any CodingKey], in decoder: (any Decoder)?, _ expected: String
) -> String {
  let received = decoder.flatMap { ShownValue(at: path, in: $0)?.text } ?? "missing"
  let place = path.place.isEmpty ? "the document" : "'\(path.place)'"
  return "\(place) is \(received), expected \(expected)"
}

extension [any CodingKey] {
  /// Where in a document: `regularizers[0].kind`; of a network within its layer, which is named anyway.
  fileprivate var place: String {
    let start = lastIndex { $0.stringValue == "config" } ?? 0
    return self[start...].reduce("") { path, key in
      if let index = key.intValue { return "\(path)[\(index)]" }
      return path.isEmpty ? key.stringValue : "\(path).\(key.stringValue)"
    }
  }
}

/// What a decoder expected, in the words of the document instead of Swift's.
private func expectation(of type: Any.Type) -> String {
  switch String("\(type)".prefix { $0 != "<" }) {
  case "Int": "a whole number"
  case "UInt64": "a whole number from 0"
  case "Double", "Float": "a number"
  case "Bool": "true or false"
  case "String": "text"
  case "Array", "UnkeyedDecodingContainer": "a list"
  default: "an object"
  }
}

/// Says of a number that doesn't fit into its type where it stands and what was expected.
///
/// - Parameters:
///   - error: The decoder's description of it, which holds the number between quotes.
///   - decoder: The document.
/// - Returns: The sentence, without a name for what was being read.
private func sentence(ofNumber error: String, in decoder: (any Decoder)?) -> String {
  let parts = error.split(separator: "\"")
  guard parts.count > 1, let value = Double(parts[1]) else {
    return "a text in it is none that JSON can hold (\(error.prefix { $0 != "(" }))"
  }
  let expected =
    if !value.isFinite || abs(value) >= 0x1p63 {
      value < 0 ? "a number closer to 0" : "a smaller number"
    } else if value.rounded() != value && abs(value) >= 1e-30 {
      "a whole number"
    } else if value.rounded() != value {
      "a number that is less close to 0"
    } else if value < 0 {
      "a whole number from 0"
    } else {
      "a smaller number"
    }
  var places = decoder.map { NumberPlaces(of: value, in: $0).places } ?? []
  if places.count > 3 { places = places.prefix(3) + [[]] }
  let named = places.map { $0.isEmpty ? "another number" : "'\($0.place)'" }
  let place = named.isEmpty ? "a number" : named.joined(separator: " or ")
  return "\(place) is \(ShownValue.cut(String(parts[1]))), expected \(expected)"
}
