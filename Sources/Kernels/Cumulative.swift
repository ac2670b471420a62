public import Tensors

/// What runs along an axis.
public enum CumulativeFunction: Hashable, Sendable {
  /// The sum of all elements so far.
  case sum
  /// The product of all elements so far.
  case product
}

/// Combines each element with all before it along an axis, or all behind it if `isReversed`.
///
/// Inputs: `x`. Output: its shape.
///
/// - Throws: `invalidArgument` if there is no such axis.
public func cumulativeKernel(
  _ function: CumulativeFunction, input: Shape, axis: Int, isReversed: Bool
) throws(PhospheneError) -> any Kernel {
  let walk = AxisWalk(view: try AxisView(input, axis: axis), isReversed: isReversed)
  // The loop takes its function as a closure that doesn't escape: only then is it compiled in.
  return LoopKernel { arguments in
    let (x, y) = (UnsafePointer(arguments[0]), arguments[1])
    switch function {
    case .sum: walk.accumulate(x, y) { $0 + $1 }
    case .product: walk.accumulate(x, y) { $0 * $1 }
    }
  }
}

/// Sends a cotangent back through a running product.
///
/// Inputs: the cotangent `c` and the product's input `x`. Output: their shape. With the elements in
/// the order of the walk, element `i` is the product of all `x` before it, times
/// `s[i] = c[i] + x[i + 1] * s[i + 1]`: nothing is divided, so that zeros are right.
///
/// - Throws: `invalidArgument` if there is no such axis.
public func cumulativeProductGradientKernel(
  input: Shape, axis: Int, isReversed: Bool
) throws(PhospheneError) -> any Kernel {
  let walk = AxisWalk(view: try AxisView(input, axis: axis), isReversed: isReversed)
  return LoopKernel { arguments in
    walk.productGradient(arguments[0], arguments[1], arguments[2])
  }
}

/// A walk along an axis from one end to the other.
private struct AxisWalk: Sendable {
  let view: AxisView
  let isReversed: Bool

  /// Where the elements of step `index` of a walk lie.
  @inline(__always) private func row(_ index: Int, _ outer: Int) -> Int {
    (outer * view.length + (isReversed ? view.length - 1 - index : index)) * view.inner
  }

  @inline(__always) func accumulate(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    _ combine: (Float, Float) -> Float
  ) {
    guard view.length > 0 else { return }
    if view.inner == 1 { return accumulateRows(x, y, combine) }
    view.forEachColumn(work: view.length) { outer, columns in
      let first = row(0, outer)
      for column in columns { y[first + column] = x[first + column] }
      for index in 1..<view.length {
        let (before, this) = (y + row(index - 1, outer), row(index, outer))
        for column in columns { y[this + column] = combine(before[column], x[this + column]) }
      }
    }
  }

  /// Without axes behind it, each line is one chain.
  @inline(__always) private func accumulateRows(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    _ combine: (Float, Float) -> Float
  ) {
    let step = isReversed ? -1 : 1
    Threads.split(view.outer, grain: max(1, loopGrain / view.length)) { lines in
      for line in lines {
        var position = row(0, line)
        var total = x[position]
        y[position] = total
        for _ in 1..<view.length {
          position += step
          total = combine(total, x[position])
          y[position] = total
        }
      }
    }
  }

  func productGradient(
    _ c: UnsafeMutablePointer<Float>, _ x: UnsafeMutablePointer<Float>,
    _ y: UnsafeMutablePointer<Float>
  ) {
    let length = view.length
    guard length > 0 else { return }
    view.forEachColumn(work: 2 * length) { outer, columns in
      let last = row(length - 1, outer)
      for column in columns { y[last + column] = c[last + column] }
      for index in stride(from: length - 2, through: 0, by: -1) {
        let (this, next) = (row(index, outer), row(index + 1, outer))
        for column in columns {
          y[this + column] = c[this + column] + x[next + column] * y[next + column]
        }
      }
      withUnsafeTemporaryAllocation(of: Float.self, capacity: columns.count) { product in
        product.update(repeating: 1)
        for index in 0..<length {
          let this = row(index, outer) + columns.lowerBound
          for column in 0..<columns.count {
            y[this + column] *= product[column]
            product[column] *= x[this + column]
          }
        }
      }
    }
  }
}
