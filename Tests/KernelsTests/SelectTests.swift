@testable import Kernels
import Tensors
import Testing

@Suite struct SelectTests {
  @Test(
    arguments: [
      ([2, 3], [2, 3], [2, 3]), ([2, 3], [], []), ([2, 1], [2, 3], [3]), ([], [4], [4]),
      ([3], [2, 1], [2, 3]), ([2, 1, 2], [3, 1], [1]), ([70_001], [1], [70_001]),
      ([70_001], [70_001], []), ([300, 1], [300, 301], [301]), ([0, 3], [3], [1]),
    ] as [(Shape, Shape, Shape)])
  func broadcastsLikeNumPy(condition: Shape, a: Shape, b: Shape) throws {
    let shapes = [condition, a, b]
    let arrays = shapes.indices.map { integers(shapes[$0].elementCount, seed: $0) }
      .enumerated().map { $0 == 0 ? $1.map { $0 > 0 ? $0 : 0 } : $1 }
    let output = try broadcastShape(broadcastShape(condition, a), b)
    // The rule itself: the last axes are aligned, and an axis of length one has one position.
    let expected = (0..<output.elementCount).map { index -> Float in
      func element(_ which: Int) -> Float {
        let shape = shapes[which]
        return arrays[which][
          (0..<shape.rank).reduce(0) { offset, axis in
            let stride = output.strides[output.rank - shape.rank + axis]
            let position = index / stride % output[output.rank - shape.rank + axis]
            return offset + (shape[axis] == 1 ? 0 : position * shape.strides[axis])
          }]
      }
      return element(0) != 0 ? element(1) : element(2)
    }
    let kernel = try selectKernel(condition: condition, a: a, b: b)
    for threads in [1, 2] {
      #expect(try run(kernel, arrays, output: expected.count, threads: threads) == expected)
    }
  }

  // By hand: what isn't chosen leaves no trace, and NaN isn't zero.
  @Test func nanIsChosenOnly() throws {
    let kernel = try selectKernel(condition: [4], a: [4], b: [4])
    let y = try run(
      kernel, [[0, 1, .nan, -2], [.nan, 1, 2, 3], [5, .nan, .nan, .nan]], output: 4)
    #expect(y == [5, 1, 2, 3])
  }
}
