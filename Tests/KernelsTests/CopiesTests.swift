import Kernels
import Tensors
import Testing

@Suite struct CopiesTests {
  // By hand.
  @Test func transposeByHand() throws {
    let kernel = try transposeKernel(input: [2, 3], permutation: [1, 0])
    #expect(try run(kernel, [[1, 2, 3, 4, 5, 6]], output: 6) == [1, 4, 2, 5, 3, 6])
  }

  @Test(
    arguments: [
      ([2, 3, 4], [2, 0, 1]), ([2, 3, 4], [0, 2, 1]), ([2, 3, 4], [1, 0, 2]),
      ([3, 5, 2, 4], [3, 1, 0, 2]), ([70, 90], [1, 0]), ([200, 300], [1, 0]), ([5], [0]), ([], []),
      ([2, 33, 35, 3], [0, 3, 1, 2]), ([2, 3, 33, 35], [0, 2, 3, 1]),
    ] as [(Shape, [Int])])
  func transposeMovesEveryElement(input: Shape, permutation: [Int]) throws {
    let output = Shape(permutation.map { input[$0] })
    let x = ramp(input.elementCount)
    let y = try run(
      transposeKernel(input: input, permutation: permutation), [x], output: x.count)
    let expected = (0..<x.count).map { index in
      permutation.enumerated().reduce(0) {
        $0 + index / output.strides[$1.0] % output[$1.0] * input.strides[$1.1]
      }
    }
    #expect(y == expected.map(Float.init))
  }

  // By hand, on 0...9 and on [[0, 1, 2], [3, 4, 5]].
  @Test func sliceByHand() throws {
    let every = try sliceKernel(input: [10], starts: [1], lengths: [3], steps: [3])
    #expect(try run(every, [ramp(10)], output: 3) == [1, 4, 7])
    let back = try sliceKernel(input: [2, 3], starts: [1, 2], lengths: [2, 2], steps: [-1, -2])
    #expect(try run(back, [ramp(6)], output: 4) == [5, 3, 2, 0])
    let nothing = try sliceKernel(input: [10], starts: [10], lengths: [0], steps: [1])
    #expect(try run(nothing, [ramp(10)], output: 0).isEmpty)
  }

  @Test(
    arguments: [
      ([9, 8], [1, 2], [3, 3], [2, 2]), ([9, 8], [8, 7], [4, 2], [-2, -3]),
      ([4, 5, 3], [0, 1, 0], [4, 3, 3], [1, 1, 1]), ([7], [0], [7], [1]),
    ] as [(Shape, [Int], [Int], [Int])])
  func scatterIsTheAdjointOfSlice(
    whole: Shape, starts: [Int], lengths: [Int], steps: [Int]
  ) throws {
    let x = integers(whole.elementCount)
    let cotangent = integers(lengths.reduce(1, *), seed: 2)
    let slice = try sliceKernel(input: whole, starts: starts, lengths: lengths, steps: steps)
    let scatter = try scatterKernel(output: whole, starts: starts, lengths: lengths, steps: steps)
    let part = try run(slice, [x], output: cotangent.count)
    let gradient = try run(scatter, [cotangent], output: x.count)
    #expect(dot(part, cotangent) == dot(x, gradient))
    #expect(try run(slice, [gradient], output: cotangent.count) == cotangent)
  }

  // By hand.
  @Test func padByHand() throws {
    let kernel = try padKernel(input: [1, 2], low: [1, 0], high: [0, 1], value: 9)
    #expect(try run(kernel, [[1, 2]], output: 6) == [9, 9, 9, 1, 2, 9])
    let empty = try padKernel(input: [0], low: [1], high: [1], value: 3)
    #expect(try run(empty, [[]], output: 2) == [3, 3])
  }

  // By hand.
  @Test func concatenateByHand() throws {
    let columns = try concatenateKernel(inputs: [[2, 1], [2, 2]], axis: 1)
    #expect(try run(columns, [[1, 2], [3, 4, 5, 6]], output: 6) == [1, 3, 4, 2, 5, 6])
    let rows = try concatenateKernel(inputs: [[1, 2], [0, 2], [2, 2]], axis: 0)
    #expect(try run(rows, [[1, 2], [], [3, 4, 5, 6]], output: 6) == [1, 2, 3, 4, 5, 6])
  }

  // By hand.
  @Test func broadcastByHand() throws {
    let column = try broadcastKernel(input: [2, 1], output: [2, 3])
    #expect(try run(column, [[1, 2]], output: 6) == [1, 1, 1, 2, 2, 2])
    let row = try broadcastKernel(input: [2], output: [3, 2])
    #expect(try run(row, [[1, 2]], output: 6) == [1, 2, 1, 2, 1, 2])
    let all = try broadcastKernel(input: [], output: [100_000])
    #expect(try run(all, [[7]], output: 100_000).allSatisfy { $0 == 7 })
  }

  @Test func copyKeepsEveryByte() throws {
    let x = spread(200_003)
    #expect(try run(copyKernel(byteCount: x.count * 4), [x], output: x.count) == x)
  }

  @Test func unfitSettingsAreRefused() {
    #expect(refusal { _ = try transposeKernel(input: [2, 3], permutation: [0, 0]) } != nil)
    #expect(
      refusal { _ = try sliceKernel(input: [4], starts: [2], lengths: [3], steps: [1]) } != nil)
    #expect(
      refusal { _ = try sliceKernel(input: [4], starts: [0], lengths: [1], steps: [0]) } != nil)
    #expect(
      refusal { _ = try padKernel(input: [4], low: [-1], high: [0], value: 0) } != nil)
    #expect(refusal { _ = try concatenateKernel(inputs: [[1, 2], [2, 3]], axis: 0) } != nil)
    #expect(refusal { _ = try concatenateKernel(inputs: [], axis: 0) } != nil)
    #expect(refusal { _ = try broadcastKernel(input: [3], output: [1]) } != nil)
  }
}
