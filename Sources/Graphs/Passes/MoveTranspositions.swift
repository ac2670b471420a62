import Kernels
import Tensors

extension Program {
  /// Moves transpositions behind what can be computed before them, where most meet their inverse
  /// and vanish.
  ///
  /// A network whose arrays have their channels first lowers each convolution and pooling to a
  /// transposition, the operation with channels last, and the transposition back. Afterwards it
  /// computes with channels last throughout, and transposes inputs and what somebody asks for.
  func movingTranspositions(with folder: ConstantFolder) throws(PhospheneError) -> Program {
    guard graph.nodes.contains(where: { $0.operation is Transpose }) else { return self }
    return try rewritten(folding: folder) {
      (rewriter: inout Rewriter, operation, inputs) throws(PhospheneError) -> Value in
      switch operation {
      // Gradients are taken, so that a place of its own has no purpose any more.
      case is Cut: inputs[0]
      case let operation as Transpose:
        try rewriter.transpose(inputs[0], operation.permutation)
      case let operation as Reshape: try rewriter.reshape(inputs[0], to: operation.shape)
      case let product as MatrixProduct: try rewriter.absorbingTranspositions(product, inputs)
      default: try rewriter.computingBeforeTransposition(operation, inputs)
      }
    }
  }
}

extension Rewriter {
  /// Returns a value with its axes in another order.
  ///
  /// A transposition that moves no element stays one as long as others may meet it.
  fileprivate mutating func transpose(
    _ value: Value, _ permutation: [Int]
  ) throws(PhospheneError) -> Value {
    if case .operation(let first as Transpose, let inputs) = graph[value].source {
      return try transpose(inputs[0], permutation.map { first.permutation[$0] })
    }
    if permutation == Array(permutation.indices) { return value }
    let isView = permutation.isView(of: graph.shape(value)) && graph[value].constant == nil
    if !isView, let moved = try transposedWithoutCopy(value, permutation) { return moved }
    return try apply(Transpose(permutation: permutation), [value])
  }

  /// Returns a value with its axes in another order if no array has to be copied for it at each
  /// run: constants are transposed now, and a move of axes of length one is a view.
  private mutating func transposedWithoutCopy(
    _ value: Value, _ permutation: [Int]
  ) throws(PhospheneError) -> Value? {
    if case .operation(let first as Transpose, let inputs) = graph[value].source {
      return try transposedWithoutCopy(inputs[0], permutation.map { first.permutation[$0] })
    }
    let shape = graph.shape(value)
    if permutation.isView(of: shape) {
      return try reshape(value, to: Shape(permutation.map { shape[$0] }))
    }
    if graph[value].constant != nil {
      return try apply(Transpose(permutation: permutation), [value])
    }
    guard case .operation(let operation, let inputs) = graph[value].source else { return nil }
    switch operation {
    case is Unary:
      guard let input = try transposedWithoutCopy(inputs[0], permutation) else { return nil }
      return try apply(operation, [input])
    case let repetition as Broadcast:
      let input = try reshape(inputs[0], padded: repetition.shape.rank)
      guard let input = try transposedWithoutCopy(input, permutation) else { return nil }
      let axes = permutation.map { repetition.shape[$0] }
      return try apply(Broadcast(shape: Shape(axes)), [input])
    default: return nil
    }
  }

  /// Returns a value under another shape.
  fileprivate mutating func reshape(
    _ value: Value, to shape: Shape
  ) throws(PhospheneError) -> Value {
    if case .operation(let operation, let inputs) = graph[value].source {
      let order = (operation as? Transpose)?.permutation
      if operation is Reshape || order?.isView(of: graph.shape(inputs[0])) == true {
        return try reshape(inputs[0], to: shape)
      }
    }
    return graph.shape(value) == shape ? value : try apply(Reshape(shape: shape), [value])
  }

  /// Returns a value with leading axes of length one, as broadcasting sees it.
  private mutating func reshape(_ value: Value, padded rank: Int) throws(PhospheneError) -> Value {
    let axes = graph.shape(value).axes
    let ones = [Int](repeating: 1, count: max(0, rank - axes.count))
    return try reshape(value, to: Shape(ones + axes))
  }

  /// Applies an operation, before a transposition of its inputs instead of after if that costs
  /// nothing.
  fileprivate mutating func computingBeforeTransposition(
    _ operation: any Operation, _ inputs: [Value]
  ) throws(PhospheneError) -> Value {
    if try isOneOfMany(operation, inputs) { return try apply(operation, inputs) }
    guard let permutation = try commonPermutation(operation, inputs),
      let moved = operation.beforeTransposition(by: permutation)
    else { return try apply(operation, inputs) }
    var operands: [Value] = []
    for input in inputs {
      // A number is a number in any order of axes.
      if graph.shape(input).rank == 0 {
        operands.append(input)
        continue
      }
      let padded = try reshape(input, padded: permutation.count)
      guard let operand = try transposedWithoutCopy(padded, permutation.inverted) else {
        return try apply(operation, inputs)
      }
      operands.append(operand)
    }
    return try transpose(apply(moved.operation, operands), moved.permutation)
  }

  /// Whether an operation takes one position of a transposed array that lies together there, such as
  /// a step of a sequence: that costs nothing, and before the transposition a copy for each position.
  ///
  /// Several positions, such as a group of a picture's channels, had better stay in the order of
  /// their neighbours.
  private func isOneOfMany(
    _ operation: any Operation, _ inputs: [Value]
  ) throws(PhospheneError) -> Bool {
    guard inputs.count == 1, operation.viewOffset(in: graph[inputs[0]].type) != nil else {
      return false
    }
    let output = try operation.outputType(for: [graph[inputs[0]].type]).shape
    return zip(output.axes, graph.shape(inputs[0]).axes).allSatisfy { $0 == 1 || $0 == $1 }
  }

  /// The transposition of the largest transposed input, which the others would have to follow;
  /// `nil` if there is none or the result is so much larger that it had better not be transposed.
  private func commonPermutation(
    _ operation: any Operation, _ inputs: [Value]
  ) throws(PhospheneError) -> [Int]? {
    var (permutation, largest, transposed) = ([Int]?.none, 0, 0)
    for input in inputs {
      guard case .operation(let first as Transpose, _) = graph[input].source else { continue }
      let count = graph.shape(input).elementCount
      transposed += count
      if count > largest { (permutation, largest) = (first.permutation, count) }
    }
    guard let permutation, inputs.allSatisfy({ graph.shape($0).rank <= permutation.count }),
      try operation.outputType(for: inputs.map { graph[$0].type }).shape.elementCount
        <= 4 * transposed
    else { return nil }
    return permutation
  }

  /// Returns a matrix product that reads a matrix as it lies where it would have been transposed.
  ///
  /// Of a transposition of other axes too, what is left keeps rows together.
  fileprivate mutating func absorbingTranspositions(
    _ product: MatrixProduct, _ inputs: [Value]
  ) throws(PhospheneError) -> Value {
    var (product, inputs) = (product, inputs)
    for index in 0...1 {
      guard
        case .operation(let transposition as Transpose, let sources) = graph[inputs[index]].source
      else { continue }
      var permutation = transposition.permutation
      let last = permutation.count - 1
      guard permutation[last - 1] == last else { continue }
      permutation.swapAt(last - 1, last)
      inputs[index] =
        permutation == Array(permutation.indices)
        ? sources[0] : try transpose(sources[0], permutation)
      if index == 0 { product.transposeA.toggle() } else { product.transposeB.toggle() }
    }
    return try apply(product, inputs)
  }
}
