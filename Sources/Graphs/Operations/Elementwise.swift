public import Kernels
public import Tensors

/// A function of each element.
struct Unary: Operation {
  let function: UnaryFunction

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType { inputs[0] }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    if pullback.rule == .redirected, let slope = function.slopingRange {
      return [try redirectedCotangent(pullback, slope, in: &graph)]
    }
    if case .relu(let slope) = function, slope == 0 {
      return [try rectifiedCotangent(pullback, in: &graph)]
    }
    return [try plainCotangent(pullback, in: &graph)]
  }

  func beforeTransposition(
    by permutation: [Int]
  ) -> (operation: any Operation, permutation: [Int])? {
    (self, permutation)
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try unaryKernel(function, count: request.output.shape.elementCount)
  }

  private func plainCotangent(
    _ pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let operation = UnaryGradient(function: function)
    return switch function.gradientSource {
    case .output: try graph.apply(operation, to: [pullback.cotangent, pullback.output])
    case .input: try graph.apply(operation, to: [pullback.cotangent, pullback.inputs[0]])
    case .none: try graph.apply(operation, to: [pullback.cotangent])
    }
  }

  private func rectifiedCotangent(
    _ pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    switch pullback.rule {
    case .plain, .redirected: try plainCotangent(pullback, in: &graph)
    case .guided: try graph.unary(function, plainCotangent(pullback, in: &graph))
    case .deconvolution: try graph.unary(function, pullback.cotangent)
    }
  }

  /// The plain cotangent, or for samples of which nothing would pass, all that doesn't push the input
  /// further to where the function is flat.
  ///
  /// Source: lucid, `misc/redirected_relu_grad.py`, whose signs are those of a loss.
  private func redirectedCotangent(
    _ pullback: Pullback, _ slope: (low: Float, high: Float), in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let plain = try plainCotangent(pullback, in: &graph)
    let (x, cotangent) = (pullback.inputs[0], pullback.cotangent)
    let rank = graph.shape(plain).rank
    guard rank >= 1 else { return plain }
    var largest = try graph.unary(.absolute, plain)
    if rank > 1 { largest = try graph.reduce(.maximum, largest, axes: Array(1..<rank)) }
    let isBlocked = try graph.linear(graph.unary(.step, largest), scale: -1, offset: 1)

    let zero = try graph.constant(0)
    var passed = cotangent
    for (end, goesDown) in [(slope.low, true), (slope.high, false)] where end.isFinite {
      let edge = try graph.constant(end)
      let isBeyond =
        try goesDown ? graph.binary(.greater, edge, x) : graph.binary(.greater, x, edge)
      let goesFurther =
        try goesDown
        ? graph.binary(.greater, zero, cotangent) : graph.binary(.greater, cotangent, zero)
      let isUseless = try graph.multiply(isBeyond, goesFurther)
      passed = try graph.multiply(passed, graph.linear(isUseless, scale: -1, offset: 1))
    }
    let samples = Shape([graph.shape(plain)[0]] + [Int](repeating: 1, count: rank - 1))
    // Of a blocked sample the plain cotangent is zero.
    return try graph.add(
      plain, graph.multiply(passed, graph.reshape(isBlocked, to: samples)))
  }
}

extension UnaryFunction {
  /// Where a function that rises is not flat, if it is flat elsewhere.
  fileprivate var slopingRange: (low: Float, high: Float)? {
    switch self {
    case .relu(let slope) where slope == 0: (0, .infinity)
    case .clip(let low, let high): (low, high)
    case .hardSigmoid: (-3, 3)
    default: nil
    }
  }
}

/// How a cotangent passes a ``Unary``; its inputs are the cotangent and what the derivative is
/// computed from.
struct UnaryGradient: Operation {
  let function: UnaryFunction

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType { inputs[0] }

  /// The derivative is held fixed: second derivatives of activations aren't followed.
  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    var inputs = pullback.inputs
    inputs[0] = pullback.cotangent
    return [try graph.apply(self, to: inputs)] + inputs.dropFirst().map { _ in nil }
  }

  func beforeTransposition(
    by permutation: [Int]
  ) -> (operation: any Operation, permutation: [Int])? {
    (self, permutation)
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try unaryGradientKernel(function, count: request.output.shape.elementCount)
  }
}

/// A function of two elements, with NumPy's broadcasting.
struct Binary: Operation {
  let function: BinaryFunction

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    TensorType(try broadcastShape(inputs[0].shape, inputs[1].shape))
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    let (a, b, cotangent) = (pullback.inputs[0], pullback.inputs[1], pullback.cotangent)
    var parts: [Value?] = [nil, nil]
    switch function {
    case .add: parts = [cotangent, cotangent]
    case .subtract:
      parts = [cotangent, try graph.linear(cotangent, scale: -1)]
    case .multiply:
      if pullback.wanted[0] { parts[0] = try graph.multiply(cotangent, b) }
      if pullback.wanted[1] { parts[1] = try graph.multiply(cotangent, a) }
    case .divide:
      let share = try graph.divide(cotangent, b)
      parts[0] = share
      if pullback.wanted[1] {
        parts[1] = try graph.linear(graph.multiply(share, pullback.output), scale: -1)
      }
    case .maximum, .minimum:
      // Where the two are equal, the first takes the whole cotangent.
      let (low, high) = function == .maximum ? (a, b) : (b, a)
      let secondWins = try graph.binary(.greater, high, low)
      let second = try graph.multiply(cotangent, secondWins)
      parts = [try graph.subtract(cotangent, second), second]
    case .power:
      if pullback.wanted[0] {
        let slope = try graph.multiply(
          b, graph.binary(.power, a, graph.linear(b, scale: 1, offset: -1)))
        parts[0] = try graph.multiply(cotangent, slope)
      }
      if pullback.wanted[1] {
        let slope = try graph.multiply(pullback.output, graph.unary(.logarithm, a))
        parts[1] = try graph.multiply(cotangent, slope)
      }
    case .remainder:
      parts[0] = cotangent
      if pullback.wanted[1] {
        let quotient = try graph.binary(.floorDivide, a, b)
        parts[1] = try graph.linear(graph.multiply(cotangent, quotient), scale: -1)
      }
    case .arctangent2:
      let share = try graph.divide(
        cotangent, graph.add(graph.unary(.square, a), graph.unary(.square, b)))
      if pullback.wanted[0] { parts[0] = try graph.multiply(share, b) }
      if pullback.wanted[1] {
        parts[1] = try graph.linear(graph.multiply(share, a), scale: -1)
      }
    case .greater, .greaterOrEqual, .equal, .notEqual, .floorDivide: break
    }
    for index in 0...1 {
      guard pullback.wanted[index], let part = parts[index] else { continue }
      parts[index] = try graph.sum(part, downTo: graph.shape(pullback.inputs[index]))
    }
    return parts
  }

  func beforeTransposition(
    by permutation: [Int]
  ) -> (operation: any Operation, permutation: [Int])? {
    (self, permutation)
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try binaryKernel(function, a: request.shape(0), b: request.shape(1))
  }
}

/// Returns the shape of two arrays that are broadcast against each other.
func broadcastShape(_ a: Shape, _ b: Shape) throws(PhospheneError) -> Shape {
  let rank = max(a.rank, b.rank)
  var axes: [Int] = []
  for axis in 0..<rank {
    let (i, j) = (axis - rank + a.rank, axis - rank + b.rank)
    let (m, n) = (i < 0 ? 1 : a[i], j < 0 ? 1 : b[j])
    guard m == n || m == 1 || n == 1 else {
      throw .invalidArgument("shapes \(a) and \(b) can't be broadcast against each other")
    }
    axes.append(m == 1 ? n : m)
  }
  return Shape(axes)
}

extension Graph {
  /// Appends a function of each element.
  public mutating func unary(
    _ function: UnaryFunction, _ value: Value
  ) throws(PhospheneError) -> Value {
    try apply(Unary(function: function), to: [value])
  }

  /// Appends `scale * value + offset`.
  public mutating func linear(
    _ value: Value, scale: Float, offset: Float = 0
  ) throws(PhospheneError) -> Value {
    scale == 1 && offset == 0 ? value : try unary(.linear(scale: scale, offset: offset), value)
  }

  /// Appends a function of two values' elements, broadcasting as NumPy does.
  public mutating func binary(
    _ function: BinaryFunction, _ a: Value, _ b: Value
  ) throws(PhospheneError) -> Value {
    try apply(Binary(function: function), to: [a, b])
  }

  /// Appends `a + b`.
  public mutating func add(_ a: Value, _ b: Value) throws(PhospheneError) -> Value {
    try binary(.add, a, b)
  }

  /// Appends `a - b`.
  public mutating func subtract(_ a: Value, _ b: Value) throws(PhospheneError) -> Value {
    try binary(.subtract, a, b)
  }

  /// Appends `a * b`.
  public mutating func multiply(_ a: Value, _ b: Value) throws(PhospheneError) -> Value {
    try binary(.multiply, a, b)
  }

  /// Appends `a / b`.
  public mutating func divide(_ a: Value, _ b: Value) throws(PhospheneError) -> Value {
    try binary(.divide, a, b)
  }
}
