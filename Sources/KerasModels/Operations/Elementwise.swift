import Graphs
import Tensors

extension OperationRule {
  /// Arithmetic and functions of each element.
  static let elementwise: [String: OperationRule] =
    unaryFunctions
    .mapValues { function in unary { graph, x in try graph.unary(function, x) } }
    .merging(
      binaryFunctions.mapValues { function in
        binary { graph, a, b in try graph.binary(function, a, b) }
      }, uniquingKeysWith: { first, _ in first }
    )
    .merging(composedFunctions, uniquingKeysWith: { first, _ in first })

  private static let unaryFunctions: [String: UnaryFunction] = [
    "Abs": .absolute, "Absolute": .absolute, "Arccos": .arccosine,
    "Arccosh": .inverseHyperbolicCosine,
    "Arcsin": .arcsine, "Arcsinh": .inverseHyperbolicSine, "Arctan": .arctangent,
    "Arctanh": .inverseHyperbolicTangent, "Cbrt": .cubeRoot, "Ceil": .ceiling, "Cos": .cosine,
    "Cosh": .hyperbolicCosine, "Deg2rad": .linear(scale: .pi / 180, offset: 0), "Erf": .erf,
    "Erfinv": .erfInverse, "Exp": .exponential, "Expm1": .exponentialMinusOne, "Fabs": .absolute,
    "Floor": .floor, "Log": .logarithm, "Log1p": .logarithmPlusOne,
    "Negative": .linear(scale: -1, offset: 0), "Rad2deg": .linear(scale: 180 / .pi, offset: 0),
    "Reciprocal": .reciprocal, "Sign": .sign, "Sin": .sine, "Sinh": .hyperbolicSine,
    "Sqrt": .squareRoot, "Square": .square, "Tan": .tangent, "Tanh": .tanh, "Trunc": .truncate,
  ]

  private static let binaryFunctions: [String: BinaryFunction] = [
    "Add": .add, "Arctan2": .arctangent2, "Divide": .divide, "FloorDivide": .floorDivide,
    "Maximum": .maximum, "Minimum": .minimum, "Mod": .remainder, "Multiply": .multiply,
    "Subtract": .subtract, "TrueDivide": .divide,
  ]

  private static let composedFunctions: [String: OperationRule] = [
    "Angle": unary { graph, x in
      // That of a real number in the complex plane.
      try graph.linear(graph.binary(.greater, graph.constant(0), x), scale: .pi)
    },
    "BitwiseLeftShift": binary(multiplyByPowerOfTwo, of: ["x", "y"]),
    "BitwiseRightShift": binary(floorDivideByPowerOfTwo, of: ["x", "y"]),
    "Clip": OperationRule(["x"], settings: ["x_min", "x_max"], clip),
    "Conj": unary { _, x in x },
    "Conjugate": unary { _, x in x },
    "Copy": unary { _, x in x },
    "DivideNoNan": binary { graph, a, b in try graph.quotient(a, b) },
    "Erfc": unary { graph, x in try graph.not(graph.unary(.erf, x)) },
    "Exp2": unary { graph, x in try graph.binary(.power, graph.constant(2), x) },
    "Fmax": binary { graph, a, b in try graph.numberWise(.maximum, a, b) },
    "Fmin": binary { graph, a, b in try graph.numberWise(.minimum, a, b) },
    "Fmod": binary(remainderOfDividend),
    "Heaviside": binary(heaviside),
    "Hypot": binary(hypotenuse),
    "Imag": unary { graph, x in try graph.filled(graph.shape(x), with: 0) },
    "Ldexp": binary(multiplyByPowerOfTwo),
    "LeftShift": binary(multiplyByPowerOfTwo, of: ["x", "y"]),
    "Log10": unary { graph, x in try graph.linear(graph.unary(.logarithm, x), scale: 0.43429448) },
    "Log2": unary { graph, x in try graph.linear(graph.unary(.logarithm, x), scale: 1.442695) },
    "Logaddexp": binary { graph, a, b in try graph.logarithmOfSum(a, b, logarithmOfBase: 1) },
    "Logaddexp2": binary { graph, a, b in
      try graph.logarithmOfSum(a, b, logarithmOfBase: 0.6931472)
    },
    "NanToNum": OperationRule(["x"], settings: ["nan", "posinf", "neginf"], replaceNaN),
    "Power": OperationRule(["x1", "x2"], power),
    "Real": unary { _, x in x },
    "RightShift": binary(floorDivideByPowerOfTwo, of: ["x", "y"]),
    "Round": OperationRule(["x"], settings: ["decimals"], round),
    "Rsqrt": unary { graph, x in try graph.unary(.reciprocal, graph.unary(.squareRoot, x)) },
    "Sinc": unary(cardinalSine),
  ]
}

private func clip(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let low = try context.call.float("x_min", default: -.infinity)
  let high = try context.call.float("x_max", default: .infinity)
  return [try context.graph.unary(.clip(low: low, high: high), x)]
}

private func round(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let decimals = try context.call.whole("decimals") ?? 0
  guard (-30...30).contains(decimals) else {
    throw .invalidArgument("decimals must lie between -30 and 30, received \(decimals)")
  }
  guard decimals != 0 else { return [try context.graph.unary(.round, x)] }
  var factor: Float = 1
  for _ in 0..<abs(decimals) { factor *= 10 }
  if decimals < 0 { factor = 1 / factor }
  let rounded = try context.graph.unary(.round, context.graph.linear(x, scale: factor))
  return [try context.graph.divide(rounded, context.graph.constant(factor))]
}

private func replaceNaN(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let nan = try context.call.float("nan", default: 0)
  let high = try context.call.float("posinf", default: .greatestFiniteMagnitude)
  let low = try context.call.float("neginf", default: -.greatestFiniteMagnitude)
  var value = try context.graph.select(
    context.graph.unary(.isNaN, x), context.graph.constant(nan), x)
  for (infinity, substitute) in [(Float.infinity, high), (-.infinity, low)] {
    let isInfinity = try context.graph.binary(.equal, x, context.graph.constant(infinity))
    value = try context.graph.select(isInfinity, context.graph.constant(substitute), value)
  }
  return [value]
}

/// Keras' `power`; a plain exponent needs no array of its own.
private func power(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let base = try context.requiredValue("x1")
  if case .number(let exponent) = context.call["x2"] {
    let function: UnaryFunction = exponent == 2 ? .square : .power(Float(exponent))
    return [try context.graph.unary(function, base)]
  }
  let exponent = try context.requiredValue("x2")
  return [try context.graph.binary(.power, base, exponent)]
}

// MARK: - Without settings

extension Graph {
  /// Appends `a / b`, and zero where `b` is zero.
  mutating func quotient(_ a: Value, _ b: Value) throws(PhospheneError) -> Value {
    let (zero, one) = (try constant(0), try constant(1))
    let isZero = try binary(.equal, b, zero)
    return try select(isZero, zero, divide(a, select(isZero, one, b)))
  }

  /// Appends the extreme of two, and where one is NaN the other.
  fileprivate mutating func numberWise(
    _ function: BinaryFunction, _ a: Value, _ b: Value
  ) throws(PhospheneError) -> Value {
    let extreme = try binary(function, a, b)
    return try select(unary(.isNaN, a), b, select(unary(.isNaN, b), a, extreme))
  }

  /// Appends the logarithm of the sum of two powers of a base.
  fileprivate mutating func logarithmOfSum(
    _ a: Value, _ b: Value, logarithmOfBase base: Float
  ) throws(PhospheneError) -> Value {
    let difference = try subtract(a, b)
    let power = try unary(.exponential, linear(unary(.absolute, difference), scale: -base))
    let excess = try linear(unary(.logarithmPlusOne, power), scale: 1 / base)
    // Two equal infinities have no difference.
    return try select(
      unary(.isNaN, difference), add(a, b), add(binary(.maximum, a, b), excess))
  }
}

/// `sin(pi x) / (pi x)`, and one at zero.
private func cardinalSine(_ graph: inout Graph, _ x: Value) throws(PhospheneError) -> Value {
  let one = try graph.constant(1)
  let isZero = try graph.binary(.equal, x, graph.constant(0))
  let angle = try graph.linear(graph.select(isZero, one, x), scale: .pi)
  return try graph.select(isZero, one, graph.divide(graph.unary(.sine, angle), angle))
}

/// The remainder of a division toward zero, which has the sign of the dividend.
private func remainderOfDividend(
  _ graph: inout Graph, _ a: Value, _ b: Value
) throws(PhospheneError) -> Value {
  let rest = try graph.binary(.remainder, graph.unary(.absolute, a), graph.unary(.absolute, b))
  return try graph.multiply(graph.unary(.sign, a), rest)
}

/// Zero below zero, one above and `atZero` at zero.
private func heaviside(
  _ graph: inout Graph, _ x: Value, _ atZero: Value
) throws(PhospheneError) -> Value {
  let zero = try graph.constant(0)
  let isAbove = try graph.binary(.greater, x, zero)
  let isElsewhere = try graph.add(isAbove, graph.binary(.greater, zero, x))
  return try graph.select(isElsewhere, isAbove, atZero)
}

/// The square root of the sum of squares, without squares that overflow.
private func hypotenuse(
  _ graph: inout Graph, _ a: Value, _ b: Value
) throws(PhospheneError) -> Value {
  let (width, height) = (try graph.unary(.absolute, a), try graph.unary(.absolute, b))
  let long = try graph.binary(.maximum, width, height)
  let ratio = try graph.quotient(graph.binary(.minimum, width, height), long)
  let square = try graph.linear(graph.unary(.square, ratio), scale: 1, offset: 1)
  return try graph.multiply(long, graph.unary(.squareRoot, square))
}

private func multiplyByPowerOfTwo(
  _ graph: inout Graph, _ x: Value, _ exponent: Value
) throws(PhospheneError) -> Value {
  try graph.multiply(x, graph.binary(.power, graph.constant(2), exponent))
}

private func floorDivideByPowerOfTwo(
  _ graph: inout Graph, _ x: Value, _ exponent: Value
) throws(PhospheneError) -> Value {
  try graph.binary(.floorDivide, x, graph.binary(.power, graph.constant(2), exponent))
}
