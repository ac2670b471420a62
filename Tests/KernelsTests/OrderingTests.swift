@testable import Kernels
import Tensors
import Testing

@Suite struct OrderingTests {
  // By hand, on [[3, 1, 3], [1, 5, 3]]: the first of equal ones wins.
  @Test(
    arguments: [
      (0, true, [0, 1, 0]), (0, false, [1, 0, 0]), (1, true, [0, 1]), (1, false, [1, 0]),
    ] as [(Int, Bool, [Float])])
  func extremesByHand(axis: Int, isMaximum: Bool, expected: [Float]) throws {
    let kernel = try argExtremeKernel(input: [2, 3], axis: axis, isMaximum: isMaximum)
    #expect(try run(kernel, [[3, 1, 3, 1, 5, 3]], output: expected.count) == expected)
  }

  // By hand: equal elements, both zeros among them, keep their order, and NaN is the largest.
  @Test(
    arguments: [
      (false, [2, 5, 1, 4, 6, 0, 3]), (true, [3, 0, 6, 1, 4, 5, 2]),
    ] as [(Bool, [Float])])
  func orderByHand(isDescending: Bool, expected: [Float]) throws {
    let kernel = try argSortKernel(input: [7], axis: 0, isDescending: isDescending)
    let x: [Float] = [.infinity, 0, -.infinity, -.nan, -0.0, -1, 2]
    #expect(try run(kernel, [x], output: 7) == expected)
  }

  @Test(
    arguments: [
      ([5, 6, 7], 0), ([5, 6, 7], 1), ([5, 6, 7], 2), ([90_001], 0), ([3, 1, 200], 1),
      ([20, 300, 40], 1), ([2000, 30], 1), ([2, 3, 0], 1),
    ] as [(Shape, Int)])
  func matchesPlainLoops(input: Shape, axis: Int) throws {
    let x = integers(input.elementCount)
    let length = input[axis]
    let inner = input.strides[axis]
    let lines = input.elementCount / max(length, 1)
    var (largest, order) = ([Float](repeating: 0, count: lines), x)
    for line in 0..<lines {
      let start = line / inner * length * inner + line % inner
      let elements = (0..<length).map { x[start + $0 * inner] }
      let sorted = elements.enumerated().sorted {
        $0.element > $1.element || ($0.element == $1.element && $0.offset < $1.offset)
      }
      largest[line] = Float(sorted[0].offset)
      for index in 0..<length { order[start + index * inner] = Float(sorted[index].offset) }
    }
    for threads in [1, 2] {
      let extreme = try argExtremeKernel(input: input, axis: axis, isMaximum: true)
      #expect(try run(extreme, [x], output: lines, threads: threads) == largest)
      let sort = try argSortKernel(input: input, axis: axis, isDescending: true)
      #expect(try run(sort, [x], output: x.count, threads: threads) == order)
    }
  }

  @Test(arguments: [true, false]) func nanIsFound(isMaximum: Bool) throws {
    let kernel = try argExtremeKernel(input: [4], axis: 0, isMaximum: isMaximum)
    #expect(try run(kernel, [[1, .nan, 0, .nan]], output: 1) == [1])
  }

  @Test func emptyAxesAreRefused() {
    let sentence = refusal { _ = try argExtremeKernel(input: [2, 0], axis: 1, isMaximum: true) }
    #expect(sentence?.contains("no largest or smallest element") == true)
  }
}
