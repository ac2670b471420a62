import Kernels
public import Tensors

/// Slices of an array by their positions along an axis.
///
/// Inputs are the array and whole numbers in an array of any shape, which takes the place of the
/// axis.
struct Gather: Operation {
  let axis: Int

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    var axes = inputs[0].shape.axes
    axes.replaceSubrange(axis...axis, with: inputs[1].shape.axes)
    return TensorType(Shape(axes))
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    guard pullback.wanted[0] else { return [nil, nil] }
    let length = graph.shape(pullback.inputs[0])[axis]
    return [
      try graph.scatterAdd(pullback.cotangent, pullback.inputs[1], axis: axis, length: length), nil,
    ]
  }

  /// The array isn't read but for what is taken.
  func work(for request: KernelRequest) -> Int {
    8 * (request.output.shape.elementCount + request.shape(1).elementCount)
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try gatherKernel(
      operand: request.shape(0), axis: axis, indexCount: request.shape(1).elementCount)
  }
}

/// The adjoint of ``Gather``: slices added to the positions that they are meant for.
///
/// Inputs are the slices and the whole numbers.
struct ScatterAdd: Operation {
  let axis: Int
  let length: Int

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    let (slices, indices) = (inputs[0].shape, inputs[1].shape)
    let end = axis + indices.rank
    guard end <= slices.rank, Array(slices.axes[axis..<end]) == indices.axes else {
      throw .invalidArgument(
        "slices of shape \(slices) don't have the axes of their indices, \(indices), from axis "
          + "\(axis) on")
    }
    return TensorType(Shape(slices.axes[..<axis] + [length] + slices.axes[end...]))
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    guard pullback.wanted[0] else { return [nil, nil] }
    return [try graph.gather(pullback.cotangent, pullback.inputs[1], axis: axis), nil]
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try scatterAddKernel(
      output: request.output.shape, axis: axis, indexCount: request.shape(1).elementCount)
  }
}

/// Elements of an array by their positions along an axis, others for each line.
///
/// Inputs are the array and whole numbers in its shape but for the axis' length.
struct GatherElements: Operation {
  let axis: Int

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    try requireSameLines(inputs[0].shape, inputs[1].shape, axis: axis)
    return TensorType(inputs[1].shape)
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    guard pullback.wanted[0] else { return [nil, nil] }
    let scatter = ScatterAddElements(axis: axis, length: graph.shape(pullback.inputs[0])[axis])
    return [try graph.apply(scatter, to: [pullback.cotangent, pullback.inputs[1]]), nil]
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try gatherElementsKernel(
      operand: request.shape(0), axis: axis, count: request.output.shape[axis])
  }
}

/// The adjoint of ``GatherElements``: elements added to the positions that they are meant for.
///
/// Inputs are the elements and whole numbers of the same shape.
struct ScatterAddElements: Operation {
  let axis: Int
  let length: Int

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    var axes = inputs[0].shape.axes
    axes[axis] = length
    return TensorType(Shape(axes))
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    guard pullback.wanted[0] else { return [nil, nil] }
    let gather = GatherElements(axis: axis)
    return [try graph.apply(gather, to: [pullback.cotangent, pullback.inputs[1]]), nil]
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try scatterAddElementsKernel(
      output: request.output.shape, axis: axis, count: request.shape(0)[axis])
  }
}

/// Refuses arrays that differ along another axis.
private func requireSameLines(_ a: Shape, _ b: Shape, axis: Int) throws(PhospheneError) {
  var axes = b.axes
  if b.rank == a.rank { axes[axis] = a[axis] }
  guard axes == a.axes else {
    throw .invalidArgument(
      "indices of shape \(b) don't fit to elements of shape \(a): they may differ along axis "
        + "\(axis) only")
  }
}

extension Graph {
  /// Appends slices of `operand` by their positions along an axis, counted from the end if negative.
  ///
  /// `indices` holds whole numbers, negative ones counted from the end, and its shape takes the
  /// place of the axis. Where one points outside the result is NaN.
  public mutating func gather(
    _ operand: Value, _ indices: Value, axis: Int = 0
  ) throws(PhospheneError) -> Value {
    let axis = try shape(operand).axis(axis, of: "gather")
    return try apply(Gather(axis: axis), to: [operand, indices])
  }

  /// Appends an array of zeros, `length` long along an axis, to whose positions `slices` are added.
  ///
  /// `indices` holds the position of each slice as for ``gather(_:_:axis:)``, whose adjoint this is;
  /// the axes of `indices` are those of `slices` from `axis` on. Slices that point outside are left
  /// out.
  public mutating func scatterAdd(
    _ slices: Value, _ indices: Value, axis: Int = 0, length: Int
  ) throws(PhospheneError) -> Value {
    guard axis >= 0, length >= 0 else {
      throw .invalidArgument(
        "scatter: axis and length are counted from zero, received \(axis) and \(length)")
    }
    return try apply(ScatterAdd(axis: axis, length: length), to: [slices, indices])
  }

  /// Appends elements of `operand` by their positions along an axis, counted from the end if
  /// negative.
  ///
  /// `indices` holds whole numbers as for ``gather(_:_:axis:)``, for each line along the axis its
  /// own; the other axes of both are broadcast as NumPy's `take_along_axis` does.
  public mutating func gatherElements(
    _ operand: Value, _ indices: Value, axis: Int = -1
  ) throws(PhospheneError) -> Value {
    let (elements, positions) = (shape(operand), shape(indices))
    let axis = try elements.axis(axis, of: "gather")
    guard positions.rank == elements.rank else {
      throw .invalidArgument(
        "gather: indices of shape \(positions) need as many axes as elements of shape \(elements)")
    }
    var (wide, lines) = (elements.axes, positions.axes)
    (wide[axis], lines[axis]) = (1, 1)
    var common = try broadcastShape(Shape(wide), Shape(lines)).axes
    common[axis] = elements[axis]
    let operand = try broadcast(operand, to: Shape(common))
    common[axis] = positions[axis]
    let indices = try broadcast(indices, to: Shape(common))
    return try apply(GatherElements(axis: axis), to: [operand, indices])
  }
}
