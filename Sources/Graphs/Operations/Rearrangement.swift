import Kernels
public import Tensors

/// The same elements in the same order under another shape.
struct Reshape: Operation {
  let shape: Shape

  func viewOffset(in input: TensorType) -> Int? { 0 }

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    guard inputs[0].shape.elementCount == shape.elementCount else {
      throw .invalidArgument("an array of shape \(inputs[0].shape) can't be reshaped to \(shape)")
    }
    return TensorType(shape, inputs[0].dataType)
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    [try graph.reshape(pullback.cotangent, to: graph.shape(pullback.inputs[0]))]
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try copyKernel(byteCount: request.output.byteCount)
  }
}

/// The same elements, as a place of its own that nothing else is merged with.
struct Cut: Operation {
  let name: String

  func viewOffset(in input: TensorType) -> Int? { 0 }

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType { inputs[0] }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] { [pullback.cotangent] }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try copyKernel(byteCount: request.output.byteCount)
  }
}

/// The same elements, which no cotangent passes.
struct StopGradient: Operation {
  var isView: Bool { true }

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType { inputs[0] }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] { [nil] }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try copyKernel(byteCount: request.output.byteCount)
  }
}

/// The axes in another order.
struct Transpose: Operation {
  let permutation: [Int]

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    guard permutation.sorted() == Array(inputs[0].shape.axes.indices) else {
      throw .invalidArgument(
        "a transposition names each axis of shape \(inputs[0].shape) once, received \(permutation)")
    }
    return TensorType(Shape(permutation.map { inputs[0].shape[$0] }))
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    [try graph.transpose(pullback.cotangent, permutation.inverted)]
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try transposeKernel(input: request.shape(0), permutation: permutation)
  }
}

extension [Int] {
  /// The permutation that undoes this one.
  var inverted: [Int] { Array(indices).moved(back: self) }

  /// Whether a transposition by this permutation leaves the elements of an array where they are: it
  /// moves axes of length one only.
  func isView(of shape: Shape) -> Bool {
    let long = filter { shape[$0] != 1 }
    return long == long.sorted()
  }

  /// One number for each axis of a transposed array, in the order of the array before.
  func moved(back permutation: [Int]) -> [Int] {
    var numbers = self
    for (position, axis) in permutation.enumerated() { numbers[axis] = self[position] }
    return numbers
  }

  /// What is left of a permutation when axes of the transposed array disappear.
  func removing(_ axes: [Int]) -> [Int] {
    let left = indices.filter { !axes.contains($0) }.map { self[$0] }
    return left.map { axis in left.count { $0 < axis } }
  }
}

/// Repeats along axes of length one, and along new leading axes.
struct Broadcast: Operation {
  let shape: Shape

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    guard try broadcastShape(inputs[0].shape, shape) == shape else {
      throw .invalidArgument("shape \(inputs[0].shape) can't be broadcast to \(shape)")
    }
    return TensorType(shape)
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    [try graph.sum(pullback.cotangent, downTo: graph.shape(pullback.inputs[0]))]
  }

  func beforeTransposition(
    by permutation: [Int]
  ) -> (operation: any Operation, permutation: [Int])? {
    guard shape.rank == permutation.count else { return nil }
    return (Broadcast(shape: Shape(shape.axes.moved(back: permutation))), permutation)
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try broadcastKernel(input: request.shape(0), output: shape)
  }
}

extension Graph {
  /// Appends the same elements under another shape.
  public mutating func reshape(
    _ value: Value, to shape: Shape
  ) throws(PhospheneError) -> Value {
    // Of two views, the first one's shape is of no account.
    if case .operation(is Reshape, let inputs) = self[value].source,
      self.shape(value).elementCount == shape.elementCount
    {
      return try reshape(inputs[0], to: shape)
    }
    return self.shape(value) == shape ? value : try apply(Reshape(shape: shape), to: [value])
  }

  /// Appends the same value as a place of its own, which a gradient can be taken at.
  public mutating func cut(_ value: Value, name: String) throws(PhospheneError) -> Value {
    try apply(Cut(name: name), to: [value])
  }

  /// Appends the same value, which a gradient takes for a constant.
  public mutating func stopGradient(_ value: Value) throws(PhospheneError) -> Value {
    try apply(StopGradient(), to: [value])
  }

  /// Appends the axes in another order: axis `i` of the result is axis `permutation[i]`.
  public mutating func transpose(
    _ value: Value, _ permutation: [Int]
  ) throws(PhospheneError) -> Value {
    if case .operation(let first as Transpose, let inputs) = self[value].source,
      permutation.sorted() == Array(first.permutation.indices)
    {
      return try transpose(inputs[0], permutation.map { first.permutation[$0] })
    }
    return permutation == Array(permutation.indices)
      ? value : try apply(Transpose(permutation: permutation), to: [value])
  }

  /// Appends repetitions along axes of length one.
  public mutating func broadcast(
    _ value: Value, to shape: Shape
  ) throws(PhospheneError) -> Value {
    self.shape(value) == shape ? value : try apply(Broadcast(shape: shape), to: [value])
  }
}
