public import Kernels
public import Tensors

/// One number for all elements along some axes, which disappear.
struct Reduction: Operation {
  let function: ReductionFunction
  let axes: [Int]

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    let shape = inputs[0].shape
    return TensorType(Shape(shape.axes.indices.filter { !axes.contains($0) }.map { shape[$0] }))
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    let input = graph.shape(pullback.inputs[0])
    var kept = input.axes
    for axis in axes { kept[axis] = 1 }
    let column = try graph.reshape(pullback.cotangent, to: Shape(kept))
    let spread = try graph.broadcast(column, to: input)
    switch function {
    case .sum: return [spread]
    case .mean:
      let count = axes.reduce(1) { $0 * input[$1] }
      return [try graph.linear(spread, scale: 1 / Float(max(count, 1)))]
    case .maximum, .minimum:
      // Elements that tie share the cotangent.
      let extreme = try graph.reshape(pullback.output, to: Shape(kept))
      let (a, b) =
        function == .maximum ? (extreme, pullback.inputs[0]) : (pullback.inputs[0], extreme)
      let wins = try graph.linear(graph.binary(.greater, a, b), scale: -1, offset: 1)
      let count = try graph.reshape(graph.reduce(.sum, wins, axes: axes), to: Shape(kept))
      return [try graph.multiply(spread, graph.divide(wins, count))]
    case .product:
      // The product of the others, without a division by zero: zeros count as ones, and the slope
      // is left only where no other element is zero.
      let x = pullback.inputs[0]
      let isZero = try graph.linear(
        graph.unary(.absolute, graph.unary(.sign, x)), scale: -1, offset: 1)
      let zeros = try graph.reshape(graph.reduce(.sum, isZero, axes: axes), to: Shape(kept))
      let nonzero = try graph.add(x, isZero)
      let product = try graph.reshape(
        graph.reduce(.product, nonzero, axes: axes), to: Shape(kept))
      let hasOthers = try graph.unary(.step, graph.subtract(zeros, isZero))
      let slope = try graph.multiply(
        graph.divide(product, nonzero), graph.linear(hasOthers, scale: -1, offset: 1))
      return [try graph.multiply(spread, slope)]
    }
  }

  func beforeTransposition(
    by permutation: [Int]
  ) -> (operation: any Operation, permutation: [Int])? {
    let moved = Reduction(function: function, axes: axes.map { permutation[$0] }.sorted())
    return (moved, permutation.removing(axes))
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try reductionKernel(function, input: request.shape(0), axes: axes)
  }
}

/// Exponentials along the last axis, divided by their sum.
struct Softmax: Operation {
  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType { inputs[0] }

  /// `y * (c - sum(c * y))` for the output `y` and its cotangent `c`.
  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    let (y, cotangent) = (pullback.output, pullback.cotangent)
    let axes = graph.shape(y).axes
    let projection = try graph.reshape(
      graph.reduce(.sum, graph.multiply(cotangent, y), axes: [axes.count - 1]),
      to: Shape(axes.dropLast() + [1]))
    return [try graph.multiply(y, graph.subtract(cotangent, projection))]
  }

  func beforeTransposition(
    by permutation: [Int]
  ) -> (operation: any Operation, permutation: [Int])? {
    permutation.last == permutation.count - 1 ? (self, permutation) : nil
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try softmaxKernel(input: request.shape(0), axis: request.shape(0).rank - 1)
  }
}

extension Shape {
  /// The number from zero on of an axis that may be counted from the end.
  public func axis(_ axis: Int, of operation: String) throws(PhospheneError) -> Int {
    let positive = axis < 0 ? axis + rank : axis
    guard axes.indices.contains(positive) else {
      throw .invalidArgument("\(operation): axis \(axis) isn't an axis of shape \(self)")
    }
    return positive
  }
}

extension Graph {
  /// Appends one number for all elements along `axes`, which disappear.
  public mutating func reduce(
    _ function: ReductionFunction, _ value: Value, axes: [Int]
  ) throws(PhospheneError) -> Value {
    axes.isEmpty
      ? value : try apply(Reduction(function: function, axes: axes.sorted()), to: [value])
  }

  /// Appends the softmax along an axis, counted from the end if negative.
  ///
  /// Along any axis but the last it is computed between two transpositions: oneDNN's kernel for axes
  /// with others behind them takes more than a hundred times as long.
  public mutating func softmax(_ value: Value, axis: Int = -1) throws(PhospheneError) -> Value {
    let axis = try shape(value).axis(axis, of: "softmax")
    var order = Array(shape(value).axes.indices)
    order.append(order.remove(at: axis))
    let moved = try apply(Softmax(), to: [transpose(value, order)])
    return try transpose(moved, order.inverted)
  }

  /// Appends the sum over the axes along which `target` was broadcast to the shape of `value`.
  mutating func sum(_ value: Value, downTo target: Shape) throws(PhospheneError) -> Value {
    let shape = shape(value)
    guard shape != target else { return value }
    let lead = shape.rank - target.rank
    let axes = shape.axes.indices.filter { $0 < lead || (target[$0 - lead] == 1 && shape[$0] != 1) }
    return try reshape(reduce(.sum, value, axes: axes), to: target)
  }
}
