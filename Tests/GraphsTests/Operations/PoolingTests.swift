import Graphs
import Tensors
import TestSupport
import Testing

@Suite struct PoolingTests {
  struct Case: CustomTestStringConvertible {
    let function: PoolingFunction
    let window: [Int], strides: [Int]
    var padding = Padding.valid
    var testDescription: String { "\(function) \(window) strides \(strides) \(padding)" }

    func build(_ graph: inout Graph, _ values: [Value]) throws -> Value {
      let spatial = Array(graph.shape(values[0]).axes[1...2])
      let geometry = WindowGeometry.keras(
        window: window, strides: strides, dilations: [1, 1], padding: padding, spatial: spatial)
      return try graph.pooling(values[0], geometry: geometry, function: function)
    }
  }

  static let cases: [Case] = [
    PoolingFunction.maximum, .averageIncludingPadding, .averageExcludingPadding,
  ].flatMap { function in
    [
      Case(function: function, window: [2, 2], strides: [2, 2]),
      Case(function: function, window: [3, 2], strides: [1, 2]),
      Case(function: function, window: [2, 3], strides: [2, 1], padding: .same),
      Case(function: function, window: [3, 3], strides: [2, 2], padding: .same),
    ]
  }

  // By hand on the row 1, 5, 2, with "same": windows (1, 5), (5, 2) and (2, nothing).
  @Test(
    arguments: [
      (.maximum, [5, 5, 2], [0, 110, 100]),
      (.averageExcludingPadding, [3, 3.5, 2], [0.5, 5.5, 105]),
      (.averageIncludingPadding, [3, 3.5, 1], [0.5, 5.5, 55]),
    ] as [(PoolingFunction, [Float], [Float])])
  func valuesAndGradientsByHand(function: PoolingFunction, values: [Float], slopes: [Float]) throws
  {
    let test = Case(function: function, window: [1, 2], strides: [1, 1], padding: .same)
    let x = try Tensor([1, 1, 3, 1], [1, 5, 2])
    #expect(try compute([x]) { [try test.build(&$0, $1)] }[0].elements == values)
    let cotangent = try Tensor([1, 1, 3, 1], [1, 10, 100])
    let back = try gradient(at: [x], weights: cotangent) { try test.build(&$0, $1) }[0].elements
    #expect(back == (function == .maximum ? [0, 11, 100] : slopes))
  }

  @Test(arguments: cases) func gradients(_ test: Case) throws {
    // Averages are linear. For maxima the numbers are distinct integers, and the step smaller than
    // half their gap: they don't change places.
    let x = try Tensor([2, 5, 4, 2], (0..<80).map { Float($0 * 37 % 80) })
    let step: Float = test.function == .maximum ? 0.25 : 32
    let error = try gradientError(at: [x], step: step) { try test.build(&$0, $1) }
    #expect(error <= Tolerance.rounding)
  }

  // An average's gradient is linear, and can be differentiated again.
  @Test(arguments: cases.filter { $0.function != .maximum })
  func averageIsDifferentiatedTwice(_ test: Case) throws {
    let error = try gradientError(at: [integers([1, 5, 4, 2])], step: 32) { graph, values in
      let result = try test.build(&graph, values)
      let square = try graph.multiply(result, result)
      return try #require(graph.gradient(of: square, withRespectTo: values)[0])
    }
    #expect(error <= Tolerance.rounding)
  }

  // The first of two largest takes the cotangent.
  @Test func tiesGoToTheFirst() throws {
    let test = Case(function: .maximum, window: [1, 3], strides: [1, 3])
    let back = try gradient(at: [Tensor([1, 1, 3, 1], [4, 7, 7])]) { try test.build(&$0, $1) }
    #expect(back[0].elements == [0, 1, 0])
  }

  @Test func unfitShapesAreRefused() throws {
    var graph = Graph()
    let (x, row) = (graph.input(TensorType([1, 2, 2, 1])), graph.input(TensorType([4, 4, 1])))
    let geometry = WindowGeometry.keras(
      window: [3, 3], strides: [1, 1], dilations: [1, 1], padding: .valid, spatial: [2, 2])
    #expect(
      refusal { _ = try graph.pooling(row, geometry: geometry, function: .maximum) }
        == "pooling over 2 axes needs an input of rank 4, received shape (4, 4, 1)")
    let small = refusal { _ = try graph.pooling(x, geometry: geometry, function: .maximum) }
    #expect(small?.contains("too small along axis 0") == true)
  }
}
