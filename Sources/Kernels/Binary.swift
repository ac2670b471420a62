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
    case .maximum: loop.run(arguments) { $0 > $1 ? $0 : ($0 == $0 ? $1 : $0) }
    case .minimum: loop.run(arguments) { $0 < $1 ? $0 : ($0 == $0 ? $1 : $0) }
    case .greater: loop.run(arguments) { $0 > $1 ? 1 : 0 }
    case .greaterOrEqual: loop.run(arguments) { $0 >= $1 ? 1 : 0 }
    case .equal: loop.run(arguments) { $0 == $1 ? 1 : 0 }
    case .notEqual: loop.run(arguments) { $0 != $1 ? 1 : 0 }
    case .power: loop.run(arguments) { powf($0, $1) }
    case .remainder:
      loop.run(arguments) {
        let rest = fmodf($0, $1)
        return rest != 0 && (rest < 0) != ($1 < 0) ? rest + $1 : rest
      }
    case .floorDivide: loop.run(arguments) { ($0 / $1).rounded(.down) }
    case .arctangent2: loop.run(arguments) { atan2f($0, $1) }
    }
  }
}

/// The shape of two arrays that are broadcast against each other.
func broadcastShape(_ a: Shape, _ b: Shape) throws(PhospheneError) -> Shape {
  var axes: [Int] = []
  for axis in 1...max(a.rank, b.rank, 1) where axis <= max(a.rank, b.rank) {
    let first = axis <= a.rank ? a[a.rank - axis] : 1
    let second = axis <= b.rank ? b[b.rank - axis] : 1
    try require(
      first == second || first == 1 || second == 1,
      "shapes \(a) and \(b) can't be broadcast: aligned at the last axis, lengths have to be equal"
        + " or one")
    axes.append(first == 1 ? second : first)
  }
  return Shape(axes.reversed())
}

/// The strides with which an array is read as if it had the shape `output`.
func broadcastStrides(_ input: Shape, to output: Shape) -> [Int] {
  let strides = input.strides
  return output.axes.indices.map { axis in
    let source = axis - (output.rank - input.rank)
    return source < 0 || input[source] == 1 ? 0 : strides[source]
  }
}

/// Axes that several arrays are walked along together, with neighbours merged where every array
/// allows it.
struct StridedAxes: Sendable {
  /// The lengths, outermost first; at least one axis.
  private(set) var lengths: [Int] = []
  /// For each array its strides.
  private(set) var strides: [[Int]]

  /// Merges axes.
  init(_ lengths: [Int], strides: [[Int]]) {
    self.strides = strides.map { _ in [] }
    for axis in lengths.indices where lengths[axis] != 1 {
      let last = self.lengths.count - 1
      let isMergeable =
        last >= 0
        && strides.indices.allSatisfy {
          self.strides[$0][last] == strides[$0][axis] * lengths[axis]
        }
      if isMergeable {
        self.lengths[last] *= lengths[axis]
        for array in strides.indices { self.strides[array][last] = strides[array][axis] }
      } else {
        self.lengths.append(lengths[axis])
        for array in strides.indices { self.strides[array].append(strides[array][axis]) }
      }
    }
    if self.lengths.isEmpty {
      self.lengths = [1]
      self.strides = strides.map { _ in [0] }
    }
  }

  /// The number of positions of all axes but the last `inner`.
  func outerCount(inner: Int = 1) -> Int { lengths.dropLast(inner).reduce(1, *) }

  /// Where the `index`-th position of all axes but the last `inner` lies in an array.
  func offset(_ index: Int, of array: Int, inner: Int = 1) -> Int {
    var (rest, offset, axis) = (index, 0, lengths.count - 1 - inner)
    while axis >= 0 {
      let (quotient, position) = rest.quotientAndRemainder(dividingBy: lengths[axis])
      offset += position * strides[array][axis]
      rest = quotient
      axis -= 1
    }
    return offset
  }
}

/// A loop over two broadcast inputs and a dense output.
private struct PairLoop: Sendable {
  private let axes: StridedAxes

  init(_ axes: StridedAxes) { self.axes = axes }

  /// Runs the loop.
  @inline(__always) func run(_ arguments: Arguments, _ function: (Float, Float) -> Float) {
    let length = axes.lengths[axes.lengths.count - 1]
    let (first, second) = (axes.strides[0].last ?? 0, axes.strides[1].last ?? 0)
    let rows = axes.outerCount()
    let (a, b, y) = (arguments[0], arguments[1], arguments[2])
    let isOneRow = rows == 1
    let grain = isOneRow ? loopGrain : max(1, loopGrain / max(length, 1))
    Threads.split(isOneRow ? length : rows, grain: grain) { range in
      let (start, count) = isOneRow ? (range.lowerBound, range.count) : (0, length)
      for index in isOneRow ? 0..<1 : range {
        row(
          count, a + axes.offset(index, of: 0) + start * first, first,
          b + axes.offset(index, of: 1) + start * second, second, y + index * length + start,
          function)
      }
    }
  }
}

/// One row of a broadcast loop; the usual strides have loops of their own.
@inline(__always) private func row(
  _ count: Int, _ a: UnsafeMutablePointer<Float>, _ strideA: Int,
  _ b: UnsafeMutablePointer<Float>, _ strideB: Int, _ y: UnsafeMutablePointer<Float>,
  _ function: (Float, Float) -> Float
) {
  switch (strideA, strideB) {
  case (1, 1): for index in 0..<count { y[index] = function(a[index], b[index]) }
  case (1, 0):
    let scalar = b[0]
    for index in 0..<count { y[index] = function(a[index], scalar) }
  case (0, 1):
    let scalar = a[0]
    for index in 0..<count { y[index] = function(scalar, b[index]) }
  default:
    for index in 0..<count { y[index] = function(a[index * strideA], b[index * strideB]) }
  }
}
