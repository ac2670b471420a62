import Tensors

/// One output of one call of a layer, as Keras' `keras_history` names it.
struct TensorReference: Hashable, Sendable, Decodable {
  let layer: String
  let call: Int
  let output: Int

  init(layer: String, call: Int, output: Int) {
    (self.layer, self.call, self.output) = (layer, call, output)
  }

  /// Reads `[layer, call, output]`, behind which Keras 2 writes the call's keyword arguments.
  init(from decoder: any Decoder) throws {
    var list = try decoder.unkeyedContainer()
    layer = try list.decode(String.self)
    call = try list.decode(Int.self)
    output = try list.decode(Int.self)
    guard call >= 0, output >= 0 else {
      throw PhospheneError.invalidArgument("tensor \(layer), \(call), \(output) can't exist")
    }
    if !list.isAtEnd, let extra = try? list.decode([String: NullValue].self) {
      guard extra.values.allSatisfy(\.isNull) else {
        throw PhospheneError.unsupported(
          "call arguments \(extra.keys.sorted()) aren't supported")
      }
    }
  }
}

/// Any JSON value, of which only matters whether it is `null`.
private struct NullValue: Decodable {
  let isNull: Bool
  init(from decoder: any Decoder) throws {
    isNull = try decoder.singleValueContainer().decodeNil()
  }
}

/// Returns a layer's name as an element of a path, in which `/` and `#` have a meaning.
func pathElement(_ name: String) -> String {
  guard name.contains(where: { $0 == "/" || $0 == "#" }) else { return name }
  return name.map { $0 == "/" ? "%2F" : $0 == "#" ? "%23" : String($0) }.joined()
}

/// What one call of a layer reads: Keras 3's `args` and `kwargs`, or Keras 2's list.
struct InboundNode: Decodable, Sendable {
  let tensors: [TensorReference]
  /// Whether it is written in Keras 2's way.
  let isLegacy: Bool

  private enum CodingKeys: String, CodingKey { case args, kwargs }

  init(from decoder: any Decoder) throws {
    guard let call = try? decoder.container(keyedBy: CodingKeys.self) else {
      tensors = try decoder.singleValueContainer().decode([TensorReference].self)
      isLegacy = true
      return
    }
    var tensors: [TensorReference] = []
    if call.contains(.args) {
      var arguments = try call.nestedUnkeyedContainer(forKey: .args)
      while !arguments.isAtEnd {
        tensors += try arguments.decode(Argument.self).tensors
      }
    }
    if let named = try call.decodeIfPresent([String: Argument].self, forKey: .kwargs) {
      for (name, argument) in named where !argument.tensors.isEmpty || argument.isValue {
        // `training` and `mask` are what Keras adds by itself; at inference they say nothing.
        guard name == "training" || (name == "mask" && argument.tensors.isEmpty) else {
          throw PhospheneError.unsupported("call argument '\(name)' isn't supported")
        }
      }
    }
    self.tensors = tensors
    isLegacy = false
  }
}

/// One argument of a call: a tensor, a list of them, or a plain value.
private struct Argument: Decodable {
  let tensors: [TensorReference]
  let isValue: Bool

  private enum TensorKeys: String, CodingKey {
    case config
    case className = "class_name"
  }
  private enum HistoryKeys: String, CodingKey { case history = "keras_history" }

  init(from decoder: any Decoder) throws {
    if let object = try? decoder.container(keyedBy: TensorKeys.self) {
      guard try object.decodeIfPresent(String.self, forKey: .className) == "__keras_tensor__"
      else {
        (tensors, isValue) = ([], true)
        return
      }
      let config = try object.nestedContainer(keyedBy: HistoryKeys.self, forKey: .config)
      tensors = [try config.decode(TensorReference.self, forKey: .history)]
      isValue = false
    } else if var list = try? decoder.unkeyedContainer() {
      guard decoder.codingPath.count < 1000 else {
        throw PhospheneError.invalidArgument("call arguments are nested too deep")
      }
      var tensors: [TensorReference] = []
      while !list.isAtEnd { tensors += try list.decode(Argument.self).tensors }
      (self.tensors, isValue) = (tensors, tensors.isEmpty)
    } else {
      tensors = []
      isValue = try !decoder.singleValueContainer().decodeNil()
    }
  }
}

/// A model's inputs or outputs: one tensor, a list, or a dictionary of them.
struct TensorStructure: Decodable, Sendable {
  let tensors: [TensorReference]

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let named = try? container.decode([String: TensorReference].self) {
      tensors = named.sorted { $0.key < $1.key }.map(\.value)
    } else if let tensor = try? container.decode(TensorReference.self) {
      tensors = [tensor]
    } else {
      tensors = try container.decode([TensorReference].self)
    }
  }
}
