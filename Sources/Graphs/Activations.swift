public import Tensors

/// Where an activation lets no gradient through.
public enum ActivationCurve: Sendable {
  /// Below zero, and above a ceiling if it has one.
  case rectifier
  /// At both ends.
  case saturating
  /// Where one number is far above the others.
  case softmax
  /// Elsewhere.
  case other
}

extension Graph {
  /// The kind of the activation that computed `value`, through reshapes and transpositions; `nil` if
  /// none did.
  public func activationCurve(of value: Value) -> ActivationCurve? {
    guard case .operation(let operation, let inputs) = self[value].source else { return nil }
    switch operation {
    case is Softmax: return .softmax
    case is Cut, is Reshape, is Transpose: return activationCurve(of: inputs[0])
    case let unary as Unary:
      switch unary.function {
      case .relu(negativeSlope: 0): return .rectifier
      // A sigmoid of lines cuts off a multiple of its input, moved.
      case .clip(low: 0, high: _) where (activation(of: value)?.input ?? inputs[0]) == inputs[0]:
        return .rectifier
      case .sigmoid, .tanh, .hardSigmoid, .clip, .softsign: return .saturating
      case .linear: return nil
      default: return .other
      }
    default: return activation(of: value) == nil ? nil : .other
    }
  }

  /// Whether the activation that computed `value` has a ceiling, at or near which it lets no gradient
  /// through.
  public func isBoundedAbove(_ value: Value) -> Bool {
    if let activation = activation(of: value), activation.isProbability { return true }
    guard case .operation(let operation, let inputs) = self[value].source else { return false }
    switch operation {
    case is Softmax: return true
    case is Cut, is Reshape, is Transpose: return isBoundedAbove(inputs[0])
    case let unary as Unary:
      switch unary.function {
      case .sigmoid, .tanh, .hardSigmoid, .softsign: return true
      case .clip(_, let high): return high < .infinity
      default: return false
      }
    default: return false
    }
  }

  /// The value before the activation that computed `value`: what was noted of it, what goes into
  /// its softmax or its function of each element, through reshapes and transpositions, or `value`
  /// itself if there is none.
  public mutating func preActivation(of value: Value) throws(PhospheneError) -> Value {
    if let activation = activation(of: value) { return activation.input }
    guard case .operation(let operation, let inputs) = self[value].source else { return value }
    switch operation {
    case is Softmax: return inputs[0]
    case let unary as Unary:
      switch unary.function {
      case .linear: return value
      // A rectifier with a ceiling is two functions.
      case .clip(low: -.infinity, high: _): return try preActivation(of: inputs[0])
      default: return inputs[0]
      }
    case is Cut: return try preActivation(of: inputs[0])
    case let view as Reshape:
      return try viewed(preActivation(of: inputs[0]), instead: inputs[0], by: view, value)
    case let order as Transpose:
      let inner = try preActivation(of: inputs[0])
      return inner == inputs[0] ? value : try transpose(inner, order.permutation)
    default: return value
    }
  }

  /// The value before the softmax or sigmoid that computed `value`, through reshapes and
  /// transpositions, or `value` itself if it isn't a probability.
  public mutating func logits(of value: Value) throws(PhospheneError) -> Value {
    if let activation = activation(of: value), activation.isProbability { return activation.input }
    guard case .operation(let operation, let inputs) = self[value].source else { return value }
    switch operation {
    case is Softmax: return inputs[0]
    case let unary as Unary where unary.function == .sigmoid: return inputs[0]
    case is Cut: return try logits(of: inputs[0])
    case let view as Reshape:
      return try viewed(logits(of: inputs[0]), instead: inputs[0], by: view, value)
    case let order as Transpose:
      let inner = try logits(of: inputs[0])
      return inner == inputs[0] ? value : try transpose(inner, order.permutation)
    default: return value
    }
  }

  /// The view of `inner`, or what was viewed before where that isn't possible: a gate halves its
  /// input.
  private mutating func viewed(
    _ inner: Value, instead outer: Value, by view: Reshape, _ value: Value
  ) throws(PhospheneError) -> Value {
    let fits = shape(inner).elementCount == view.shape.elementCount
    return inner == outer || !fits ? value : try reshape(inner, to: view.shape)
  }
}
