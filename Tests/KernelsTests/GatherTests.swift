@testable import Kernels
import Tensors
import Testing

@Suite struct GatherTests {
  // By hand, on [[0, 1, 2], [3, 4, 5]].
  @Test(
    arguments: [
      (0, [1, 0, 1], [3, 4, 5, 0, 1, 2, 3, 4, 5]), (1, [2, 2], [2, 2, 5, 5]),
      (1, [-1, -3], [2, 0, 5, 3]), (0, [], []),
    ] as [(Int, [Float], [Float])])
  func slicesByHand(axis: Int, indices: [Float], expected: [Float]) throws {
    let kernel = try gatherKernel(operand: [2, 3], axis: axis, indexCount: indices.count)
    #expect(try run(kernel, [ramp(6), indices], output: expected.count) == expected)
  }

  // By hand, with the same indices: what gathering took out comes back where it was.
  @Test(
    arguments: [
      (0, [1, 0, 1], [3, 4, 5, 6, 8, 10]), (1, [2, 2], [0, 0, 1, 0, 0, 5]),
      (1, [-1, -3], [1, 0, 0, 3, 0, 2]), (0, [], [0, 0, 0, 0, 0, 0]),
    ] as [(Int, [Float], [Float])])
  func sumsByHand(axis: Int, indices: [Float], expected: [Float]) throws {
    let kernel = try scatterAddKernel(output: [2, 3], axis: axis, indexCount: indices.count)
    let slices = ramp(axis == 0 ? 3 * indices.count : 2 * indices.count)
    #expect(try run(kernel, [slices, indices], output: 6) == expected)
  }

  @Test(
    arguments: [
      ([50, 700], 0, 90), ([700, 50], 1, 33), ([3, 40, 1], 1, 50_000), ([5, 7, 130], 1, 300),
      ([2, 3, 4, 5], 2, 1), ([40], 0, 70_000),
    ] as [(Shape, Int, Int)])
  func matchesPlainLoops(operand: Shape, axis: Int, count: Int) throws {
    let x = integers(operand.elementCount)
    let length = operand[axis]
    let indices = integers(count, seed: 3).map { Float((Int($0) + 6) * 97 % length) }
    let outer = operand.axes[..<axis].reduce(1, *)
    let inner = operand.axes[(axis + 1)...].reduce(1, *)
    var expected = [Float](repeating: 0, count: outer * count * inner)
    var sums = [Float](repeating: 0, count: x.count)
    for row in 0..<outer {
      for (column, index) in indices.enumerated() {
        for position in 0..<inner {
          let source = (row * length + Int(index)) * inner + position
          let target = (row * count + column) * inner + position
          expected[target] = x[source]
          sums[source] += Float(target % 7)
        }
      }
    }
    let cotangent = expected.indices.map { Float($0 % 7) }
    for threads in [1, 2] {
      let gather = try gatherKernel(operand: operand, axis: axis, indexCount: count)
      #expect(
        try run(gather, [x, indices], output: expected.count, threads: threads) == expected)
      let scatter = try scatterAddKernel(output: operand, axis: axis, indexCount: count)
      #expect(
        try run(scatter, [cotangent, indices], output: x.count, threads: threads) == sums)
    }
  }

  @Test(
    arguments: [([6, 70], 0, 9), ([300, 50], 1, 33), ([5, 7, 130], 1, 3), ([4], 0, 1)]
      as [(Shape, Int, Int)])
  func elementsMatchPlainLoops(operand: Shape, axis: Int, count: Int) throws {
    let x = integers(operand.elementCount)
    let length = operand[axis]
    let outer = operand.axes[..<axis].reduce(1, *)
    let inner = operand.axes[(axis + 1)...].reduce(1, *)
    // From the end as often as from zero on.
    let indices = (0..<outer * count * inner).map { Float($0 * 31 % (2 * length) - length) }
    var expected = [Float](repeating: 0, count: indices.count)
    var sums = [Float](repeating: 0, count: x.count)
    for (target, index) in indices.enumerated() {
      let position = (Int(index) + length) % length
      let source = (target / inner / count * length + position) * inner + target % inner
      expected[target] = x[source]
      sums[source] += Float(target % 7)
    }
    let cotangent = expected.indices.map { Float($0 % 7) }
    for threads in [1, 2] {
      let gather = try gatherElementsKernel(operand: operand, axis: axis, count: count)
      #expect(
        try run(gather, [x, indices], output: expected.count, threads: threads) == expected)
      let scatter = try scatterAddElementsKernel(output: operand, axis: axis, count: count)
      #expect(
        try run(scatter, [cotangent, indices], output: x.count, threads: threads) == sums)
    }
  }

  @Test func whatPointsOutsideIsNaN() throws {
    let indices: [Float] = [3, -4, .nan, .infinity, 1e20, 2]
    let gather = try gatherKernel(operand: [3, 2], axis: 0, indexCount: 6)
    let rows = try run(gather, [ramp(6), indices], output: 12)
    #expect(rows.prefix(10).allSatisfy(\.isNaN) && rows.suffix(2) == [4, 5])
    let elements = try gatherElementsKernel(operand: [3], axis: 0, count: 6)
    let y = try run(elements, [[7, 8, 9], indices], output: 6)
    #expect(y.prefix(5).allSatisfy(\.isNaN) && y[5] == 9)
    let scatter = try scatterAddKernel(output: [3], axis: 0, indexCount: 6)
    #expect(try run(scatter, [ramp(6), indices], output: 3) == [0, 0, 5])
    let back = try scatterAddElementsKernel(output: [3], axis: 0, count: 6)
    #expect(try run(back, [ramp(6), indices], output: 3) == [0, 0, 5])
  }

  @Test func axesAreChecked() {
    let sentence = refusal { _ = try gatherKernel(operand: [2, 3], axis: 2, indexCount: 1) }
    #expect(sentence == "shape (2, 3) has no axis 2, counted from zero")
  }
}
