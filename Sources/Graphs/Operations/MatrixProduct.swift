import Kernels
public import Tensors

/// The matrix product of the last two axes; leading axes are broadcast as NumPy's `matmul` does.
///
/// Inputs are two arrays of rank 2 or more and, if `hasBias`, one number a column. The passes add
/// bias, activation and mask; layers don't.
struct MatrixProduct: Operation {
  var transposeA = false
  var transposeB = false
  var hasBias = false
  var activation: UnaryFunction?
  /// Whether the last input says where the result matters; it is zero where that isn't positive.
  ///
  /// Only products without a bias have that.
  var isMasked = false

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    let (a, b) = (inputs[0].shape, inputs[1].shape)
    guard a.rank >= 2, b.rank >= 2 else {
      throw .invalidArgument("a matrix product needs two matrices, received \(a) and \(b)")
    }
    let (rows, inner) = axes(of: a, transposed: transposeA)
    let (innerB, columns) = axes(of: b, transposed: transposeB)
    guard inner == innerB else {
      throw .invalidArgument(
        "a matrix product of \(a)\(transposeA ? " transposed" : "") and \(b)"
          + "\(transposeB ? " transposed" : "") has no common length: \(inner) and \(innerB)")
    }
    let leading = try broadcastShape(Shape(a.axes.dropLast(2)), Shape(b.axes.dropLast(2)))
    return TensorType(Shape(leading.axes + [rows, columns]))
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    precondition(activation == nil, "gradients are taken before activations are fused")
    let (a, b, cotangent) = (pullback.inputs[0], pullback.inputs[1], pullback.cotangent)
    var parts: [Value?] = pullback.inputs.map { _ in nil }
    if pullback.wanted[0] {
      // dA = C Bᵀ, and its transpose if A was transposed.
      let part =
        transposeA
        ? try graph.matrixProduct(b, cotangent, transposeA: transposeB, transposeB: true)
        : try graph.matrixProduct(cotangent, b, transposeB: !transposeB)
      parts[0] = try graph.sum(part, downTo: graph.shape(a))
    }
    if pullback.wanted[1] {
      // dB = Aᵀ C, and its transpose if B was transposed.
      let part =
        transposeB
        ? try graph.matrixProduct(cotangent, a, transposeA: true, transposeB: transposeA)
        : try graph.matrixProduct(a, cotangent, transposeA: !transposeA)
      parts[1] = try graph.sum(part, downTo: graph.shape(b))
    }
    return parts
  }

  /// The multiplications, or what it takes to read the larger matrix, if that is longer: for one row
  /// nothing else counts.
  func work(for request: KernelRequest) -> Int {
    let (a, b) = (request.shape(0), request.shape(1))
    let products = request.output.shape.elementCount
      .multipliedClamping(by: axes(of: a, transposed: transposeA).columns)
    return max(products, 8 * max(a.elementCount, b.elementCount))
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try matrixProductKernel(
      a: request.shape(0), b: request.shape(1), transposeA: transposeA, transposeB: transposeB,
      hasBias: hasBias, activation: activation,
      areFinite: (request.isFinite[0], request.isFinite[1]), isMasked: isMasked,
      areHalves: (request.isHalf[0], request.isHalf[1]))
  }

  private func axes(of shape: Shape, transposed: Bool) -> (rows: Int, columns: Int) {
    let (first, second) = (shape[shape.rank - 2], shape[shape.rank - 1])
    return transposed ? (second, first) : (first, second)
  }
}

extension Graph {
  /// Appends the matrix product of the last two axes, broadcasting the leading ones.
  public mutating func matrixProduct(
    _ a: Value, _ b: Value, transposeA: Bool = false, transposeB: Bool = false
  ) throws(PhospheneError) -> Value {
    try apply(MatrixProduct(transposeA: transposeA, transposeB: transposeB), to: [a, b])
  }
}
