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
    case .power, .step, .sign, .reciprocal: nil
    }
  }
}

/// oneDNN's elementwise kernel for a function, followed by `finish`; `nil` if it has none.
func eltwiseKernel(
  _ function: UnaryFunction, count: Int, inputCount: Int = 1, source: Int = 0,
  finish: @escaping @Sendable (Arguments) -> Void
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
