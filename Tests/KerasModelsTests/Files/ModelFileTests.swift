import FoundationEssentials
import KerasModels
import Tensors
import TestSupport
import Testing

@Suite final class ModelFileTests {
  private let folder: URL
  private let model: Model
  private var path: String { folder.appending(path: "model.safetensors").path }

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "phosphene-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let config = functional(
      [vectorInput, entry("Dense", "a", #"{"units": 3}"#, on: ["x"])], outputs: ["a"])
    model = try Model(
      architecture: Architecture(configJSON: config),
      weights: [
        "a/kernel": spread([4, 3]), "a/bias": Tensor([3], [.nan, -0.0, .leastNonzeroMagnitude]),
      ],
      metadata: ["note": "größer ✓ \"\n", "empty": ""])
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  private func bits(_ tensor: Tensor?) -> [UInt32]? { tensor?.elements.map(\.bitPattern) }

  @Test(arguments: [true, false]) func whatIsSavedComesBack(map: Bool) throws {
    try model.save(to: path)
    let other = try Model(path: path, map: map)
    for key in ["a/kernel", "a/bias"] {
      #expect(bits(other.weight(key)) == bits(model.weight(key)))
    }
    #expect(other.metadata == model.metadata)
    #expect(other.architecture.configJSON == model.architecture.configJSON)
    #expect(other.digest == model.digest)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 1)
  }

  // github.com/huggingface/safetensors, README "Format", read with another JSON reader than ours.
  @Test func fileIsSafetensors() throws {
    try model.save(to: path)
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    let length = (0..<8).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
    #expect((8 + length) % 64 == 0)
    let header = String(decoding: bytes[8..<8 + length], as: UTF8.self)
    #expect(header.hasPrefix(#"{"__metadata__":{"#))
    #expect(header.contains(#""a/bias":{"data_offsets":[0,12],"dtype":"F32","shape":[3]}"#))
    #expect(header.contains(#""a/kernel":{"data_offsets":[12,60],"dtype":"F32","shape":[4,3]}"#))
    #expect(bytes.count == 8 + length + 60)
    let first = (0..<4).reduce(UInt32(0)) {
      $0 | UInt32(bytes[8 + length + 12 + $1]) << UInt32(8 * $1)
    }
    #expect(first == model.weight("a/kernel")?.elements[0].bitPattern)
  }

  @Test func aFileIsReplacedWhileItIsMapped() throws {
    try model.save(to: path)
    let mapped = try Model(path: path)
    try mapped.save(to: path)
    #expect(bits(mapped.weight("a/kernel")) == bits(model.weight("a/kernel")))
    #expect(try Model(path: path).digest == model.digest)
  }

  /// Opens bytes as a model file; anything but a sentence of ours is an issue.
  private func open(_ bytes: some Collection<UInt8>, map: Bool, _ what: String) throws -> Bool {
    try Data(bytes).write(to: URL(filePath: path))
    do {
      _ = try Model(path: path, map: map).digest
      return true
    } catch PhospheneError.modelFile, PhospheneError.invalidArgument, PhospheneError.unsupported {
      return false
    } catch {
      Issue.record("\(what): \(error)")
      return false
    }
  }

  @Test func noTruncatedFileIsOpened() throws {
    try model.save(to: path)
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    for count in bytes.indices {
      #expect(try !open(bytes[..<count], map: count % 2 == 0, "\(count) bytes"))
    }
    #expect(try open(bytes, map: true, "all"))
  }

  @Test(arguments: 0..<4 as Range<UInt64>) func noEditCrashes(seed: UInt64) throws {
    try model.save(to: path)
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    var random = Random(seed: seed, stream: 0)
    for round in 0..<250 {
      var edited = bytes
      for _ in 0..<random.integer(in: 1...3) {
        // Mostly the header, where bytes mean something; some edits insert or remove.
        let place = random.integer(in: 0...edited.count - 1)
        switch random.integer(in: 0...3) {
        case 0: edited.remove(at: place)
        case 1: edited.insert(UInt8(random.integer(in: 32...126)), at: place)
        default: edited[place] = UInt8(random.integer(in: 0...255))
        }
      }
      _ = try open(edited, map: round % 2 == 0, "round \(round)")
    }
  }

  /// A file with a header of one's own.
  private func file(_ header: String, data: Int = 60) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) } + Array(header.utf8)
      + [UInt8](repeating: 0, count: data)
  }

  @Test func editedHeadersAreRefusedInSentences() throws {
    try model.save(to: path)
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    let length = Int(bytes[0]) | Int(bytes[1]) << 8
    let header = String(decoding: bytes[8..<8 + length], as: UTF8.self)
    func refusal(_ old: String, _ new: String) throws -> String? {
      try Data(file(header.replacing(old, with: new))).write(to: URL(filePath: path))
      return TestSupport.refusal { _ = try Model(path: path) }
    }
    #expect(try refusal("", "") == nil)
    for offsets in ["[12,61]", "[-12,36]", "[24,72]", "[60,12]", "[12]", "[0,9223372036854775807]"]
    {
      let sentence = try refusal("[12,60]", offsets)
      #expect(
        sentence?.contains("is truncated or edited: weight 'a/kernel' needs 48 bytes at") == true)
    }
    #expect(
      try refusal("[4,3]", "[3,4]")?.hasSuffix(
        "is edited or incomplete: weight 'a/kernel' must be float32 of shape (4, 3), received "
          + "float32 (3, 4)") == true)
    #expect(
      try refusal("[4,3]", "[4,-3]")?.contains("axis lengths are negative or too large") == true)
    #expect(try refusal("\"F32\"", "\"F16\"")?.contains("must be F32, it is F16") == true)
    #expect(
      try refusal("phosphene/1", "phosphene/9")?.contains("holds arrays but no model") == true)
    #expect(
      try refusal("a/bias", "b/bias")?.hasSuffix("weight 'a/bias' of shape (3,) is missing")
        == true)
    #expect(try refusal("{", "[")?.contains("its header can't be read") == true)
  }

  // Somebody else's file may lie at odd addresses.
  @Test func unalignedArraysAreRead() throws {
    try model.save(to: path)
    var bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    let length = Int(bytes[0]) | Int(bytes[1]) << 8
    bytes.insert(0x20, at: 8 + length)
    (bytes[0], bytes[1]) = (UInt8((length + 1) & 255), UInt8((length + 1) >> 8))
    try Data(bytes).write(to: URL(filePath: path))
    let other = try Model(path: path)
    #expect(bits(other.weight("a/kernel")) == bits(model.weight("a/kernel")))
  }

  @Test func placesThatCannotBeAreNamed() throws {
    let nowhere = folder.appending(path: "no/such.safetensors").path
    #expect(
      refusal { try model.save(to: nowhere) }
        == "can't write '\(nowhere)': No such file or directory")
    #expect(
      refusal { _ = try Model(path: nowhere) }
        == "can't open '\(nowhere)': No such file or directory")
    #expect(refusal { _ = try Model(path: folder.path) } == "'\(folder.path)' is not a file")
    #expect(refusal { try model.save(to: folder.path) }?.hasPrefix("can't rename") == true)
    #expect(refusal { _ = try Model(path: "/dev/null") } == "'/dev/null' is not a file")
    // Nothing is left behind, beside the folder either.
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    let parent = folder.deletingLastPathComponent().path
    let left = try FileManager.default.contentsOfDirectory(atPath: parent)
    #expect(left.filter { $0.hasPrefix(folder.lastPathComponent) } == [folder.lastPathComponent])
  }
}
