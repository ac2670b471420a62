import Kernels
import Tensors
import Testing

@Suite struct SparseProductTests {
  // By hand: the sum of the first two positions, nothing, and the last one twice.
  static let matrix = SparseMatrix(
    columnCount: 3,
    rows: [[.init(0, 1), .init(1, 1)], [], [.init(2, 1.5), .init(2, 0.5)]])

  @Test(
    arguments: [
      ([3, 2], 0, [2, 4, 0, 0, 8, 10]), ([2, 3], 1, [1, 0, 4, 7, 0, 10]),
      ([1, 3, 2], 1, [2, 4, 0, 0, 8, 10]),
    ] as [(Shape, Int, [Float])])
  func productsByHand(input: Shape, axis: Int, expected: [Float]) throws {
    let kernel = try sparseProductKernel(Self.matrix, input: input, axis: axis)
    #expect(try run(kernel, [ramp(6)], output: 6) == expected)
  }

  @Test func whatTheMatrixDoesNotHoldIsNotLookedAt() throws {
    let matrix = SparseMatrix(columnCount: 2, rows: [[.init(0, 2)]])
    let kernel = try sparseProductKernel(matrix, input: [2, 1], axis: 0)
    #expect(try run(kernel, [[3, .nan]], output: 1) == [6])
  }

  @Test(
    arguments: [
      ([40, 700], 0), ([700, 40], 1), ([3, 40, 1], 1), ([5, 40, 1300], 1), ([2, 3, 40, 5], 2),
    ] as [(Shape, Int)])
  func matchesPlainLoops(input: Shape, axis: Int) throws {
    let rows = (0..<55).map { row in
      (0..<row % 7).map { SparseMatrix.Entry((row * 5 + $0 * 3) % 40, Float($0 - 3)) }
    }
    let matrix = SparseMatrix(columnCount: 40, rows: rows)
    let x = integers(input.elementCount)
    let outer = input.axes[..<axis].reduce(1, *)
    let inner = input.axes[(axis + 1)...].reduce(1, *)
    var expected = [Float](repeating: 0, count: outer * 55 * inner)
    var adjoint = [Float](repeating: 0, count: x.count)
    for position in 0..<outer {
      for (row, entries) in rows.enumerated() {
        for entry in entries {
          for element in 0..<inner {
            let source = (position * 40 + entry.column) * inner + element
            let target = (position * 55 + row) * inner + element
            expected[target] += entry.value * x[source]
            adjoint[source] += entry.value * Float(target % 5)
          }
        }
      }
    }
    let cotangent = expected.indices.map { Float($0 % 5) }
    var output = input.axes
    output[axis] = 55
    for threads in [1, 2] {
      let forward = try sparseProductKernel(matrix, input: input, axis: axis)
      #expect(try run(forward, [x], output: expected.count, threads: threads) == expected)
      let backward = try sparseProductKernel(
        matrix.transposed, input: Shape(output), axis: axis)
      #expect(try run(backward, [cotangent], output: x.count, threads: threads) == adjoint)
    }
  }

  @Test func axesOfAnotherLengthAreRefused() {
    #expect(
      refusal { _ = try sparseProductKernel(Self.matrix, input: [3, 4], axis: 1) }?
        .contains("a matrix of 3 columns can't be multiplied with axis 1 of (3, 4)") == true)
    #expect(
      refusal { _ = try sparseProductKernel(Self.matrix, input: [3], axis: 1) } != nil)
  }
}
