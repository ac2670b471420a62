import Graphs
import Tensors
import TestSupport
import Testing

@Suite struct ConvolutionTests {
  struct Case: CustomTestStringConvertible {
    let spatial: [Int], window: [Int], channels: Int, filters: Int
    var strides = [1, 1], dilations = [1, 1], groups = 1, padding = Padding.valid

    var testDescription: String {
      "\(spatial) window \(window) \(channels)->\(filters) strides \(strides)"
        + " dilations \(dilations) groups \(groups) \(padding)"
    }
    var geometry: WindowGeometry {
      .keras(
        window: window, strides: strides, dilations: dilations, padding: padding, spatial: spatial)
    }
    var inputs: [Tensor] {
      get throws {
        [
          try integers(Shape([2] + spatial + [channels])),
          try integers(Shape(window + [channels / groups, filters]), seed: 2),
        ]
      }
    }
    func build(_ graph: inout Graph, _ values: [Value]) throws -> Value {
      try graph.convolution(values[0], weights: values[1], geometry: geometry, groups: groups)
    }
  }

  static let cases = [
    Case(spatial: [4, 5], window: [3, 3], channels: 2, filters: 3),
    Case(spatial: [4, 5], window: [2, 3], channels: 2, filters: 2, padding: .same),
    Case(spatial: [5, 6], window: [3, 2], channels: 1, filters: 2, strides: [2, 3]),
    Case(
      spatial: [5, 6], window: [3, 3], channels: 2, filters: 2, strides: [2, 2], padding: .same),
    Case(spatial: [6, 7], window: [2, 3], channels: 2, filters: 1, dilations: [2, 3]),
    Case(
      spatial: [4, 4], window: [3, 3], channels: 2, filters: 2, dilations: [2, 2], padding: .same),
    Case(spatial: [4, 4], window: [2, 2], channels: 4, filters: 6, groups: 2),
    Case(spatial: [4, 4], window: [2, 2], channels: 3, filters: 6, groups: 3, padding: .same),
  ]

  // By hand: windows of [1, 2, 3, 4] times [1, 10].
  @Test func valuesByHand() throws {
    let test = Case(spatial: [1, 4], window: [1, 2], channels: 1, filters: 1)
    let (x, w) = (try Tensor([1, 1, 4, 1], [1, 2, 3, 4]), try Tensor([1, 2, 1, 1], [1, 10]))
    let result = try compute([x, w]) { [try test.build(&$0, $1)] }[0]
    #expect(result.elements == [21, 32, 43])
    let back = try gradient(at: [x, w], weights: Tensor([1, 1, 3, 1], [1, 2, 3])) {
      try test.build(&$0, $1)
    }
    #expect(back[0].elements == [1, 12, 23, 30])
  }

  @Test(arguments: cases) func gradientIsTheAdjoint(_ test: Case) throws {
    let sides = try adjointSides(at: test.inputs) { try test.build(&$0, $1) }
    #expect(sides.0 == sides.1)
  }

  // A convolution is linear in its weights too, and so is its adjoint.
  @Test(arguments: cases) func gradientOfTheWeightsIsTheAdjoint(_ test: Case) throws {
    let sides = try adjointSides(at: test.inputs.reversed()) {
      try test.build(&$0, $1.reversed())
    }
    #expect(sides.0 == sides.1)
    guard test.groups == 1 else { return }
    let image = try test.inputs[0].shape
    let windows = try compute(test.inputs) { [try test.build(&$0, $1)] }[0].shape
    let back = try adjointSides(at: [test.inputs[1], integers(windows, seed: 3)]) {
      try $0.transposedConvolution(
        $1[1], weights: $1[0], geometry: test.geometry, image: image)
    }
    #expect(back.0 == back.1)
  }

  @Test(arguments: cases) func gradients(_ test: Case) throws {
    let inputs = try test.inputs
    let error = try gradientError(at: [inputs[0]], step: 1) { graph, values in
      let weights = graph.constant(inputs[1])
      return try test.build(&graph, [values[0], weights])
    }
    #expect(error == 0)
  }

  // The second derivative of a sum of squares, whose first is a convolution of a convolution.
  @Test(arguments: cases) func gradientsOfGradients(_ test: Case) throws {
    let inputs = try test.inputs
    let error = try gradientError(at: [inputs[0]], step: 1) { graph, values in
      let weights = graph.constant(inputs[1])
      let result = try test.build(&graph, [values[0], weights])
      let square = try graph.multiply(result, result)
      let gradient = try graph.gradient(of: square, withRespectTo: values)[0]
      return try #require(gradient)
    }
    #expect(error == 0)
  }

  @Test(
    arguments: [
      ([4, 4, 3], [3, 3, 3, 2], 1, "needs an input of rank 4, received shape (4, 4, 3)"),
      ([1, 4, 4, 3], [3, 3, 4, 2], 1, "weights (3, 3, 4, 2) in 1 groups can't be applied to 3"),
      ([1, 4, 4, 4], [3, 3, 2, 3], 2, "weights (3, 3, 2, 3) in 2 groups can't be applied to 4"),
      ([1, 4, 4, 4], [3, 3, 4, 3], 0, "in 0 groups"),
      ([1, 2, 4, 4], [3, 3, 4, 3], 1, "an image of [2, 4] is too small along axis 0"),
    ] as [(Shape, Shape, Int, String)])
  func unfitShapesAreRefused(input: Shape, weights: Shape, groups: Int, sentence: String) {
    var graph = Graph()
    let (x, w) = (graph.input(TensorType(input)), graph.input(TensorType(weights)))
    let geometry = WindowGeometry.keras(
      window: [3, 3], strides: [1, 1], dilations: [1, 1], padding: .valid, spatial: [4, 4])
    let received = refusal {
      _ = try graph.convolution(x, weights: w, geometry: geometry, groups: groups)
    }
    #expect(received?.contains(sentence) == true, "\(received ?? "accepted")")
  }
}
