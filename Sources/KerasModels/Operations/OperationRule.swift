import Graphs
import Tensors

/// How one function of `keras.ops` is made of operations.
///
/// Keras divides the arguments of a function in two: those of the class's initializer, which stand
/// in its configuration, and those of its call. A rule finds both by name in
/// ``LoweringContext/call``.
struct OperationRule: Sendable {
  /// Throws `PhospheneError` only; closures don't take on a thrown type from where they stand.
  typealias Body = @Sendable (inout LoweringContext) throws -> [Value]

  /// The parameters of the class's initializer.
  let settings: [String]
  /// The parameters of its call, in order.
  let arguments: [String]
  /// Appends the function and returns its outputs.
  let body: Body
  /// The function of `keras.ops` that this one is under other names: those of its parameters by
  /// Keras' names.
  var original: (name: String, names: [String: String])?

  init(_ arguments: [String], settings: [String] = [], _ body: @escaping Body) {
    (self.settings, self.arguments, self.body) = (settings, arguments, body)
  }

  /// A function of one tensor `x` without settings.
  static func unary(
    _ body: @escaping @Sendable (inout Graph, Value) throws -> Value
  ) -> OperationRule {
    OperationRule(["x"]) { context in
      let x = try context.requiredValue("x")
      return [try body(&context.graph, x)]
    }
  }

  /// A function of two tensors, or numbers, without settings.
  static func binary(
    _ body: @escaping @Sendable (inout Graph, Value, Value) throws -> Value,
    of arguments: [String] = ["x1", "x2"]
  ) -> OperationRule {
    OperationRule(arguments) { context in
      let a = try context.requiredValue(arguments[0])
      let b = try context.requiredValue(arguments[1])
      return [try body(&context.graph, a, b)]
    }
  }

  /// Appends the function to the context's graph.
  func lower(in context: inout LoweringContext) throws(PhospheneError) -> [Value] {
    do {
      return try body(&context)
    } catch {
      throw error as? PhospheneError ?? .invalidArgument("\(error)")
    }
  }

  /// All functions by Keras' class name.
  static let all: [String: OperationRule] = {
    var rules: [String: OperationRule] = [:]
    for family in [
      elementwise, comparisons, reductions, ordering, quantiles, shapes, places, joining, indexing,
      scattering, linearAlgebra, diagonals, activations, normalization, windows,
      patches, images, imageFilters, fourier, sampling,
    ] {
      rules.merge(family) { _, _ in preconditionFailure("two rules have the same name") }
    }
    return rules
  }()
}

/// A function of `keras.ops` in a Functional model.
struct KerasOperation: Layer {
  static let classNames = OperationRule.all.keys.sorted()

  private let rule: OperationRule
  private let settings: [String: Argument<MaskedValue>]

  var arguments: [String] { rule.arguments }

  init(decoding config: LayerConfig) throws {
    guard let rule = OperationRule.all[config.className] else {
      throw PhospheneError.unsupported("this function of keras.ops isn't supported")
    }
    self.rule = rule
    var settings: [String: Argument<MaskedValue>] = [:]
    for (name, value) in try config.values() where name != "name" && !value.isNone {
      guard rule.settings.contains(name) else {
        throw PhospheneError.unsupported(
          "setting '\(name)' isn't supported; known are "
            + (rule.settings.isEmpty ? "none" : rule.settings.joined(separator: ", ")))
      }
      guard let value = value.withoutTensors else {
        throw PhospheneError.unsupported("setting '\(name)' must not be a tensor")
      }
      settings[name] = value
    }
    self.settings = settings
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    context.call.add(settings)
    return try rule.lower(in: &context)
  }
}

extension Argument {
  /// The same argument for tensors of another kind, `nil` if there is one in it.
  fileprivate func withoutTensorsOfKind<Other>(_ kind: Other.Type) -> Argument<Other>? {
    // No element stands for a tensor, so none is ever replaced.
    tensors.isEmpty ? map { _ in preconditionFailure("a tensor in an argument without any") } : nil
  }

  fileprivate var withoutTensors: Argument<MaskedValue>? { withoutTensorsOfKind(MaskedValue.self) }
}

// MARK: - Plain arguments

extension BoundCall {
  /// A whole number.
  func whole(_ name: String) throws(PhospheneError) -> Int? {
    guard let values = try wholes(name) else { return nil }
    guard values.count == 1 else { throw mismatch(name, "one whole number") }
    return values[0]
  }

  /// Whole numbers: a list, an array, or one.
  func wholes(_ name: String) throws(PhospheneError) -> [Int]? {
    guard let argument = self[name], !argument.isNone else { return nil }
    guard let numbers = argument.plainNumbers else { throw mismatch(name, "whole numbers") }
    var values: [Int] = []
    for number in numbers {
      guard let value = Int(exactly: number) else { throw mismatch(name, "whole numbers") }
      values.append(value)
    }
    return values
  }

  /// A number.
  func number(_ name: String) throws(PhospheneError) -> Double? {
    guard let argument = self[name], !argument.isNone else { return nil }
    guard let numbers = argument.plainNumbers, numbers.count == 1 else {
      throw mismatch(name, "a number")
    }
    return numbers[0]
  }

  /// A number as the engine computes with it, or `standard` where it is left out.
  func float(_ name: String, default standard: Float) throws(PhospheneError) -> Float {
    try number(name).map { Float($0) } ?? standard
  }

  /// A word.
  func text(_ name: String) throws(PhospheneError) -> String? {
    switch self[name] {
    case nil, .some(.none): return nil
    case .string(let text): return text
    default: throw mismatch(name, "a string")
    }
  }

  /// The refusal of an argument of another kind.
  func mismatch(_ name: String, _ wanted: String) -> PhospheneError {
    .unsupported("argument '\(name)' must be \(wanted), written in the configuration")
  }
}

extension Argument {
  /// The numbers of a plain number, a list or an array.
  var plainNumbers: [Double]? {
    switch self {
    case .number(let number): return [number]
    case .bool(let flag): return [flag ? 1 : 0]
    case .array(_, let elements): return elements.map(Double.init)
    case .list(let elements):
      var numbers: [Double] = []
      for element in elements {
        guard case .number(let number) = element else { return nil }
        numbers.append(number)
      }
      return numbers
    default: return nil
    }
  }
}

extension LoweringContext {
  /// An axis that an argument names, counted from zero; `nil` where it is left out.
  func axis(_ name: String, of shape: Shape) throws(PhospheneError) -> Int? {
    try call.whole(name).map { (axis) throws(PhospheneError) in try shape.axis(axis, of: name) }
  }

  /// The axes that an argument names, counted from zero; all of them where it is left out.
  func axes(_ name: String, of shape: Shape) throws(PhospheneError) -> [Int] {
    guard let axes = try call.wholes(name) else { return Array(shape.axes.indices) }
    let positions = try axes.map { (axis) throws(PhospheneError) in
      try shape.axis(axis, of: name)
    }
    guard Set(positions).count == positions.count else {
      throw .invalidArgument("axes \(axes) name an axis of shape \(shape) twice")
    }
    return positions
  }
}

extension Graph {
  /// Appends what a change of the element type does to a number.
  ///
  /// Whole numbers are cut toward zero and booleans are 0 or 1; all numbers remain floats.
  mutating func cast(_ value: Value, to dataType: String) throws(PhospheneError) -> Value {
    if dataType == "bool" { return try isNonzero(value) }
    if dataType.hasPrefix("int") || dataType.hasPrefix("uint") {
      return try unary(.truncate, value)
    }
    guard dataType.hasPrefix("float") || dataType == "bfloat16" else {
      throw .unsupported(
        "dtype must be a float, a whole number or bool, received '\(dataType)'")
    }
    return value
  }

  /// Appends 1 where a number isn't zero, NaN included, otherwise 0.
  mutating func isNonzero(_ value: Value) throws(PhospheneError) -> Value {
    try binary(.notEqual, value, constant(0))
  }

  /// Appends 1 for 0 and 0 for 1.
  mutating func not(_ value: Value) throws(PhospheneError) -> Value {
    try linear(value, scale: -1, offset: 1)
  }

  /// Appends equal elements in a shape.
  mutating func filled(_ shape: Shape, with element: Float) throws(PhospheneError) -> Value {
    try broadcast(constant(element), to: shape)
  }
}
