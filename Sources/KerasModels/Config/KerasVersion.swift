import Synchronization

/// The version of Keras that wrote a configuration, where that says something about the numbers.
enum KerasVersion: Sendable {
  case keras2, keras3

  init(_ text: String?) {
    let major = text?.split(separator: ".").first.flatMap { Int($0) } ?? 3
    self = major < 3 ? .keras2 : .keras3
  }

  static func writer(of decoder: any Decoder) -> KerasVersion {
    Writer.known(to: decoder)?.version.withLock { $0 } ?? .keras3
  }

  /// Where a decoder keeps what the document said, and within a part that says it again what that did.
  final class Writer: Sendable {
    fileprivate let version: Mutex<KerasVersion>

    init(_ version: KerasVersion) { self.version = Mutex(version) }

    static let key = CodingUserInfoKey(rawValue: "keras_version")

    fileprivate static func known(to decoder: any Decoder) -> Writer? {
      key.flatMap { decoder.userInfo[$0] as? Writer }
    }
  }

  /// Reads a network that may have been written by another version than what is around it.
  ///
  /// - Parameters:
  ///   - text: The version that the network's entry states; `nil` for that around it.
  ///   - decoder: What reads the document.
  ///   - read: Reads the network.
  /// - Returns: What `read` does.
  static func reading<Network>(
    writtenBy text: String?, in decoder: any Decoder, _ read: () throws -> Network
  ) rethrows -> Network {
    guard let text, let writer = Writer.known(to: decoder) else { return try read() }
    func exchange(_ version: KerasVersion) -> KerasVersion {
      writer.version.withLock { known in
        defer { known = version }
        return known
      }
    }
    let outer = exchange(KerasVersion(text))
    defer { _ = exchange(outer) }
    return try read()
  }
}
