public import Kernels
public import Tensors

/// A sparse matrix times every column of an array along one of its axes: interpolation, averages
/// of parts.
struct SparseProduct: Operation {
  let matrix: SparseMatrix
  let axis: Int

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    var axes = inputs[0].shape.axes
    guard axes[axis] == matrix.columnCount else {
      throw .invalidArgument(
        "a matrix of \(matrix.columnCount) columns can't be multiplied with axis \(axis) of shape "
          + "\(inputs[0].shape)")
    }
    axes[axis] = matrix.rows.count
    return TensorType(Shape(axes))
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    [try graph.sparseProduct(matrix.transposed, pullback.cotangent, axis: axis)]
  }

  func beforeTransposition(
    by permutation: [Int]
  ) -> (operation: any Operation, permutation: [Int])? {
    (SparseProduct(matrix: matrix, axis: permutation[axis]), permutation)
  }

  func work(for request: KernelRequest) -> Int {
    let entries = matrix.rows.reduce(0) { $0 + $1.count }
    let columns = request.output.shape.elementCount / max(matrix.rows.count, 1)
    return 4 * (request.output.shape.elementCount + entries.multipliedClamping(by: columns))
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try sparseProductKernel(matrix, input: request.shape(0), axis: axis)
  }
}

extension Graph {
  /// Appends a sparse matrix times every column of an array along an axis, counted from the end if
  /// negative.
  public mutating func sparseProduct(
    _ matrix: SparseMatrix, _ value: Value, axis: Int
  ) throws(PhospheneError) -> Value {
    let axis = try shape(value).axis(axis, of: "a sparse product")
    return try apply(SparseProduct(matrix: matrix, axis: axis), to: [value])
  }
}
