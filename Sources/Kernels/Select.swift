public import Tensors

/// Chooses between two arrays under NumPy's broadcasting rule.
///
/// Inputs: a condition, `a` and `b`. Output: `a` where the condition isn't zero, otherwise `b`.
///
/// - Throws: `invalidArgument` if the shapes can't be broadcast.
public func selectKernel(
  condition: Shape, a: Shape, b: Shape
) throws(PhospheneError) -> any Kernel {
  let shapes = [condition, a, b]
  let output = try broadcastShape(broadcastShape(condition, a), b)
  let axes = StridedAxes(output.axes, strides: shapes.map { broadcastStrides($0, to: output) })
  let last = axes.lengths.count - 1
  let length = axes.lengths[last]
  let strides = (axes.strides[0][last], axes.strides[1][last], axes.strides[2][last])
  return LoopKernel { arguments in
    Threads.split(output.elementCount, grain: loopGrain) { range in
      // Threads begin and end anywhere in a row.
      var index = range.lowerBound
      while index < range.upperBound {
        let (row, start) = index.quotientAndRemainder(dividingBy: length)
        let count = min(length - start, range.upperBound - index)
        selectRow(
          count, arguments[0] + axes.offset(row, of: 0) + start * strides.0, strides.0,
          arguments[1] + axes.offset(row, of: 1) + start * strides.1, strides.1,
          arguments[2] + axes.offset(row, of: 2) + start * strides.2, strides.2,
          arguments[3] + index)
        index += count
      }
    }
  }
}

/// One row; the usual strides have loops of their own.
private func selectRow(
  _ count: Int, _ c: UnsafeMutablePointer<Float>, _ strideC: Int,
  _ a: UnsafeMutablePointer<Float>, _ strideA: Int, _ b: UnsafeMutablePointer<Float>,
  _ strideB: Int, _ y: UnsafeMutablePointer<Float>
) {
  switch (strideC, strideA, strideB) {
  case (0, 1, 1): y.update(from: c[0] != 0 ? a : b, count: count)
  case (1, 1, 1): for index in 0..<count { y[index] = c[index] != 0 ? a[index] : b[index] }
  case (1, 1, 0):
    let other = b[0]
    for index in 0..<count { y[index] = c[index] != 0 ? a[index] : other }
  case (1, 0, 1):
    let one = a[0]
    for index in 0..<count { y[index] = c[index] != 0 ? one : b[index] }
  default:
    for index in 0..<count {
      y[index] = c[index * strideC] != 0 ? a[index * strideA] : b[index * strideB]
    }
  }
}
