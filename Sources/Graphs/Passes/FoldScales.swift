import Kernels
import Tensors

extension Program {
  /// Evaluates what depends on constants only, and multiplies factors of whole channels into the
  /// weights next to them, forward and backward.
  ///
  /// A BatchNormalization behind a convolution lowers to a product and a sum; here both disappear
  /// into the convolution.
  func foldingScales(with folder: ConstantFolder) throws(PhospheneError) -> Program {
    try rewritten(folding: folder) {
      (rewriter: inout Rewriter, operation, inputs) throws(PhospheneError) -> Value in
      if let order = (operation as? Transpose)?.permutation,
        order.isView(of: rewriter.graph.shape(inputs[0]))
      {
        let shape = rewriter.graph.shape(inputs[0])
        return try rewriter.apply(Reshape(shape: Shape(order.map { shape[$0] })), inputs)
      }
      if let product = operation as? Binary, product.function == .multiply {
        for (value, factor) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
          if let merged = try rewriter.scaling(value, by: factor) { return merged }
        }
      }
      if let sum = operation as? Binary, sum.function == .add {
        for (value, summand) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
          if let merged = try rewriter.joining(value, summand) { return merged }
        }
      }
      let product = operation as? MatrixProduct
      let isBackward = product.map { $0.transposeB && !$0.transposeA } ?? false
      if operation is ConvolutionInputGradient || isBackward {
        if let merged = try rewriter.absorbingCotangentScale(operation, inputs) { return merged }
      }
      return try rewriter.apply(operation, inputs)
    }
  }
}

extension Rewriter {
  /// Returns `value * factor` with the factor moved into the weights that made `value`.
  fileprivate mutating func scaling(
    _ value: Value, by factor: Value
  ) throws(PhospheneError) -> Value? {
    guard let scale = lastAxisConstant(factor, of: graph.shape(value)) else { return nil }
    let multiply = Binary(function: .multiply)
    if let (operation, inputs) = privateOperation(value, as: Convolution.self),
      !operation.hasBias, operation.activation == nil, graph[inputs[1]].constant != nil
    {
      let weights = try apply(multiply, [inputs[1], graph.constant(scale)])
      return try apply(operation, [inputs[0], weights])
    }
    if let (operation, inputs) = privateOperation(value, as: MatrixProduct.self),
      !operation.hasBias, operation.activation == nil, !operation.transposeB,
      graph[inputs[1]].constant != nil
    {
      let weights = try apply(multiply, [inputs[1], graph.constant(scale)])
      return try apply(operation, [inputs[0], weights])
    }
    if let (sum, inputs) = privateOperation(value, as: Binary.self), sum.function == .add,
      lastAxisConstant(inputs[1], of: graph.shape(value)) != nil
    {
      guard let scaled = try scaling(inputs[0], by: factor) else { return nil }
      let offset = try apply(multiply, [inputs[1], graph.constant(scale)])
      markPrivate(scaled)
      return try apply(sum, [scaled, offset])
    }
    return nil
  }

  /// Returns `value + summand` where `value` is such a sum already: one summand is left of two, as
  /// behind a convolution with a bias and a BatchNormalization.
  fileprivate mutating func joining(
    _ value: Value, _ summand: Value
  ) throws(PhospheneError) -> Value? {
    let shape = graph.shape(value)
    guard let (sum, inputs) = privateOperation(value, as: Binary.self), sum.function == .add,
      let first = lastAxisConstant(inputs[1], of: shape),
      let second = lastAxisConstant(summand, of: shape)
    else { return nil }
    let total = try apply(sum, [graph.constant(first), graph.constant(second)])
    return try apply(sum, [inputs[0], total])
  }

  /// Moves a factor of a cotangent's channels into the weights that the cotangent meets.
  fileprivate mutating func absorbingCotangentScale(
    _ operation: any Operation, _ inputs: [Value]
  ) throws(PhospheneError) -> Value? {
    guard graph[inputs[1]].constant != nil,
      let (product, factors) = privateOperation(inputs[0], as: Binary.self),
      product.function == .multiply
    else { return nil }
    for (cotangent, factor) in [(factors[0], factors[1]), (factors[1], factors[0])] {
      guard graph.shape(cotangent) == graph.shape(inputs[0]),
        let scale = lastAxisConstant(factor, of: graph.shape(cotangent))
      else { continue }
      let weights = try apply(product, [inputs[1], graph.constant(scale)])
      return try apply(operation, [cotangent, weights])
    }
    return nil
  }
}
