import Kernels
public import Tensors

/// The position of the largest or smallest element along an axis, which disappears.
struct ArgExtreme: Operation {
  let axis: Int
  let isMaximum: Bool

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    var axes = inputs[0].shape.axes
    let length = axes.remove(at: axis)
    try requireCountable(length, inputs[0].shape)
    return TensorType(Shape(axes))
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] { [nil] }

  func beforeTransposition(
    by permutation: [Int]
  ) -> (operation: any Operation, permutation: [Int])? {
    let moved = ArgExtreme(axis: permutation[axis], isMaximum: isMaximum)
    return (moved, permutation.removing([axis]))
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try argExtremeKernel(input: request.shape(0), axis: axis, isMaximum: isMaximum)
  }
}

/// The positions along an axis of the elements in rising or falling order.
struct ArgSort: Operation {
  let axis: Int
  let isDescending: Bool

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    try requireCountable(max(inputs[0].shape[axis], 1), inputs[0].shape)
    return inputs[0]
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] { [nil] }

  /// A few comparisons for each bit of a position.
  func work(for request: KernelRequest) -> Int {
    let bits = Int.bitWidth - request.shape(0)[axis].leadingZeroBitCount
    return request.output.shape.elementCount.multipliedClamping(by: 16 * bits + 16)
  }

  func beforeTransposition(
    by permutation: [Int]
  ) -> (operation: any Operation, permutation: [Int])? {
    (ArgSort(axis: permutation[axis], isDescending: isDescending), permutation)
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try argSortKernel(input: request.shape(0), axis: axis, isDescending: isDescending)
  }
}

/// Refuses axes whose positions aren't whole numbers of 32-bit floats.
private func requireCountable(_ length: Int, _ shape: Shape) throws(PhospheneError) {
  guard (1...1 << 24).contains(length) else {
    throw .invalidArgument(
      "positions along an axis of shape \(shape) are counted from 1 to 2^24 elements, received "
        + "\(length)")
  }
}

extension Graph {
  /// Appends the position of the largest element along an axis, counted from the end if negative;
  /// the first of equal ones, or of NaNs.
  public mutating func argMaximum(_ value: Value, axis: Int) throws(PhospheneError) -> Value {
    let axis = try shape(value).axis(axis, of: "argmax")
    return try apply(ArgExtreme(axis: axis, isMaximum: true), to: [value])
  }

  /// Appends the position of the smallest element along an axis, counted from the end if negative;
  /// the first of equal ones, or of NaNs.
  public mutating func argMinimum(_ value: Value, axis: Int) throws(PhospheneError) -> Value {
    let axis = try shape(value).axis(axis, of: "argmin")
    return try apply(ArgExtreme(axis: axis, isMaximum: false), to: [value])
  }

  /// Appends the positions of the elements in rising or falling order along an axis, counted from
  /// the end if negative.
  ///
  /// Equal elements keep their order, and NaN counts as larger than all numbers. With
  /// ``gatherElements(_:_:axis:)`` it sorts.
  public mutating func argSort(
    _ value: Value, axis: Int = -1, isDescending: Bool = false
  ) throws(PhospheneError) -> Value {
    let axis = try shape(value).axis(axis, of: "argsort")
    return try apply(ArgSort(axis: axis, isDescending: isDescending), to: [value])
  }
}
