@testable import Kernels
import Tensors
import Testing

@Suite struct ConvolutionTests {
  struct Case: CustomTestStringConvertible {
    var spatial: [Int], window: [Int], channels: Int, filters: Int
    var groups = 1, stride = 1, dilation = 1, padding = Padding.valid

    var testDescription: String {
      "\(spatial) window \(window) \(channels)->\(filters) groups \(groups) stride \(stride)"
        + " dilation \(dilation) \(padding)"
    }
    var geometry: WindowGeometry {
      let ones = window.map { _ in 1 }
      return .keras(
        window: window, strides: ones.map { $0 * stride }, dilations: ones.map { $0 * dilation },
        padding: padding, spatial: spatial)
    }
    var input: Shape { Shape([2] + spatial + [channels]) }
    var weights: Shape { Shape(window + [channels / groups, filters]) }
  }

  static let cases = [
    Case(spatial: [7, 6], window: [3, 3], channels: 3, filters: 16),
    Case(spatial: [7, 6], window: [3, 2], channels: 3, filters: 5, padding: .same),
    Case(spatial: [9, 8], window: [3, 3], channels: 16, filters: 32, stride: 2, padding: .same),
    Case(spatial: [9, 9], window: [3, 3], channels: 4, filters: 4, dilation: 2, padding: .same),
    Case(spatial: [8, 8], window: [1, 1], channels: 16, filters: 8, stride: 2),
    Case(spatial: [8, 7], window: [3, 3], channels: 16, filters: 16, groups: 16, padding: .same),
    Case(spatial: [8, 7], window: [3, 3], channels: 5, filters: 10, groups: 5, stride: 2),
    Case(spatial: [6, 6], window: [3, 3], channels: 8, filters: 12, groups: 4, padding: .same),
    Case(spatial: [11], window: [4], channels: 3, filters: 7, stride: 3, padding: .same),
    Case(spatial: [11], window: [3], channels: 2, filters: 3, dilation: 3),
    Case(spatial: [5, 4, 6], window: [2, 3, 3], channels: 3, filters: 4, padding: .same),
    Case(spatial: [1, 1], window: [3, 3], channels: 2, filters: 3, padding: .same),
  ]

  // By hand: windows of [1, 2, 3, 4] times [1, 10], plus 0.5.
  @Test func valuesByHand() throws {
    let geometry = WindowGeometry.keras(
      window: [2], strides: [1], dilations: [1], padding: .valid, spatial: [4])
    let kernel = try convolutionKernel(
      input: [1, 4, 1], weights: [2, 1, 1], geometry: geometry, groups: 1, hasBias: true,
      activation: nil, constantWeights: false)
    #expect(try run(kernel, [[1, 2, 3, 4], [1, 10], [0.5]], output: 3) == [21.5, 32.5, 43.5])
  }

  // By hand: with "same" and stride 2 on four pixels TensorFlow pads one pixel, at the end.
  @Test func evenInputsArePaddedAtTheEnd() throws {
    let geometry = WindowGeometry.keras(
      window: [3], strides: [2], dilations: [1], padding: .same, spatial: [4])
    let kernel = try convolutionKernel(
      input: [1, 4, 1], weights: [3, 1, 1], geometry: geometry, groups: 1, hasBias: false,
      activation: nil, constantWeights: true)
    #expect(try run(kernel, [[1, 2, 3, 4], [1, 10, 100]], output: 2) == [321, 43])
  }

  // Keras' weights are (window, channels, filters): filter 1 reads channel 0 only.
  @Test func weightsAreChannelsThenFilters() throws {
    let kernel = try convolutionKernel(
      input: [1, 1, 2], weights: [1, 2, 2], geometry: .pointwise, groups: 1, hasBias: false,
      activation: nil, constantWeights: true)
    #expect(try run(kernel, [[3, 5], [1, 7, 2, 0]], output: 2) == [13, 21])
  }

  // Filter `f` of a depthwise convolution with multiplier 2 reads channel `f / 2`.
  @Test func depthwiseFiltersFollowTheirChannel() throws {
    let kernel = try convolutionKernel(
      input: [1, 1, 2], weights: [1, 1, 4], geometry: .pointwise, groups: 2, hasBias: false,
      activation: nil, constantWeights: true)
    #expect(try run(kernel, [[3, 5], [1, 2, 10, 20]], output: 4) == [3, 6, 50, 100])
  }

  @Test(arguments: cases, [false, true])
  func matchesThePlainLoops(_ test: Case, isConstant: Bool) throws {
    let problem = try Convolution(test.input, test.weights, test.geometry, test.groups)
    let count = problem.outputShape.elementCount
    let inputs = [
      integers(test.input.elementCount), integers(test.weights.elementCount, seed: 2),
      integers(test.filters, seed: 3),
    ]
    let fast = try convolutionKernel(
      input: test.input, weights: test.weights, geometry: test.geometry, groups: test.groups,
      hasBias: true, activation: .relu(negativeSlope: 0), constantWeights: isConstant)
    let plain = Reference.convolution(
      problem, epilogue: Epilogue(hasBias: true, activation: .relu(negativeSlope: 0)))
    let expected = try run(plain, inputs, output: count)
    #expect(try run(fast, inputs, output: count) == expected)
    // A kernel prepared for two threads divides its work for two wherever it runs.
    let single = try Threads.with(1) { () throws(PhospheneError) in
      try convolutionKernel(
        input: test.input, weights: test.weights, geometry: test.geometry, groups: test.groups,
        hasBias: true, activation: .relu(negativeSlope: 0), constantWeights: isConstant)
    }
    #expect(try run(single, inputs, output: count, threads: 1) == expected)
  }

  // With constant weights, those of a residual network's shapes among them, Winograd's and oneDNN's.
  @Test(
    arguments: cases + [
      Case(spatial: [16, 16], window: [3, 3], channels: 32, filters: 32, padding: .same),
      Case(spatial: [9, 9], window: [1, 1], channels: 16, filters: 64),
      Case(spatial: [12], window: [3], channels: 8, filters: 8, groups: 8),
    ], [nil, .relu(negativeSlope: 0), .tanh, .softsign] as [UnaryFunction?])
  func anArrayIsAddedBeforeTheActivation(_ test: Case, activation: UnaryFunction?) throws {
    let problem = try Convolution(test.input, test.weights, test.geometry, test.groups)
    let count = problem.outputShape.elementCount
    for hasBias in [false, true] {
      let inputs =
        [spread(test.input.elementCount), spread(test.weights.elementCount, seed: 2)]
        + (hasBias ? [spread(test.filters, seed: 3)] : []) + [spread(count, seed: 4)]
      let fast = try convolutionKernel(
        input: test.input, weights: test.weights, geometry: test.geometry, groups: test.groups,
        hasBias: hasBias, hasAddend: true, activation: activation, constantWeights: true)
      let plain = Reference.convolution(
        problem, epilogue: Epilogue(hasBias: hasBias, hasAddend: true, activation: activation))
      let expected = try run(plain, inputs, output: count)
      let received = try run(fast, inputs, output: count)
      // Activations that saturate make what rounding does to large sums no smaller near zero.
      let sums = try run(
        Reference.convolution(problem, epilogue: Epilogue(hasBias: hasBias, hasAddend: true)),
        inputs, output: count)
      let largest = sums.reduce(0) { max($0, abs($1)) }
      #expect(zip(received, expected).allSatisfy { abs($0 - $1) <= 3e-5 * largest })
    }
  }

  @Test(arguments: cases, [false, true])
  func inputGradientIsTheAdjoint(_ test: Case, isConstant: Bool) throws {
    let problem = try Convolution(test.input, test.weights, test.geometry, test.groups)
    let count = problem.outputShape.elementCount
    let (x, w) = (
      integers(test.input.elementCount), integers(test.weights.elementCount, seed: 2)
    )
    let cotangent = integers(count, seed: 3)
    let forward = try convolutionKernel(
      input: test.input, weights: test.weights, geometry: test.geometry, groups: test.groups,
      hasBias: false, activation: nil, constantWeights: isConstant)
    let backward = try convolutionInputGradientKernel(
      input: test.input, weights: test.weights, geometry: test.geometry, groups: test.groups,
      constantWeights: isConstant)
    let gradient = try run(backward, [cotangent, w], output: x.count)
    let plain = try run(
      Reference.convolutionInputGradient(problem), [cotangent, w], output: x.count)
    #expect(gradient == plain)
    #expect(dot(try run(forward, [x, w], output: count), cotangent) == dot(x, gradient))
  }

  @Test(arguments: [
    UnaryFunction.relu(negativeSlope: 0.25), .clip(low: 0, high: 6), .sigmoid, .tanh, .softplus,
    .elu(alpha: 1), .linear(scale: 2, offset: 1), .exponential, .step, .sign, .square, .power(2),
  ])
  func activationsFollow(_ activation: UnaryFunction) throws {
    let (x, w) = (spread(2 * 5 * 4), spread(4 * 6, seed: 2))
    func result(_ activation: UnaryFunction?) throws -> [Float] {
      let kernel = try convolutionKernel(
        input: [2, 5, 4], weights: [1, 4, 6], geometry: .pointwise, groups: 1, hasBias: false,
        activation: activation, constantWeights: true)
      return try run(kernel, [x, w], output: 60)
    }
    // oneDNN's exponentials are exact to a few units in the last place.
    #expect(relativeError(try result(activation), try result(nil).map { activation($0) }) < 2e-6)
  }

  @Test func emptyBatchesAreAllowed() throws {
    let kernel = try convolutionKernel(
      input: [0, 5, 4], weights: [1, 4, 6], geometry: .pointwise, groups: 1, hasBias: false,
      activation: nil, constantWeights: true)
    #expect(try run(kernel, [[], [Float](repeating: 1, count: 24)], output: 0).isEmpty)
  }

  @Test(
    arguments: [
      ([1, 4, 4, 3], [3, 3, 4, 8], 1), ([1, 4, 4, 3], [3, 3, 3], 1),
      ([1, 4, 4, 4], [3, 3, 2, 3], 2), ([1, 4, 4, 4], [2, 3, 4, 3], 1),
      ([1, 4, 4, 4], [3, 3, 4, 3], 0),
    ] as [(Shape, Shape, Int)])
  func unfitShapesAreRefused(input: Shape, weights: Shape, groups: Int) {
    let geometry = WindowGeometry.keras(
      window: [3, 3], strides: [1, 1], dilations: [1, 1], padding: .valid, spatial: [4, 4])
    let sentence = refusal {
      _ = try convolutionKernel(
        input: input, weights: weights, geometry: geometry, groups: groups, hasBias: false,
        activation: nil, constantWeights: true)
    }
    #expect(sentence?.contains("\(weights)") == true, "\(sentence ?? "accepted")")
  }
}

extension WindowGeometry {
  /// One-pixel windows along one axis.
  static let pointwise = WindowGeometry(
    window: [1], strides: [1], dilations: [1], padLow: [0], padHigh: [0])
}
