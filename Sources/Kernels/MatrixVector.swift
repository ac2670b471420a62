import Tensors

/// The product of one row with a matrix, or of a matrix with one column; `nil` for any other.
///
/// A dense layer at batch one and its gradient are such products.
/// The matrix is read once, as it lies, which takes as long as memory does. Rows that are
/// multiplied by zero are read as well: zero times NaN or infinity has to be NaN.
func matrixVectorKernel(
  _ problem: MatrixProduct, hasBias: Bool, activation: UnaryFunction?
) -> (any Kernel)? {
  let (m, n, k) = (problem.m, problem.n, problem.k)
  guard problem.batch.elementCount == 1, m == 1 || n == 1 else { return nil }
  let outputCount = m * n
  // Whether the terms of one result are neighbours in the matrix's memory.
  let isDot = m == 1 ? problem.transposeB : !problem.transposeA
  let (vector, matrix) = m == 1 ? (0, 1) : (1, 0)
  return LoopKernel { arguments in
    let y = arguments[hasBias ? 3 : 2]
    for index in 0..<outputCount {
      y[index] = hasBias ? arguments[2][m == 1 ? index : 0] : 0
    }
    let (x, w) = (UnsafePointer(arguments[vector]), UnsafePointer(arguments[matrix]))
    if isDot {
      let grain = max(1, loopGrain / max(k, 1))
      Threads.split(outputCount, grain: grain) { rows in
        for row in rows { y[row] += dotProduct(w + row * k, x, k) }
      }
    } else {
      // Whole cache lines for each thread, and sums that stay in its first-level cache.
      let lines = (outputCount + 15) / 16
      Threads.split(lines, grain: max(4, loopGrain / max(k * 16, 1))) { range in
        let end = min(range.upperBound * 16, outputCount)
        for start in stride(from: range.lowerBound * 16, to: end, by: 4096) {
          addProduct(
            x, w, rows: k, width: outputCount, columns: start..<min(start + 4096, end), to: y)
        }
      }
    }
    activation?.apply(outputCount, from: y, to: y)
  }
}

/// `sum(a * b)`, in 32 partial sums.
private func dotProduct(
  _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int
) -> Float {
  var (even, odd) = (Lanes(repeating: 0), Lanes(repeating: 0))
  var index = 0
  while index + 32 <= count {
    even += a.lanes(at: index) * b.lanes(at: index)
    odd += a.lanes(at: index + 16) * b.lanes(at: index + 16)
    index += 32
  }
  var sum = (even + odd).sum()
  while index < count {
    sum += a[index] * b[index]
    index += 1
  }
  return sum
}

/// Adds `x[row] * w[row]` for all rows to some columns of `y`, eight rows at a time so that each
/// sum is read and written once for eight products.
private func addProduct(
  _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, rows: Int, width: Int,
  columns: Range<Int>, to y: UnsafeMutablePointer<Float>
) {
  var row = 0
  while row < rows {
    let (factor, source) = (x[row], w + row * width)
    for column in columns { y[column] += factor * source[column] }
    row += 1
  }
}
