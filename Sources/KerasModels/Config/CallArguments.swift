import Tensors

/// One argument of a layer's call, as Keras' configuration writes it.
///
/// `Source` stands for a tensor that another layer computes: its name in a configuration
/// (``TensorReference``), or its place in a graph (``MaskedValue``).
indirect enum Argument<Source: Sendable>: Sendable {
  case tensor(Source)
  /// Numbers that stand in the configuration.
  case array(Shape, [Float])
  /// A variable of the network itself, which only an expanded custom layer has.
  case weight(name: String, shape: Shape, isTrainable: Bool)
  case none
  case bool(Bool)
  case number(Double)
  case string(String)
  case list([Argument])
  /// By name, sorted.
  case dictionary([(name: String, value: Argument)])
  case slice(start: Argument, stop: Argument, step: Argument)
  case ellipsis

  /// The tensors in it, in order of appearance.
  var tensors: [Source] {
    switch self {
    case .tensor(let source): [source]
    case .list(let elements): elements.flatMap(\.tensors)
    case .dictionary(let entries): entries.flatMap(\.value.tensors)
    case .slice(let start, let stop, let step): [start, stop, step].flatMap(\.tensors)
    default: []
    }
  }

  /// The tensors in it and `nil` for each `None`, in order of appearance.
  var leaves: [Source?] {
    switch self {
    case .tensor(let source): [source]
    case .none: [nil]
    case .list(let elements): elements.flatMap(\.leaves)
    case .dictionary(let entries): entries.flatMap(\.value.leaves)
    default: []
    }
  }

  /// Whether it is `None`.
  var isNone: Bool { if case .none = self { true } else { false } }

  /// The same argument with every tensor replaced, in the order of ``tensors``.
  func map<Other>(_ replace: (Source) -> Other) -> Argument<Other> {
    switch self {
    case .tensor(let source): .tensor(replace(source))
    case .array(let shape, let elements): .array(shape, elements)
    case .weight(let name, let shape, let isTrainable):
      .weight(name: name, shape: shape, isTrainable: isTrainable)
    case .none: .none
    case .bool(let value): .bool(value)
    case .number(let value): .number(value)
    case .string(let value): .string(value)
    case .list(let elements): .list(elements.map { $0.map(replace) })
    case .dictionary(let entries):
      .dictionary(entries.map { (name: $0.name, value: $0.value.map(replace)) })
    case .slice(let start, let stop, let step):
      .slice(start: start.map(replace), stop: stop.map(replace), step: step.map(replace))
    case .ellipsis: .ellipsis
    }
  }

  /// The same argument with a tensor in place of every variable of the network.
  func resolvingWeights(
    _ resolve: (_ name: String, _ shape: Shape, _ isTrainable: Bool) throws(PhospheneError) ->
      Source
  ) throws(PhospheneError) -> Argument {
    switch self {
    case .weight(let name, let shape, let isTrainable):
      return .tensor(try resolve(name, shape, isTrainable))
    case .list(let elements):
      var resolved: [Argument] = []
      for element in elements { resolved.append(try element.resolvingWeights(resolve)) }
      return .list(resolved)
    case .dictionary(let entries):
      var resolved: [(name: String, value: Argument)] = []
      for entry in entries {
        resolved.append((name: entry.name, value: try entry.value.resolvingWeights(resolve)))
      }
      return .dictionary(resolved)
    case .slice(let start, let stop, let step):
      return .slice(
        start: try start.resolvingWeights(resolve), stop: try stop.resolvingWeights(resolve),
        step: try step.resolvingWeights(resolve))
    default:
      return self
    }
  }
}

/// What one call of a layer is given: Python's positional and named arguments.
struct CallArguments<Source: Sendable>: Sendable {
  var positional: [Argument<Source>]
  /// By name, sorted.
  var named: [(name: String, value: Argument<Source>)] = []

  /// The tensors among all arguments, in order of appearance.
  var tensors: [Source] {
    positional.flatMap(\.tensors) + named.flatMap(\.value.tensors)
  }

  /// The same arguments with every tensor replaced, in the order of ``tensors``.
  func map<Other>(_ replace: (Source) -> Other) -> CallArguments<Other> {
    CallArguments<Other>(
      positional: positional.map { $0.map(replace) },
      named: named.map { (name: $0.name, value: $0.value.map(replace)) })
  }

  /// The same arguments with a tensor in place of every variable of the network.
  func resolvingWeights(
    _ resolve: (_ name: String, _ shape: Shape, _ isTrainable: Bool) throws(PhospheneError) ->
      Source
  ) throws(PhospheneError) -> CallArguments {
    var resolved = self
    for index in positional.indices {
      resolved.positional[index] = try positional[index].resolvingWeights(resolve)
    }
    for index in named.indices {
      resolved.named[index].value = try named[index].value.resolvingWeights(resolve)
    }
    return resolved
  }
}

extension CallArguments where Source == TensorReference {
  /// Refuses arguments that a layer doesn't know, since leaving one out might change the numbers.
  ///
  /// What is `None` says nothing, and neither does `training`: Keras puts that of the whole model,
  /// which is false at inference, in its place (keras 3.15, `models/functional.py`,
  /// `operation_fn`). As in Python, a starred
  /// parameter at the end takes any number of positional arguments, one with two stars any names.
  func check(against parameters: [String]) throws(PhospheneError) {
    guard positional.count <= parameters.count || parameters.last?.hasPrefix("*") == true else {
      throw .unsupported(
        "it is called with \(positional.count) arguments; known are "
          + parameters.joined(separator: ", "))
    }
    if parameters.last?.hasPrefix("**") == true { return }
    for (name, value) in named where !value.isNone && name != "training" {
      guard parameters.contains(name) else {
        throw .unsupported(
          "call argument '\(name)' isn't supported; known are "
            + parameters.joined(separator: ", "))
      }
    }
  }
}

// MARK: - Decoding

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

/// One call as a configuration writes it: Keras 3's `args` and `kwargs`, or Keras 2's list.
struct InboundNode: Decodable, Sendable {
  let arguments: CallArguments<TensorReference>
  /// Whether it is written in Keras 2's way.
  let isLegacy: Bool

  private enum CodingKeys: String, CodingKey { case args, kwargs }

  init(from decoder: any Decoder) throws {
    if let call = try? decoder.container(keyedBy: CodingKeys.self) {
      let positional =
        try call.decodeIfPresent([Argument<TensorReference>].self, forKey: .args) ?? []
      let named =
        try call.decodeIfPresent([String: Argument<TensorReference>].self, forKey: .kwargs) ?? [:]
      arguments = CallArguments(
        positional: positional,
        named: named.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) })
      isLegacy = false
    } else {
      arguments = try InboundNode.legacyArguments(decoder)
      isLegacy = true
    }
  }

  /// Reads Keras 2's list: `[layer, call, output, {named arguments}]` for each tensor.
  private static func legacyArguments(
    _ decoder: any Decoder
  ) throws -> CallArguments<TensorReference> {
    let container = try decoder.singleValueContainer()
    // A call with one tensor may be written without the list around it.
    let entries =
      try (try? container.decode([LegacyTensor].self)) ?? [container.decode(LegacyTensor.self)]
    let named = entries.first?.named ?? [:]
    let tensors = entries.map(\.argument)
    return CallArguments(
      positional: [tensors.count == 1 ? tensors[0] : .list(tensors)],
      named: named.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) })
  }
}

/// One tensor of a call in Keras 2's way, with the named arguments that stand behind each.
private struct LegacyTensor: Decodable {
  let argument: Argument<TensorReference>
  let named: [String: Argument<TensorReference>]

  init(from decoder: any Decoder) throws {
    var list = try decoder.unkeyedContainer()
    guard let layer = try? list.decode(String.self) else {
      // A list within the list, such as that of numbers beside tensors.
      guard decoder.codingPath.count < 1000 else {
        throw PhospheneError.invalidArgument("call arguments are nested too deep")
      }
      let elements = try decoder.singleValueContainer().decode([LegacyTensor].self)
      argument = .list(elements.map(\.argument))
      named = elements.first?.named ?? [:]
      return
    }
    let call = try list.decode(Int.self)
    if layer == "_CONSTANT_VALUE" {
      argument = try list.decode(Argument<TensorReference>.self)
    } else {
      argument = .tensor(
        try TensorReference(
          checking: layer, call: call, output: list.decode(Int.self)))
    }
    named =
      list.isAtEnd
      ? [:]
      : try list.decode([String: Argument<TensorReference>].self)
        .mapValues { $0.readingLegacyTensors }
  }
}

extension Argument where Source == TensorReference {
  /// Keras 2 writes a tensor among named arguments as a plain list `[layer, call, output]`.
  fileprivate var readingLegacyTensors: Argument {
    switch self {
    case .list(let elements):
      if elements.count >= 3, case .string(let layer) = elements[0],
        case .number(let call) = elements[1], case .number(let output) = elements[2],
        let tensor = try? TensorReference(
          checking: layer, call: Int(exactly: call) ?? -1, output: Int(exactly: output) ?? -1)
      {
        .tensor(tensor)
      } else {
        .list(elements.map(\.readingLegacyTensors))
      }
    case .dictionary(let entries):
      .dictionary(entries.map { (name: $0.name, value: $0.value.readingLegacyTensors) })
    default: self
    }
  }
}
