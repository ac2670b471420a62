public import Tensors

/// Small distinct-looking integers in a scrambled order, some negative: sums of their products are
/// exact.
public func integers(_ shape: Shape, seed: Int = 1) throws -> Tensor {
  try Tensor(shape, (0..<shape.elementCount).map { Float(($0 * 7919 + seed * 104_729) % 13 - 6) })
}

/// Numbers between two others without ties.
public func spread(
  _ shape: Shape, from low: Float = -1, to high: Float = 1, seed: Int = 1
) throws -> Tensor {
  let count = shape.elementCount
  // The golden ratio's multiples fall evenly: no two of n are nearer than about 1 / (3 n).
  let phase = Double(seed) * 0.7548776662466927
  return try Tensor(
    shape,
    (0..<count).map { index in
      let turns = Double(index + 1) * 0.6180339887498949 + phase
      return low + (high - low) * Float(turns - turns.rounded(.down))
    })
}

/// The largest difference of two lists, relative to the largest number of the second; infinite if
/// their lengths differ or a number is NaN.
public func relativeError(_ actual: [Float], _ expected: [Float]) -> Float {
  guard actual.count == expected.count else { return .infinity }
  let scale = expected.reduce(1e-30) { max($0, abs($1)) }
  var worst: Float = 0
  for (a, b) in zip(actual, expected) where a != b {
    worst = max(worst, (a - b).isFinite ? abs(a - b) : .infinity)
  }
  return worst / scale
}

/// The sum of products, in double precision.
public func dot(_ a: [Float], _ b: [Float]) -> Double {
  zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
}

/// The sentence of the error that `body` throws, `nil` if it throws none.
public func refusal(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch {
    return (error as? PhospheneError)?.message ?? "\(error)"
  }
}

/// How far results may lie from exact ones, relative to the largest number.
public enum Tolerance {
  /// A few operations in another order: 16 units in the last place of 32-bit floats.
  public static let rounding: Float = 16 * .ulpOfOne
  /// A network against Keras, whose kernels sum in other orders and approximate exponentials.
  public static let keras: Float = 2e-5
  /// Central differences of smooth functions: the step's square, and the scores' rounding
  /// divided by the step.
  public static let differences: Float = 2e-3
}
