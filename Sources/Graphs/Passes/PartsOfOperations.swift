import Kernels
import Tensors

// MARK: - Elements

extension Unary: PartialOperation {
  func part(_ region: Region, of inputs: [Shape]) -> Part? {
    Part(region: region, inputs: [region], operation: self)
  }
}

extension UnaryGradient: PartialOperation {
  func part(_ region: Region, of inputs: [Shape]) -> Part? {
    Part(region: region, inputs: inputs.map { _ in region }, operation: self)
  }
}

extension StopGradient: PartialOperation {
  func part(_ region: Region, of inputs: [Shape]) -> Part? {
    Part(region: region, inputs: [region], operation: self)
  }
}

extension Binary: PartialOperation {
  func part(_ region: Region, of inputs: [Shape]) -> Part? {
    Part(region: region, inputs: inputs.map { region.beforeBroadcast(of: $0) }, operation: self)
  }
}

extension Select: PartialOperation {
  func part(_ region: Region, of inputs: [Shape]) -> Part? {
    Part(region: region, inputs: inputs.map { region.beforeBroadcast(of: $0) }, operation: self)
  }
}

extension Broadcast: PartialOperation {
  func part(_ region: Region, of inputs: [Shape]) -> Part? {
    Part(
      region: region, inputs: [region.beforeBroadcast(of: inputs[0])],
      operation: Broadcast(shape: region.shape))
  }
}

extension Region {
  /// What a part of a broadcast result takes of an input: axes are aligned at the last one, and one
  /// of length one is repeated.
  fileprivate func beforeBroadcast(of input: Shape) -> Region {
    let aligned = ranges.suffix(input.rank)
    return Region(zip(aligned, input.axes).map { $1 == 1 ? 0..<1 : $0 })
  }

  /// The same but for some axes, which are whole.
  fileprivate func whole(along axes: some Sequence<Int>, of shape: Shape) -> Region {
    var region = self
    for axis in axes { region.ranges[axis] = 0..<shape[axis] }
    return region
  }
}

// MARK: - Windows

extension WindowGeometry {
  /// Returns what some windows cover of an image, and how they lie in that; `nil` if one of them
  /// covers nothing.
  fileprivate func part(
    _ windows: ArraySlice<Range<Int>>, of lengths: ArraySlice<Int>
  ) -> (geometry: WindowGeometry, image: [Range<Int>])? {
    var (geometry, image) = (self, [Range<Int>]())
    for (axis, (windows, length)) in zip(windows, lengths).enumerated() {
      let first = windows.lowerBound * strides[axis] - padLow[axis]
      let end = (windows.upperBound - 1) * strides[axis] - padLow[axis] + extent(axis)
      guard max(first, 0) < min(end, length) else { return nil }
      image.append(max(first, 0)..<min(end, length))
      geometry.padLow[axis] = max(-first, 0)
      geometry.padHigh[axis] = max(end - length, 0)
    }
    return (geometry, image)
  }
}

extension Convolution: PartialOperation {
  func part(_ region: Region, of inputs: [Shape]) -> Part? {
    let last = inputs[0].rank - 1
    guard !hasBias, !hasAddend, activation == nil,
      let part = geometry.part(region.ranges[1..<last], of: inputs[0].axes[1..<last])
    else { return nil }
    let filters = inputs[1].axes.last ?? 0
    let image = [region.ranges[0]] + part.image + [0..<inputs[0][last]]
    return Part(
      region: Region(region.ranges.dropLast() + [0..<filters]),
      inputs: [Region(image), Region(whole: inputs[1])],
      operation: Convolution(geometry: part.geometry, groups: groups))
  }
}

extension Pooling: PartialOperation {
  func part(_ region: Region, of inputs: [Shape]) -> Part? {
    let last = inputs[0].rank - 1
    guard let part = geometry.part(region.ranges[1..<last], of: inputs[0].axes[1..<last]) else {
      return nil
    }
    let image = [region.ranges[0]] + part.image + [region.ranges[last]]
    return Part(
      region: region, inputs: [Region(image)],
      operation: Pooling(geometry: part.geometry, function: function))
  }
}

// MARK: - Places

extension Slice: PartialOperation {
  func part(_ region: Region, of inputs: [Shape]) -> Part? {
    var (taken, first) = ([Range<Int>](), [Int]())
    for (axis, range) in region.ranges.enumerated() {
      let ends = [range.lowerBound, range.upperBound - 1].map { starts[axis] + $0 * steps[axis] }
      let (low, high) = (min(ends[0], ends[1]), max(ends[0], ends[1]))
      taken.append(low..<high + 1)
      first.append(ends[0] - low)
    }
    return Part(
      region: region, inputs: [Region(taken)],
      operation: Slice(starts: first, lengths: region.shape.axes, steps: steps))
  }
}

extension Pad: PartialOperation {
  func part(_ region: Region, of inputs: [Shape]) -> Part? {
    var (kept, before, after) = ([Range<Int>](), [Int](), [Int]())
    for (axis, range) in region.ranges.enumerated() {
      let (first, end) = (range.lowerBound - low[axis], range.upperBound - low[axis])
      let length = inputs[0][axis]
      guard low[axis] >= 0, high[axis] >= 0, max(first, 0) < min(end, length) else { return nil }
      kept.append(max(first, 0)..<min(end, length))
      before.append(max(-first, 0))
      after.append(max(end - length, 0))
    }
    return Part(
      region: region, inputs: [Region(kept)],
      operation: Pad(low: before, high: after, value: value))
  }
}

extension Concatenate: PartialOperation {
  func part(_ region: Region, of inputs: [Shape]) -> Part? {
    var (taken, start) = ([Region?](), 0)
    let range = region.ranges[axis]
    for input in inputs {
      let (first, end) = (
        max(range.lowerBound - start, 0), min(range.upperBound - start, input[axis])
      )
      start += input[axis]
      guard first < end else {
        taken.append(nil)
        continue
      }
      var part = region
      part.ranges[axis] = first..<end
      taken.append(part)
    }
    return Part(region: region, inputs: taken, operation: self)
  }
}

extension Transpose: PartialOperation {
  func part(_ region: Region, of inputs: [Shape]) -> Part? {
    var before = region
    for (axis, source) in permutation.enumerated() { before.ranges[source] = region.ranges[axis] }
    return Part(region: region, inputs: [before], operation: self)
  }
}

extension Reshape: PartialOperation {
  /// Leading axes that stay may be divided, what is behind them not.
  func part(_ region: Region, of inputs: [Shape]) -> Part? {
    let common = zip(inputs[0].axes, shape.axes).prefix { $0 == $1 }.count
    let computed = region.whole(along: common..<shape.rank, of: shape)
    let behind = inputs[0].axes.dropFirst(common).map { 0..<$0 }
    return Part(
      region: computed, inputs: [Region(computed.ranges.prefix(common) + behind)],
      operation: Reshape(shape: computed.shape))
  }
}

// MARK: - Sums

extension Reduction: PartialOperation {
  func part(_ region: Region, of inputs: [Shape]) -> Part? {
    var kept = region.ranges[...]
    var taken: [Range<Int>] = []
    for (axis, length) in inputs[0].axes.enumerated() {
      taken.append(axes.contains(axis) ? 0..<length : kept.removeFirst())
    }
    return Part(region: region, inputs: [Region(taken)], operation: self)
  }
}

extension Softmax: PartialOperation {
  func part(_ region: Region, of inputs: [Shape]) -> Part? {
    let last = inputs[0].rank - 1
    let computed = region.whole(along: last...last, of: inputs[0])
    return Part(region: computed, inputs: [computed], operation: self)
  }
}

extension MatrixProduct: PartialOperation {
  /// Rows of the first matrix give rows of the product.
  func part(_ region: Region, of inputs: [Shape]) -> Part? {
    let last = inputs[0].rank - 1
    guard !hasBias, activation == nil, !isMasked, !transposeA, inputs[1].rank == 2 else {
      return nil
    }
    let columns = inputs[1][transposeB ? 0 : 1]
    let rows = region.ranges.dropLast()
    return Part(
      region: Region(rows + [0..<columns]),
      inputs: [Region(rows + [0..<inputs[0][last]]), Region(whole: inputs[1])], operation: self)
  }
}
