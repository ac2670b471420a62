import Tensors

// A misspelt option would be ignored and its default taken, which nobody notices: names that aren't
// known are refused.

extension Decoder {
  /// The options of an object, among which no other names may stand.
  func options<Names: CodingKey & CaseIterable>(
    _ names: Names.Type
  ) throws -> KeyedDecodingContainer<Names> {
    try requireKnown(Names.allCases)
    return try container(keyedBy: names)
  }

  /// Refuses names of options besides those that are known.
  ///
  /// - Parameters:
  ///   - known: All names that there are.
  ///   - kind: What the object says that it is, where its options depend on that.
  /// - Throws: `invalidArgument` for the first other name, with the nearest one that is known.
  func requireKnown(_ known: some Sequence<some CodingKey>, kind: String? = nil) throws {
    let names = try container(keyedBy: OptionName.self).allKeys.map(\.stringValue)
    let known = known.map(\.stringValue)
    guard let unknown = names.filter({ !known.contains($0) }).min() else { return }
    let shown = String(unknown.prefix(60))
    let place = codingPath.reduce("") { path, key in
      if let index = key.intValue { return "\(path)[\(index)]" }
      return path.isEmpty ? key.stringValue : "\(path).\(key.stringValue)"
    }
    let whole = kind.map { "\(place) of kind '\($0)'" } ?? place
    throw PhospheneError.invalidArgument(
      "there is no option '\(shown)'\(whole.isEmpty ? "" : " in \(whole)")"
        + advice(on: shown, among: known))
  }
}

/// Any name of an option.
struct OptionName: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }
  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}

/// What a name may have been meant for: the nearest one, or all if none is near.
private func advice(on name: String, among known: [String]) -> String {
  let distances = known.map { (name: $0, distance: editDistance($0, name)) }
  guard let nearest = distances.min(by: { $0.distance < $1.distance }) else { return "" }
  guard nearest.distance <= max(2, name.count / 2) else {
    return "; there are \(known.map { "'\($0)'" }.joined(separator: ", "))"
  }
  return "; the nearest is '\(nearest.name)'"
}

/// How many letters have to be put in, left out or exchanged to turn one word into the other
/// (Levenshtein).
func editDistance(_ a: String, _ b: String) -> Int {
  let (a, b) = (Array(a.unicodeScalars), Array(b.unicodeScalars))
  var row = Array(0...b.count)
  for (i, letter) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, other) in b.enumerated() {
      let exchanged = diagonal + (letter == other ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(exchanged, row[j] + 1, diagonal + 1)
    }
  }
  return row[b.count]
}
