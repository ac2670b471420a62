public import Tensors

/// Finds the largest or the smallest element along an axis.
///
/// Inputs: `x`. Output: the shape of `x` without the axis; the position of the first of the largest
/// or smallest elements. NaN counts as both, so that it is found.
///
/// - Throws: `invalidArgument` if there is no such axis, or no element.
public func argExtremeKernel(
  input: Shape, axis: Int, isMaximum: Bool
) throws(PhospheneError) -> any Kernel {
  let view = try AxisView(input, axis: axis)
  try require(
    view.length > 0, "an axis of length zero has no largest or smallest element: shape \(input)")
  // The loop takes its comparison as a closure that doesn't escape: only then is it compiled in.
  return LoopKernel { arguments in
    if isMaximum {
      findExtremes(view, arguments) { $0 > $1 || ($0 != $0 && $1 == $1) }
    } else {
      findExtremes(view, arguments) { $0 < $1 || ($0 != $0 && $1 == $1) }
    }
  }
}

@inline(__always) private func findExtremes(
  _ view: AxisView, _ arguments: Arguments, _ wins: (Float, Float) -> Bool
) {
  let (x, y) = (arguments[0], arguments[1])
  let (length, inner) = (view.length, view.inner)
  view.forEachColumn(work: length) { outer, columns in
    let start = x + outer * length * inner + columns.lowerBound
    let positions = y + outer * inner + columns.lowerBound
    withUnsafeTemporaryAllocation(of: Float.self, capacity: columns.count) { best in
      for column in 0..<columns.count { (best[column], positions[column]) = (start[column], 0) }
      for index in 1..<length {
        let row = start + index * inner
        for column in 0..<columns.count where wins(row[column], best[column]) {
          (best[column], positions[column]) = (row[column], Float(index))
        }
      }
    }
  }
}

/// Sorts along an axis.
///
/// Inputs: `x`. Output: its shape; along the axis the positions of the elements in rising or
/// falling order. Equal elements keep their order; NaN counts as larger than all numbers.
///
/// - Throws: `invalidArgument` if there is no such axis.
public func argSortKernel(
  input: Shape, axis: Int, isDescending: Bool
) throws(PhospheneError) -> any Kernel {
  let view = try AxisView(input, axis: axis)
  let (length, inner) = (view.length, view.inner)
  try require(
    length <= 1 << 24, "positions are counted up to 2^24, received an axis of length \(length)")
  return LoopKernel { arguments in
    let (x, y) = (arguments[0], arguments[1])
    Threads.split(view.outer * inner, grain: max(1, loopGrain / 16 / max(length, 1))) { lines in
      withUnsafeTemporaryAllocation(of: UInt64.self, capacity: length) { memory in
        var keys = memory
        for line in lines {
          let start = line / inner * length * inner + line % inner
          for index in 0..<length {
            let key = orderKey(x[start + index * inner])
            keys[index] = UInt64(isDescending ? ~key : key) << 32 | UInt64(index)
          }
          keys.sort()
          for index in 0..<length {
            y[start + index * inner] = Float(keys[index] & 0xFFFF_FFFF)
          }
        }
      }
    }
  }
}

/// A whole number that is larger where a number is, equal for both zeros, largest for NaN.
private func orderKey(_ x: Float) -> UInt32 {
  // Adding zero makes the negative zero a positive one.
  let bits = x == x ? (x + 0).bitPattern : Float.nan.bitPattern
  return bits >> 31 == 0 ? bits | 1 << 31 : ~bits
}
