@testable import Kernels
import Tensors
import Testing

@Suite struct PoolingTests {
  struct Case: CustomTestStringConvertible {
    var spatial: [Int], window: [Int], stride: Int, channels = 3, dilation = 1
    var padding = Padding.valid

    var testDescription: String {
      "\(spatial) window \(window) stride \(stride) dilation \(dilation) \(padding) of \(channels)"
    }
    var geometry: WindowGeometry {
      .keras(
        window: window, strides: window.map { _ in stride },
        dilations: window.map { _ in dilation }, padding: padding, spatial: spatial)
    }
    var input: Shape { Shape([2] + spatial + [channels]) }
    func outputCount() throws -> Int {
      try geometry.outputLengths(spatial).reduce(2 * channels, *)
    }
  }

  static let cases = [
    Case(spatial: [6, 6], window: [2, 2], stride: 2, channels: 16),
    Case(spatial: [7, 5], window: [3, 3], stride: 2, channels: 19, padding: .same),
    Case(spatial: [7, 5], window: [3, 2], stride: 1, padding: .same),
    Case(spatial: [7, 7], window: [2, 2], stride: 3, channels: 33),
    Case(spatial: [9, 9], window: [2, 3], stride: 1, dilation: 2),
    Case(spatial: [9], window: [4], stride: 2, padding: .same),
    Case(spatial: [4, 5, 3], window: [2, 2, 2], stride: 2, padding: .same),
    Case(spatial: [40, 40], window: [3, 3], stride: 2, channels: 64, padding: .same),
  ]
  static let functions: [PoolingFunction] = [
    .maximum, .averageIncludingPadding, .averageExcludingPadding,
  ]

  // By hand, window 2 stride 2 on five pixels with one pixel of padding at the end.
  @Test(arguments: zip(functions, [[2, 9, -1], [1.5, 6, -0.5], [1.5, 6, -1]] as [[Float]]))
  func valuesByHand(function: PoolingFunction, expected: [Float]) throws {
    let geometry = WindowGeometry.keras(
      window: [2], strides: [2], dilations: [1], padding: .same, spatial: [5])
    let kernel = try poolingKernel(input: [1, 5, 1], geometry: geometry, function: function)
    #expect(try run(kernel, [[1, 2, 3, 9, -1]], output: 3) == expected)
  }

  @Test(arguments: cases, functions)
  func matchesThePlainLoops(_ test: Case, function: PoolingFunction) throws {
    let x = integers(test.input.elementCount)
    let count = try test.outputCount()
    let fast = try poolingKernel(input: test.input, geometry: test.geometry, function: function)
    let plain = try Reference.pooling(
      input: test.input, geometry: test.geometry, function: function)
    let result = try run(fast, [x], output: count)
    // Averages of integers: the fast loop divides the sum, the plain one its terms.
    #expect(relativeError(result, try run(plain, [x], output: count)) <= 4e-7)
    #expect(try run(fast, [x], output: count, threads: 1) == result)
  }

  @Test(arguments: cases, [PoolingFunction.averageIncludingPadding, .averageExcludingPadding])
  func averageGradientIsTheAdjoint(_ test: Case, function: PoolingFunction) throws {
    let count = try test.outputCount()
    let (x, cotangent) = (integers(test.input.elementCount), integers(count, seed: 2))
    let backward = try averagePoolingInputGradientKernel(
      input: test.input, geometry: test.geometry, function: function)
    let plain = try Reference.poolingInputGradient(
      input: test.input, geometry: test.geometry, function: function)
    let gradient = try run(backward, [cotangent], output: x.count)
    #expect(relativeError(gradient, try run(plain, [cotangent], output: x.count)) <= 4e-7)
    let forward = try poolingKernel(input: test.input, geometry: test.geometry, function: function)
    let (left, right) = (
      dot(try run(forward, [x], output: count), cotangent), dot(x, gradient)
    )
    #expect(abs(left - right) <= 1e-6 * Double(x.count))
  }

  // Integers from a small range, so that many elements of a window tie.
  @Test(arguments: cases) func maximumGradientMatchesThePlainLoops(_ test: Case) throws {
    let count = try test.outputCount()
    var x = integers(test.input.elementCount)
    x[x.count / 2] = .nan
    let cotangent = integers(count, seed: 2)
    let forward = try poolingKernel(input: test.input, geometry: test.geometry, function: .maximum)
    let y = try run(forward, [x], output: count)
    let backward = try maximumPoolingInputGradientKernel(
      input: test.input, geometry: test.geometry)
    let plain = try Reference.poolingInputGradient(
      input: test.input, geometry: test.geometry, function: .maximum)
    let expected = try run(plain, [cotangent, x, y], output: x.count)
    #expect(try run(backward, [cotangent, x, y], output: x.count) == expected)
    #expect(try run(backward, [cotangent, x, y], output: x.count, threads: 1) == expected)
  }

  // By hand: windows [3, 3] [3, 1] [1, 4]; the first of equals takes all, shared pixels add up.
  @Test func firstOfEqualElementsTakesTheCotangent() throws {
    let geometry = WindowGeometry.keras(
      window: [2], strides: [1], dilations: [1], padding: .valid, spatial: [4])
    let kernel = try maximumPoolingInputGradientKernel(input: [1, 4, 1], geometry: geometry)
    let gradient = try run(
      kernel, [[1, 10, 100], [3, 3, 1, 4], [3, 3, 4]], output: 4)
    #expect(gradient == [1, 10, 0, 100])
  }

  @Test(arguments: functions) func nanStays(_ function: PoolingFunction) throws {
    let geometry = WindowGeometry.keras(
      window: [2], strides: [2], dilations: [1], padding: .valid, spatial: [6])
    let kernel = try poolingKernel(input: [1, 6, 1], geometry: geometry, function: function)
    let y = try run(kernel, [[.nan, 1, 1, .nan, 2, 2]], output: 3)
    #expect(y[0].isNaN && y[1].isNaN && y[2] == 2)
  }

  @Test func windowsLargerThanTheImageAreRefused() {
    let geometry = WindowGeometry.keras(
      window: [3], strides: [1], dilations: [1], padding: .valid, spatial: [2])
    let sentence = refusal {
      _ = try poolingKernel(input: [1, 2, 1], geometry: geometry, function: .maximum)
    }
    #expect(sentence?.contains("too small along axis 0 for window [3]") == true)
  }
}
