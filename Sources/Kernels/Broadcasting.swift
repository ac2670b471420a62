import Tensors

/// The shape of two arrays that are broadcast against each other.
func broadcastShape(_ a: Shape, _ b: Shape) throws(PhospheneError) -> Shape {
  var axes: [Int] = []
  for axis in 1...max(a.rank, b.rank, 1) where axis <= max(a.rank, b.rank) {
    let first = axis <= a.rank ? a[a.rank - axis] : 1
    let second = axis <= b.rank ? b[b.rank - axis] : 1
    try require(
      first == second || first == 1 || second == 1,
      "shapes \(a) and \(b) can't be broadcast: aligned at the last axis, lengths have to be equal"
        + " or one")
    axes.append(first == 1 ? second : first)
  }
  return Shape(axes.reversed())
}

/// The strides with which an array is read as if it had the shape `output`.
func broadcastStrides(_ input: Shape, to output: Shape) -> [Int] {
  let strides = input.strides
  return output.axes.indices.map { axis in
    let source = axis - (output.rank - input.rank)
    return source < 0 || input[source] == 1 ? 0 : strides[source]
  }
}

/// Axes that several arrays are walked along together, with neighbours merged where every array
/// allows it.
struct StridedAxes: Sendable {
  /// The lengths, outermost first; at least one axis.
  private(set) var lengths: [Int] = []
  /// For each array its strides.
  private(set) var strides: [[Int]]

  /// Merges axes.
  init(_ lengths: [Int], strides: [[Int]]) {
    self.strides = strides.map { _ in [] }
    for axis in lengths.indices where lengths[axis] != 1 {
      let last = self.lengths.count - 1
      let isMergeable =
        last >= 0
        && strides.indices.allSatisfy {
          self.strides[$0][last] == strides[$0][axis] * lengths[axis]
        }
      if isMergeable {
        self.lengths[last] *= lengths[axis]
        for array in strides.indices { self.strides[array][last] = strides[array][axis] }
      } else {
        self.lengths.append(lengths[axis])
        for array in strides.indices { self.strides[array].append(strides[array][axis]) }
      }
    }
    if self.lengths.isEmpty {
      self.lengths = [1]
      self.strides = strides.map { _ in [0] }
    }
  }

  /// The number of positions of all axes but the last `inner`.
  func outerCount(inner: Int = 1) -> Int { lengths.dropLast(inner).reduce(1, *) }

  /// Where the `index`-th position of all axes but the last `inner` lies in an array.
  func offset(_ index: Int, of array: Int, inner: Int = 1) -> Int {
    var (rest, offset, axis) = (index, 0, lengths.count - 1 - inner)
    while axis >= 0 {
      let (quotient, position) = rest.quotientAndRemainder(dividingBy: lengths[axis])
      offset += position * strides[array][axis]
      rest = quotient
      axis -= 1
    }
    return offset
  }
}
