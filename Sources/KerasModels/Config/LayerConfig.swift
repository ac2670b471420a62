import Tensors

/// The `config` object of a layer, with the class that it belongs to.
struct LayerConfig {
  /// The Keras class name, such as `MaxPooling2D`.
  let className: String
  /// The Python module that the class lives in, empty where the configuration doesn't say.
  let module: String
  /// The name that a class was registered under, such as `Custom>Attention`; Keras' own have none.
  private let registeredName: String?
  private let decoder: any Decoder

  init(
    className: String, module: String = "", registeredName: String? = nil, decoder: any Decoder
  ) {
    (self.className, self.module) = (className, module)
    (self.registeredName, self.decoder) = (registeredName, decoder)
  }

  /// The version of Keras whose numbers the settings mean.
  var writer: KerasVersion { KerasVersion.writer(of: decoder) }

  /// Whether it is an operation of `keras.ops` and no layer; some activations are called as such.
  var isOperation: Bool {
    ["keras.src.ops", "keras.ops", "keras.src.activations"].contains { module.hasPrefix($0) }
  }

  /// Whether the class is somebody's own, whatever Keras has under its name.
  var isForeign: Bool {
    guard !isOwn else { return false }
    guard !module.isEmpty else { return registeredName?.contains(">") ?? false }
    return !["keras", "tf_keras", "tensorflow"].contains(module.prefix { $0 != "." })
  }

  /// Whether Keras doesn't know it: it was written when a live model was expanded.
  var isOwn: Bool { module == "phosphene" }

  /// The settings under the names that `Keys` lists.
  func container<Keys: CodingKey>(
    keyedBy keys: Keys.Type
  ) throws -> KeyedDecodingContainer<Keys> {
    try decoder.container(keyedBy: keys)
  }

  /// All settings by name, as they are written.
  func values() throws -> [String: Argument<TensorReference>] {
    try decoder.singleValueContainer().decode([String: Argument<TensorReference>].self)
  }

  /// Refuses `data_format: "channels_first"`.
  func requireChannelsLast() throws {
    enum Keys: String, CodingKey { case dataFormat = "data_format" }
    let format = try container(keyedBy: Keys.self)
      .decodeIfPresent(String.self, forKey: .dataFormat)
    guard format == nil || format == "channels_last" else {
      throw PhospheneError.unsupported(
        "data_format must be 'channels_last', received '\(format ?? "")'")
    }
  }
}
