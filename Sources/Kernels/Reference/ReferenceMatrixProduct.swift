import Tensors

extension Reference {
  /// The twin of
  /// ``matrixProductKernel(a:b:transposeA:transposeB:hasBias:activation:areFinite:isMasked:)``.
  static func matrixProduct(
    _ problem: MatrixProduct, hasBias: Bool, activation: UnaryFunction?
  ) -> any Kernel {
    LoopKernel { arguments in
      let (a, b, y) = (arguments[0], arguments[1], arguments[hasBias ? 3 : 2])
      let (m, n, k) = (problem.m, problem.n, problem.k)
      let batches = StridedAxes(
        problem.batch.axes,
        strides: [
          broadcastStrides(problem.batchA, to: problem.batch),
          broadcastStrides(problem.batchB, to: problem.batch),
        ])
      for batch in 0..<problem.batch.elementCount {
        let first = a + batches.offset(batch, of: 0, inner: 0) * m * k
        let second = b + batches.offset(batch, of: 1, inner: 0) * k * n
        for row in 0..<m {
          for column in 0..<n {
            var sum: Float = hasBias ? arguments[2][column] : 0
            for term in 0..<k {
              sum +=
                first[problem.transposeA ? term * m + row : row * k + term]
                * second[problem.transposeB ? column * k + term : term * n + column]
            }
            y[(batch * m + row) * n + column] = activation?(sum) ?? sum
          }
        }
      }
    }
  }

  /// The twin of ``softmaxKernel(input:axis:)``.
  static func softmax(input: Shape, axis: Int) -> any Kernel {
    let inner = input.axes[(axis + 1)...].reduce(1, *)
    let length = input[axis]
    return LoopKernel { arguments in
      let (x, y) = (arguments[0], arguments[1])
      for outer in 0..<input.axes[..<axis].reduce(1, *) {
        for column in 0..<inner {
          let positions = (0..<length).map { (outer * length + $0) * inner + column }
          let largest = positions.reduce(-Float.infinity) { max($0, x[$1]) }
          var sum: Float = 0
          for position in positions {
            y[position] = UnaryFunction.exponential(x[position] - largest)
            sum += y[position]
          }
          for position in positions { y[position] /= sum }
        }
      }
    }
  }
}
