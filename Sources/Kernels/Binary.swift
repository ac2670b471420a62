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
  return LoopKernel { arguments in
    switch function {
    case .add: loop.forEachRun(arguments) { $0.write { $0 + $1 } }
    case .subtract: loop.forEachRun(arguments) { $0.write { $0 - $1 } }
    case .multiply: loop.forEachRun(arguments) { $0.write { $0 * $1 } }
    case .divide: loop.forEachRun(arguments) { $0.write { $0 / $1 } }
    case .maximum:
      loop.forEachRun(arguments) { $0.write { choose(($0 .> $1) .| ($0 .!= $0), $0, $1) } }
    case .minimum:
      loop.forEachRun(arguments) { $0.write { choose(($0 .< $1) .| ($0 .!= $0), $0, $1) } }
    case .greater: loop.forEachRun(arguments) { $0.write { indicator($0 .> $1) } }
    case .greaterOrEqual: loop.forEachRun(arguments) { $0.write { indicator($0 .>= $1) } }
    case .equal: loop.forEachRun(arguments) { $0.write { indicator($0 .== $1) } }
    case .notEqual: loop.forEachRun(arguments) { $0.write { indicator($0 .!= $1) } }
    case .power: loop.forEachRun(arguments) { $0.writeElements { powf($0, $1) } }
    case .remainder:
      loop.forEachRun(arguments) {
        $0.writeElements {
          let rest = fmodf($0, $1)
          return rest != 0 && (rest < 0) != ($1 < 0) ? rest + $1 : rest
        }
      }
    case .floorDivide: loop.forEachRun(arguments) { $0.writeElements { ($0 / $1).rounded(.down) } }
    case .arctangent2: loop.forEachRun(arguments) { $0.writeElements { atan2f($0, $1) } }
    }
  }
}
