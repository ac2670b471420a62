public import Tensors

/// How the elements of an axis become one.
public enum ReductionFunction: Hashable, Sendable {
  /// Their sum.
  case sum
  /// Their arithmetic mean.
  case mean
  /// The largest; NaN if one is.
  case maximum
  /// The smallest; NaN if one is.
  case minimum
  /// Their product.
  case product
}

/// Reduces any axes of an array, numbered from zero.
///
/// Inputs: `x`. Output: the shape of `x` without `axes`. Sums are made of short partial sums, so
/// that the rounding error doesn't grow with the length of an axis; the result doesn't depend on
/// the number of threads.
///
/// - Throws: `invalidArgument` if an axis doesn't exist or has no element to take the largest of.
public func reductionKernel(
  _ function: ReductionFunction, input: Shape, axes: [Int]
) throws(PhospheneError) -> any Kernel {
  try require(
    axes.allSatisfy { $0 >= 0 && $0 < input.rank } && Set(axes).count == axes.count,
    "axes to reduce have to be distinct numbers below \(input.rank), received \(axes)")
  let loop = ReductionLoop(input, axes)
  try require(
    loop.reducedCount > 0 || (function != .maximum && function != .minimum),
    "an axis of length zero has no largest or smallest element: shape \(input), axes \(axes)")
  // The mean of nothing is NaN.
  let scale = loop.reducedCount > 0 ? 1 / Float(loop.reducedCount) : .nan
  // The loops take their function as a closure that doesn't escape: only then is it compiled in.
  return LoopKernel { arguments in
    switch function {
    case .sum: loop.run(arguments, initial: 0, scale: 1) { $0 + $1 }
    case .mean: loop.run(arguments, initial: 0, scale: scale) { $0 + $1 }
    case .product: loop.run(arguments, initial: 1, scale: 1) { $0 * $1 }
    case .maximum where hasNaN(arguments[0], input.elementCount):
      loop.run(arguments, initial: -.infinity, scale: 1) { maximum($0, $1) }
    case .maximum:
      loop.run(arguments, initial: -.infinity, scale: 1) {
        larger($0, $1)
      }
    case .minimum where hasNaN(arguments[0], input.elementCount):
      loop.run(arguments, initial: .infinity, scale: 1) { minimum($0, $1) }
    case .minimum:
      loop.run(arguments, initial: .infinity, scale: 1) {
        smaller($0, $1)
      }
    }
  }
}

/// Whether an array holds a NaN, or infinities that look like one.
///
/// To look first and compare without regard to NaN takes half as long as to regard it at each step.
private func hasNaN(_ x: UnsafeMutablePointer<Float>, _ count: Int) -> Bool {
  let piece = loopGrain
  let pieces = (count + piece - 1) / piece
  return withUnsafeTemporaryAllocation(of: Bool.self, capacity: pieces) { found in
    Threads.parallel(pieces) { index in
      let (first, end) = (index * piece, min(index * piece + piece, count))
      // The sum of `x - x` is zero for finite numbers only.
      var (even, odd) = (Lanes(repeating: 0), Lanes(repeating: 0))
      var position = first
      while position + 32 <= end {
        let (a, b) = (x.lanes(at: position), x.lanes(at: position + 16))
        even += a - a
        odd += b - b
        position += 32
      }
      var sum = (even + odd).sum()
      for position in position..<end { sum += x[position] - x[position] }
      found[index] = sum != 0
    }
    return found.contains(true)
  }
}

/// The larger one of each pair of numbers.
///
/// Written for each lane: only so the compiler finds the instruction.
@inline(__always) private func larger(_ a: Lanes, _ b: Lanes) -> Lanes {
  var result = a
  for lane in 0..<16 { result[lane] = b[lane] > a[lane] ? b[lane] : a[lane] }
  return result
}

/// The smaller one of each pair of numbers.
@inline(__always) private func smaller(_ a: Lanes, _ b: Lanes) -> Lanes {
  var result = a
  for lane in 0..<16 { result[lane] = b[lane] < a[lane] ? b[lane] : a[lane] }
  return result
}

/// The larger one of each pair, or NaN.
@inline(__always) func maximum(_ a: Lanes, _ b: Lanes) -> Lanes {
  a.replacing(with: b, where: (b .> a) .| (b .!= b))
}

/// The smaller one of each pair, or NaN.
@inline(__always) func minimum(_ a: Lanes, _ b: Lanes) -> Lanes {
  a.replacing(with: b, where: (b .< a) .| (b .!= b))
}

/// The order in which a reduction reads its input.
private struct ReductionLoop: Sendable {
  /// The axes that stay, and those that don't, merged where possible.
  private let kept: StridedAxes
  private let reduced: StridedAxes
  /// Whether sixteen results are computed at a time: where neighbours in memory become separate
  /// results, and where a result is made of few neighbours.
  private let isByColumns: Bool
  private let inputCount: Int
  private let outputCount: Int
  let reducedCount: Int

  init(_ input: Shape, _ axes: [Int]) {
    let strides = input.strides
    let keptAxes = input.axes.indices.filter { !axes.contains($0) }
    let reducedAxes = input.axes.indices.filter { axes.contains($0) }
    kept = StridedAxes(keptAxes.map { input[$0] }, strides: [keptAxes.map { strides[$0] }])
    reduced = StridedAxes(
      reducedAxes.map { input[$0] }, strides: [reducedAxes.map { strides[$0] }])
    outputCount = keptAxes.reduce(1) { $0 * input[$1] }
    reducedCount = reducedAxes.reduce(1) { $0 * input[$1] }
    inputCount = input.elementCount
    let (length, run) = (kept.lengths.last ?? 1, reduced.lengths.last ?? 1)
    isByColumns = kept.strides[0].last == 1 || (length >= 16 && run < 16)
  }

  /// Elements that are combined before they join the others.
  private static let block = 256

  /// Runs the loop and multiplies each result with `scale`.
  @inline(__always) func run(
    _ arguments: Arguments, initial: Float, scale: Float, _ combine: (Lanes, Lanes) -> Lanes
  ) {
    let (x, y) = (UnsafePointer(arguments[0]), arguments[1])
    if isByColumns {
      reduceColumns(x, y, initial, scale, combine)
    } else {
      reduceRows(x, y, initial, scale, combine)
    }
  }

  /// Sixteen results at a time.
  @inline(__always) private func reduceColumns(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ initial: Float,
    _ scale: Float, _ combine: (Lanes, Lanes) -> Lanes
  ) {
    let width = kept.lengths[kept.lengths.count - 1]
    let step = kept.strides[0].last ?? 1
    let chunks = (width + 15) / 16
    let (length, stride) = (
      reduced.lengths[reduced.lengths.count - 1], reduced.strides[0].last ?? 0
    )
    let rows = length == 0 ? 0 : reducedCount / length
    let end = x + inputCount
    let grain = max(1, loopGrain / max(reducedCount * 16, 1))
    Threads.split(kept.outerCount() * chunks, grain: grain) { range in
      for item in range {
        let (outer, first) = (item / chunks, item % chunks * 16)
        let count = min(16, width - first)
        let start = x + kept.offset(outer, of: 0) + first * step
        var total = Lanes(repeating: initial)
        for row in 0..<rows {
          let source = start + reduced.offset(row, of: 0)
          var position = 0
          while position < length {
            let blockEnd = min(position + ReductionLoop.block, length)
            var part = columns(source + position * stride, step, count, end)
            position += 1
            while position < blockEnd {
              part = combine(part, columns(source + position * stride, step, count, end))
              position += 1
            }
            total = combine(total, part)
          }
        }
        for lane in 0..<count { y[outer * width + first + lane] = total[lane] * scale }
      }
    }
  }

  /// One result at a time, sixteen neighbouring elements at once if there are that many.
  @inline(__always) private func reduceRows(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ initial: Float,
    _ scale: Float, _ combine: (Lanes, Lanes) -> Lanes
  ) {
    if outputCount == 1, reduced.lengths.count == 1, reduced.strides[0][0] == 1 {
      y[0] = reduceAll(x, initial, combine) * scale
      return
    }
    let length = reduced.lengths[reduced.lengths.count - 1]
    let stride = reduced.strides[0].last ?? 0
    let rows = length == 0 ? 0 : reducedCount / length
    let inner = kept.lengths[kept.lengths.count - 1]
    let step = kept.strides[0].last ?? 0
    Threads.split(outputCount, grain: max(1, loopGrain / max(reducedCount, 1))) { range in
      for item in range {
        let start = x + kept.offset(item / inner, of: 0) + item % inner * step
        var total = Lanes(repeating: initial)
        for row in 0..<rows {
          let source = start + reduced.offset(row, of: 0)
          let part = reduceRow(source, length, stride, initial, combine)
          total = combine(total, Lanes(part, initial))
        }
        y[item] = total[0] * scale
      }
    }
  }

  /// A whole array, in pieces that don't depend on the number of threads.
  @inline(__always) private func reduceAll(
    _ x: UnsafePointer<Float>, _ initial: Float, _ combine: (Lanes, Lanes) -> Lanes
  ) -> Float {
    let piece = loopGrain
    let pieces = (reducedCount + piece - 1) / piece
    return withUnsafeTemporaryAllocation(of: Float.self, capacity: pieces + 1) { parts in
      guard let parts = parts.baseAddress else { return initial }
      Threads.parallel(pieces) { index in
        let count = min(piece, reducedCount - index * piece)
        parts[index] = reduceRow(x + index * piece, count, 1, initial, combine)
      }
      return reduceRow(UnsafePointer(parts), pieces, 1, initial, combine)
    }
  }
}

/// Reads up to sixteen elements that lie `step` apart; lanes from `count` on hold anything.
@inline(__always) private func columns(
  _ x: UnsafePointer<Float>, _ step: Int, _ count: Int, _ end: UnsafePointer<Float>
) -> Lanes {
  if step == 1 { return x.lanes(at: 0, count: end - x >= 16 ? 16 : count) }
  var lanes = Lanes(repeating: 0)
  if count == 16 {
    for lane in 0..<16 { lanes[lane] = x[lane * step] }
  } else {
    for lane in 0..<count { lanes[lane] = x[lane * step] }
  }
  return lanes
}

/// Combines `count` elements that lie `stride` apart.
@inline(__always) private func reduceRow(
  _ x: UnsafePointer<Float>, _ count: Int, _ stride: Int, _ initial: Float,
  _ combine: (Lanes, Lanes) -> Lanes
) -> Float {
  var total = Lanes(repeating: initial)
  var index = 0
  if stride == 1 {
    while index + 16 <= count {
      // Blocks of partial sums: sixteen lanes times 64 rows, then joined.
      let end = min(index + 1024, count & ~15)
      var part = x.lanes(at: index)
      index += 16
      while index < end {
        part = combine(part, x.lanes(at: index))
        index += 16
      }
      total = combine(total, part)
    }
  }
  while index < count {
    var lanes = Lanes(repeating: initial)
    let end = min(16, count - index)
    for lane in 0..<end { lanes[lane] = x[(index + lane) * stride] }
    total = combine(total, lanes)
    index += end
  }
  // Halves, quarters, then four lanes.
  total = combine(total, Lanes(lowHalf: total.highHalf, highHalf: total.highHalf))
  let quarter = SIMD8(lowHalf: total.lowHalf.highHalf, highHalf: total.lowHalf.highHalf)
  total = combine(total, Lanes(lowHalf: quarter, highHalf: quarter))
  let even = combine(Lanes(repeating: total[0]), Lanes(repeating: total[2]))
  let odd = combine(Lanes(repeating: total[1]), Lanes(repeating: total[3]))
  return combine(even, odd)[0]
}

extension Lanes {
  /// One number in front, another one fifteen times.
  fileprivate init(_ first: Float, _ rest: Float) {
    self.init(repeating: rest)
    self[0] = first
  }
}
