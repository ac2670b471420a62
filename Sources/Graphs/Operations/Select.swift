import Kernels
public import Tensors

/// The elements of the second input where the first isn't zero, otherwise those of the third;
/// all three are broadcast as NumPy does.
struct Select: Operation {
  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    TensorType(
      try broadcastShape(broadcastShape(inputs[0].shape, inputs[1].shape), inputs[2].shape))
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    var parts: [Value?] = [nil, nil, nil]
    let zero = try graph.constant(0)
    for index in 1...2 where pullback.wanted[index] {
      let (a, b) = index == 1 ? (pullback.cotangent, zero) : (zero, pullback.cotangent)
      parts[index] = try graph.sum(
        graph.select(pullback.inputs[0], a, b), downTo: graph.shape(pullback.inputs[index]))
    }
    return parts
  }

  func beforeTransposition(
    by permutation: [Int]
  ) -> (operation: any Operation, permutation: [Int])? {
    (self, permutation)
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try selectKernel(condition: request.shape(0), a: request.shape(1), b: request.shape(2))
  }
}

extension Graph {
  /// Appends the elements of `a` where `condition` isn't zero, otherwise those of `b`; all three
  /// are broadcast as NumPy does.
  public mutating func select(
    _ condition: Value, _ a: Value, _ b: Value
  ) throws(PhospheneError) -> Value {
    try apply(Select(), to: [condition, a, b])
  }
}
