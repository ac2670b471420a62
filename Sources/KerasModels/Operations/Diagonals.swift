import Graphs
import Tensors

extension OperationRule {
  /// Diagonals and triangles of matrices, and lines of numbers between two.
  static let diagonals: [String: OperationRule] = [
    "Diag": OperationRule(["x"], settings: ["k"]) { context in
      let x = try context.requiredValue("x")
      let offset = try context.call.whole("k") ?? 0
      return context.graph.shape(x).rank == 2
        ? [try context.graph.diagonal(x, offset: offset)]
        : [try context.graph.diagonalMatrix(x, offset: offset)]
    },
    "Diagflat": OperationRule(["x"], settings: ["k"]) { context in
      let x = try context.requiredValue("x")
      let line = try context.graph.reshape(x, to: [context.graph.shape(x).elementCount])
      return [try context.graph.diagonalMatrix(line, offset: context.call.whole("k") ?? 0)]
    },
    "Diagonal": OperationRule(["x"], settings: ["offset", "axis1", "axis2"]) { context in
      [try context.diagonal()]
    },
    "Geomspace": spaced(["num", "endpoint", "axis"]) { graph, start, stop, ramp in
      // Both ends have the same sign.
      let low = try graph.unary(.logarithm, graph.unary(.absolute, start))
      let high = try graph.unary(.logarithm, graph.unary(.absolute, stop))
      let size = try graph.unary(.exponential, graph.interpolated(low, high, ramp))
      return try graph.multiply(size, graph.unary(.sign, start))
    },
    "Linspace": spaced(["num", "endpoint", "axis", "retstep"]) { graph, start, stop, ramp in
      try graph.interpolated(start, stop, ramp)
    },
    "Logspace": spaced(["num", "endpoint", "axis", "base"]) { graph, start, stop, ramp in
      try graph.interpolated(start, stop, ramp)
    },
    "Trace": OperationRule(["x"], settings: ["offset", "axis1", "axis2"]) { context in
      let diagonal = try context.diagonal()
      let axis = context.graph.shape(diagonal).rank - 1
      return [try context.graph.reduce(.sum, diagonal, axes: [axis])]
    },
    "Tril": OperationRule(["x"], settings: ["k"]) { context in
      try triangle(&context) { row, column, offset in column - row <= offset }
    },
    "Triu": OperationRule(["x"], settings: ["k"]) { context in
      try triangle(&context) { row, column, offset in column - row >= offset }
    },
    "Vander": OperationRule(["x"], settings: ["N", "increasing"], vandermonde),
  ]

  /// Numbers from `start` to `stop` along a new axis; the body gets both with that axis, and the
  /// shares of the way that are done.
  private static func spaced(
    _ settings: [String],
    _ body: @escaping @Sendable (inout Graph, Value, Value, Value) throws -> Value
  ) -> OperationRule {
    OperationRule(["start", "stop"], settings: settings + ["dtype"]) { context in
      var (start, stop) = (
        try context.requiredValue("start"), try context.requiredValue("stop")
      )
      guard !context.call.flag("retstep") else {
        throw PhospheneError.unsupported("retstep must be False")
      }
      let count = try context.call.whole("num") ?? 50
      guard (1...1 << 24).contains(count) else {
        throw PhospheneError.invalidArgument("num must be positive, received \(count)")
      }
      let difference = try context.graph.subtract(stop, start)
      let shape = context.graph.shape(difference)
      let axis = try Shape(shape.axes + [1]).axis(context.call.whole("axis") ?? 0, of: "linspace")
      var lengths = shape.axes
      lengths.insert(1, at: axis)
      start = try context.graph.reshape(
        context.graph.broadcast(start, to: shape), to: Shape(lengths))
      stop = try context.graph.reshape(context.graph.broadcast(stop, to: shape), to: Shape(lengths))
      let steps = context.call.flag("endpoint", default: true) ? count - 1 : count
      let shares = (0..<count).map { Float(Double($0) / Double(max(steps, 1))) }
      let ramp = context.graph.constant(
        try Tensor(Shape([count] + lengths[(axis + 1)...].map { _ in 1 }), shares))
      var value = try body(&context.graph, start, stop, ramp)
      if let dataType = try context.call.text("dtype") {
        if dataType.contains("int") { value = try context.graph.unary(.floor, value) }
        value = try context.graph.cast(value, to: dataType)
      }
      if let base = try context.value("base") {
        value = try context.graph.binary(.power, base, value)
      }
      return [value]
    }
  }
}

extension LoweringContext {
  /// The diagonal of `x` along the settings' axes, as its last axis.
  fileprivate mutating func diagonal() throws(PhospheneError) -> Value {
    let x = try requiredValue("x")
    let shape = graph.shape(x)
    guard shape.rank >= 2, let rows = try axis("axis1", of: shape),
      let columns = try axis("axis2", of: shape), rows != columns
    else { throw .invalidArgument("a diagonal needs two axes of shape \(shape)") }
    let others = shape.axes.indices.filter { $0 != rows && $0 != columns }
    let matrices = try graph.transpose(x, others + [rows, columns])
    return try graph.diagonal(matrices, offset: call.whole("offset") ?? 0)
  }
}

extension Graph {
  /// Appends the diagonal of the last two axes that lies `offset` columns right of the first.
  fileprivate mutating func diagonal(
    _ value: Value, offset: Int
  ) throws(PhospheneError) -> Value {
    let lengths = shape(value).axes
    let (rows, columns) = (lengths[lengths.count - 2], lengths[lengths.count - 1])
    guard offset > -rows, offset < columns else {
      throw .unsupported("diagonal \(offset) of a matrix \(rows) x \(columns) is empty")
    }
    let count = min(rows - max(-offset, 0), columns - max(offset, 0))
    let start = offset >= 0 ? offset : -offset * columns
    let outer = Array(lengths.dropLast(2))
    let lines = try reshape(value, to: Shape(outer + [rows * columns]))
    return try slice(
      lines, starts: outer.map { _ in 0 } + [start], lengths: outer + [count],
      steps: outer.map { _ in 1 } + [columns + 1])
  }

  /// Appends a square matrix with a line of numbers as one of its diagonals.
  fileprivate mutating func diagonalMatrix(
    _ line: Value, offset: Int
  ) throws(PhospheneError) -> Value {
    guard shape(line).rank == 1 else {
      throw .invalidArgument("diag needs a line or a matrix, received shape \(shape(line))")
    }
    let count = shape(line)[0]
    guard abs(offset) < 1 << 20 else { throw .unsupported("diagonal \(offset) is too far off") }
    let size = count + abs(offset)
    // One element, then as many zeros as lead to the next row and one column further.
    let column = try reshape(line, to: [count, 1])
    let spread = try pad(column, low: [0, 0], high: [0, size])
    let run = try slice(
      reshape(spread, to: [count * (size + 1)]), axis: 0, start: 0,
      length: (count - 1) * (size + 1) + 1)
    let start = offset >= 0 ? offset : -offset * size
    let rest = size * size - start - shape(run)[0]
    return try reshape(pad(run, low: [start], high: [rest]), to: [size, size])
  }

  /// Appends `start + (stop - start) * share`.
  fileprivate mutating func interpolated(
    _ start: Value, _ stop: Value, _ share: Value
  ) throws(PhospheneError) -> Value {
    try add(start, multiply(subtract(stop, start), share))
  }
}

/// The elements of matrices where `isKept` says so of row, column and offset, zeros elsewhere.
private func triangle(
  _ context: inout LoweringContext, isKept: (Int, Int, Int) -> Bool
) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let lengths = context.graph.shape(x).axes
  let offset = try context.call.whole("k") ?? 0
  guard lengths.count >= 2 else {
    throw .invalidArgument("a triangle needs a matrix, received shape \(Shape(lengths))")
  }
  let (rows, columns) = (lengths[lengths.count - 2], lengths[lengths.count - 1])
  let flags = (0..<rows).flatMap { row in
    (0..<columns).map { isKept(row, $0, offset) ? Float(1) : 0 }
  }
  let mask = context.graph.constant(try Tensor([rows, columns], flags))
  return [try context.graph.select(mask, x, context.graph.constant(0))]
}

/// The powers of each number as a row, the highest first.
private func vandermonde(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let shape = context.graph.shape(x)
  guard shape.rank == 1 else {
    throw .invalidArgument("vander needs a line of numbers, received shape \(shape)")
  }
  let count = try context.call.whole("N") ?? shape[0]
  guard (1...1 << 20).contains(count) else {
    throw .invalidArgument("N must be positive, received \(count)")
  }
  var exponents = (0..<count).map(Float.init)
  if !context.call.flag("increasing") { exponents.reverse() }
  let row = context.graph.constant(try Tensor([count], exponents))
  let column = try context.graph.reshape(x, to: [shape[0], 1])
  return [try context.graph.binary(.power, column, row)]
}
