/// A loop over two broadcast inputs and a dense output.
struct PairLoop: Sendable {
  private let pieces: Pieces

  init(_ axes: StridedAxes) { pieces = Pieces(axes) }

  /// Calls `body` with runs of the output that together are all of it, on all threads.
  @inline(__always) func forEachRun(_ arguments: Arguments, _ body: (PairRun) -> Void) {
    Threads.split(pieces.count, grain: pieces.grain) { range in
      var (a, b) = (PieceReader(pieces, 0, arguments[0]), PieceReader(pieces, 1, arguments[1]))
      var piece = pieces.first(of: range)
      for _ in pieces.isOneRow ? 0..<1 : range {
        let (first, firstStride) = a.elements(of: piece)
        let (second, secondStride) = b.elements(of: piece)
        body(
          PairRun(
            count: piece.count, a: first, strideA: firstStride, b: second, strideB: secondStride,
            y: arguments[2] + piece.start))
        pieces.advance(&piece)
      }
      a.deallocate()
      b.deallocate()
    }
  }
}

/// Neighbours in the output of a loop over two inputs, and where the inputs' elements lie.
struct PairRun {
  let count: Int
  let a: UnsafeMutablePointer<Float>
  let strideA: Int
  let b: UnsafeMutablePointer<Float>
  let strideB: Int
  let y: UnsafeMutablePointer<Float>

  /// Writes a function of the inputs, sixteen elements at a time; the usual strides have loops of
  /// their own.
  @inline(__always) func write(_ function: (Lanes, Lanes) -> Lanes) {
    switch (strideA, strideB) {
    case (1, 1): zipLanes(0..<count, a, b, y, function)
    case (1, 0):
      let scalar = Lanes(repeating: b[0])
      mapLanes(0..<count, a, y) { function($0, scalar) }
    case (0, 1):
      let scalar = Lanes(repeating: a[0])
      mapLanes(0..<count, b, y) { function(scalar, $0) }
    default:
      for index in stride(from: 0, to: count, by: 16) {
        var (first, second) = (Lanes(), Lanes())
        let rest = min(count - index, 16)
        for lane in 0..<rest {
          first[lane] = a[(index + lane) * strideA]
          second[lane] = b[(index + lane) * strideB]
        }
        y.store(function(first, second), at: index, count: rest)
      }
    }
  }

  /// Writes a function that takes one pair of elements after the other.
  @inline(__always) func writeElements(_ function: (Float, Float) -> Float) {
    for index in 0..<count { y[index] = function(a[index * strideA], b[index * strideB]) }
  }
}

/// How a loop over broadcast inputs is divided: into elements if there is one row, into rows, or
/// into blocks of rows that are too short for a loop of their own.
private struct Pieces: Sendable {
  let axes: StridedAxes
  let isOneRow: Bool
  /// The length of a row.
  let length: Int
  /// The rows of a block, one unless they are short, of how many neighbours.
  let blockRows: Int
  let rows: Int

  /// The elements of short rows that are combined together.
  private static let blockSize = 256

  init(_ axes: StridedAxes) {
    self.axes = axes
    let last = axes.lengths.count - 1
    isOneRow = axes.outerCount() == 1
    length = axes.lengths[last]
    rows = last > 0 ? axes.lengths[last - 1] : 1
    let isShort = last > 0 && length > 0 && length < 16
    blockRows = isShort ? min(max(rows, 1), Pieces.blockSize / length) : 1
  }

  private var blocks: Int { (rows + blockRows - 1) / blockRows }

  /// The number of pieces.
  var count: Int { isOneRow ? length : axes.outerCount(inner: 2) * blocks }

  /// The pieces below which other threads aren't worth waking.
  var grain: Int { isOneRow ? loopGrain : max(1, loopGrain / max(blockRows * length, 1)) }

  /// Some elements of the output.
  struct Piece {
    /// The position along all axes but the last two, and along the last one but one.
    var outer: Int
    var row: Int
    /// The first element and how many there are.
    var start: Int
    var count: Int
  }

  /// The first of several pieces.
  func first(of range: Range<Int>) -> Piece {
    if isOneRow { return Piece(outer: 0, row: 0, start: range.lowerBound, count: range.count) }
    let (outer, block) = range.lowerBound.quotientAndRemainder(dividingBy: blocks)
    let row = block * blockRows
    return Piece(
      outer: outer, row: row, start: (outer * rows + row) * length,
      count: min(blockRows, rows - row) * length)
  }

  /// Goes on to the next piece.
  @inline(__always) func advance(_ piece: inout Piece) {
    piece.start += piece.count
    piece.row += blockRows
    if piece.row >= rows { (piece.outer, piece.row) = (piece.outer + 1, 0) }
    piece.count = min(blockRows, rows - piece.row) * length
  }
}

/// Gives the elements of an input that belong to a piece; those of short rows densely.
private struct PieceReader {
  private let axes: StridedAxes
  private let array: Int
  private let start: UnsafeMutablePointer<Float>
  private let length: Int
  private let rowStride: Int
  private let stride: Int
  private let isOneRow: Bool
  /// The outer position that was last read, and where its elements lie.
  private var outer = 0
  private var base: UnsafeMutablePointer<Float>
  /// Where rows are written densely that don't lie so.
  private let memory: UnsafeMutablePointer<Float>?
  /// The row that is repeated there, and how many elements are.
  private var repeated: (source: UnsafeMutablePointer<Float>, count: Int)?

  init(_ pieces: Pieces, _ array: Int, _ start: UnsafeMutablePointer<Float>) {
    (axes, isOneRow, length) = (pieces.axes, pieces.isOneRow, pieces.length)
    (self.array, self.start, base) = (array, start, start)
    let strides = axes.strides[array]
    stride = strides[strides.count - 1]
    rowStride = strides.count > 1 ? strides[strides.count - 2] : 0
    let isDense = stride == 1 && rowStride == length
    memory =
      pieces.blockRows > 1 && !isDense
      ? .allocate(capacity: pieces.blockRows * length) : nil
  }

  func deallocate() { memory?.deallocate() }

  @inline(__always) mutating func elements(
    of piece: Pieces.Piece
  ) -> (start: UnsafeMutablePointer<Float>, stride: Int) {
    if isOneRow { return (start + piece.start * stride, stride) }
    if piece.outer != outer {
      base = start + axes.offset(piece.outer, of: array, inner: 2)
      outer = piece.outer
    }
    let source = base + piece.row * rowStride
    guard let memory else { return (source, stride) }
    writeDensely(source, to: memory, piece.count)
    return (memory, 1)
  }

  private mutating func writeDensely(
    _ source: UnsafeMutablePointer<Float>, to memory: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    if rowStride == 0 {
      if let repeated, repeated.source == source, repeated.count >= count { return }
      repeated = (source, count)
    }
    for row in 0..<count / length {
      let (from, to) = (source + row * rowStride, memory + row * length)
      for index in 0..<length { to[index] = from[index * stride] }
    }
  }
}
