import Glibc
public import Tensors

/// A function of two numbers, applied element by element.
public enum BinaryFunction: Hashable, Sendable {
  /// `a + b`.
  case add
  /// `a - b`.
  case subtract
  /// `a * b`.
  case multiply
  /// `a / b`.
  case divide
  /// The larger one; NaN if one is.
  case maximum
  /// The smaller one; NaN if one is.
  case minimum
  /// `a > b ? 1 : 0`.
  case greater
  /// `a >= b ? 1 : 0`.
  case greaterOrEqual
  /// `a == b ? 1 : 0`; NaN equals nothing.
  case equal
  /// `a != b ? 1 : 0`; NaN differs from everything.
  case notEqual
  /// `a` to the power of `b`.
  case power
  /// `a - floor(a / b) * b`, exactly: zero or of the sign of `b`, as Python's `%`.
  case remainder
  /// The largest whole number up to `a / b`.
  case floorDivide
  /// The angle, from `-pi` to `pi`, of the point with ordinate `a` and abscissa `b`.
  case arctangent2
}

/// Combines two arrays under NumPy's broadcasting rule: axes are aligned at the last one, and an
/// axis of length one is repeated.
///
/// Inputs: `a` and `b`. Output: the broadcast shape.
///
/// - Throws: `invalidArgument` if the shapes can't be broadcast.
public func binaryKernel(
  _ function: BinaryFunction, a: Shape, b: Shape
) throws(PhospheneError) -> any Kernel {
  let output = try broadcastShape(a, b)
  let loop = PairLoop(
    StridedAxes(
      output.axes, strides: [broadcastStrides(a, to: output), broadcastStrides(b, to: output)]))
  // The loops take their function as a closure that doesn't escape: only then is it compiled in.
  return LoopKernel { arguments in
    switch function {
    case .add: loop.run(arguments) { $0 + $1 }
    case .subtract: loop.run(arguments) { $0 - $1 }
    case .multiply: loop.run(arguments) { $0 * $1 }
    case .divide: loop.run(arguments) { $0 / $1 }
    case .maximum: loop.run(arguments) { choose(($0 .> $1) .| ($0 .!= $0), $0, $1) }
    case .minimum: loop.run(arguments) { choose(($0 .< $1) .| ($0 .!= $0), $0, $1) }
    case .greater: loop.run(arguments) { indicator($0 .> $1) }
    case .greaterOrEqual: loop.run(arguments) { indicator($0 .>= $1) }
    case .equal: loop.run(arguments) { indicator($0 .== $1) }
    case .notEqual: loop.run(arguments) { indicator($0 .!= $1) }
    case .power: loop.runElements(arguments) { powf($0, $1) }
    case .remainder:
      loop.runElements(arguments) {
        let rest = fmodf($0, $1)
        return rest != 0 && (rest < 0) != ($1 < 0) ? rest + $1 : rest
      }
    case .floorDivide: loop.runElements(arguments) { ($0 / $1).rounded(.down) }
    case .arctangent2: loop.runElements(arguments) { atan2f($0, $1) }
    }
  }
}
