import Kernels
import Tensors

extension Program {
  /// Gives convolutions and matrix products the bias and the activation that follow them, and
  /// convolutions the array that is added to their result, as at the end of a residual block; their
  /// input gradients the sum and the derivative of an activation that follow.
  func fusingEpilogues() throws(PhospheneError) -> Program {
    try rewritten {
      (rewriter: inout Rewriter, operation, inputs) throws(PhospheneError) -> Value in
      if let sum = operation as? Binary, sum.function == .add {
        for (value, offset) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
          if let merged = try rewriter.adding(offset, to: value) { return merged }
        }
        for (value, addend) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
          if let merged = try rewriter.joining(addend, to: value) { return merged }
        }
      }
      if let activation = operation as? UnaryGradient, activation.function.isClamp,
        let merged = try rewriter.gating(inputs[0], by: inputs[1], of: activation.function)
      {
        return merged
      }
      if let unary = operation as? Unary, unary.function.isFusible {
        if let (convolution, arguments) = rewriter.privateOperation(
          inputs[0], as: Convolution.self), convolution.activation == nil
        {
          var fused = convolution
          fused.activation = unary.function
          return try rewriter.apply(fused, arguments)
        }
        if let (product, arguments) = rewriter.privateOperation(
          inputs[0], as: MatrixProduct.self), product.activation == nil
        {
          var fused = product
          fused.activation = unary.function
          return try rewriter.apply(fused, arguments)
        }
      }
      return try rewriter.apply(operation, inputs)
    }
  }
}

extension Rewriter {
  fileprivate mutating func adding(
    _ offset: Value, to value: Value
  ) throws(PhospheneError) -> Value? {
    guard let bias = lastAxisConstant(offset, of: graph.shape(value)) else { return nil }
    if let (convolution, inputs) = privateOperation(value, as: Convolution.self),
      !convolution.hasBias, !convolution.hasAddend, convolution.activation == nil
    {
      var fused = convolution
      fused.hasBias = true
      return try apply(fused, inputs + [graph.constant(bias)])
    }
    if let (product, inputs) = privateOperation(value, as: MatrixProduct.self),
      !product.hasBias, product.activation == nil
    {
      var fused = product
      fused.hasBias = true
      return try apply(fused, inputs + [graph.constant(bias)])
    }
    return nil
  }
}

extension Rewriter {
  /// Returns a convolution's result with an array of its shape added.
  fileprivate mutating func joining(
    _ addend: Value, to value: Value
  ) throws(PhospheneError) -> Value? {
    guard graph.shape(addend) == graph.shape(value), addend != value else { return nil }
    if let (convolution, inputs) = privateOperation(value, as: Convolution.self),
      !convolution.hasAddend, convolution.activation == nil
    {
      var fused = convolution
      fused.hasAddend = true
      return try apply(fused, inputs + [addend])
    }
    if let (gradient, inputs) = privateOperation(value, as: ConvolutionInputGradient.self),
      !gradient.hasAddend, gradient.gate == nil
    {
      var fused = gradient
      fused.hasAddend = true
      return try apply(fused, inputs + [addend])
    }
    return nil
  }

  /// Returns a cotangent that a convolution sends back, with the derivative of an activation
  /// multiplied.
  fileprivate mutating func gating(
    _ cotangent: Value, by source: Value, of function: UnaryFunction
  ) throws(PhospheneError) -> Value? {
    if let (pooling, inputs) = privateOperation(cotangent, as: PoolingGradient.self),
      pooling.function == .maximum, inputs[1] == source
    {
      // Where a cotangent arrives, the source is the largest of its window: the fewer results of the
      // pooling tell as much.
      let gated =
        if let fused = try gating(inputs[0], by: inputs[2], of: function) { fused } else {
          try apply(UnaryGradient(function: function), [inputs[0], inputs[2]])
        }
      return try apply(pooling, [gated, inputs[1], inputs[2]])
    }
    guard let (gradient, inputs) = privateOperation(cotangent, as: ConvolutionInputGradient.self),
      gradient.gate == nil
    else { return nil }
    var fused = gradient
    fused.gate = function
    return try apply(fused, inputs + [source])
  }
}

extension UnaryFunction {
  /// Whether a kernel computes the function on its way out as exactly as alone.
  fileprivate var isFusible: Bool {
    switch self {
    case .relu, .clip, .sigmoid, .tanh, .elu, .silu, .gelu, .geluTanh, .mish, .hardSigmoid,
      .hardSwish:
      true
    default: false
    }
  }
}
