import Tensors

/// Sixteen neighbouring floats.
typealias Lanes = SIMD16<Float>

/// The number of elements below which a loop isn't worth waking other threads for.
let loopGrain = 1 << 15

extension UnsafePointer<Float> {
  /// Reads sixteen floats, aligned or not.
  @inline(__always) func lanes(at index: Int) -> Lanes {
    UnsafeRawPointer(self + index).loadUnaligned(as: Lanes.self)
  }

  /// Reads `count` floats and fills the rest with `filler`.
  @inline(__always) func lanes(at index: Int, count: Int, filler: Float = 0) -> Lanes {
    if count >= 16 { return lanes(at: index) }
    var lanes = Lanes(repeating: filler)
    for lane in 0..<count { lanes[lane] = self[index + lane] }
    return lanes
  }
}

extension UnsafeMutablePointer<Float> {
  /// Reads sixteen floats, aligned or not.
  @inline(__always) func lanes(at index: Int) -> Lanes { UnsafePointer(self).lanes(at: index) }

  /// Reads `count` floats and fills the rest with `filler`.
  @inline(__always) func lanes(at index: Int, count: Int, filler: Float = 0) -> Lanes {
    UnsafePointer(self).lanes(at: index, count: count, filler: filler)
  }

  /// Writes sixteen floats, aligned or not.
  @inline(__always) func store(_ lanes: Lanes, at index: Int) {
    UnsafeMutableRawPointer(self + index).storeBytes(of: lanes, as: Lanes.self)
  }

  /// Writes the first `count` floats.
  @inline(__always) func store(_ lanes: Lanes, at index: Int, count: Int) {
    if count >= 16 { return store(lanes, at: index) }
    for lane in 0..<count { self[index + lane] = lanes[lane] }
  }
}

/// Calls `body` with ranges that together cover `0..<count`, on all threads.
///
/// The loops below stand inside of `body` rather than around it: only where a loop and its function
/// are written in one closure, the compiler makes vector instructions of them.
@inline(__always) func inParallel(_ count: Int, _ body: (Range<Int>) -> Void) {
  Threads.split(count, grain: loopGrain, body)
}

/// Writes `function` of elements of `x` to `y`, which may be the same, sixteen at a time.
@inline(__always) func mapLanes(
  _ range: Range<Int>, _ x: UnsafeMutablePointer<Float>, _ y: UnsafeMutablePointer<Float>,
  _ function: (Lanes) -> Lanes
) {
  var index = range.lowerBound
  while index + 16 <= range.upperBound {
    y.store(function(x.lanes(at: index)), at: index)
    index += 16
  }
  guard index < range.upperBound else { return }
  let rest = range.upperBound - index
  y.store(function(x.lanes(at: index, count: rest)), at: index, count: rest)
}

/// Writes `function` of elements of `x` to `y`, one after the other: for functions that take long.
@inline(__always) func mapElements(
  _ range: Range<Int>, _ x: UnsafeMutablePointer<Float>, _ y: UnsafeMutablePointer<Float>,
  _ function: (Float) -> Float
) {
  for index in range { y[index] = function(x[index]) }
}

/// Writes `function` of pairs of elements to `y`, sixteen at a time.
@inline(__always) func zipLanes(
  _ range: Range<Int>, _ a: UnsafeMutablePointer<Float>, _ b: UnsafeMutablePointer<Float>,
  _ y: UnsafeMutablePointer<Float>, _ function: (Lanes, Lanes) -> Lanes
) {
  var index = range.lowerBound
  while index + 16 <= range.upperBound {
    y.store(function(a.lanes(at: index), b.lanes(at: index)), at: index)
    index += 16
  }
  guard index < range.upperBound else { return }
  let rest = range.upperBound - index
  let lanes = function(a.lanes(at: index, count: rest), b.lanes(at: index, count: rest))
  y.store(lanes, at: index, count: rest)
}

/// Writes `function` of pairs of elements to `y`, one after the other.
@inline(__always) func zipElements(
  _ range: Range<Int>, _ a: UnsafeMutablePointer<Float>, _ b: UnsafeMutablePointer<Float>,
  _ y: UnsafeMutablePointer<Float>, _ function: (Float, Float) -> Float
) {
  for index in range { y[index] = function(a[index], b[index]) }
}

/// The lanes of `a` where `mask` holds, those of `b` elsewhere.
@inline(__always) func choose(
  _ mask: SIMDMask<SIMD16<Int32>>, _ a: Lanes, _ b: Lanes
) -> Lanes {
  b.replacing(with: a, where: mask)
}

/// Ones where `mask` holds, zeros elsewhere.
@inline(__always) func indicator(_ mask: SIMDMask<SIMD16<Int32>>) -> Lanes {
  choose(mask, Lanes(repeating: 1), Lanes())
}

/// An array seen around one of its axes: (outer, length, inner).
struct AxisView: Sendable {
  /// The number of positions of all axes before it.
  let outer: Int
  /// The length of the axis.
  let length: Int
  /// The number of positions of all axes behind it.
  let inner: Int

  /// Looks at an array.
  init(_ shape: Shape, axis: Int) throws(PhospheneError) {
    try require(
      axis >= 0 && axis < shape.rank, "shape \(shape) has no axis \(axis), counted from zero")
    outer = shape.axes[..<axis].reduce(1, *)
    length = shape[axis]
    inner = shape.axes[(axis + 1)...].reduce(1, *)
  }

  /// Calls `body` for runs of at most 64 neighbours that together cover outer and inner positions,
  /// on all threads: with the outer position and the range of inner ones.
  @inline(__always) func forEachColumn(work: Int, _ body: (Int, Range<Int>) -> Void) {
    let chunks = (inner + 63) / 64
    Threads.split(outer * chunks, grain: max(1, loopGrain / max(work * min(inner, 64), 1))) {
      for item in $0 {
        let first = item % chunks * 64
        body(item / chunks, first..<min(first + 64, inner))
      }
    }
  }
}

/// Refuses what a caller passed in.
func require(
  _ condition: Bool, _ sentence: @autoclosure () -> String
) throws(PhospheneError) {
  guard condition else { throw .invalidArgument(sentence()) }
}
