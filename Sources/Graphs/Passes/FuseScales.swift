import Kernels
import Tensors

extension Program {
  /// Makes one operation of the factor and the summand of each channel that are left, and of the
  /// activation behind them where nobody else sees what goes into it.
  func fusingScales() throws(PhospheneError) -> Program {
    guard
      graph.nodes.contains(where: { ($0.operation as? Binary)?.function == .multiply })
    else { return self }
    return try rewritten {
      (rewriter: inout Rewriter, operation, inputs) throws(PhospheneError) -> Value in
      if let sum = operation as? Binary, sum.function == .add {
        for (value, summand) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
          if let merged = try rewriter.shifting(value, by: summand) { return merged }
        }
      }
      if let unary = operation as? Unary, unary.function.isClamp,
        let (scaling, arguments) = rewriter.privateOperation(inputs[0], as: ScaleAndShift.self),
        scaling.activation == nil
      {
        return try rewriter.apply(ScaleAndShift(activation: unary.function), arguments)
      }
      return try rewriter.apply(operation, inputs)
    }
  }
}

extension Rewriter {
  /// Returns `value + summand` as one operation if `value` is the product with a factor a channel.
  fileprivate mutating func shifting(
    _ value: Value, by summand: Value
  ) throws(PhospheneError) -> Value? {
    let shape = graph.shape(value)
    guard let offset = lastAxisConstant(summand, of: shape),
      let (product, factors) = privateOperation(value, as: Binary.self),
      product.function == .multiply
    else { return nil }
    for (array, factor) in [(factors[0], factors[1]), (factors[1], factors[0])] {
      guard graph.shape(array) == shape, let scale = lastAxisConstant(factor, of: shape) else {
        continue
      }
      return try apply(
        ScaleAndShift(), [array, graph.constant(scale), graph.constant(offset)])
    }
    return nil
  }
}
