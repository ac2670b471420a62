import FoundationEssentials
import Tensors

/// A configuration as a text that is the same for every way of writing the same network down.
///
/// Keys are sorted, and left out is what doesn't change what is computed: where classes live, how
/// training goes, what a file format adds, and settings that are `null`.
struct CanonicalConfig: Decodable {
  /// The text.
  let text: String

  /// What the key of a setting must not be to count.
  private static let ignored: Set<String> = [
    "autocast", "backend", "build_config", "build_input_shape", "compile_config", "dtype",
    "keras_version", "module", "optional", "ragged", "registered_name", "shared_object_id",
    "sparse", "trainable",
  ]
  private static let ignoredEndings = ["_initializer", "_regularizer", "_constraint"]

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  init(from decoder: any Decoder) throws {
    if let object = try? decoder.container(keyedBy: Key.self) {
      var parts: [String] = []
      for key in object.allKeys.sorted(by: { $0.stringValue < $1.stringValue }) {
        let name = key.stringValue
        guard !CanonicalConfig.ignored.contains(name),
          !CanonicalConfig.ignoredEndings.contains(where: name.hasSuffix),
          try !object.decodeNil(forKey: key)
        else { continue }
        parts.append("\(name):" + (try object.decode(CanonicalConfig.self, forKey: key).text))
      }
      text = "{" + parts.joined(separator: ",") + "}"
    } else if var list = try? decoder.unkeyedContainer() {
      var parts: [String] = []
      while !list.isAtEnd { parts.append(try list.decode(CanonicalConfig.self).text) }
      text = "[" + parts.joined(separator: ",") + "]"
    } else {
      let value = try decoder.singleValueContainer()
      if value.decodeNil() {
        text = "null"
      } else if let number = try? value.decode(Double.self) {
        text = "\(number)"
      } else if let flag = try? value.decode(Bool.self) {
        text = "\(flag)"
      } else {
        text = "'" + (try value.decode(String.self)) + "'"
      }
    }
  }

  /// Returns the text of a configuration that has been read before.
  static func text(of configJSON: String) -> String {
    let decoder = JSONDecoder()
    decoder.allowsJSON5 = true
    let config = try? decoder.decode(CanonicalConfig.self, from: Data(configJSON.utf8))
    return config?.text ?? configJSON
  }
}
