internal import COneDNN
public import Tensors

/// Multiplies matrices, `y = activation(a · b + bias)`.
///
/// The last two axes are the matrices; axes before them are broadcast by NumPy's rule.
///
/// Inputs: `a` of shape (..., rows, terms), or (..., terms, rows) if `transposeA`; `b` of shape
/// (..., terms, columns), or (..., columns, terms) if `transposeB`; if `hasBias`, a bias of shape
/// (columns). Output: (..., rows, columns).
///
/// If `isMasked`, the last input, of the output's shape, says where the result matters: it is zero
/// where the mask isn't positive. If the elements of `a` or `b` `areFinite`, those that are
/// multiplied by zero need not be read.
///
/// If `areHalves`, `a` or `b` is a constant that is stored in halves, which the kernel may ask for.
///
/// Nothing is packed, not even if `b` never changes: a packed copy would double the memory of a
/// large layer's weights. A fused activation may turn NaN into a number; ``unaryKernel(_:count:)`` doesn't.
///
/// Source: oneDNN, "Matrix Multiplication"; NumPy, `matmul`.
///
/// - Throws: `invalidArgument` if the shapes don't fit together.
public func matrixProductKernel(
  a: Shape, b: Shape, transposeA: Bool, transposeB: Bool, hasBias: Bool,
  activation: UnaryFunction?, areFinite: (a: Bool, b: Bool) = (false, false),
  isMasked: Bool = false, areHalves: (a: Bool, b: Bool) = (false, false)
) throws(PhospheneError) -> any Kernel {
  let problem = try MatrixProduct(a, b, transposeA: transposeA, transposeB: transposeB)
  guard problem.outputCount > 0 else { return LoopKernel { _ in } }
  if let kernel = DenseMatrix(
    problem, hasBias: hasBias, activation: activation, areFinite: areFinite, isMasked: isMasked,
    areHalves: areHalves)
  {
    return kernel
  }
  let plain = try unmaskedProduct(problem, hasBias: hasBias, activation: activation)
  return isMasked ? MaskedKernel(plain, count: problem.outputCount) : plain
}

/// A product of which all is computed.
private func unmaskedProduct(
  _ problem: MatrixProduct, hasBias: Bool, activation: UnaryFunction?
) throws(PhospheneError) -> any Kernel {
  if let kernel = matrixVectorKernel(problem, hasBias: hasBias, activation: activation) {
    return kernel
  }
  guard problem.k > 0,
    let kernel = try oneDNNMatrixProduct(problem, hasBias: hasBias, activation: activation)
  else {
    return Reference.matrixProduct(problem, hasBias: hasBias, activation: activation)
  }
  return kernel
}

/// A product whose results are set to zero afterwards where a mask, its last input, isn't positive.
///
/// The product has two inputs.
private struct MaskedKernel: Kernel {
  let product: any Kernel
  let count: Int

  init(_ product: any Kernel, count: Int) { (self.product, self.count) = (product, count) }

  var scratchByteCount: Int { product.scratchByteCount }

  func run(
    _ arguments: Arguments, scratch: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    let (mask, y) = (arguments[2], arguments[3])
    var pointers = [0, 1, 3].map(arguments.bytes)
    try pointers.withUnsafeMutableBufferPointer { buffer throws(PhospheneError) in
      guard let start = buffer.baseAddress else { return }
      try product.run(Arguments(start), scratch: scratch)
    }
    inParallel(count) { zipElements($0, y, mask, y) { $1 > 0 ? $0 : 0 } }
  }
}

/// A matrix product's settings, checked against each other, with as few axes as possible.
struct MatrixProduct: Sendable {
  /// The leading axes of both sides and of the result, of the same rank.
  private(set) var batchA: Shape
  private(set) var batchB: Shape
  private(set) var batch: Shape
  private(set) var m: Int
  let n: Int
  let k: Int
  let transposeA: Bool
  let transposeB: Bool

  var outputCount: Int { batch.elementCount * m * n }

  init(
    _ a: Shape, _ b: Shape, transposeA: Bool, transposeB: Bool
  ) throws(PhospheneError) {
    try require(
      a.rank >= 2 && b.rank >= 2,
      "a matrix product needs arrays of two axes or more, received \(a) and \(b)")
    let (rowsA, columnsA) = (a[a.rank - 2], a[a.rank - 1])
    let (rowsB, columnsB) = (b[b.rank - 2], b[b.rank - 1])
    m = transposeA ? columnsA : rowsA
    k = transposeA ? rowsA : columnsA
    n = transposeB ? rowsB : columnsB
    try require(
      k == (transposeB ? columnsB : rowsB),
      "a matrix product sums over an axis of both sides, but they have different lengths:"
        + " \(a)\(transposeA ? " transposed" : "") and \(b)\(transposeB ? " transposed" : "")")
    let (leadingA, leadingB) = (Shape(Array(a.axes.dropLast(2))), Shape(Array(b.axes.dropLast(2))))
    batch = try broadcastShape(leadingA, leadingB)
    func padded(_ shape: Shape, _ rank: Int) -> Shape {
      Shape([Int](repeating: 1, count: rank - shape.rank) + shape.axes)
    }
    batchA = padded(leadingA, batch.rank)
    batchB = padded(leadingB, batch.rank)
    self.transposeA = transposeA
    self.transposeB = transposeB
    mergeBatch()
  }

  /// Makes rows of leading axes that `b` doesn't have, and one axis of several.
  private mutating func mergeBatch() {
    if batchB.elementCount == 1, !transposeA || m == 1 {
      // A single row may be read as a row or as a column.
      if !transposeA || batch.elementCount == 1 {
        m *= batch.elementCount
        (batchA, batchB, batch) = ([], [], [])
      }
    } else if batchA == batch, batchB == batch {
      let count = batch.elementCount
      (batchA, batchB, batch) = ([count], [count], [count])
    }
  }
}

/// The product as a primitive of oneDNN; `nil` if it has none.
private func oneDNNMatrixProduct(
  _ problem: MatrixProduct, hasBias: Bool, activation: UnaryFunction?
) throws(PhospheneError) -> (any Kernel)? {
  let rank = problem.batch.rank + 2
  let (m, n, k) = (problem.m, problem.n, problem.k)
  let a = try matrices(problem.batchA, m, k, isTransposed: problem.transposeA)
  let b = try matrices(problem.batchB, k, n, isTransposed: problem.transposeB)
  let y = try matrices(problem.batch, m, n, isTransposed: false)
  let bias = try MemoryDescriptor(Shape([Int](repeating: 1, count: rank - 1) + [n]))
  let descriptor = try PrimitiveDescriptor(fusing: activation) { handle, engine, attributes in
    dnnl_matmul_primitive_desc_create(
      &handle, engine, a.handle, b.handle, hasBias ? bias.handle : nil, y.handle, attributes)
  }
  guard let descriptor else { return nil }
  let output = hasBias ? 3 : 2
  var operands = [
    Primitive.Operand(role: DNNL_ARG_SRC, descriptor: a, argument: 0),
    Primitive.Operand(role: DNNL_ARG_WEIGHTS, descriptor: b, argument: 1),
    Primitive.Operand(role: DNNL_ARG_DST, descriptor: y, argument: output),
  ]
  if hasBias {
    operands.append(Primitive.Operand(role: DNNL_ARG_BIAS, descriptor: bias, argument: 2))
  }
  return try PrimitiveKernel(
    descriptor, operands: operands,
    finish: unfused(activation, count: problem.outputCount, output: output))
}

/// Dense matrices, or the transposes of dense ones.
private func matrices(
  _ batch: Shape, _ rows: Int, _ columns: Int, isTransposed: Bool
) throws(PhospheneError) -> MemoryDescriptor {
  let strides = batch.strides.map { $0 * rows * columns }
  return try MemoryDescriptor(
    axes: batch.axes + [rows, columns],
    strides: strides + (isTransposed ? [1, rows] : [columns, 1]))
}
