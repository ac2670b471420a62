import Tensors

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
