@testable import Kernels
import Glibc
import Tensors
import Testing

@Suite struct BinaryTests {
  // By hand.
  @Test(
    arguments: [
      (.add, [5, 1, 9]), (.subtract, [-1, 5, 1]), (.multiply, [6, -6, 20]),
      (.divide, [2 / 3, -1.5, 1.25]), (.maximum, [3, 3, 5]), (.minimum, [2, -2, 4]),
      (.greater, [0, 1, 1]), (.power, [8, 1 / 9, 625]),
      (.greaterOrEqual, [0, 1, 1]), (.equal, [0, 0, 0]), (.notEqual, [1, 1, 1]),
      (.remainder, [2, -1, 1]), (.floorDivide, [0, -2, 1]),
      (.arctangent2, [0.588002604, 2.15879893, 0.896055385]),
    ] as [(BinaryFunction, [Float])])
  func valuesByHand(function: BinaryFunction, expected: [Float]) throws {
    let kernel = try binaryKernel(function, a: [3], b: [3])
    #expect(relativeError(try run(kernel, [[2, 3, 5], [3, -2, 4]], output: 3), expected) < 1e-7)
  }

  // By hand: equal numbers, and NaN, which every comparison but one denies.
  @Test(
    arguments: [
      (.greater, [0, 0, 0]), (.greaterOrEqual, [1, 0, 0]), (.equal, [1, 0, 0]),
      (.notEqual, [0, 1, 1]),
    ] as [(BinaryFunction, [Float])])
  func comparisonsOfEqualNumbersAndNaN(function: BinaryFunction, expected: [Float]) throws {
    let kernel = try binaryKernel(function, a: [3], b: [3])
    #expect(try run(kernel, [[2, .nan, .nan], [2, .nan, 1]], output: 3) == expected)
  }

  // What Python's divmod gives for whole numbers of each sign.
  @Test func remaindersHaveTheSignOfTheDivisor() throws {
    let (a, b): ([Float], [Float]) = ([7, -7, 7, -7, 6, -6], [3, 3, -3, -3, 3, -3])
    let remainder = try binaryKernel(.remainder, a: [6], b: [6])
    #expect(try run(remainder, [a, b], output: 6) == [1, 2, -2, -1, 0, 0])
    let quotient = try binaryKernel(.floorDivide, a: [6], b: [6])
    #expect(try run(quotient, [a, b], output: 6) == [2, -3, -3, 2, 2, 2])
  }

  @Test(
    arguments: [
      ([2, 3], [2, 3]), ([2, 3], [3]), ([3], [2, 3]), ([2, 3], []), ([2, 1], [1, 3]),
      ([2, 3, 4], [3, 1]), ([4, 1, 5], [1, 3, 1]), ([2, 3, 4, 5], [3, 1, 5]), ([1, 1], [1]),
      ([2, 0], [1, 1]), ([900, 3], [3]), ([3], [5, 700, 3]),
      ([900, 3], [900, 1]), ([5, 1, 3], [5, 301, 1]), ([30_000, 3], [3]),
      ([7, 300, 2], [7, 1, 2]),
      ([300, 1, 301], [1, 2, 301]), ([1], [70_000]),
    ] as [(Shape, Shape)])
  func broadcastsLikeNumPy(a: Shape, b: Shape) throws {
    let (x, y) = (integers(a.elementCount), integers(b.elementCount, seed: 2))
    let output = try broadcastShape(a, b)
    // The rule itself: the last axes are aligned, and an axis of length one has one position.
    let expected = (0..<output.elementCount).map { index -> Float in
      func element(_ shape: Shape) -> Int {
        (0..<shape.rank).reduce(0) { offset, axis in
          let stride = output.strides[output.rank - shape.rank + axis]
          let position = index / stride % output[output.rank - shape.rank + axis]
          return offset + (shape[axis] == 1 ? 0 : position * shape.strides[axis])
        }
      }
      return x[element(a)] - 2 * y[element(b)]
    }
    let kernel = try binaryKernel(.subtract, a: a, b: b)
    #expect(try run(kernel, [x, y.map { 2 * $0 }], output: expected.count) == expected)
  }

  @Test(arguments: [
    BinaryFunction.add, .multiply, .maximum, .minimum, .remainder, .floorDivide, .arctangent2,
  ])
  func nanStays(_ function: BinaryFunction) throws {
    let kernel = try binaryKernel(function, a: [4], b: [4])
    let y = try run(kernel, [[.nan, 1, .nan, 0], [1, .nan, .nan, 1]], output: 4)
    #expect(y.map(\.isNaN) == [true, true, true, false])
  }

  @Test func unfitShapesAreRefused() {
    let sentence = refusal { _ = try binaryKernel(.add, a: [2, 3], b: [2]) }
    #expect(sentence?.contains("(2, 3) and (2,) can't be broadcast") == true)
  }
}
