import Kernels
import Tensors

extension Program {
  /// Lets a matrix product that a rectifier's gradient follows leave out what that discards.
  ///
  /// Behind a rectifier most elements of a trained network are zero, and so are their cotangents:
  /// the rows of a dense layer's weights that would compute those need not be read. A maximum
  /// pooling between the two passes each cotangent to a largest element; where that isn't positive,
  /// the rectifier discards it as well.
  func skippingDiscarded() throws(PhospheneError) -> Program {
    try rewritten {
      (rewriter: inout Rewriter, operation, inputs) throws(PhospheneError) -> Value in
      if let gradient = operation as? UnaryGradient, gradient.function.discardsUnlessPositive {
        if let cotangent = try rewriter.masking(inputs[0], by: inputs[1]) {
          return try rewriter.apply(operation, [cotangent, inputs[1]])
        }
        if let (pooling, reads) = rewriter.privateOperation(inputs[0], as: PoolingGradient.self),
          pooling.function == .maximum, reads[1] == inputs[1],
          let cotangent = try rewriter.masking(reads[0], by: reads[2])
        {
          let unpooled = try rewriter.apply(pooling, [cotangent, reads[1], reads[2]])
          return try rewriter.apply(operation, [unpooled, inputs[1]])
        }
      }
      return try rewriter.apply(operation, inputs)
    }
  }
}

extension Rewriter {
  /// Returns a value that equals `value` where `mask` is positive, if that is less to compute.
  fileprivate mutating func masking(
    _ value: Value, by mask: Value
  ) throws(PhospheneError) -> Value? {
    if let (reshape, inputs) = privateOperation(value, as: Reshape.self) {
      let flat = try apply(Reshape(shape: graph.shape(inputs[0])), [mask])
      guard let masked = try masking(inputs[0], by: flat) else { return nil }
      return try apply(reshape, [masked])
    }
    guard var (product, inputs) = privateOperation(value, as: MatrixProduct.self),
      product.transposeB, !product.transposeA, !product.hasBias, product.activation == nil,
      !product.isMasked, graph[inputs[1]].constant != nil, graph.shape(inputs[1]).rank == 2
    else { return nil }
    product.isMasked = true
    inputs.append(mask)
    return try apply(product, inputs)
  }
}

extension UnaryFunction {
  /// Whether no cotangent passes where the function's result isn't positive.
  fileprivate var discardsUnlessPositive: Bool {
    switch self {
    case .relu(negativeSlope: 0): true
    case .clip(let low, _): low >= 0
    default: false
    }
  }
}
