import Graphs
import Kernels
import Tensors
import TestSupport
import Testing

/// Of each array only what the results depend on is computed; the numbers stay.
@Suite struct ComputeRegionsTests {
  struct Case: CustomTestStringConvertible {
    let name: String
    let input: Shape
    /// The part that is asked for: start and length along each axis.
    let wanted: [(Int, Int)]
    let build: @Sendable (inout Graph, Value) throws -> Value
    var testDescription: String { name }
  }

  private static func convolution(
    _ graph: inout Graph, _ x: Value, window: [Int] = [3, 3], strides: [Int] = [1, 1],
    dilations: [Int] = [1, 1], padding: Padding = .same, groups: Int = 1, filters: Int = 2
  ) throws -> Value {
    let axes = graph.shape(x).axes
    let geometry = WindowGeometry.keras(
      window: window, strides: strides, dilations: dilations, padding: padding,
      spatial: Array(axes[1..<axes.count - 1]))
    let weights = try integers(Shape(window + [axes[axes.count - 1] / groups, filters]), seed: 2)
    return try graph.convolution(
      x, weights: graph.constant(weights), geometry: geometry, groups: groups)
  }

  private static func pooling(
    _ graph: inout Graph, _ x: Value, _ function: PoolingFunction, window: [Int],
    strides: [Int], padding: Padding
  ) throws -> Value {
    let axes = graph.shape(x).axes
    let geometry = WindowGeometry.keras(
      window: window, strides: strides, dilations: [1, 1], padding: padding,
      spatial: Array(axes[1..<axes.count - 1]))
    return try graph.pooling(x, geometry: geometry, function: function)
  }

  static let cases = [
    Case(
      name: "convolution in the middle", input: [2, 9, 8, 2],
      wanted: [(0, 2), (4, 1), (3, 2), (0, 2)]
    ) { try convolution(&$0, $1) },
    Case(
      name: "convolution in a corner", input: [3, 9, 8, 2],
      wanted: [(1, 1), (0, 1), (7, 1), (1, 1)]
    ) { try convolution(&$0, $1) },
    Case(
      name: "strided", input: [1, 13, 12, 2], wanted: [(0, 1), (2, 2), (5, 1), (0, 2)]
    ) { try convolution(&$0, $1, strides: [2, 2]) },
    Case(
      name: "dilated, groups", input: [1, 15, 12, 4], wanted: [(0, 1), (6, 1), (0, 2), (0, 4)]
    ) { try convolution(&$0, $1, dilations: [2, 3], groups: 4, filters: 4) },
    Case(
      name: "one axis, valid", input: [2, 20, 3], wanted: [(0, 2), (7, 2), (0, 2)]
    ) { try convolution(&$0, $1, window: [4], strides: [1], dilations: [1], padding: .valid) },
    Case(
      name: "windows in the padding alone", input: [1, 4, 4, 1],
      wanted: [(0, 1), (0, 1), (0, 1), (0, 2)]
    ) {
      try $0.convolution(
        $1, weights: $0.constant(integers([1, 1, 1, 2])),
        geometry: WindowGeometry(
          window: [1, 1], strides: [1, 1], dilations: [1, 1], padLow: [2, 2], padHigh: [0, 0]))
    },
    Case(
      name: "two convolutions and poolings", input: [2, 21, 20, 2],
      wanted: [(0, 2), (2, 1), (1, 1), (0, 2)]
    ) {
      let first = try convolution(&$0, $1)
      let pooled = try pooling(
        &$0, first, .maximum, window: [2, 2], strides: [2, 2], padding: .valid)
      let second = try convolution(&$0, $0.unary(.relu(negativeSlope: 0), pooled))
      return try pooling(
        &$0, second, .averageExcludingPadding, window: [3, 3], strides: [2, 2], padding: .same)
    },
    Case(
      name: "average with padding, at the edge", input: [1, 8, 8, 2],
      wanted: [(0, 1), (0, 1), (6, 2), (1, 1)]
    ) {
      try pooling(
        &$0, $1, .averageIncludingPadding, window: [3, 3], strides: [1, 1], padding: .same)
    },
    Case(
      name: "residual block behind padding", input: [2, 10, 9, 2],
      wanted: [(0, 2), (5, 1), (0, 1), (0, 2)]
    ) {
      let padded = try $0.pad($1, low: [0, 1, 2, 0], high: [0, 1, 0, 0], value: 0)
      let convolved = try convolution(&$0, padded)
      return try $0.add($0.multiply(convolved, $0.constant(integers([2]))), padded)
    },
    Case(
      name: "samples behind a product and a softmax", input: [4, 2, 3],
      wanted: [(1, 2), (0, 3)]
    ) {
      let flat = try $0.reshape($1, to: [4, 6])
      let product = try $0.matrixProduct(flat, $0.constant(integers([6, 3])))
      return try $0.softmax($0.linear(product, scale: 0.01))
    },
    Case(
      name: "rearranged", input: [2, 6, 5, 3], wanted: [(1, 1), (4, 2), (0, 3)]
    ) {
      let turned = try $0.transpose($0.flip($1, axes: [1]), [0, 2, 1, 3])
      let joined = try $0.concatenate([turned, $0.linear(turned, scale: 2)], axis: 1)
      return try $0.reduce(.sum, joined, axes: [2])
    },
    Case(
      name: "chosen and repeated", input: [2, 7, 1], wanted: [(0, 1), (2, 2), (1, 2)]
    ) {
      let wide = try $0.broadcast($1, to: [2, 7, 4])
      let mask = try $0.binary(.greater, $1, $0.constant(0))
      return try $0.select(mask, wide, $0.unary(.square, wide))
    },
  ]

  private func parts(
    of test: Case, isReduced: Bool
  ) throws -> (value: Tensor, gradient: Tensor, plan: Plan) {
    let x = try integers(test.input, seed: 4)
    var graph = Graph()
    var input = graph.input(x.type)
    var value = try test.build(&graph, input)
    for (axis, (start, length)) in test.wanted.enumerated() {
      value = try graph.slice(value, axis: axis, start: start, length: length)
    }
    if isReduced {
      let reduced = try graph.computingRegions(for: [value, input])
      graph = reduced.graph
      (value, input) = (reduced.values[0], reduced.values[1])
    }
    let weights = graph.constant(try integers(graph.shape(value), seed: 9))
    let gradient = try #require(
      graph.gradient(of: value, withRespectTo: [input], cotangent: weights)[0])
    let plan = try Plan(graph, outputs: [value, gradient], pool: ConstantPool(weights: []))
    let results = try plan.run([x])
    return (results[0], results[1], plan)
  }

  // Whole numbers, so that sums are exact in any order.
  @Test(arguments: cases)
  func valuesAndGradientsStay(_ test: Case) throws {
    let (whole, reduced) = (
      try parts(of: test, isReduced: false), try parts(of: test, isReduced: true)
    )
    #expect(reduced.value.shape == whole.value.shape)
    #expect(relativeError(reduced.value.elements, whole.value.elements) < 1e-6)
    #expect(reduced.gradient.shape == Shape(test.input.axes))
    #expect(relativeError(reduced.gradient.elements, whole.gradient.elements) < 1e-6)
  }

  // By hand: one unit behind two convolutions of 3x3 sees 5x5 pixels.
  @Test func oneUnitSeesItsReceptiveField() throws {
    var graph = Graph()
    let input = graph.input(TensorType([1, 64, 64, 2]))
    let last = try Self.convolution(&graph, Self.convolution(&graph, input))
    var unit = last
    for axis in 1...2 { unit = try graph.slice(unit, axis: axis, start: 30, length: 1) }
    let reduced = try graph.computingRegions(for: [unit, input])
    let plan = try Plan(
      reduced.graph, outputs: [reduced.values[0]], pool: ConstantPool(weights: []))
    #expect(plan.operationNames.first?.contains("lengths: [1, 5, 5, 2]") == true)
    #expect(plan.sessionByteCount < 1 << 14)
  }

  // By hand: a sample whose result lies behind the first layer goes no further.
  @Test func samplesStopAtTheirLayer() throws {
    var graph = Graph()
    let input = graph.input(TensorType([4, 6]))
    let first = try graph.matrixProduct(input, graph.constant(integers([6, 5])))
    let second = try graph.matrixProduct(first, graph.constant(integers([5, 3], seed: 3)))
    let results = [
      try graph.slice(first, axis: 0, start: 0, length: 3),
      try graph.slice(second, axis: 0, start: 3, length: 1),
    ]
    let reduced = try graph.computingRegions(for: results)
    let shapes = reduced.graph.nodes.compactMap { $0.operation == nil ? nil : $0.type.shape }
    #expect(shapes.contains([1, 3]) && !shapes.contains([4, 3]))
    let x = try integers([4, 6], seed: 8)
    let (whole, parts) = (
      try Plan(graph, outputs: results, pool: ConstantPool(weights: [])).run([x]),
      try Plan(reduced.graph, outputs: reduced.values, pool: ConstantPool(weights: [])).run([x])
    )
    #expect(whole.map(\.elements) == parts.map(\.elements))
  }

  // What is wanted whole stays as it is, and inputs that nobody reads keep their places.
  @Test func wholeResultsChangeNothing() throws {
    var graph = Graph()
    _ = graph.input(TensorType([3]))
    let input = graph.input(TensorType([1, 8, 8, 2]))
    let result = try Self.convolution(&graph, input)
    let reduced = try graph.computingRegions(for: [result])
    #expect(reduced.values == [result])
    #expect(reduced.graph.nodes.count == graph.nodes.count)
    let part = try graph.slice(result, axis: 1, start: 0, length: 1)
    let smaller = try graph.computingRegions(for: [part])
    let plan = try Plan(smaller.graph, outputs: smaller.values, pool: ConstantPool(weights: []))
    #expect(plan.inputTypes.map(\.shape) == [[3], [1, 8, 8, 2]])
  }
}
