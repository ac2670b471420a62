import Glibc
public import Tensors

/// Exchanges axes: axis `i` of the output is axis `permutation[i]` of the input.
///
/// Inputs: `x`. Output: the permuted shape.
///
/// - Throws: `invalidArgument` if `permutation` doesn't name every axis once.
public func transposeKernel(
  input: Shape, permutation: [Int]
) throws(PhospheneError) -> any Kernel {
  try require(
    permutation.sorted() == Array(0..<input.rank),
    "a permutation has to name each axis of \(input) once, received \(permutation)")
  let output = Shape(permutation.map { input[$0] })
  let strides = input.strides
  let copy = StridedCopy(output, from: permutation.map { strides[$0] }, to: output.strides)
  return LoopKernel { copy.run($0[0], $0[1]) }
}

/// Takes every `steps`-th element of a part of an array.
///
/// Inputs: `x`. Output: `lengths`; its element `i` is the input's `starts + i * steps`. Steps may
/// be negative.
///
/// - Throws: `invalidArgument` if an element would lie outside the input.
public func sliceKernel(
  input: Shape, starts: [Int], lengths: [Int], steps: [Int]
) throws(PhospheneError) -> any Kernel {
  let (offset, strides) = try partOf(input, starts, lengths, steps)
  let copy = StridedCopy(Shape(lengths), from: strides, to: Shape(lengths).strides)
  return LoopKernel { copy.run($0[0] + offset, $0[1]) }
}

/// Puts an array into zeros, the adjoint of
/// ``sliceKernel(input:starts:lengths:steps:)``.
///
/// Inputs: an array of shape `lengths`. Output: `output`, whose element `starts + i * steps` is the
/// input's `i`; all others are zero.
///
/// - Throws: `invalidArgument` if an element would lie outside the output.
public func scatterKernel(
  output: Shape, starts: [Int], lengths: [Int], steps: [Int]
) throws(PhospheneError) -> any Kernel {
  let (offset, strides) = try partOf(output, starts, lengths, steps)
  return insertion(
    Shape(lengths), into: output, offset: offset, strides: strides, value: 0)
}

/// Surrounds an array with equal elements.
///
/// Inputs: `x`. Output: each axis longer by `low + high`.
///
/// - Throws: `invalidArgument` if a number is negative or missing.
public func padKernel(
  input: Shape, low: [Int], high: [Int], value: Float
) throws(PhospheneError) -> any Kernel {
  try require(
    low.count == input.rank && high.count == input.rank && (low + high).allSatisfy { $0 >= 0 },
    "padding needs a number from zero for each axis of \(input), received \(low) and \(high)")
  let output = Shape(input.axes.indices.map { low[$0] + input[$0] + high[$0] })
  let strides = output.strides
  let offset = zip(low, strides).reduce(0) { $0 + $1.0 * $1.1 }
  return insertion(input, into: output, offset: offset, strides: strides, value: value)
}

/// Puts arrays one after the other along an axis.
///
/// Inputs: the arrays. Output: their shape with the axis' lengths added up.
///
/// - Throws: `invalidArgument` if the shapes differ along another axis.
public func concatenateKernel(
  inputs: [Shape], axis: Int
) throws(PhospheneError) -> any Kernel {
  guard let first = inputs.first, axis >= 0, axis < first.rank else {
    throw .invalidArgument(
      "joining needs an array and one of its axes, received \(inputs.count) arrays and axis \(axis)"
    )
  }
  for shape in inputs {
    var axes = shape.axes
    if shape.rank == first.rank { axes[axis] = first[axis] }
    try require(
      axes == first.axes, "shapes \(first) and \(shape) can't be joined along axis \(axis)")
  }
  var axes = first.axes
  axes[axis] = inputs.reduce(0) { $0 + $1[axis] }
  let strides = Shape(axes).strides
  let copies = inputs.map { StridedCopy($0, from: $0.strides, to: strides) }
  let offsets = inputs.map { $0[axis] * strides[axis] }
  return LoopKernel { arguments in
    var output = arguments[copies.count]
    for index in copies.indices {
      copies[index].run(arguments[index], output)
      output += offsets[index]
    }
  }
}

/// Repeats an array by NumPy's broadcasting rule.
///
/// Inputs: `x`. Output: `output`.
///
/// - Throws: `invalidArgument` if `input` can't be broadcast to `output`.
public func broadcastKernel(
  input: Shape, output: Shape
) throws(PhospheneError) -> any Kernel {
  let common = try broadcastShape(input, output)
  try require(common == output, "shape \(input) can't be broadcast to \(output)")
  let copy = StridedCopy(
    output, from: broadcastStrides(input, to: output), to: output.strides)
  return LoopKernel { copy.run($0[0], $0[1]) }
}

/// Copies bytes.
///
/// Inputs: `byteCount` bytes of anything. Output: the same.
public func copyKernel(byteCount: Int) throws(PhospheneError) -> any Kernel {
  LoopKernel { arguments in
    let (source, target) = (arguments.bytes(0), arguments.bytes(1))
    Threads.split(byteCount, grain: loopGrain * 4) { range in
      memcpy(target + range.lowerBound, source + range.lowerBound, range.count)
    }
  }
}

/// Where the first element of a part lies, and the strides of its axes.
private func partOf(
  _ whole: Shape, _ starts: [Int], _ lengths: [Int], _ steps: [Int]
) throws(PhospheneError) -> (offset: Int, strides: [Int]) {
  let isWithin =
    [starts.count, lengths.count, steps.count].allSatisfy { $0 == whole.rank }
    && whole.axes.indices.allSatisfy { axis in
      let last = starts[axis] + (lengths[axis] - 1) * steps[axis]
      let range = 0..<whole[axis]
      return steps[axis] != 0
        && (lengths[axis] == 0
          || lengths[axis] > 0 && range.contains(starts[axis]) && range.contains(last))
    }
  try require(
    isWithin,
    "a part with starts \(starts), lengths \(lengths) and steps \(steps) doesn't lie within"
      + " \(whole)")
  let strides = whole.strides
  let offset = zip(starts, strides).reduce(0) { $0 + $1.0 * $1.1 }
  return (lengths.contains(0) ? 0 : offset, zip(strides, steps).map { $0 * $1 })
}

/// A kernel that fills an array with `value` and copies another one into it.
private func insertion(
  _ input: Shape, into output: Shape, offset: Int, strides: [Int], value: Float
) -> LoopKernel {
  let copy = StridedCopy(input, from: input.strides, to: strides)
  let count = output.elementCount
  let hasRest = input.elementCount < count
  return LoopKernel { arguments in
    let target = arguments[1]
    if hasRest {
      Threads.split(count, grain: loopGrain) { range in
        (target + range.lowerBound).update(repeating: value, count: range.count)
      }
    }
    copy.run(arguments[0], target + offset)
  }
}

/// A copy between two arrays whose elements lie apart.
struct StridedCopy: Sendable {
  private let axes: StridedAxes
  private let count: Int

  /// Prepares a copy of `shape` elements.
  init(_ shape: Shape, from source: [Int], to target: [Int]) {
    count = shape.elementCount
    axes = StridedAxes(shape.axes, strides: [source, target])
  }

  /// Copies.
  func run(_ source: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>) {
    guard count > 0 else { return }
    let last = axes.lengths.count - 1
    if last > 0, axes.strides[0][last - 1] == 1, axes.strides[0][last] > 1 {
      return transpose(source, target)
    }
    let length = axes.lengths[last]
    let (from, to) = (axes.strides[0][last], axes.strides[1][last])
    if last == 0 {
      Threads.split(length, grain: loopGrain) { range in
        StridedCopy.copyRow(
          range.count, source + range.lowerBound * from, from, target + range.lowerBound * to, to)
      }
      return
    }
    Threads.split(axes.outerCount(), grain: max(1, loopGrain / length)) { range in
      for row in range {
        StridedCopy.copyRow(
          length, source + axes.offset(row, of: 0), from, target + axes.offset(row, of: 1), to)
      }
    }
  }

  /// Copies with the last two axes exchanged, in tiles that fit into the first-level cache.
  private func transpose(
    _ source: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>
  ) {
    let last = axes.lengths.count - 1
    let (rows, columns) = (axes.lengths[last - 1], axes.lengths[last])
    let from = axes.strides[0][last]
    let (rowStep, columnStep) = (axes.strides[1][last - 1], axes.strides[1][last])
    let bands = (rows + 31) / 32
    let items = axes.outerCount(inner: 2) * bands
    Threads.split(items, grain: max(1, loopGrain / (32 * columns))) { range in
      for item in range {
        let input = source + axes.offset(item / bands, of: 0, inner: 2)
        let output = target + axes.offset(item / bands, of: 1, inner: 2)
        let first = item % bands * 32
        let end = min(first + 32, rows)
        for tile in stride(from: 0, to: columns, by: 32) {
          for row in first..<end {
            for column in tile..<min(tile + 32, columns) {
              output[row * rowStep + column * columnStep] = input[row + column * from]
            }
          }
        }
      }
    }
  }

  private static func copyRow(
    _ count: Int, _ source: UnsafeMutablePointer<Float>, _ from: Int,
    _ target: UnsafeMutablePointer<Float>, _ to: Int
  ) {
    switch (from, to) {
    case (1, 1) where count >= 32: target.update(from: source, count: count)
    case (1, 1): for index in 0..<count { target[index] = source[index] }
    case (0, 1): target.update(repeating: source[0], count: count)
    default: for index in 0..<count { target[index * to] = source[index * from] }
    }
  }
}
