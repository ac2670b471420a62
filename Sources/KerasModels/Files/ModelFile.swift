import FoundationEssentials
public import Tensors

/// The model file: safetensors, with the Keras configuration among its metadata.
///
/// Source: github.com/huggingface/safetensors, README "Format". Eight bytes hold the length of a
/// JSON header, little-endian; the header gives type, shape and byte range of each array behind it.
extension Model {
  /// What `format` says in files that this engine writes.
  private static let format = "phosphene/1"
  private static let reserved = ["format", "keras_config"]

  private struct Entry: Codable {
    let dtype: String
    let shape: [Int]
    let dataOffsets: [Int]

    enum CodingKeys: String, CodingKey {
      case dtype, shape
      case dataOffsets = "data_offsets"
    }
  }

  private struct Header: Decodable {
    var metadata: [String: String] = [:]
    var entries: [(name: String, entry: Entry)] = []

    struct Key: CodingKey {
      let stringValue: String
      let intValue: Int? = nil
      init(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Key.self)
      for key in container.allKeys {
        if key.stringValue == "__metadata__" {
          metadata = try container.decode([String: String].self, forKey: key)
        } else {
          entries.append((key.stringValue, try container.decode(Entry.self, forKey: key)))
        }
      }
    }
  }

  /// Opens a model file.
  ///
  /// - Parameters:
  ///   - path: Where the file is.
  ///   - map: Whether to map it into memory, so that weights exist once, or to read it.
  /// - Throws: `modelFile` for a file that can't be read or isn't what it says it is.
  public convenience init(path: String, map: Bool = true) throws(PhospheneError) {
    let file = try FileBytes.load(path, map: map)
    let header = try Model.header(of: file, path: path)
    let start = 8 + Model.headerLength(of: file)
    guard header.metadata["format"] == Model.format,
      let configJSON = header.metadata["keras_config"]
    else {
      throw .modelFile(
        "'\(path)' holds arrays but no model: its metadata must have format '\(Model.format)' and "
          + "keras_config, as model.save() writes them")
    }
    var weights: [String: Tensor] = [:]
    for (name, entry) in header.entries {
      weights[name] = try Model.tensor(name, entry, in: file, from: start, path: path)
    }
    let architecture = try Model.architecture(configJSON, path: path)
    if let problem = Model.mismatch(architecture, weights) {
      throw .modelFile("'\(path)' is edited or incomplete: \(problem)")
    }
    try self.init(
      architecture: architecture, weights: weights,
      metadata: header.metadata.filter { !Model.reserved.contains($0.key) })
  }

  /// Writes a model file, first beside its final place.
  ///
  /// - Throws: `modelFile` if that fails; then nothing is left behind.
  public func save(to path: String) throws(PhospheneError) {
    var entries: [String: Entry] = [:]
    var position = 0
    var pieces: [UnsafeRawBufferPointer] = []
    var tensors: [Tensor] = []
    for weight in architecture.weights.sorted(by: { $0.key < $1.key }) {
      guard let tensor = try self.weight(weight.key)?.widened() else { continue }
      tensors.append(tensor)
      entries[weight.key] = Entry(
        dtype: "F32", shape: tensor.shape.axes,
        dataOffsets: [position, position + tensor.type.byteCount])
      position += tensor.type.byteCount
      pieces.append(UnsafeRawBufferPointer(start: tensor.start, count: tensor.type.byteCount))
    }
    var metadata = metadata
    metadata["format"] = Model.format
    metadata["keras_config"] = architecture.configJSON
    var header: [UInt8]
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      // Two documents joined, because the values of one object differ in kind.
      let head = try encoder.encode(["__metadata__": metadata])
      let body = try encoder.encode(entries)
      header = head.dropLast() + (entries.isEmpty ? [] : Array(",".utf8)) + body.dropFirst()
    } catch {
      throw .internalFailure("the header of '\(path)' can't be written: \(error)")
    }
    // Spaces behind the header keep the arrays aligned for whoever maps the file.
    while (8 + header.count) % 64 != 0 { header.append(0x20) }
    let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
    let start = length + header
    try start.withUnsafeBufferPointer { bytes throws(PhospheneError) in
      try FileBytes.write([UnsafeRawBufferPointer(bytes)] + pieces, to: path)
    }
    withExtendedLifetime((self, tensors)) {}
  }

  private static func architecture(
    _ configJSON: String, path: String
  ) throws(PhospheneError) -> Architecture {
    do throws(PhospheneError) {
      return try Architecture(configJSON: configJSON)
    } catch {
      guard case .invalidArgument(let text) = error else { throw error }
      throw .modelFile("'\(path)': \(text)")
    }
  }

  private static func headerLength(of file: Storage) -> Int {
    Int(
      clamping: UInt64(
        littleEndian: file.start.loadUnaligned(fromByteOffset: 0, as: UInt64.self)))
  }

  private static func header(of file: Storage, path: String) throws(PhospheneError) -> Header {
    guard file.byteCount >= 8 else {
      throw .modelFile("'\(path)' has \(file.byteCount) bytes, too few for a model")
    }
    let length = headerLength(of: file)
    guard length <= file.byteCount - 8, length <= 1 << 27 else {
      throw .modelFile(
        "'\(path)' is truncated or no safetensors file: its header should have \(length) bytes, "
          + "the whole file has \(file.byteCount)")
    }
    do {
      return try JSONDecoder().decode(
        Header.self, from: Data(bytes: file.start + 8, count: length))
    } catch {
      throw .modelFile("'\(path)' is edited or no safetensors file: its header can't be read")
    }
  }

  /// Returns an array of the file after checking that its bytes are there.
  private static func tensor(
    _ name: String, _ entry: Entry, in file: Storage, from start: Int, path: String
  ) throws(PhospheneError) -> Tensor {
    guard entry.dtype == "F32" else {
      throw .modelFile("'\(path)': weight '\(name)' must be F32, it is \(entry.dtype)")
    }
    let shape: Shape
    do {
      shape = try Shape(checking: entry.shape, of: "weight '\(name)'")
    } catch {
      throw .modelFile("'\(path)': \(error.message)")
    }
    let type = TensorType(shape)
    let offsets = entry.dataOffsets
    guard offsets.count == 2, offsets[0] >= 0, offsets[1] >= offsets[0],
      offsets[1] <= file.byteCount - start, offsets[1] - offsets[0] == type.byteCount
    else {
      throw .modelFile(
        "'\(path)' is truncated or edited: weight '\(name)' needs \(type.byteCount) bytes at "
          + "\(offsets), behind the header there are \(file.byteCount - start)")
    }
    let tensor = Tensor(type, storage: file, byteOffset: start + offsets[0])
    guard UInt(bitPattern: tensor.start) % 4 != 0 else { return tensor }
    // Somebody else's file may be unaligned; kernels need whole floats.
    let copy = try Storage(byteCount: type.byteCount)
    copy.start.copyMemory(from: tensor.start, byteCount: type.byteCount)
    return Tensor(type, storage: copy)
  }
}
