internal import CVectorKernels
import Tensors

/// Products of some rows with a matrix that is read as it lies: what a dense layer computes, and its
/// gradient.
///
/// They take as long as memory takes to hand over the matrix, so rows of it that add nothing aren't
/// read: behind a rectifier most are multiplied by zero, and backward their results are discarded.
struct DenseMatrix: Kernel {
  /// Which product.
  enum Form: Sendable {
    /// `x · matrix`: rows of the matrix are added up, each times a factor.
    case combination
    /// `x · matrixᵀ`: each row of the matrix gives one number for each sample.
    case dots
  }

  let form: Form
  /// The axes of the matrix as it lies.
  let rows, columns: Int
  let samples: Int
  /// Which arguments are the samples and the matrix.
  let vectorInput, matrixInput: Int
  let hasBias: Bool
  /// Whether the bias is one number, because the samples stand in columns.
  let isColumn: Bool
  let activation: UnaryFunction?
  /// Whether rows that meet only zeros may be left out: not if they hold NaN or infinities.
  let skipsZeros: Bool
  /// Whether the last input says where the result matters.
  let isMasked: Bool
  /// Whether only the upper halves of the matrix's elements are stored.
  let isHalf: Bool
  let vectors: VectorKernels

  /// Prepares a product, if it is of this kind and faster so.
  init?(
    _ problem: MatrixProduct, hasBias: Bool, activation: UnaryFunction?,
    areFinite: (a: Bool, b: Bool), isMasked: Bool, areHalves: (a: Bool, b: Bool) = (false, false),
    vectors: VectorKernels? = VectorKernels.best
  ) {
    guard let vectors, problem.batch.elementCount == 1, problem.k > 0,
      max(problem.m, problem.n, problem.k) < Int32.max
    else { return nil }
    // A single column is a sample, and the matrix stands in front.
    isColumn = problem.n == 1 && problem.m > 1
    isHalf = isColumn ? areHalves.a : areHalves.b
    if isColumn {
      form = problem.transposeA ? .combination : .dots
      (rows, columns) =
        problem.transposeA ? (problem.k, problem.m) : (problem.m, problem.k)
      (samples, vectorInput, matrixInput) = (1, 1, 0)
    } else {
      guard
        problem.m == 1
          || (!problem.transposeA && (isHalf || problem.m <= mostSamples(problem, isMasked)))
      else { return nil }
      form = problem.transposeB ? .dots : .combination
      (rows, columns) =
        problem.transposeB ? (problem.n, problem.k) : (problem.k, problem.n)
      (samples, vectorInput, matrixInput) = (problem.m, 0, 1)
    }
    self.hasBias = hasBias
    self.activation = activation
    self.isMasked = isMasked
    self.vectors = vectors
    skipsZeros = isColumn ? areFinite.a : areFinite.b
  }

  /// The floats from which on a matrix comes from memory.
  ///
  /// Then each thread reads whole rows: two threads that read halves of the same rows take twice as
  /// long as one that reads all of them.
  fileprivate static let cachedMatrixSize = 1 << 22

  private var isLarge: Bool { rows >= 512 && rows * columns >= DenseMatrix.cachedMatrixSize }

  /// The bands of rows that have sums of their own, as many whatever the number of threads.
  private var bands: Int {
    guard form == .combination, isLarge else { return 0 }
    return samples == 1 ? 32 : 8
  }

  private var sumCount: Int { bands * samples * columns }

  func layout(ofInput index: Int) -> Layout {
    isHalf && index == matrixInput ? .halves : .dense
  }

  var scratchByteCount: Int { 4 * (sumCount + rows) }

  func run(
    _ arguments: Arguments, scratch: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    let memory = scratch.assumingMemoryBound(to: Float.self)
    let list = UnsafeMutableRawPointer(memory + sumCount).assumingMemoryBound(to: Int32.self)
    let y = arguments[(hasBias ? 3 : 2) + (isMasked ? 1 : 0)]
    let bias = hasBias ? UnsafePointer(arguments[2]) : nil
    var problem = ph_dense(
      matrix: arguments.bytes(matrixInput), columns: Int64(columns), is_half: isHalf ? 1 : 0,
      samples: Int64(samples), x: arguments[vectorInput],
      x_step: Int64(form == .dots ? columns : rows))
    withUnsafePointer(to: &problem) { problem in
      switch form {
      case .dots:
        let mask = isMasked ? UnsafePointer(arguments[hasBias ? 3 : 2]) : nil
        multiplyRows(problem, mask, list, y, bias)
      case .combination where bands > 0: addBands(problem, list, memory, y, bias)
      case .combination: addRows(problem, list, y, bias)
      }
    }
    activation?.apply(samples * (form == .dots ? rows : columns), from: y, to: y)
  }

  /// Lists the rows of a range that count; those that are multiplied by zero for all samples don't.
  private func listRows(
    _ range: Range<Int>, _ x: UnsafePointer<Float>, into list: UnsafeMutablePointer<Int32>
  ) -> Int {
    var count = 0
    for row in range {
      list[count] = Int32(truncatingIfNeeded: row)
      count += !skipsZeros || isNeeded(row, x, isPositive: false) ? 1 : 0
    }
    return count
  }

  @inline(__always)
  private func isNeeded(_ row: Int, _ x: UnsafePointer<Float>, isPositive: Bool) -> Bool {
    for sample in 0..<samples {
      let value = x[sample * rows + row]
      if isPositive ? value > 0 : value != 0 { return true }
    }
    return false
  }

  // MARK: - Combinations of rows

  private func addBands(
    _ problem: UnsafePointer<ph_dense>, _ list: UnsafeMutablePointer<Int32>,
    _ sums: UnsafeMutablePointer<Float>, _ y: UnsafeMutablePointer<Float>,
    _ bias: UnsafePointer<Float>?
  ) {
    guard let x = problem.pointee.x else { return }
    let count = samples * columns
    Threads.distribute(bands, threads: .max) { band, _ in
      let (first, end) = (rows * band / bands, rows * (band + 1) / bands)
      let own = sums + band * count
      own.update(repeating: 0, count: count)
      let listed = listRows(first..<end, x, into: list + first)
      vectors.denseCombine(problem, list + first, Int64(listed), 0, Int64(columns), own)
    }
    Threads.split(count, grain: loopGrain / bands) { range in
      for index in range { y[index] = bias?[isColumn ? 0 : index % columns] ?? 0 }
      for band in 0..<bands {
        zipLanes(range, y, sums + band * count, y) { $0 + $1 }
      }
    }
  }

  private func addRows(
    _ problem: UnsafePointer<ph_dense>, _ list: UnsafeMutablePointer<Int32>,
    _ y: UnsafeMutablePointer<Float>, _ bias: UnsafePointer<Float>?
  ) {
    guard let x = problem.pointee.x else { return }
    let count = listRows(0..<rows, x, into: list)
    // Whole cache lines for each thread.
    let lines = (columns + 31) / 32
    let grain = max(2, loopGrain / max(count * samples * 32, 1))
    Threads.split(lines, grain: grain) { range in
      let columns = range.lowerBound * 32..<min(range.upperBound * 32, columns)
      if samples == 1 {
        for column in columns { y[column] = bias.map { $0[isColumn ? 0 : column] } ?? 0 }
        vectors.denseCombine(
          problem, list, Int64(count), Int64(columns.lowerBound), Int64(columns.count),
          y + columns.lowerBound)
      } else {
        addRows(problem, list, count, columns, y, bias)
      }
    }
  }

  /// Some columns of several samples, by way of sums that lie together.
  private func addRows(
    _ problem: UnsafePointer<ph_dense>, _ list: UnsafePointer<Int32>, _ count: Int,
    _ range: Range<Int>, _ y: UnsafeMutablePointer<Float>, _ bias: UnsafePointer<Float>?
  ) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: samples * range.count) { sums in
      guard let sums = sums.baseAddress else { return }
      for sample in 0..<samples {
        let own = sums + sample * range.count
        for (index, column) in range.enumerated() { own[index] = bias?[column] ?? 0 }
      }
      vectors.denseCombine(
        problem, list, Int64(count), Int64(range.lowerBound), Int64(range.count), sums)
      for sample in 0..<samples {
        (y + (sample * columns + range.lowerBound))
          .update(from: sums + sample * range.count, count: range.count)
      }
    }
  }

  // MARK: - Products with rows

  private func multiplyRows(
    _ problem: UnsafePointer<ph_dense>, _ mask: UnsafePointer<Float>?,
    _ list: UnsafeMutablePointer<Int32>, _ y: UnsafeMutablePointer<Float>,
    _ bias: UnsafePointer<Float>?
  ) {
    // Pieces of equal length, however many threads there are, handed out one after the other:
    // neighbouring rows may all matter or all not.
    let piece = max(16, (loopGrain / max(columns, 1) + 15) / 16 * 16)
    Threads.distribute((rows + piece - 1) / piece, threads: .max) { index, _ in
      let range = index * piece..<min((index + 1) * piece, rows)
      let own = list + range.lowerBound
      var count = 0
      for row in range {
        own[count] = Int32(truncatingIfNeeded: row)
        count += mask.map { isNeeded(row, $0, isPositive: true) } ?? true ? 1 : 0
      }
      vectors.denseDot(problem, own, Int64(count), y, Int64(rows))
      for sample in 0..<samples {
        let row = y + sample * rows
        if let mask {
          for index in range where !(mask[sample * rows + index] > 0) { row[index] = 0 }
        }
        if let bias { for index in range { row[index] += bias[isColumn ? 0 : index] } }
      }
    }
  }
}

/// Up to how many samples oneDNN's product isn't faster: measured with 512 to 25,088 rows of 480 to
/// 4,096 columns.
///
/// Where the rows of a matrix lie a multiple of 1 KiB apart they drive each other out of oneDNN's
/// caches; other matrices it reads as fast as memory is.
private func mostSamples(_ problem: MatrixProduct, _ isMasked: Bool) -> Int {
  if problem.transposeB { return isMasked ? 16 : 8 }
  let isLarge = problem.k * problem.n >= DenseMatrix.cachedMatrixSize
  if problem.n % 256 == 0 { return isLarge ? 32 : 16 }
  return isLarge || problem.n % 16 != 0 ? 1 : 4
}
