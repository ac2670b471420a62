// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation, AlwaysUseLowerCamelCase
// The functions below are documented in phosphene.h, which the compiler checks them against.

public import CPhosphene
import FoundationEssentials
import KerasModels
import Synchronization
import Tensors

/// An architecture with its description as C strings.
final class ArchitectureBox: CObject {
  static let cName = "an architecture"

  let architecture: Architecture
  let json: CText
  let configJSON: CText

  init(_ architecture: Architecture) {
    self.architecture = architecture
    json = CText(architecture.json)
    configJSON = CText(architecture.configJSON)
  }
}

/// A model with its descriptions as C strings and the shapes of its weights as C arrays.
final class ModelBox: CObject {
  static let cName = "a model"

  let model: Model
  let architecture: ArchitectureBox
  let metadata: CText
  private let shapes: [String: CShape]
  private let digestText = Mutex<CText?>(nil)

  init(_ model: Model, architecture: ArchitectureBox? = nil) {
    self.model = model
    self.architecture = architecture ?? ArchitectureBox(model.architecture)
    metadata = CText(encoded(model.metadata))
    shapes = Dictionary(
      uniqueKeysWithValues: model.architecture.weightShapes.map { ($0.key, CShape($0.shape)) })
  }

  var digest: UnsafePointer<CChar>? {
    digestText.withLock { text in
      if let text { return text.pointer.map { UInt(bitPattern: $0) } }
      let made = CText(model.digest)
      text = made
      return made.pointer.map { UInt(bitPattern: $0) }
    }.flatMap { UnsafePointer(bitPattern: $0) }
  }

  func shape(_ key: String) -> UnsafePointer<Int64>? { shapes[key]?.pointer }
}

typealias ArchitectureHandle = Handle<ArchitectureBox>
typealias ModelHandle = Handle<ModelBox>

/// Class names need no escaping.
private let supportedText: CText = {
  func list(_ names: [String]) -> String {
    "[" + names.map { "\"\($0)\"" }.joined(separator: ", ") + "]"
  }
  return CText(
    """
    {"layers": \(list(supportedClassNames)), "operations": \(list(supportedOperationNames))}
    """)
}()

@c @implementation
public func ph_supported_json() -> UnsafePointer<CChar>? { supportedText.pointer }

@c @implementation
public func ph_architecture_create(
  _ configJSON: UnsafePointer<CChar>?, _ architectureOut: UnsafeMutablePointer<OpaquePointer?>?
) -> ph_status {
  status { () throws(PhospheneError) in
    let architectureOut = try required(architectureOut, "architecture_out")
    let architecture = try Architecture(configJSON: text(configJSON, "config_json"))
    architectureOut.pointee = ArchitectureHandle.create(ArchitectureBox(architecture))
  }
}

@c @implementation
public func ph_architecture_destroy(_ architecture: OpaquePointer?) {
  ArchitectureHandle.destroy(architecture, "architecture")
}

@c @implementation
public func ph_architecture_json(_ architecture: OpaquePointer?) -> UnsafePointer<CChar>? {
  answer { () throws(PhospheneError) in
    try ArchitectureHandle.value(architecture, "architecture").json.pointer
  }
}

@c @implementation
public func ph_model_create(
  _ architecture: OpaquePointer?, _ keys: UnsafePointer<UnsafePointer<CChar>?>?,
  _ weights: UnsafePointer<ph_array>?, _ count: Int, _ metadataJSON: UnsafePointer<CChar>?,
  _ modelOut: UnsafeMutablePointer<OpaquePointer?>?
) -> ph_status {
  status { () throws(PhospheneError) in
    let modelOut = try required(modelOut, "model_out")
    let box = try ArchitectureHandle.value(architecture, "architecture")
    _ = try types(of: weights, count: count, "weights")
    var tensors: [String: Tensor] = [:]
    for index in 0..<count {
      let key = try text(required(keys, "keys")[index], "keys[\(index)]")
      tensors[key] = try copy(of: required(weights, "weights")[index], "weight '\(key)'")
    }
    let metadata = try metadataJSON.map { (pointer) throws(PhospheneError) in
      try metadataObject(text(pointer, "metadata_json"))
    }
    let model = try Model(
      architecture: box.architecture, weights: tensors, metadata: metadata ?? [:])
    modelOut.pointee = ModelHandle.create(ModelBox(model, architecture: box))
  }
}

@c @implementation
public func ph_model_join(
  _ architecture: OpaquePointer?, _ paths: UnsafePointer<UnsafePointer<CChar>?>?,
  _ models: UnsafePointer<OpaquePointer?>?, _ count: Int, _ metadataJSON: UnsafePointer<CChar>?,
  _ modelOut: UnsafeMutablePointer<OpaquePointer?>?
) -> ph_status {
  status { () throws(PhospheneError) in
    let modelOut = try required(modelOut, "model_out")
    let box = try ArchitectureHandle.value(architecture, "architecture")
    guard (0...(1 << 16)).contains(count) else {
      throw .invalidArgument("\(count) models are too many to join")
    }
    var parts: [(path: String, model: Model)] = []
    for index in 0..<count {
      let path = try text(required(paths, "paths")[index], "paths[\(index)]")
      let model = try ModelHandle.value(required(models, "models")[index], "models[\(index)]")
      parts.append((path, model.model))
    }
    let metadata = try metadataJSON.map { (pointer) throws(PhospheneError) in
      try metadataObject(text(pointer, "metadata_json"))
    }
    let model = try Model(
      architecture: box.architecture, joining: parts, metadata: metadata ?? [:])
    modelOut.pointee = ModelHandle.create(ModelBox(model, architecture: box))
  }
}

@c @implementation
public func ph_model_open(
  _ path: UnsafePointer<CChar>?, _ map: Int32, _ modelOut: UnsafeMutablePointer<OpaquePointer?>?
) -> ph_status {
  status { () throws(PhospheneError) in
    let modelOut = try required(modelOut, "model_out")
    let model = try Model(path: text(path, "path"), map: map != 0)
    modelOut.pointee = ModelHandle.create(ModelBox(model))
  }
}

@c @implementation
public func ph_model_with_precision(
  _ model: OpaquePointer?, _ precision: UnsafePointer<CChar>?,
  _ modelOut: UnsafeMutablePointer<OpaquePointer?>?
) -> ph_status {
  status { () throws(PhospheneError) in
    let modelOut = try required(modelOut, "model_out")
    let box = try ModelHandle.value(model, "model")
    let name = try text(precision, "precision")
    guard let precision = Precision(rawValue: name) else {
      let names = Precision.allCases.map(\.rawValue).joined(separator: " or ")
      throw .invalidArgument("precision must be \(names), received '\(name)'")
    }
    let converted = try box.model.with(precision: precision)
    modelOut.pointee = ModelHandle.create(ModelBox(converted, architecture: box.architecture))
  }
}

@c @implementation
public func ph_model_save(_ model: OpaquePointer?, _ path: UnsafePointer<CChar>?) -> ph_status {
  status { () throws(PhospheneError) in
    try ModelHandle.value(model, "model").model.save(to: text(path, "path"))
  }
}

@c @implementation
public func ph_model_destroy(_ model: OpaquePointer?) {
  ModelHandle.destroy(model, "model")
}

@c @implementation
public func ph_model_json(_ model: OpaquePointer?) -> UnsafePointer<CChar>? {
  answer { () throws(PhospheneError) in
    try ModelHandle.value(model, "model").architecture.json.pointer
  }
}

@c @implementation
public func ph_model_config_json(_ model: OpaquePointer?) -> UnsafePointer<CChar>? {
  answer { () throws(PhospheneError) in
    try ModelHandle.value(model, "model").architecture.configJSON.pointer
  }
}

@c @implementation
public func ph_model_metadata_json(_ model: OpaquePointer?) -> UnsafePointer<CChar>? {
  answer { () throws(PhospheneError) in
    try ModelHandle.value(model, "model").metadata.pointer
  }
}

@c @implementation
public func ph_model_digest(_ model: OpaquePointer?) -> UnsafePointer<CChar>? {
  answer { () throws(PhospheneError) in
    try ModelHandle.value(model, "model").digest
  }
}

@c @implementation
public func ph_model_weight(
  _ model: OpaquePointer?, _ key: UnsafePointer<CChar>?,
  _ weightOut: UnsafeMutablePointer<ph_array>?
) -> ph_status {
  status { () throws(PhospheneError) in
    let weightOut = try required(weightOut, "weight_out")
    let box = try ModelHandle.value(model, "model")
    let key = try text(key, "key")
    guard let weight = box.model.weight(key) else {
      throw .invalidArgument("the model has no weight '\(key)'")
    }
    weightOut.pointee = ph_array(
      data: weight.start, dtype: weight.type.dataType.rawValue, rank: Int32(weight.shape.rank),
      shape: box.shape(key))
  }
}

/// Writes metadata as JSON.
private func encoded(_ metadata: [String: String]) -> String {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys]
  return (try? encoder.encode(metadata)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
}

/// Reads metadata: an object whose values are strings.
private func metadataObject(_ json: String) throws(PhospheneError) -> [String: String] {
  do {
    return try JSONDecoder().decode([String: String].self, from: Data(json.utf8))
  } catch {
    throw .invalidArgument("metadata_json must be an object of strings")
  }
}
