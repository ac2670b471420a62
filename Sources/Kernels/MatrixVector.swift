import Tensors

/// The product of one row with a matrix, or of a matrix with one column; `nil` for any other.
///
/// A dense layer at batch one and its gradient are such products.
/// The matrix is read once, as it lies, which takes as long as memory does. ``DenseMatrix`` does the
/// same with wide registers and leaves out rows that don't count; this is for processors without.
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
    } else if k >= 512, k * outputCount >= cachedMatrixSize {
      addProductOfBands(x, w, rows: k, width: outputCount, to: y)
    } else {
      // Whole cache lines for each thread.
      let lines = (outputCount + 15) / 16
      Threads.split(lines, grain: max(4, loopGrain / max(k * 16, 1))) { range in
        let columns = range.lowerBound * 16..<min(range.upperBound * 16, outputCount)
        addProduct(
          x, w, rows: k, width: outputCount, columns: columns, isInCache: true, to: y)
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

/// Adds the product of a matrix that comes from memory, in bands of rows.
///
/// Each thread reads whole rows: two threads that read halves of the same rows take twice as long
/// as one that reads all of them.
/// The bands don't depend on the number of threads, and neither does the result.
private func addProductOfBands(
  _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, rows: Int, width: Int,
  to y: UnsafeMutablePointer<Float>
) {
  let bands = 32
  withUnsafeTemporaryAllocation(of: Float.self, capacity: bands * width) { sums in
    guard let sums = sums.baseAddress else { return }
    Threads.parallel(bands) { band in
      let (first, end) = (rows * band / bands, rows * (band + 1) / bands)
      (sums + band * width).update(repeating: 0, count: width)
      addProduct(
        x + first, w + first * width, rows: end - first, width: width, columns: 0..<width,
        isInCache: false, to: sums + band * width)
    }
    Threads.split(width, grain: loopGrain / bands) { range in
      for band in 0..<bands {
        for column in range { y[column] += sums[band * width + column] }
      }
    }
  }
}

/// Adds `x[row] * w[row]` for all rows to some columns of `y`.
///
/// Columns are taken as many at a time as have their sums in the first-level cache. Blocks of rows
/// have sums of their own, so that the rounding error grows with the length of a block and not with
/// the number of rows.
private func addProduct(
  _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, rows: Int, width: Int,
  columns: Range<Int>, isInCache: Bool, to y: UnsafeMutablePointer<Float>
) {
  withUnsafeTemporaryAllocation(of: Float.self, capacity: min(4096, columns.count)) { sums in
    guard let sums = sums.baseAddress else { return }
    for start in stride(from: columns.lowerBound, to: columns.upperBound, by: 4096) {
      let count = min(4096, columns.upperBound - start)
      for first in stride(from: 0, to: rows, by: 512) {
        sums.update(repeating: 0, count: count)
        addRows(
          x, w + start, width, first..<min(first + 512, rows), count, isInCache: isInCache,
          to: sums)
        for column in 0..<count { y[start + column] += sums[column] }
      }
    }
  }
}

/// Adds the products of some rows.
@inline(__always) private func addRows(
  _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ width: Int, _ rows: Range<Int>,
  _ count: Int, isInCache: Bool, to sums: UnsafeMutablePointer<Float>
) {
  var row = rows.lowerBound
  if isInCache {
    while row + 8 <= rows.upperBound {
      addEightRows(x + row, w + row * width, width, count, to: sums)
      row += 8
    }
  }
  while row < rows.upperBound {
    let (factor, source) = (x[row], w + row * width)
    for column in 0..<count { sums[column] += factor * source[column] }
    row += 1
  }
}

/// The number of floats below which a matrix may be in a cache.
///
/// From there, reading eight rows at once saves reading and writing the sums (1.5 times as fast);
/// from memory, one row after the other is better, because hardware prefetches it (1.3 times).
private let cachedMatrixSize = 1 << 22

/// Adds the products of eight neighbouring rows.
@inline(__always) private func addEightRows(
  _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ width: Int, _ count: Int,
  to sums: UnsafeMutablePointer<Float>
) {
  let (x0, x1, x2, x3) = (x[0], x[1], x[2], x[3])
  let (x4, x5, x6, x7) = (x[4], x[5], x[6], x[7])
  let (w0, w1, w2, w3) = (w, w + width, w + 2 * width, w + 3 * width)
  let (w4, w5, w6, w7) = (w + 4 * width, w + 5 * width, w + 6 * width, w + 7 * width)
  for column in 0..<count {
    let first = (x0 * w0[column] + x1 * w1[column]) + (x2 * w2[column] + x3 * w3[column])
    let second = (x4 * w4[column] + x5 * w5[column]) + (x6 * w6[column] + x7 * w7[column])
    sums[column] += first + second
  }
}
