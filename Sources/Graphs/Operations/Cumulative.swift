public import Kernels
public import Tensors

/// Each element combined with all before it along an axis, or all behind it.
struct Cumulative: Operation {
  let function: CumulativeFunction
  let axis: Int
  let isReversed: Bool

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType { inputs[0] }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    switch function {
    case .sum:
      let back = Cumulative(function: .sum, axis: axis, isReversed: !isReversed)
      return [try graph.apply(back, to: [pullback.cotangent])]
    case .product:
      let back = CumulativeProductGradient(axis: axis, isReversed: isReversed)
      return [try graph.apply(back, to: [pullback.cotangent, pullback.inputs[0]])]
    }
  }

  func beforeTransposition(
    by permutation: [Int]
  ) -> (operation: any Operation, permutation: [Int])? {
    let moved = Cumulative(function: function, axis: permutation[axis], isReversed: isReversed)
    return (moved, permutation)
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try cumulativeKernel(function, input: request.shape(0), axis: axis, isReversed: isReversed)
  }
}

/// How a cotangent passes a running product; its inputs are the cotangent and the product's input.
struct CumulativeProductGradient: Operation {
  let axis: Int
  let isReversed: Bool

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType { inputs[0] }

  /// Second derivatives of running products aren't followed.
  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] { [nil, nil] }

  func beforeTransposition(
    by permutation: [Int]
  ) -> (operation: any Operation, permutation: [Int])? {
    let moved = CumulativeProductGradient(axis: permutation[axis], isReversed: isReversed)
    return (moved, permutation)
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try cumulativeProductGradientKernel(
      input: request.shape(0), axis: axis, isReversed: isReversed)
  }
}

extension Graph {
  /// Appends running sums or products along an axis, counted from the end if negative; they start
  /// at the far end if `isReversed`.
  public mutating func cumulative(
    _ function: CumulativeFunction, _ value: Value, axis: Int, isReversed: Bool = false
  ) throws(PhospheneError) -> Value {
    let axis = try shape(value).axis(axis, of: "cumulative \(function)")
    return try apply(
      Cumulative(function: function, axis: axis, isReversed: isReversed), to: [value])
  }
}
