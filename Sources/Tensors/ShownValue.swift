/// A value of a document, in as many letters as a sentence has room for.
struct ShownValue: Decodable {
  /// The value as JSON, cut where it is long.
  let text: String

  /// What is said of numbers that no type holds.
  static let beyond = "a number beyond all measure"
  /// The longest text.
  private static let limit = 60

  /// Finds what stands at a place of a document.
  init?(at path: [any CodingKey], in decoder: any Decoder) {
    var decoder = decoder
    for key in path.dropFirst(decoder.codingPath.count) {
      guard let next = try? decoder.part(key) else { return nil }
      decoder = next
    }
    guard let found = try? ShownValue(from: decoder) else { return nil }
    self = found
  }

  init(from decoder: any Decoder) throws {
    text = ShownValue.cut(try ShownValue.json(decoder))
  }

  private static func json(_ decoder: any Decoder) throws -> String {
    if let object = try? decoder.container(keyedBy: AnyKey.self) {
      var shown = ""
      for key in object.allKeys.sorted(by: { $0.stringValue < $1.stringValue }) {
        guard shown.count <= limit else { break }
        let value = try json(object.superDecoder(forKey: key))
        shown += (shown.isEmpty ? "" : ", ") + "\(quoted(key.stringValue)): \(value)"
      }
      return "{\(shown)}"
    }
    if var list = try? decoder.unkeyedContainer() {
      var shown = ""
      while !list.isAtEnd, shown.count <= limit {
        shown += (shown.isEmpty ? "" : ", ") + (try json(list.superDecoder()))
      }
      return "[\(shown)]"
    }
    let value = try decoder.singleValueContainer()
    if value.decodeNil() { return "null" }
    if let flag = try? value.decode(Bool.self) { return "\(flag)" }
    if let text = try? value.decode(String.self) { return quoted(text) }
    if let number = try? value.decode(Int64.self) { return "\(number)" }
    if let number = try? value.decode(UInt64.self) { return "\(number)" }
    if let number = try? value.decode(Double.self) {
      return number.isNaN ? "NaN" : number == .infinity ? "Infinity" : "\(number)"
    }
    return beyond
  }

  private static func quoted(_ text: String) -> String {
    String(text.prefix(limit + 1)).debugDescription
  }

  static func cut(_ text: String) -> String {
    text.count <= limit ? text : text.prefix(limit - 3) + "..."
  }
}

/// Where in a document a number stands.
struct NumberPlaces {
  private(set) var places: [[any CodingKey]] = []

  init(of number: Double, in decoder: any Decoder) { search(number, decoder) }

  private mutating func search(_ number: Double, _ decoder: any Decoder) {
    if let object = try? decoder.container(keyedBy: AnyKey.self) {
      for key in object.allKeys.sorted(by: { $0.stringValue < $1.stringValue }) {
        if let part = try? object.superDecoder(forKey: key) { search(number, part) }
      }
    } else if var list = try? decoder.unkeyedContainer() {
      while !list.isAtEnd, let part = try? list.superDecoder() { search(number, part) }
    } else {
      let value = try? decoder.singleValueContainer().decode(Double.self)
      let isBeyond = value == nil && (try? ShownValue(from: decoder).text) == ShownValue.beyond
      if number.isFinite ? value == number : isBeyond { places.append(decoder.codingPath) }
    }
  }
}

extension Decoder {
  /// What stands under a key of an object, or in a list.
  fileprivate func part(_ key: any CodingKey) throws -> any Decoder {
    if let index = key.intValue, var list = try? unkeyedContainer() {
      for _ in 0..<index { _ = try list.superDecoder() }
      return try list.superDecoder()
    }
    return try container(keyedBy: AnyKey.self).superDecoder(forKey: AnyKey(key.stringValue))
  }
}

/// Any key of an object.
private struct AnyKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }
  init(_ text: String) { stringValue = text }
  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}
