import Glibc

/// How much memory there is.
public enum Memory {
  /// The bytes that the system could still hand out without swapping.
  public static var available: Int {
    guard let file = fopen("/proc/meminfo", "r") else { return .max }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, Int32(line.count), file) != nil {
      let text = String(
        decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      guard text.hasPrefix("MemAvailable:") else { continue }
      let digits = text.filter(\.isNumber)
      return (Int(digits) ?? .max / 1024) * 1024
    }
    return .max
  }

  /// Refuses work that needs more than four fifths of what is available.
  ///
  /// - Throws: `outOfMemory` with both numbers.
  public static func require(_ byteCount: Int, for what: String) throws(PhospheneError) {
    guard byteCount > 1 << 26 else { return }
    let limit = available / 5 * 4
    guard byteCount <= limit else {
      throw .outOfMemory(
        "\(what) need \(byteCount >> 20) MiB, of which at most \(limit >> 20) MiB (80 % of what is "
          + "available) may be used: choose a smaller batch or picture")
    }
  }
}
