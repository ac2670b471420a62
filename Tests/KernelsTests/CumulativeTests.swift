@testable import Kernels
import Tensors
import Testing

@Suite struct CumulativeTests {
  // By hand, on [[1, 2, 3], [4, 5, 6]].
  @Test(
    arguments: [
      (.sum, 1, false, [1, 3, 6, 4, 9, 15]), (.sum, 1, true, [6, 5, 3, 15, 11, 6]),
      (.sum, 0, false, [1, 2, 3, 5, 7, 9]), (.product, 1, false, [1, 2, 6, 4, 20, 120]),
      (.product, 0, true, [4, 10, 18, 4, 5, 6]),
    ] as [(CumulativeFunction, Int, Bool, [Float])])
  func valuesByHand(
    function: CumulativeFunction, axis: Int, isReversed: Bool, expected: [Float]
  ) throws {
    let kernel = try cumulativeKernel(function, input: [2, 3], axis: axis, isReversed: isReversed)
    #expect(try run(kernel, [[1, 2, 3, 4, 5, 6]], output: 6) == expected)
  }

  @Test(
    arguments: [
      ([5, 60, 130], 0), ([5, 60, 130], 1), ([500, 160], 1), ([1, 1], 0), ([2, 0], 1),
    ]
      as [(Shape, Int)], [true, false])
  func matchesPlainLoops(shapeAndAxis: (Shape, Int), isReversed: Bool) throws {
    let (input, axis) = shapeAndAxis
    let x = integers(input.elementCount)
    var expected = x
    for index in isReversed ? Array(x.indices.reversed()) : Array(x.indices) {
      let stride = input.strides[axis]
      let position = index / stride % input[axis]
      let isFirst = isReversed ? position == input[axis] - 1 : position == 0
      if !isFirst { expected[index] += expected[index + (isReversed ? stride : -stride)] }
    }
    let kernel = try cumulativeKernel(.sum, input: input, axis: axis, isReversed: isReversed)
    for threads in [1, 2] {
      #expect(try run(kernel, [x], output: x.count, threads: threads) == expected)
    }
  }

  // By hand: x = [2, 0, 5, 7] gives y = [2, 0, 0, 0], whose sum has the slopes below.
  @Test func zerosHaveSlopes() throws {
    let kernel = try cumulativeProductGradientKernel(input: [4], axis: 0, isReversed: false)
    #expect(try run(kernel, [[1, 1, 1, 1], [2, 0, 5, 7]], output: 4) == [1, 2 * 41, 0, 0])
    let back = try cumulativeProductGradientKernel(input: [4], axis: 0, isReversed: true)
    #expect(try run(back, [[1, 1, 1, 1], [7, 5, 0, 2]], output: 4) == [0, 0, 2 * 41, 1])
  }
}
