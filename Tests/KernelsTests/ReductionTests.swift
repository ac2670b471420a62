import Kernels
import Tensors
import Testing

@Suite struct ReductionTests {
  // By hand, on [[1, 2, 3], [4, 5, 6]].
  @Test(
    arguments: [
      (.sum, [0], [5, 7, 9]), (.sum, [1], [6, 15]), (.sum, [0, 1], [21]),
      (.sum, [], [1, 2, 3, 4, 5, 6]), (.mean, [1], [2, 5]), (.maximum, [0], [4, 5, 6]),
      (.minimum, [1], [1, 4]), (.product, [0, 1], [720]),
    ] as [(ReductionFunction, [Int], [Float])])
  func valuesByHand(function: ReductionFunction, axes: [Int], expected: [Float]) throws {
    let kernel = try reductionKernel(function, input: [2, 3], axes: axes)
    #expect(try run(kernel, [[1, 2, 3, 4, 5, 6]], output: expected.count) == expected)
  }

  @Test(
    arguments: [
      ([5, 6, 7], [0]), ([5, 6, 7], [1]), ([5, 6, 7], [2]), ([5, 6, 7], [0, 2]),
      ([5, 6, 7], [0, 1, 2]), ([2, 30, 30, 40], [1, 2]), ([3, 4, 5, 6], [1, 3]),
      ([3, 4, 5, 6], [0, 2]), ([200_001], [0]), ([300, 300], [1]), ([700, 17], [0]),
      ([3, 1, 2], [1]), ([4, 0], [1]), ([700, 3], [1]), ([40, 700, 3], [0, 2]), ([7, 20, 3], [0]),
      ([5, 33, 2, 3], [0, 2]), ([9, 3], [0]), ([20, 5, 2], [1, 2]),
    ] as [(Shape, [Int])])
  func matchesPlainSums(input: Shape, axes: [Int]) throws {
    let x = integers(input.elementCount)
    let kept = input.axes.indices.filter { !axes.contains($0) }
    let output = Shape(kept.map { input[$0] })
    var (sum, largest) = (
      [Float](repeating: 0, count: output.elementCount),
      [Float](repeating: -.infinity, count: output.elementCount)
    )
    for index in x.indices {
      let target = kept.enumerated().reduce(0) {
        $0 + index / input.strides[$1.1] % input[$1.1] * output.strides[$1.0]
      }
      sum[target] += x[index]
      largest[target] = max(largest[target], x[index])
    }
    for threads in [1, 2] {
      let kernel = try reductionKernel(.sum, input: input, axes: axes)
      #expect(try run(kernel, [x], output: sum.count, threads: threads) == sum)
      guard !input.axes.contains(0) else { continue }
      let other = try reductionKernel(.maximum, input: input, axes: axes)
      #expect(try run(other, [x], output: sum.count, threads: threads) == largest)
      let smallest = try reductionKernel(.minimum, input: input, axes: axes)
      let negative = try run(smallest, [x.map { -$0 }], output: sum.count, threads: threads)
      #expect(negative == largest.map { -$0 })
    }
  }

  @Test(arguments: [[0], [1], [0, 1]], [ReductionFunction.maximum, .minimum, .sum])
  func nanStays(axes: [Int], function: ReductionFunction) throws {
    var x = ramp(40 * 40)
    x[17 * 40 + 23] = .nan
    let count = axes.count == 2 ? 1 : 40
    let kernel = try reductionKernel(function, input: [40, 40], axes: axes)
    let y = try run(kernel, [x], output: count)
    #expect(y.filter(\.isNaN).count == 1)
    #expect(y[axes.count == 2 ? 0 : axes == [0] ? 23 : 17].isNaN)
  }

  // Infinities of both signs are no NaN.
  @Test(arguments: [[0], [1], [0, 1]]) func infinitiesAreNumbers(axes: [Int]) throws {
    var x = ramp(40 * 40)
    (x[17 * 40 + 23], x[17 * 40 + 5]) = (.infinity, -.infinity)
    let count = axes.count == 2 ? 1 : 40
    let largest = try run(
      reductionKernel(.maximum, input: [40, 40], axes: axes), [x], output: count)
    #expect(largest[axes.count == 2 ? 0 : axes == [0] ? 23 : 17] == .infinity)
    #expect(largest.count { $0.isFinite } == count - 1)
    let smallest = try run(
      reductionKernel(.minimum, input: [40, 40], axes: axes), [x], output: count)
    #expect(smallest[axes.count == 2 ? 0 : axes == [0] ? 5 : 17] == -.infinity)
  }

  // 0.1 a hundred million times would stop growing; the partial sums keep the mean.
  @Test func longSumsKeepTheirPrecision() throws {
    let x = [Float](repeating: 0.1, count: 1 << 20)
    let kernel = try reductionKernel(.mean, input: [x.count], axes: [0])
    let columns = try reductionKernel(.mean, input: [x.count / 16, 16], axes: [0])
    #expect(abs(try run(kernel, [x], output: 1)[0] - 0.1) < 1e-6)
    #expect(abs(try run(columns, [x], output: 16)[3] - 0.1) < 1e-6)
  }

  @Test func axesAreChecked() {
    #expect(refusal { _ = try reductionKernel(.sum, input: [2], axes: [1]) } != nil)
    #expect(refusal { _ = try reductionKernel(.sum, input: [2], axes: [0, 0]) } != nil)
    let sentence = refusal { _ = try reductionKernel(.maximum, input: [2, 0], axes: [1]) }
    #expect(sentence?.contains("no largest or smallest") == true)
  }
}
