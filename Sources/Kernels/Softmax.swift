internal import COneDNN
public import Tensors

/// Turns the numbers along an axis into probabilities, `exp(x) / sum(exp(x))`.
///
/// Inputs: `x`. Output: its shape. A NaN anywhere along the axis makes all of the axis NaN.
///
/// Source: oneDNN, "Softmax", the algorithm `softmax_accurate` (the maximum is subtracted first).
///
/// - Throws: `invalidArgument` if there is no such axis.
public func softmaxKernel(input: Shape, axis: Int) throws(PhospheneError) -> any Kernel {
  try require(
    axis >= 0 && axis < input.rank, "softmax needs an axis below \(input.rank), received \(axis)")
  guard input.elementCount > 0 else { return LoopKernel { _ in } }
  let outer = input.axes[..<axis].reduce(1, *)
  let inner = input.axes[(axis + 1)...].reduce(1, *)
  let length = input[axis]
  let array = try MemoryDescriptor([outer, length, inner])
  let descriptor = try PrimitiveDescriptor { handle, engine, attributes in
    dnnl_softmax_forward_primitive_desc_create(
      &handle, engine, dnnl_forward_inference, dnnl_softmax_accurate, array.handle, array.handle, 1,
      attributes)
  }
  guard let descriptor else { return Reference.softmax(input: input, axis: axis) }
  return try PrimitiveKernel(
    descriptor,
    operands: [
      Primitive.Operand(role: DNNL_ARG_SRC, descriptor: array, argument: 0),
      Primitive.Operand(role: DNNL_ARG_DST, descriptor: array, argument: 1),
    ],
    finish: { keepNaN(outer, length, inner, from: $0[0], in: $0[1]) })
}

/// Makes every axis NaN that has one: oneDNN's comparisons lose it.
private func keepNaN(
  _ outer: Int, _ length: Int, _ inner: Int, from x: UnsafeMutablePointer<Float>,
  in y: UnsafeMutablePointer<Float>
) {
  let size = length * inner
  Threads.split(outer, grain: max(1, loopGrain / max(size, 1))) { range in
    for row in range {
      var found: Int32 = 0
      for index in row * size..<(row + 1) * size { found |= x[index] == x[index] ? 0 : 1 }
      guard found != 0 else { continue }
      for column in 0..<inner {
        let positions = (0..<length).map { row * size + $0 * inner + column }
        guard positions.contains(where: { x[$0].isNaN }) else { continue }
        for position in positions { y[position] = .nan }
      }
    }
  }
}
