import Graphs
import Tensors

extension OperationRule {
  /// Elements at shares of the way through sorted ones.
  static let quantiles: [String: OperationRule] = [
    "Median": OperationRule(["x"], settings: ["axis", "keepdims"]) { context in
      [try quantile([0.5], isScalar: true, ignoresNaN: false, &context)]
    },
    "Nanmedian": OperationRule(["x"], settings: ["axis", "keepdims"]) { context in
      [try quantile([0.5], isScalar: true, ignoresNaN: true, &context)]
    },
    "Nanpercentile": quantiles(of: 100, ignoresNaN: true),
    "Nanquantile": quantiles(of: 1, ignoresNaN: true),
    "Percentile": quantiles(of: 100, ignoresNaN: false),
    // Keras 3.15 has a setting `method` for this class too, and computes 'linear' whatever it says.
    "Quantile": quantiles(of: 1, ignoresNaN: false, hasMethod: false),
  ]

  private static func quantiles(
    of whole: Double, ignoresNaN: Bool, hasMethod: Bool = true
  ) -> OperationRule {
    OperationRule(["x", "q"], settings: ["axis", "method", "keepdims"]) { context in
      guard let shares = context.call["q"]?.plainNumbers else {
        throw context.call.mismatch("q", "one number or a list of numbers")
      }
      let isScalar: Bool
      switch context.call["q"] {
      case .list: isScalar = false
      case .array(let shape, _): isScalar = shape.rank == 0
      default: isScalar = true
      }
      return [
        try quantile(
          shares.map { $0 / whole }, method: hasMethod ? context.call.text("method") : nil,
          isScalar: isScalar, ignoresNaN: ignoresNaN, &context)
      ]
    }
  }
}

/// How a quantile between two elements is found.
private enum QuantileMethod: String, CaseIterable {
  case linear, lower, higher, midpoint, nearest

  /// For a place between two positions, which two count and the share of the upper one.
  func neighbours(of place: Double) -> (lower: Double, upper: Double, share: Double) {
    let (low, high) = (place.rounded(.down), place.rounded(.up))
    switch self {
    case .linear: return (low, high, place - low)
    case .lower: return (low, low, 0)
    case .higher: return (high, high, 0)
    case .midpoint: return (low, high, 0.5)
    case .nearest:
      let near = place.rounded(.toNearestOrEven)
      return (near, near, 0)
    }
  }
}

/// Appends quantiles along the axes of the setting; several come as a leading axis.
private func quantile(
  _ shares: [Double], method name: String? = nil, isScalar: Bool, ignoresNaN: Bool,
  _ context: inout LoweringContext
) throws(PhospheneError) -> Value {
  let x = try context.requiredValue("x")
  let axes = try context.axes("axis", of: context.graph.shape(x))
  let name = name ?? "linear"
  guard let method = QuantileMethod(rawValue: name), shares.allSatisfy((0...1).contains) else {
    throw .invalidArgument(
      "q must lie between 0 and 1 and method must be one of "
        + QuantileMethod.allCases.map(\.rawValue).joined(separator: ", ")
        + ", received \(shares) and '\(name)'")
  }
  let keeps = context.call.flag("keepdims")
  let lines = try context.graph.lines(x, along: axes)
  let sorted = try context.graph.sorted(lines, axis: -1)
  var results: [Value] = []
  for share in shares {
    var value =
      ignoresNaN
      ? try context.graph.quantileOfNumbers(sorted, share, method)
      : try context.graph.quantile(sorted, share, method)
    if keeps { value = try context.graph.spread(value, overAxes: axes, of: x) }
    guard !isScalar else { return value }
    results.append(
      try context.graph.reshape(value, to: Shape([1] + context.graph.shape(value).axes)))
  }
  guard !results.isEmpty else { throw .invalidArgument("q must have at least one number") }
  return try context.graph.concatenate(results, axis: 0)
}

extension Graph {
  /// Appends all elements along some axes as one axis behind the others.
  fileprivate mutating func lines(
    _ value: Value, along axes: [Int]
  ) throws(PhospheneError) -> Value {
    let shape = shape(value)
    let others = shape.axes.indices.filter { !axes.contains($0) }
    let moved = try transpose(value, others + axes.sorted())
    let length = axes.reduce(1) { $0 * shape[$1] }
    return try reshape(moved, to: Shape(others.map { shape[$0] } + [length]))
  }

  fileprivate mutating func quantile(
    _ sorted: Value, _ share: Double, _ method: QuantileMethod
  ) throws(PhospheneError) -> Value {
    let axes = shape(sorted).axes
    let axis = axes.count - 1
    let found = method.neighbours(of: Double(axes[axis] - 1) * share)
    func element(_ position: Double, _ graph: inout Graph) throws(PhospheneError) -> Value {
      let part = try graph.slice(sorted, axis: axis, start: Int(position), length: 1)
      return try graph.reshape(part, to: Shape(axes.dropLast()))
    }
    var value = try element(found.lower, &self)
    if found.upper != found.lower {
      value = try add(
        linear(value, scale: Float(1 - found.share)),
        linear(element(found.upper, &self), scale: Float(found.share)))
    }
    // NaN is sorted to the end of its line.
    let isNaN = try unary(.isNaN, element(Double(axes[axis] - 1), &self))
    return try select(isNaN, constant(.nan), value)
  }

  fileprivate mutating func quantileOfNumbers(
    _ sorted: Value, _ share: Double, _ method: QuantileMethod
  ) throws(PhospheneError) -> Value {
    let axis = shape(sorted).rank - 1
    let line = Shape(shape(sorted).axes.dropLast() + [1])
    let count = try reshape(
      reduce(.sum, not(unary(.isNaN, sorted)), axes: [axis]), to: line)
    // A line without numbers has only NaN, at its start too.
    let last = try unary(.clip(low: 0, high: .infinity), linear(count, scale: 1, offset: -1))
    let place = try linear(last, scale: Float(share))
    var (low, high) = (try unary(.floor, place), try unary(.ceiling, place))
    switch method {
    case .lower: high = low
    case .higher: low = high
    case .nearest:
      low = try unary(.round, place)
      high = low
    case .linear, .midpoint: break
    }
    let lower = try gatherElements(sorted, low, axis: axis)
    let upper = try gatherElements(sorted, high, axis: axis)
    let part = method == .midpoint ? try constant(0.5) : try subtract(place, low)
    let value = try add(lower, multiply(subtract(upper, lower), part))
    let result = low == high ? lower : value
    return try reshape(result, to: Shape(line.axes.dropLast()))
  }
}
