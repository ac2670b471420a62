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
