/// A choice that documents make by its name.
public protocol NamedOption: Codable, CaseIterable, RawRepresentable where RawValue == String {}

extension NamedOption {
  /// Reads the name.
  public init(from decoder: any Decoder) throws {
    let name = try? decoder.singleValueContainer().decode(String.self)
    guard let option = name.flatMap(Self.init(rawValue:)) else {
      let names = Self.allCases.map { "'\($0.rawValue)'" }
      throw UnexpectedValue(in: decoder, expected: "one of \(names.joined(separator: ", "))")
    }
    self = option
  }
}
