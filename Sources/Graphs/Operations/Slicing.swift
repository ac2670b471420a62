import Kernels
public import Tensors

/// A part of an array: along each axis `lengths` elements from `starts` on, `steps` apart, backward
/// if they are negative.
struct Slice: Operation {
  let starts: [Int]
  let lengths: [Int]
  let steps: [Int]

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    let shape = inputs[0].shape
    for axis in shape.axes.indices {
      let last = starts[axis] + (lengths[axis] - 1) * steps[axis]
      let positions = 0..<shape[axis]
      guard lengths[axis] > 0, positions ~= starts[axis], positions ~= last else {
        throw .invalidArgument(
          "\(lengths[axis]) elements from \(starts[axis]) on don't exist along axis \(axis) of "
            + "shape \(shape)")
      }
    }
    return TensorType(Shape(lengths))
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    let scatter = Scatter(
      shape: graph.shape(pullback.inputs[0]), starts: starts, lengths: lengths, steps: steps)
    return [try graph.apply(scatter, to: [pullback.cotangent])]
  }

  /// Neighbours in memory: everything along the last axes, some along the one before, one element
  /// along the axes in front of that.
  func viewOffset(in input: TensorType) -> Int? {
    guard input.dataType == .float32 else { return nil }
    let shape = input.shape
    var axes = shape.axes.indices[...]
    while let last = axes.last, lengths[last] == shape[last], steps[last] == 1 { axes.removeLast() }
    if let last = axes.last, steps[last] == 1 { axes.removeLast() }
    guard axes.allSatisfy({ lengths[$0] == 1 }) else { return nil }
    return 4 * zip(starts, shape.strides).reduce(0) { $0 + $1.0 * $1.1 }
  }

  func beforeTransposition(
    by permutation: [Int]
  ) -> (operation: any Operation, permutation: [Int])? {
    let moved = Slice(
      starts: starts.moved(back: permutation), lengths: lengths.moved(back: permutation),
      steps: steps.moved(back: permutation))
    return (moved, permutation)
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try sliceKernel(input: request.shape(0), starts: starts, lengths: lengths, steps: steps)
  }
}

/// The adjoint of ``Slice``: its input placed into zeros.
struct Scatter: Operation {
  let shape: Shape
  let starts: [Int]
  let lengths: [Int]
  let steps: [Int]

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    TensorType(shape)
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    let slice = Slice(starts: starts, lengths: lengths, steps: steps)
    return [try graph.apply(slice, to: [pullback.cotangent])]
  }

  func beforeTransposition(
    by permutation: [Int]
  ) -> (operation: any Operation, permutation: [Int])? {
    let moved = Scatter(
      shape: Shape(shape.axes.moved(back: permutation)), starts: starts.moved(back: permutation),
      lengths: lengths.moved(back: permutation), steps: steps.moved(back: permutation))
    return (moved, permutation)
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try scatterKernel(output: shape, starts: starts, lengths: lengths, steps: steps)
  }
}

/// Elements of one value around an array.
struct Pad: Operation {
  let low: [Int]
  let high: [Int]
  let value: Float

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    let shape = inputs[0].shape
    return TensorType(Shape(shape.axes.indices.map { shape[$0] + low[$0] + high[$0] }))
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    let lengths = graph.shape(pullback.inputs[0]).axes
    let slice = Slice(starts: low, lengths: lengths, steps: low.map { _ in 1 })
    return [try graph.apply(slice, to: [pullback.cotangent])]
  }

  func beforeTransposition(
    by permutation: [Int]
  ) -> (operation: any Operation, permutation: [Int])? {
    let moved = Pad(
      low: low.moved(back: permutation), high: high.moved(back: permutation), value: value)
    return (moved, permutation)
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try padKernel(input: request.shape(0), low: low, high: high, value: value)
  }
}

/// Arrays one after the other along an axis.
struct Concatenate: Operation {
  let axis: Int

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    var axes = inputs[0].shape.axes
    for input in inputs.dropFirst() {
      var others = input.shape.axes
      guard others.count == axes.count else {
        throw .invalidArgument("can't concatenate \(inputs[0].shape) and \(input.shape)")
      }
      let length = axes[axis] + others[axis]
      others[axis] = axes[axis]
      guard others == axes else {
        throw .invalidArgument(
          "can't concatenate \(inputs[0].shape) and \(input.shape) along axis \(axis)")
      }
      axes[axis] = length
    }
    return TensorType(Shape(axes))
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    var start = 0
    var parts: [Value?] = []
    for (input, wanted) in zip(pullback.inputs, pullback.wanted) {
      let length = graph.shape(input)[axis]
      parts.append(
        wanted
          ? try graph.slice(pullback.cotangent, axis: axis, start: start, length: length) : nil)
      start += length
    }
    return parts
  }

  func beforeTransposition(
    by permutation: [Int]
  ) -> (operation: any Operation, permutation: [Int])? {
    (Concatenate(axis: permutation[axis]), permutation)
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try concatenateKernel(inputs: request.inputs.map(\.shape), axis: axis)
  }
}

extension Graph {
  /// Appends a part of one axis.
  public mutating func slice(
    _ value: Value, axis: Int, start: Int, length: Int
  ) throws(PhospheneError) -> Value {
    let shape = shape(value)
    guard start != 0 || length != shape[axis] else { return value }
    var (starts, lengths) = (shape.axes.map { _ in 0 }, shape.axes)
    (starts[axis], lengths[axis]) = (start, length)
    return try slice(value, starts: starts, lengths: lengths, steps: starts.map { _ in 1 })
  }

  /// Appends a part of each axis: `lengths[i]` elements from `starts[i]` on, `steps[i]` apart,
  /// backward if that is negative.
  public mutating func slice(
    _ value: Value, starts: [Int], lengths: [Int], steps: [Int]
  ) throws(PhospheneError) -> Value {
    let shape = shape(value)
    guard [starts, lengths, steps].allSatisfy({ $0.count == shape.rank }), !steps.contains(0) else {
      throw .invalidArgument(
        "a slice needs start, length and a step other than zero for each axis of shape \(shape), "
          + "received \(starts), \(lengths) and \(steps)")
    }
    let isWhole = lengths == shape.axes && steps.allSatisfy { $0 == 1 }
    guard !isWhole || starts.contains(where: { $0 != 0 }) else { return value }
    return try apply(Slice(starts: starts, lengths: lengths, steps: steps), to: [value])
  }

  /// Appends the elements in reverse order along axes, which are counted from the end if negative.
  public mutating func flip(_ value: Value, axes: [Int]) throws(PhospheneError) -> Value {
    let shape = shape(value)
    var (starts, steps) = (shape.axes.map { _ in 0 }, shape.axes.map { _ in 1 })
    for axis in axes {
      let axis = try shape.axis(axis, of: "flip")
      // An axis of length one is its own reverse.
      if shape[axis] > 1 { (starts[axis], steps[axis]) = (shape[axis] - 1, -1) }
    }
    return try slice(value, starts: starts, lengths: shape.axes, steps: steps)
  }

  /// Appends elements of `value` around an array: `low[i]` before and `high[i]` after along axis
  /// `i`.
  public mutating func pad(
    _ array: Value, low: [Int], high: [Int], value: Float = 0
  ) throws(PhospheneError) -> Value {
    (low + high).allSatisfy { $0 == 0 }
      ? array : try apply(Pad(low: low, high: high, value: value), to: [array])
  }

  /// Appends arrays one after the other along an axis, counted from the end if negative.
  public mutating func concatenate(
    _ values: [Value], axis: Int
  ) throws(PhospheneError) -> Value {
    let axis = try shape(values[0]).axis(axis, of: "concatenate")
    return values.count == 1 ? values[0] : try apply(Concatenate(axis: axis), to: values)
  }
}
