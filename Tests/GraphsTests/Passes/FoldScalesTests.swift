import Graphs
import Tensors
import TestSupport
import Testing

/// A factor of whole channels behind a convolution or a product disappears into their weights,
/// forward and backward; the numbers stay.
@Suite struct FoldScalesTests {
  struct Case: CustomTestStringConvertible {
    let name: String
    let input: Shape
    /// What is left of the operations after folding and fusing.
    let left: [String]
    let build: @Sendable (inout Graph, Value) throws -> Value
    var testDescription: String { name }
  }

  static func constant(_ graph: inout Graph, _ shape: Shape, seed: Int = 3) throws -> Value {
    graph.constant(try integers(shape, seed: seed))
  }

  static func convolution(_ graph: inout Graph, _ x: Value) throws -> Value {
    let geometry = WindowGeometry.keras(
      window: [3, 3], strides: [1, 1], dilations: [1, 1], padding: .same, spatial: [4, 5])
    return try graph.convolution(
      x, weights: constant(&graph, [3, 3, 2, 3], seed: 2), geometry: geometry)
  }

  /// A factor and a summand for each channel, as BatchNormalization has.
  static func normalized(_ graph: inout Graph, _ x: Value) throws -> Value {
    let channels = Shape([graph.shape(x).axes.last ?? 0])
    return try graph.add(
      graph.multiply(x, constant(&graph, channels, seed: 7)), constant(&graph, channels, seed: 8))
  }

  static let cases = [
    Case(name: "convolution", input: [2, 4, 5, 2], left: ["Convolution"]) {
      try normalized(&$0, convolution(&$0, $1))
    },
    Case(name: "convolution with a bias", input: [2, 4, 5, 2], left: ["Convolution"]) {
      try normalized(&$0, $0.add(convolution(&$0, $1), constant(&$0, [3])))
    },
    Case(name: "convolution, twice normalized", input: [2, 4, 5, 2], left: ["Convolution"]) {
      try normalized(&$0, normalized(&$0, convolution(&$0, $1)))
    },
    Case(name: "activation behind", input: [2, 4, 5, 2], left: ["Convolution"]) {
      try $0.unary(.relu(negativeSlope: 0), normalized(&$0, convolution(&$0, $1)))
    },
    Case(name: "product with a bias", input: [3, 4], left: ["MatrixProduct"]) {
      let product = try $0.matrixProduct($1, constant(&$0, [4, 5], seed: 2))
      return try normalized(&$0, $0.add(product, constant(&$0, [5])))
    },
    Case(
      name: "activation between", input: [2, 4, 5, 2], left: ["Convolution", "ScaleAndShift"]
    ) { try normalized(&$0, $0.unary(.relu(negativeSlope: 0), convolution(&$0, $1))) },
    Case(
      name: "two readers", input: [2, 4, 5, 2],
      left: ["Convolution", "ScaleAndShift", "Binary"]
    ) {
      let result = try convolution(&$0, $1)
      return try $0.add(normalized(&$0, result), result)
    },
    Case(
      name: "two readers before the bias", input: [2, 4, 5, 2],
      left: ["Convolution", "Binary", "ScaleAndShift", "Binary"]
    ) {
      let result = try convolution(&$0, $1)
      return try $0.multiply(
        normalized(&$0, $0.add(result, constant(&$0, [3], seed: 4))), result)
    },
  ]

  /// The same without anything to fold: weights come as inputs, so that nothing is constant.
  private func unfolded(_ test: Case, _ x: Tensor) throws -> (value: Tensor, gradient: Tensor) {
    var graph = Graph()
    let input = graph.input(x.type)
    let result = try test.build(&graph, input)
    let gradient = try #require(graph.gradient(of: result, withRespectTo: [input])[0])
    var open = Graph()
    var map: [Value] = []
    var arguments: [Tensor] = []
    for node in graph.nodes {
      switch node.source {
      case .input:
        map.append(open.input(node.type))
        arguments.append(x)
      case .constant(let tensor):
        map.append(open.input(node.type))
        arguments.append(tensor)
      case .operation(let operation, let inputs):
        map.append(try open.apply(operation, to: inputs.map { map[$0.index] }))
      }
    }
    let plan = try Plan(
      open, outputs: [map[result.index], map[gradient.index]], pool: ConstantPool(weights: []))
    let results = try plan.run(arguments)
    return (results[0], results[1])
  }

  @Test(arguments: cases) func valuesStayAndNodesGo(_ test: Case) throws {
    let x = try integers(test.input)
    let plan = try plan(on: [x]) { [try test.build(&$0, $1[0])] }
    #expect(plan.operationNames.map { $0.prefix { $0 != "(" } } == test.left.map { $0[...] })
    #expect(try plan.run([x])[0].elements == unfolded(test, x).value.elements)
  }

  @Test(arguments: cases) func gradientsStay(_ test: Case) throws {
    let x = try integers(test.input)
    let folded = try gradient(at: [x]) { try test.build(&$0, $1[0]) }[0]
    #expect(try folded.elements == unfolded(test, x).gradient.elements)
  }

  // Backward the factor meets the same weights: one operation is left of two.
  @Test func gradientLosesItsFactor() throws {
    let plan = try plan(on: [integers([2, 4, 5, 2]), integers([2, 4, 5, 3])]) { graph, values in
      let target = try Self.normalized(&graph, Self.convolution(&graph, values[0]))
      return try graph.gradient(of: target, withRespectTo: [values[0]], cotangent: values[1])
        .compactMap(\.self)
    }
    #expect(plan.operationNames.count == 1, "\(plan.operationNames)")
    #expect(plan.operationNames[0].hasPrefix("ConvolutionInputGradient"))
  }

  // A factor of the first matrix's last axis isn't one of the product's sums if that matrix is
  // transposed: (x * factor)ᵀ × Bᵀ by hand, with x = [[1, 2], [3, 4]] and B = [[1, 10], [100, 1000]].
  @Test func factorsOfTransposedMatricesStay() throws {
    let result = try compute([Tensor([2, 2], [1, 2, 3, 4])]) { graph, values in
      let scaled = try graph.multiply(values[0], graph.constant(Tensor([2], [5, 7])))
      let matrix = graph.constant(try Tensor([2, 2], [1, 10, 100, 1000]))
      return [try graph.matrixProduct(scaled, matrix, transposeA: true, transposeB: true)]
    }
    #expect(result[0].elements == [155, 15500, 294, 29400].map { Float($0) })
  }

  @Test func whatIsConstantIsComputedOnce() throws {
    let plan = try plan(on: [Tensor([2], [1, 2])]) { graph, values in
      let three = try graph.linear(graph.constant(Tensor([2], [1, 2])), scale: 3)
      let root = try graph.unary(.squareRoot, graph.linear(three, scale: 3))
      return [try graph.add(values[0], graph.reshape(root, to: [1, 2]))]
    }
    #expect(plan.operationNames.count == 1, "\(plan.operationNames)")
    let sums = try plan.run([Tensor([2], [1, 2])])[0].elements
    #expect(relativeError(sums, [4, 2 + (18 as Float).squareRoot()]) <= Tolerance.rounding)
  }
}
