import Graphs
import Tensors

extension OperationRule {
  /// Products of vectors and matrices.
  static let linearAlgebra: [String: OperationRule] = [
    "CDist": binary(distances, of: ["x", "y"]),
    "Corrcoef": unary(correlations),
    "Correlate": OperationRule(["x1", "x2"], settings: ["mode"], correlate),
    "Cross": OperationRule(["x1", "x2"], settings: ["axisa", "axisb", "axisc", "axis"], cross),
    "Dot": binary(dot),
    "Einsum": OperationRule(["*operands"], settings: ["subscripts"]) { context in
      guard let text = try context.call.text("subscripts") else {
        throw PhospheneError.invalidArgument("setting 'subscripts' is missing")
      }
      let operands = try context.values("*operands")
      return [try context.graph.einsum(EinsumEquation(text), operands)]
    },
    "Inner": binary { graph, a, b in
      let (first, second) = (graph.shape(a).rank, graph.shape(b).rank)
      guard first > 0, second > 0 else { return try graph.multiply(a, b) }
      return try graph.tensorProduct(a, [first - 1], b, [second - 1])
    },
    "Kron": binary(kroneckerProduct),
    "Matmul": binary { graph, a, b in try graph.matrixMultiply(a, b) },
    "Outer": binary { graph, a, b in
      let column = try graph.reshape(a, to: [graph.shape(a).elementCount, 1])
      return try graph.multiply(
        column, graph.reshape(b, to: [graph.shape(b).elementCount]))
    },
    "Tensordot": OperationRule(["x1", "x2"], settings: ["axes"], tensordot),
    "Vdot": binary { graph, a, b in
      let first = try graph.reshape(a, to: [graph.shape(a).elementCount])
      let second = try graph.reshape(b, to: [graph.shape(b).elementCount])
      return try graph.tensorProduct(first, [0], second, [0])
    },
  ]
}

extension Graph {
  /// Appends NumPy's matrix product, where a line of numbers is a row on the left and a column on
  /// the right.
  mutating func matrixMultiply(_ a: Value, _ b: Value) throws(PhospheneError) -> Value {
    let (left, right) = (shape(a).axes, shape(b).axes)
    guard !left.isEmpty, !right.isEmpty else {
      throw .invalidArgument("a matrix product needs two arrays, received a number")
    }
    let first = left.count == 1 ? try reshape(a, to: Shape([1] + left)) : a
    let second = right.count == 1 ? try reshape(b, to: Shape(right + [1])) : b
    let product = try matrixProduct(first, second)
    var lengths = shape(product).axes
    if right.count == 1 { lengths.removeLast() }
    if left.count == 1 { lengths.remove(at: lengths.count - (right.count == 1 ? 1 : 2)) }
    return try reshape(product, to: Shape(lengths))
  }

  /// Appends the sum of products over pairs of axes, with the other axes of `a` and then of `b`.
  mutating func tensorProduct(
    _ a: Value, _ axesOfA: [Int], _ b: Value, _ axesOfB: [Int]
  ) throws(PhospheneError) -> Value {
    let (left, right) = (shape(a), shape(b))
    guard axesOfA.map({ left[$0] }) == axesOfB.map({ right[$0] }) else {
      throw .invalidArgument(
        "axes \(axesOfA) of shape \(left) and \(axesOfB) of shape \(right) differ in length")
    }
    let restOfA = left.axes.indices.filter { !axesOfA.contains($0) }
    let restOfB = right.axes.indices.filter { !axesOfB.contains($0) }
    let inner = axesOfA.reduce(1) { $0 * left[$1] }
    let rows = restOfA.reduce(1) { $0 * left[$1] }
    let columns = restOfB.reduce(1) { $0 * right[$1] }
    let product = try matrixProduct(
      reshape(transpose(a, restOfA + axesOfA), to: [rows, inner]),
      reshape(transpose(b, axesOfB + restOfB), to: [inner, columns]))
    let lengths = restOfA.map { left[$0] } + restOfB.map { right[$0] }
    return try reshape(product, to: Shape(checking: lengths, of: "a product"))
  }
}

private func dot(
  _ graph: inout Graph, _ a: Value, _ b: Value
) throws(PhospheneError) -> Value {
  let (first, second) = (graph.shape(a).rank, graph.shape(b).rank)
  guard first > 0, second > 0 else { return try graph.multiply(a, b) }
  return try graph.tensorProduct(a, [first - 1], b, [max(second - 2, 0)])
}

private func tensordot(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let (a, b) = (try context.requiredValue("x1"), try context.requiredValue("x2"))
  let (left, right) = (context.graph.shape(a), context.graph.shape(b))
  var axes: ([Int], [Int])
  if case .list(let pair) = context.call["axes"], pair.count == 2 {
    let lists = pair.map { ($0.plainNumbers ?? []).compactMap { Int(exactly: $0) } }
    axes = (lists[0], lists[1])
  } else {
    let count = try context.call.whole("axes") ?? 2
    guard (0...min(left.rank, right.rank)).contains(count) else {
      throw .invalidArgument("axes \(count) are too many for shapes \(left) and \(right)")
    }
    axes = (Array(left.rank - count..<left.rank), Array(0..<count))
  }
  guard axes.0.count == axes.1.count else {
    throw .invalidArgument("axes \(axes) must be as many of x1 as of x2")
  }
  for index in axes.0.indices {
    axes.0[index] = try left.axis(axes.0[index], of: "tensordot")
    axes.1[index] = try right.axis(axes.1[index], of: "tensordot")
  }
  return [try context.graph.tensorProduct(a, axes.0, b, axes.1)]
}

private func kroneckerProduct(
  _ graph: inout Graph, _ a: Value, _ b: Value
) throws(PhospheneError) -> Value {
  let rank = max(graph.shape(a).rank, graph.shape(b).rank)
  let left = [Int](repeating: 1, count: rank - graph.shape(a).rank) + graph.shape(a).axes
  let right = [Int](repeating: 1, count: rank - graph.shape(b).rank) + graph.shape(b).axes
  let product = try graph.multiply(
    graph.reshape(a, to: Shape(checking: left.flatMap { [$0, 1] }, of: "kron")),
    graph.reshape(b, to: Shape(checking: right.flatMap { [1, $0] }, of: "kron")))
  return try graph.reshape(product, to: Shape(zip(left, right).map { $0 * $1 }))
}

/// The product of vectors of two or three numbers that stands at right angles to both.
private func cross(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let shared = try context.call.whole("axis")
  var vectors: [[Value]] = []
  for (name, setting) in [("x1", "axisa"), ("x2", "axisb")] {
    let x = try context.requiredValue(name)
    let shape = context.graph.shape(x)
    let own = try context.call.whole(setting)
    let axis = try shape.axis(shared ?? own ?? -1, of: "cross")
    guard (2...3).contains(shape[axis]) else {
      throw .invalidArgument("cross needs vectors of 2 or 3 numbers, received shape \(shape)")
    }
    var rest = shape.axes
    rest.remove(at: axis)
    var parts: [Value] = []
    for index in 0..<shape[axis] {
      let part = try context.graph.slice(x, axis: axis, start: index, length: 1)
      parts.append(try context.graph.reshape(part, to: Shape(rest)))
    }
    vectors.append(parts)
  }
  let (a, b) = (vectors[0], vectors[1])
  func product(_ i: Int, _ j: Int, _ graph: inout Graph) throws(PhospheneError) -> Value? {
    i < a.count && j < b.count ? try graph.multiply(a[i], b[j]) : nil
  }
  func difference(_ i: Int, _ j: Int, _ graph: inout Graph) throws(PhospheneError) -> Value {
    switch (try product(i, j, &graph), try product(j, i, &graph)) {
    case (let first?, let second?): try graph.subtract(first, second)
    case (let first?, nil): first
    case (nil, let second?): try graph.linear(second, scale: -1)
    case (nil, nil): try graph.constant(0)
    }
  }
  let last = try difference(0, 1, &context.graph)
  guard a.count == 3 || b.count == 3 else { return [last] }
  let own = try context.call.whole("axisc")
  return [
    try context.graph.stack(
      [difference(1, 2, &context.graph), difference(2, 0, &context.graph), last],
      axis: shared ?? own ?? -1)
  ]
}

/// The distance of each row of `a` from each row of `b`.
private func distances(
  _ graph: inout Graph, _ a: Value, _ b: Value
) throws(PhospheneError) -> Value {
  var (left, right) = (graph.shape(a).axes, graph.shape(b).axes)
  guard left.count >= 2, right.count >= 2 else {
    throw .invalidArgument("cdist needs two matrices, received \(Shape(left)), \(Shape(right))")
  }
  left.insert(1, at: left.count - 1)
  right.insert(1, at: right.count - 2)
  let difference = try graph.subtract(
    graph.reshape(a, to: Shape(left)), graph.reshape(b, to: Shape(right)))
  let square = try graph.unary(.square, difference)
  return try graph.unary(
    .squareRoot, graph.reduce(.sum, square, axes: [graph.shape(square).rank - 1]))
}

/// The correlation of each row with each other.
private func correlations(_ graph: inout Graph, _ x: Value) throws(PhospheneError) -> Value {
  let shape = graph.shape(x)
  guard shape.rank == 2 else {
    throw .unsupported("corrcoef needs an array (variables, samples), received shape \(shape)")
  }
  let centered = try graph.subtract(x, graph.kept(.mean, x, axes: [1]))
  let size = try graph.unary(
    .squareRoot, graph.kept(.sum, graph.unary(.square, centered), axes: [1]))
  let rows = try graph.divide(centered, size)
  let product = try graph.matrixProduct(rows, rows, transposeB: true)
  return try graph.unary(.clip(low: -1, high: 1), product)
}

/// The sums of products of a line with another one that is moved along it.
private func correlate(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  var line = try context.requiredValue("x1")
  let other = try context.requiredValue("x2")
  let (long, short) = (context.graph.shape(line), context.graph.shape(other))
  let mode = try context.call.text("mode") ?? "valid"
  guard long.rank == 1, short.rank == 1, long[0] >= short[0], short[0] > 0,
    ["full", "same", "valid"].contains(mode)
  else {
    throw .unsupported(
      "correlate needs two lines, the second not longer, and a mode of 'full', 'same' or 'valid', "
        + "received \(long), \(short) and '\(mode)'")
  }
  let (count, window) = (long[0], short[0])
  var low = 0
  var length = count - window + 1
  if mode == "full" {
    (low, length) = (window - 1, count + window - 1)
  } else if mode == "same" {
    (low, length) = (window - 1 - (window - 1) / 2, count)
  }
  let high = length + window - 1 - count - low
  line = try context.graph.pad(line, low: [low], high: [high])
  guard length.multipliedClamping(by: window) <= 1 << 26 else {
    throw .unsupported("correlate of \(count) and \(window) numbers is too large")
  }
  let positions = (0..<length).flatMap { start in (0..<window).map { Float(start + $0) } }
  let windows = try context.graph.gather(
    line, context.graph.constant(Tensor([length, window], positions)), axis: 0)
  return [try context.graph.tensorProduct(windows, [1], other, [0])]
}
