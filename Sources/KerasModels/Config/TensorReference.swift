import Tensors

/// One output of one call of a layer, as Keras' `keras_history` names it.
struct TensorReference: Hashable, Sendable, Decodable {
  let layer: String
  let call: Int
  let output: Int
  /// Keras' element type, where the configuration states it; no part of the reference.
  var dataType: String?

  static func == (a: Self, b: Self) -> Bool {
    a.layer == b.layer && a.call == b.call && a.output == b.output
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(layer)
    hasher.combine(call)
    hasher.combine(output)
  }

  init(layer: String, call: Int, output: Int) {
    (self.layer, self.call, self.output) = (layer, call, output)
  }

  /// Creates a reference that a file names.
  init(checking layer: String, call: Int, output: Int) throws(PhospheneError) {
    guard call >= 0, output >= 0 else {
      throw .invalidArgument("tensor \(layer), \(call), \(output) can't exist")
    }
    self.init(layer: layer, call: call, output: output)
  }

  /// Reads `[layer, call, output]`.
  init(from decoder: any Decoder) throws {
    var list = try decoder.unkeyedContainer()
    try self.init(
      checking: list.decode(String.self), call: list.decode(Int.self),
      output: list.decode(Int.self))
  }
}

/// Returns a layer's name as an element of a path, in which `/` and `#` have a meaning.
func pathElement(_ name: String) -> String {
  guard name.contains(where: { $0 == "/" || $0 == "#" }) else { return name }
  return name.map { $0 == "/" ? "%2F" : $0 == "#" ? "%23" : String($0) }.joined()
}

/// A model's inputs or outputs: one tensor, a list, or a dictionary of them, nested to any depth.
struct TensorStructure: Decodable, Sendable {
  let tensors: [TensorReference]

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let named = try? container.decode([String: TensorStructure].self) {
      tensors = named.sorted { $0.key < $1.key }.flatMap(\.value.tensors)
    } else if let tensor = try? container.decode(TensorReference.self) {
      tensors = [tensor]
    } else {
      guard decoder.codingPath.count < 200 else {
        throw PhospheneError.invalidArgument("the model's inputs or outputs are nested too deep")
      }
      tensors = try container.decode([TensorStructure].self).flatMap(\.tensors)
    }
  }
}
