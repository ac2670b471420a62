import Graphs
import Tensors

/// The arguments of a call, found by the names of Keras' parameters.
struct BoundCall: Sendable {
  private var arguments: [String: Argument<MaskedValue>]
  private let parameters: [String]
  /// Whether `mask` is given by its name.
  private let namesMask: Bool
  /// The tensors among the arguments, in the order of the parameters.
  let inputs: [MaskedValue]

  init(_ call: CallArguments<MaskedValue>, parameters: [String]) {
    var bound: [String: Argument<MaskedValue>] = [:]
    for (name, argument) in call.named { bound[name] = argument }
    for (name, argument) in zip(parameters, call.positional) { bound[name] = argument }
    // As in Python, a starred parameter takes the positional arguments that are left.
    if let last = parameters.last, last.hasPrefix("*") {
      bound[last] = .list(Array(call.positional.dropFirst(parameters.count - 1)))
    }
    arguments = bound
    self.parameters = parameters
    namesMask = call.named.contains { $0.name == "mask" && !$0.value.isNone }
    inputs = parameters.flatMap { bound[$0]?.tensors ?? [] }
  }

  /// Adds what stands in a layer's configuration and not in its call.
  mutating func add(_ settings: [String: Argument<MaskedValue>]) {
    arguments.merge(settings) { argument, _ in argument }
  }

  /// Gives arguments the names that another function has for them, and leaves out the others.
  mutating func rename(_ names: KeyValuePairs<String, String>) {
    var renamed: [String: Argument<MaskedValue>] = [:]
    for (name, other) in names { renamed[other] = arguments[name] }
    arguments = renamed
  }

  /// Puts numbers in the places of tensors that are known already.
  mutating func resolve(
    _ known: (Value) throws(PhospheneError) -> Tensor?
  ) throws(PhospheneError) {
    for (name, argument) in arguments { arguments[name] = try argument.resolved(known) }
  }

  /// The argument for a parameter, `nil` if it is left out.
  subscript(name: String) -> Argument<MaskedValue>? { arguments[name] }

  /// The tensors of an argument: none if it is left out or `None`.
  func tensors(_ name: String) -> [MaskedValue] { arguments[name]?.tensors ?? [] }

  /// The tensor of an argument, with the mask that belongs to it.
  func tensor(_ name: String) -> MaskedValue? { tensors(name).first }

  /// A flag, or `standard` where it is left out.
  func flag(_ name: String, default standard: Bool = false) -> Bool {
    switch arguments[name] {
    case .bool(let flag): flag
    case .number(let number): number != 0
    default: standard
    }
  }

  /// A whole number, `nil` where it is left out.
  func integer(_ name: String) -> Int? {
    if case .number(let number) = arguments[name] { Int(exactly: number) } else { nil }
  }

  /// What Keras passes to a layer as `mask`: what the call says, or what is attached to its tensors.
  ///
  /// Attached masks count only where one argument has tensors: a recurrent layer with an initial
  /// state gets no mask unless the call says so.
  ///
  /// Source: keras 3.15, `layers/layer.py`, `Layer.__call__`, step 6.
  var mask: Value? {
    if let mask = tensor("mask") { return mask.value }
    let filled = parameters.filter { !tensors($0).isEmpty }
    return filled.count == 1 ? tensor(filled[0])?.mask : nil
  }

  /// The masks that a layer which supports masking hands on: the one that the call names, or those
  /// that are attached to the first argument.
  var passedMasks: [Value?] {
    if namesMask, let mask = tensor("mask") { return [mask.value] }
    return parameters.first.map { tensors($0).map(\.mask) } ?? []
  }

  /// The mask that a layer with one input and one output hands on.
  var passedMask: Value? { passedMasks.first ?? nil }

  /// What a network is called on: the masks that the call names count more than attached ones.
  var networkInputs: [MaskedValue] {
    var inputs = tensors(NetworkConfig.callParameters[0])
    let masks = self["mask"]?.leaves ?? []
    for (index, mask) in zip(inputs.indices, masks) {
      if let mask { inputs[index].mask = mask.value }
    }
    return inputs
  }
}

extension Argument where Source == MaskedValue {
  /// The same argument with numbers in the places of tensors that are known already.
  fileprivate func resolved(
    _ known: (Value) throws(PhospheneError) -> Tensor?
  ) throws(PhospheneError) -> Argument {
    switch self {
    case .tensor(let source):
      guard let tensor = try known(source.value) else { return self }
      return tensor.shape.rank == 0
        ? .number(Double(tensor.elements[0])) : .array(tensor.shape, tensor.elements)
    case .list(let elements):
      var resolved: [Argument] = []
      for element in elements { resolved.append(try element.resolved(known)) }
      return .list(resolved)
    case .slice(let start, let stop, let step):
      return .slice(
        start: try start.resolved(known), stop: try stop.resolved(known),
        step: try step.resolved(known))
    case .dictionary(let entries):
      var resolved: [(name: String, value: Argument)] = []
      for entry in entries {
        resolved.append((name: entry.name, value: try entry.value.resolved(known)))
      }
      return .dictionary(resolved)
    default: return self
    }
  }
}
