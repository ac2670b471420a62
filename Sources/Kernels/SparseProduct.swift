public import Tensors

/// A matrix of mostly zeros, row by row.
public struct SparseMatrix: Hashable, Sendable {
  /// One element that isn't zero.
  public struct Entry: Hashable, Sendable {
    /// The column that it stands in.
    public let column: Int
    /// Its value.
    public let value: Float

    /// Creates an element.
    public init(_ column: Int, _ value: Float) { (self.column, self.value) = (column, value) }
  }

  /// The number of columns.
  public let columnCount: Int
  /// The elements of each row, in the order in which they are added up.
  public let rows: [[Entry]]

  /// Creates a matrix.
  ///
  /// - Precondition: every element stands in one of the columns.
  public init(columnCount: Int, rows: [[Entry]]) {
    precondition(
      rows.allSatisfy { row in row.allSatisfy { (0..<columnCount).contains($0.column) } },
      "an element stands outside of \(columnCount) columns")
    self.columnCount = columnCount
    self.rows = rows
  }

  /// The matrix with rows and columns exchanged.
  public var transposed: SparseMatrix {
    var columns = [[Entry]](repeating: [], count: columnCount)
    for (index, row) in rows.enumerated() {
      for entry in row { columns[entry.column].append(Entry(index, entry.value)) }
    }
    return SparseMatrix(columnCount: rows.count, rows: columns)
  }
}

extension SparseMatrix: CustomStringConvertible {
  /// The size.
  public var description: String { "SparseMatrix(\(rows.count) x \(columnCount))" }
}

/// Multiplies a sparse matrix with every column of an array along one of its axes.
///
/// Inputs: `x`. Output: `x` with the axis as long as the matrix has rows; position `i` of it is the
/// sum of row `i`'s elements, each times the position of `x` that its column names. Elements that
/// the matrix doesn't hold aren't looked at, whatever they are.
///
/// - Throws: `invalidArgument` if there is no such axis or it isn't as long as the matrix is wide.
public func sparseProductKernel(
  _ matrix: SparseMatrix, input: Shape, axis: Int
) throws(PhospheneError) -> any Kernel {
  let view = try AxisView(input, axis: axis)
  try require(
    view.length == matrix.columnCount,
    "a matrix of \(matrix.columnCount) columns can't be multiplied with axis \(axis) of \(input)")
  let plan = SparseRows(matrix)
  let (rowCount, inner) = (matrix.rows.count, view.inner)
  let work = max(1, inner * plan.columns.count / max(rowCount, 1))
  return LoopKernel { arguments in
    let (x, y) = (arguments[0], arguments[1])
    Threads.split(view.outer * rowCount, grain: max(1, loopGrain / work)) { range in
      plan.withPointers { starts, columns, values in
        var (outer, row) = range.lowerBound.quotientAndRemainder(dividingBy: rowCount)
        for item in range {
          let (source, target) = (x + outer * view.length * inner, y + item * inner)
          let entries = starts[row]..<starts[row + 1]
          if inner == 1 {
            var sum: Float = 0
            for entry in entries { sum += values[entry] * source[Int(columns[entry])] }
            target[0] = sum
          } else {
            // A run of the result stays in the first-level cache until it is complete.
            for first in stride(from: 0, to: inner, by: 1024) {
              let count = min(1024, inner - first)
              let sums = target + first
              sums.update(repeating: 0, count: count)
              for entry in entries {
                let line = source + Int(columns[entry]) * inner + first
                let factor = values[entry]
                for index in 0..<count { sums[index] += factor * line[index] }
              }
            }
          }
          row += 1
          if row == rowCount { (outer, row) = (outer + 1, 0) }
        }
      }
    }
  }
}

/// The elements of a sparse matrix one behind the other.
private struct SparseRows: Sendable {
  /// Where the elements of each row begin, and where the last ones end.
  let starts: [Int]
  let columns: [Int32]
  let values: [Float]

  init(_ matrix: SparseMatrix) {
    starts = matrix.rows.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
    columns = matrix.rows.flatMap { $0.map { Int32($0.column) } }
    values = matrix.rows.flatMap { $0.map(\.value) }
  }

  /// Calls `body` with the arrays, which it reads without comparing positions with their lengths.
  @inline(__always) func withPointers(
    _ body: (
      UnsafeBufferPointer<Int>, UnsafeBufferPointer<Int32>, UnsafeBufferPointer<Float>
    ) -> Void
  ) {
    starts.withUnsafeBufferPointer { starts in
      columns.withUnsafeBufferPointer { columns in
        values.withUnsafeBufferPointer { values in body(starts, columns, values) }
      }
    }
  }
}
