import Tensors

extension Argument: Decodable where Source == TensorReference {
  private enum ObjectKeys: String, CodingKey {
    case config
    case className = "class_name"
  }
  private enum ConfigKeys: String, CodingKey {
    case start, stop, step, value, dtype, shape, name, trainable
    case history = "keras_history"
  }

  init(from decoder: any Decoder) throws {
    guard decoder.codingPath.count < 1000 else {
      throw PhospheneError.invalidArgument("call arguments are nested too deep")
    }
    if let object = try? decoder.container(keyedBy: ObjectKeys.self) {
      try self.init(object, decoder)
    } else if let list = try? decoder.unkeyedContainer() {
      self = .list(try Argument.elements(of: list))
    } else {
      let value = try decoder.singleValueContainer()
      if value.decodeNil() {
        self = .none
      } else if let number = try? value.decode(Double.self) {
        self = .number(number)
      } else if let flag = try? value.decode(Bool.self) {
        self = .bool(flag)
      } else {
        self = .string(try value.decode(String.self))
      }
    }
  }

  private static func elements(of list: any UnkeyedDecodingContainer) throws -> [Argument] {
    var list = list
    var elements: [Argument] = []
    while !list.isAtEnd { elements.append(try list.decode(Argument.self)) }
    return elements
  }

  /// Reads an object: one that Keras wrote for a tensor, a slice or an array, or a dictionary.
  private init(_ object: KeyedDecodingContainer<ObjectKeys>, _ decoder: any Decoder) throws {
    guard let className = try? object.decodeIfPresent(String.self, forKey: .className),
      let config = try? object.nestedContainer(keyedBy: ConfigKeys.self, forKey: .config)
    else {
      let entries = try decoder.singleValueContainer().decode([String: Argument].self)
      self = .dictionary(
        entries.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) })
      return
    }
    switch className {
    case "__keras_tensor__":
      var tensor = try config.decode(TensorReference.self, forKey: .history)
      tensor.dataType = try? config.decodeIfPresent(String.self, forKey: .dtype)
      self = .tensor(tensor)
    case "__slice__":
      self = .slice(
        start: try config.decodeIfPresent(Argument.self, forKey: .start) ?? .none,
        stop: try config.decodeIfPresent(Argument.self, forKey: .stop) ?? .none,
        step: try config.decodeIfPresent(Argument.self, forKey: .step) ?? .none)
    case "__ellipsis__": self = .ellipsis
    case "__numpy__", "__tensor__":
      self = try config.decode(NestedNumbers.self, forKey: .value).argument()
    case "__weight__":
      let lengths = try config.decode([Int].self, forKey: .shape)
      let name = try config.decode(String.self, forKey: .name)
      self = .weight(
        name: name, shape: try Shape(checking: lengths, of: "weight '\(name)'"),
        isTrainable: try config.decodeIfPresent(Bool.self, forKey: .trainable) ?? true)
    default:
      throw PhospheneError.unsupported("call arguments of class \(className) aren't supported")
    }
  }
}

/// An array of numbers or booleans of any rank, written as nested lists.
struct NestedNumbers: Decodable {
  private var elements: [Float] = []
  private var lengths: [Int] = []

  init(from decoder: any Decoder) throws {
    try read(decoder.singleValueContainer(), axis: 0)
  }

  func argument<Source>() throws(PhospheneError) -> Argument<Source> {
    let shape = try Shape(checking: lengths, of: "an array among the call arguments")
    guard elements.count == shape.elementCount else {
      throw .invalidArgument("an array among the call arguments has rows of different lengths")
    }
    return .array(shape, elements)
  }

  private mutating func read(
    _ container: any SingleValueDecodingContainer, axis: Int
  ) throws {
    guard axis <= Shape.maximumRank else {
      throw PhospheneError.invalidArgument("an array has more than \(Shape.maximumRank) axes")
    }
    if let numbers = try? container.decode([Float].self) {
      try note(numbers.count, axis)
      elements += numbers
    } else if let flags = try? container.decode([Bool].self) {
      try note(flags.count, axis)
      elements += flags.map { $0 ? 1 : 0 }
    } else if let rows = try? container.decode([NestedNumbers].self) {
      try note(rows.count, axis)
      for row in rows {
        for (offset, length) in row.lengths.enumerated() { try note(length, axis + 1 + offset) }
        elements += row.elements
      }
    } else if let flag = try? container.decode(Bool.self) {
      elements.append(flag ? 1 : 0)
    } else {
      elements.append(try container.decode(Float.self))
    }
  }

  private mutating func note(_ length: Int, _ axis: Int) throws(PhospheneError) {
    if axis == lengths.count { lengths.append(length) }
    guard axis < lengths.count, lengths[axis] == length else {
      throw .invalidArgument("an array among the call arguments has rows of different lengths")
    }
  }
}
