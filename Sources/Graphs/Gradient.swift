public import Tensors

extension Graph {
  /// Appends the gradient of a value with respect to others.
  ///
  /// The walk goes backward from the target and touches only nodes on a path from a source to it.
  ///
  /// - Parameters:
  ///   - target: The value to differentiate.
  ///   - sources: With respect to what.
  ///   - cotangent: The weight of each of the target's elements, of the target's shape; ones if it
  ///     is `nil`, so that the sum of the target's elements is differentiated.
  ///   - rule: How rectifiers pass a cotangent.
  /// - Returns: For each source a value of its shape, or `nil` if the target doesn't depend on it.
  /// - Throws: `outOfMemory` if there is none for a constant.
  public mutating func gradient(
    of target: Value, withRespectTo sources: [Value], cotangent: Value? = nil,
    rule: GradientRule = .plain
  ) throws(PhospheneError) -> [Value?] {
    var reached = [Bool](repeating: false, count: target.index + 1)
    for source in sources where source.index <= target.index { reached[source.index] = true }
    for index in reached.indices where !reached[index] {
      reached[index] = nodes[index].inputs.contains { reached[$0.index] }
    }
    // What arrives at each value from those that read it, summed when the walk gets there.
    var contributions: [Value: [Value]] = [:]
    if let cotangent {
      contributions[target] = [cotangent]
    } else {
      contributions[target] = [constant(try Tensor(shape(target), repeating: 1))]
    }

    let isSource = Set(sources)
    for index in stride(from: target.index, through: 0, by: -1) {
      let output = Value(index: index)
      // A source may itself depend on another source, so the walk goes on behind it.
      guard reached[index], let parts = contributions[output],
        case .operation(let operation, let inputs) = nodes[index].source
      else { continue }
      let cotangent = try sum(of: parts)
      contributions[output] = isSource.contains(output) ? [cotangent] : nil
      let wanted = inputs.map { reached[$0.index] }
      guard wanted.contains(true) else { continue }
      let passed = try operation.cotangents(
        of: Pullback(
          inputs: inputs, output: output, cotangent: cotangent, wanted: wanted, rule: rule),
        in: &self)
      for (input, contribution) in zip(inputs, passed) {
        guard reached[input.index], let contribution else { continue }
        contributions[input, default: []].append(contribution)
      }
    }
    var gradients: [Value?] = []
    for source in sources {
      if let parts = contributions[source] {
        gradients.append(try sum(of: parts))
      } else {
        gradients.append(nil)
      }
    }
    return gradients
  }

  /// Appends the sum of the contributions to one cotangent.
  ///
  /// Parts of zeros, which come from slices of one value, are laid side by side instead of added:
  /// otherwise the cost of a sequence would grow with the square of its length.
  private mutating func sum(of contributions: [Value]) throws(PhospheneError) -> Value {
    guard contributions.count > 1 else { return contributions[0] }
    var pieces: [Int: [(range: Range<Int>, value: Value)]] = [:]
    var rest: [Value] = []
    for value in contributions {
      if case .operation(let scatter as Scatter, let inputs) = self[value].source,
        let (axis, range) = scatter.band
      {
        pieces[axis, default: []].append((range, inputs[0]))
      } else {
        rest.append(value)
      }
    }
    let shape = shape(contributions[0])
    for (axis, pieces) in pieces.sorted(by: { $0.key < $1.key }) {
      rest += try sideBySide(pieces, axis: axis, of: shape)
    }
    var sum = rest[0]
    for value in rest.dropFirst() { sum = try add(sum, value) }
    return sum
  }

  /// Appends arrays of a shape with pieces of one axis at their places and zeros elsewhere: one array
  /// for all pieces that don't overlap.
  private mutating func sideBySide(
    _ pieces: [(range: Range<Int>, value: Value)], axis: Int, of shape: Shape
  ) throws(PhospheneError) -> [Value] {
    var arrays: [Value] = []
    var remaining = pieces.sorted { $0.range.lowerBound < $1.range.lowerBound }
    while !remaining.isEmpty {
      var (row, overlapping) = ([Value](), [(range: Range<Int>, value: Value)]())
      var (first, end) = (0, 0)
      for piece in remaining {
        if row.isEmpty {
          (first, end) = (piece.range.lowerBound, piece.range.lowerBound)
        } else if piece.range.lowerBound < end {
          overlapping.append(piece)
          continue
        }
        if piece.range.lowerBound > end {
          var axes = shape.axes
          axes[axis] = piece.range.lowerBound - end
          row.append(try broadcast(constant(0), to: Shape(axes)))
        }
        row.append(piece.value)
        end = piece.range.upperBound
      }
      var (low, high) = (shape.axes.map { _ in 0 }, shape.axes.map { _ in 0 })
      (low[axis], high[axis]) = (first, shape[axis] - end)
      arrays.append(try pad(concatenate(row, axis: axis), low: low, high: high))
      remaining = overlapping
    }
    return arrays
  }
}

extension Scatter {
  /// The axis and the positions that are filled, if the other axes are filled completely.
  fileprivate var band: (axis: Int, range: Range<Int>)? {
    let partial = shape.axes.indices.filter { lengths[$0] != shape[$0] || steps[$0] != 1 }
    guard partial.count == 1, steps[partial[0]] == 1 else { return nil }
    let start = starts[partial[0]]
    return (partial[0], start..<(start + lengths[partial[0]]))
  }
}
