internal import COneDNN
import Tensors

extension UnaryFunction {
  /// oneDNN's name for the function, if it computes it.
  ///
  /// What it does with NaN is another matter: relu and clip make it zero, and exponentials a
  /// number.
  var eltwise: (algorithm: dnnl_alg_kind_t, alpha: Float, beta: Float)? {
    switch self {
    case .relu(let slope): (dnnl_eltwise_relu, slope, 0)
    case .clip(let low, let high): (dnnl_eltwise_clip, low, high)
    case .sigmoid: (dnnl_eltwise_logistic, 0, 0)
    case .tanh: (dnnl_eltwise_tanh, 0, 0)
    case .exponential: (dnnl_eltwise_exp, 0, 0)
    case .logarithm: (dnnl_eltwise_log, 0, 0)
    case .squareRoot: (dnnl_eltwise_sqrt, 0, 0)
    case .square: (dnnl_eltwise_square, 0, 0)
    case .absolute: (dnnl_eltwise_abs, 0, 0)
    case .linear(let scale, let offset): (dnnl_eltwise_linear, scale, offset)
    case .softplus: (dnnl_eltwise_soft_relu, 1, 0)
    case .elu(let alpha): (dnnl_eltwise_elu, alpha, 0)
    case .silu: (dnnl_eltwise_swish, 1, 0)
    case .gelu: (dnnl_eltwise_gelu_erf, 0, 0)
    case .geluTanh: (dnnl_eltwise_gelu_tanh, 0, 0)
    case .mish: (dnnl_eltwise_mish, 0, 0)
    case .hardSigmoid: (dnnl_eltwise_hardsigmoid, 1 / 6, 0.5)
    case .hardSwish: (dnnl_eltwise_hardswish, 1 / 6, 0.5)
    default: nil
    }
  }
}

/// oneDNN's elementwise kernel for a function, followed by `finish` if that isn't `nil`; `nil` if it
/// has none.
func eltwiseKernel(
  _ function: UnaryFunction, count: Int, inputCount: Int = 1, source: Int = 0,
  finish: (@Sendable (Arguments) -> Void)? = nil
) throws(PhospheneError) -> (any Kernel)? {
  guard let eltwise = function.eltwise else { return nil }
  let array = try MemoryDescriptor([count])
  let descriptor = try PrimitiveDescriptor { handle, engine, attributes in
    dnnl_eltwise_forward_primitive_desc_create(
      &handle, engine, dnnl_forward_inference, eltwise.algorithm, array.handle, array.handle,
      eltwise.alpha, eltwise.beta, attributes)
  }
  guard let descriptor else { return nil }
  return try PrimitiveKernel(
    descriptor,
    operands: [
      Primitive.Operand(role: DNNL_ARG_SRC, descriptor: array, argument: source),
      Primitive.Operand(role: DNNL_ARG_DST, descriptor: array, argument: inputCount),
    ], finish: finish)
}

/// oneDNN's kernel for the cotangent of a function's input, followed by `finish`; `nil` if it has
/// none.
///
/// Inputs: the cotangent and the function's input. Output: as many.
func eltwiseGradientKernel(
  _ function: UnaryFunction, count: Int, finish: @escaping @Sendable (Arguments) -> Void
) throws(PhospheneError) -> (any Kernel)? {
  guard let eltwise = function.eltwise else { return nil }
  let array = try MemoryDescriptor([count])
  let forward = try PrimitiveDescriptor { handle, engine, attributes in
    dnnl_eltwise_forward_primitive_desc_create(
      &handle, engine, dnnl_forward_training, eltwise.algorithm, array.handle, array.handle,
      eltwise.alpha, eltwise.beta, attributes)
  }
  guard let forward else { return nil }
  let descriptor = try PrimitiveDescriptor { handle, engine, attributes in
    dnnl_eltwise_backward_primitive_desc_create(
      &handle, engine, eltwise.algorithm, array.handle, array.handle, array.handle, eltwise.alpha,
      eltwise.beta, forward.handle, attributes)
  }
  guard let descriptor else { return nil }
  return try PrimitiveKernel(
    descriptor,
    operands: [
      Primitive.Operand(role: DNNL_ARG_DIFF_DST, descriptor: array, argument: 0),
      Primitive.Operand(role: DNNL_ARG_SRC, descriptor: array, argument: 1),
      Primitive.Operand(role: DNNL_ARG_DIFF_SRC, descriptor: array, argument: 2),
    ], finish: finish)
}
