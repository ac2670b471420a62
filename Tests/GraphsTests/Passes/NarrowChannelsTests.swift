import Graphs
import Tensors
import TestSupport
import Testing

/// Channels that nobody reads aren't computed, forward and backward; the numbers stay.
@Suite struct NarrowChannelsTests {
  struct Case: CustomTestStringConvertible {
    let name: String
    let input: Shape
    /// The convolutions and products that a plan for value and gradient has.
    let products: Int
    /// Whether the plan needs less memory than that of all channels.
    var isSmaller = true
    let build: @Sendable (inout Graph, Value) throws -> Value
    var testDescription: String { name }
  }

  static let relu = UnaryFunction.relu(negativeSlope: 0)

  static func convolved(
    _ graph: inout Graph, _ x: Value, _ filters: Int, seed: Int = 2
  ) throws -> Value {
    let shape = graph.shape(x)
    let geometry = WindowGeometry.keras(
      window: [3, 3], strides: [1, 1], dilations: [1, 1], padding: .same,
      spatial: Array(shape.axes[1...2]))
    let weights = try integers([3, 3, shape[3], filters], seed: seed)
    let result = try graph.convolution(x, weights: graph.constant(weights), geometry: geometry)
    let biased = try graph.add(result, graph.constant(integers([filters], seed: seed + 1)))
    return try graph.unary(relu, biased)
  }

  static func dense(_ graph: inout Graph, _ x: Value, _ units: Int, seed: Int) throws -> Value {
    let shape = Shape([graph.shape(x).axes.last ?? 0, units])
    let product = try graph.matrixProduct(x, graph.constant(integers(shape, seed: seed)))
    return try graph.add(product, graph.constant(integers([units], seed: seed + 1)))
  }

  static func channel(_ graph: inout Graph, _ x: Value, _ index: Int) throws -> Value {
    try graph.slice(x, axis: graph.shape(x).rank - 1, start: index, length: 1)
  }

  static func pooled(_ graph: inout Graph, _ x: Value) throws -> Value {
    let geometry = WindowGeometry.keras(
      window: [2, 2], strides: [2, 2], dilations: [1, 1], padding: .valid,
      spatial: Array(graph.shape(x).axes[1...2]))
    return try graph.pooling(x, geometry: geometry, function: .maximum)
  }

  static let cases = [
    Case(name: "a class", input: [2, 5], products: 3) {
      let hidden = try $0.unary(relu, dense(&$0, $1, 7, seed: 2))
      return try channel(&$0, dense(&$0, hidden, 100, seed: 3), 37)
    },
    Case(name: "a channel", input: [2, 4, 6, 3], products: 2) {
      try channel(&$0, convolved(&$0, $1, 70), 69)
    },
    Case(name: "a channel with a factor behind a pooling", input: [2, 4, 6, 3], products: 2) {
      let scaled = try $0.multiply(
        pooled(&$0, convolved(&$0, $1, 64)), $0.constant(integers([64], seed: 7)))
      return try channel(&$0, scaled, 5)
    },
    Case(name: "a position of a channel", input: [2, 4, 6, 3], products: 2) {
      let result = try convolved(&$0, $1, 64)
      let position = try $0.slice(
        result, starts: [0, 1, 2, 0], lengths: [2, 1, 1, 64], steps: [1, 1, 1, 1])
      return try channel(&$0, position, 33)
    },
    Case(name: "one of two branches", input: [2, 4, 6, 3], products: 2) {
      let branches = try $0.concatenate(
        [convolved(&$0, $1, 64), convolved(&$0, $1, 64, seed: 5)], axis: 3)
      return try channel(&$0, branches, 70)
    },
    Case(name: "one of two branches before another layer", input: [2, 4, 6, 3], products: 4) {
      let branches = try $0.concatenate(
        [convolved(&$0, $1, 32), convolved(&$0, $1, 32, seed: 5)], axis: 3)
      return try channel(&$0, convolved(&$0, channel(&$0, branches, 35), 64), 1)
    },
    Case(name: "a class for each sample", input: [2, 5], products: 1) {
      var mask = [Float](repeating: 0, count: 200)
      (mask[40], mask[145]) = (1, 1)
      let logits = try dense(&$0, $1, 100, seed: 3)
      let chosen = try $0.multiply(logits, $0.constant(Tensor([2, 100], mask)))
      return try $0.reduce(.sum, chosen, axes: [1])
    },
    Case(name: "two channels far apart", input: [2, 4, 6, 3], products: 2, isSmaller: false) {
      let result = try convolved(&$0, $1, 64)
      return try $0.add(channel(&$0, result, 2), channel(&$0, result, 60))
    },
    Case(name: "a channel and all of them", input: [2, 4, 6, 3], products: 2, isSmaller: false) {
      let result = try convolved(&$0, $1, 64)
      return try $0.add(channel(&$0, result, 2), result)
    },
  ]

  @Test(arguments: cases) func numbersStay(_ test: Case) throws {
    let x = try integers(test.input, seed: 4)
    func results(fusesActivations: Bool) throws -> (Plan, [[Float]]) {
      let plan = try plan(on: [x], fusesActivations: fusesActivations) { graph, values in
        let target = try test.build(&graph, values[0])
        let gradient = try graph.gradient(of: target, withRespectTo: values)[0]
        return [target, try #require(gradient)]
      }
      return (plan, try plan.run([x]).map(\.elements))
    }
    let (narrow, numbers) = try results(fusesActivations: true)
    let (all, expected) = try results(fusesActivations: false)
    #expect(numbers == expected)
    let names = ["Convolution(", "ConvolutionInputGradient(", "MatrixProduct("]
    let products = narrow.operationNames.filter { name in names.contains { name.hasPrefix($0) } }
    #expect(products.count == test.products, "\(products)")
    if test.isSmaller { #expect(2 * narrow.sessionByteCount < all.sessionByteCount) }
  }

  // What a caller reads is whole, and zero where nothing arrives.
  @Test func gradientsOfOtherBranchesAreZero() throws {
    let x = try integers([1, 4, 4, 32])
    let results = try compute([x, x]) { graph, values in
      let branches = try graph.concatenate(
        [Self.convolved(&graph, values[0], 64), Self.convolved(&graph, values[1], 64)], axis: 3)
      return try graph.gradient(
        of: Self.channel(&graph, branches, 3), withRespectTo: values
      ).compactMap(\.self)
    }
    #expect(results[0].elements.contains { $0 != 0 })
    #expect(results[1].elements.allSatisfy { $0 == 0 })
  }

  // The weights that are left are computed once for all plans of a model.
  @Test func weightsAreKept() throws {
    let weights = try integers([5, 100])
    let pool = ConstantPool(weights: [weights])
    for _ in 0..<2 {
      var graph = Graph()
      let x = graph.input(TensorType([2, 5]))
      let product = try graph.matrixProduct(x, graph.constant(weights))
      let target = try graph.slice(product, axis: 1, start: 20, length: 3)
      _ = try Plan(graph, outputs: [target], pool: pool)
      #expect(pool.byteCount == 5 * 16 * 4)
    }
  }
}
