@testable import Graphs
import Tensors
import TestSupport
import Testing

/// A product whose result a rectifier's gradient partly discards computes only the rest; the numbers
/// stay.
@Suite struct SkipDiscardedTests {
  struct Case: CustomTestStringConvertible {
    let name: String
    let input: Shape
    /// How many products are masked.
    let masked: Int
    let build: @Sendable (inout Graph, Value) throws -> Value
    var testDescription: String { name }
  }

  static let relu = UnaryFunction.relu(negativeSlope: 0)

  static func dense(_ graph: inout Graph, _ x: Value, _ units: Int, seed: Int) throws -> Value {
    let shape = Shape([graph.shape(x).axes.last ?? 0, units])
    return try graph.matrixProduct(x, graph.constant(integers(shape, seed: seed)))
  }

  static func pooled(_ graph: inout Graph, _ x: Value, stride: Int) throws -> Value {
    let shape = graph.shape(x)
    let geometry = WindowGeometry.keras(
      window: [2, 2], strides: [stride, stride], dilations: [1, 1], padding: .valid,
      spatial: Array(shape.axes[1...2]))
    return try graph.pooling(x, geometry: geometry, function: .maximum)
  }

  static func flat(_ graph: inout Graph, _ x: Value) throws -> Value {
    let shape = graph.shape(x)
    return try graph.reshape(x, to: [shape[0], shape.elementCount / shape[0]])
  }

  static let cases = [
    Case(name: "two layers", input: [1, 5], masked: 1) {
      try dense(&$0, $0.unary(relu, dense(&$0, $1, 7, seed: 2)), 3, seed: 3)
    },
    Case(name: "two layers of a batch", input: [3, 5], masked: 1) {
      try dense(&$0, $0.unary(relu, dense(&$0, $1, 7, seed: 2)), 3, seed: 3)
    },
    Case(name: "two layers with bounds", input: [3, 5], masked: 1) {
      let first = try $0.unary(.clip(low: 0, high: 6), dense(&$0, $1, 7, seed: 2))
      return try dense(&$0, first, 3, seed: 3)
    },
    Case(name: "pooling between", input: [2, 4, 4, 3], masked: 1) {
      let pool = try pooled(&$0, $0.unary(relu, $1), stride: 2)
      return try dense(&$0, flat(&$0, pool), 3, seed: 3)
    },
    Case(name: "overlapping windows", input: [2, 4, 4, 3], masked: 1) {
      let pool = try pooled(&$0, $0.unary(relu, $1), stride: 1)
      return try dense(&$0, flat(&$0, pool), 3, seed: 3)
    },
    Case(name: "pooling before the rectifier", input: [2, 4, 4, 3], masked: 1) {
      let result = try $0.unary(relu, pooled(&$0, $1, stride: 2))
      return try dense(&$0, flat(&$0, result), 3, seed: 3)
    },
    Case(name: "no rectifier", input: [2, 4, 4, 3], masked: 0) {
      try dense(&$0, flat(&$0, pooled(&$0, $1, stride: 2)), 3, seed: 3)
    },
    Case(name: "a slope", input: [2, 5], masked: 0) {
      let first = try $0.unary(.relu(negativeSlope: 0.5), dense(&$0, $1, 7, seed: 2))
      return try dense(&$0, first, 3, seed: 3)
    },
    Case(name: "two readers", input: [2, 5], masked: 0) {
      let result = try $0.unary(relu, dense(&$0, $1, 7, seed: 2))
      return try $0.add(dense(&$0, result, 7, seed: 3), result)
    },
  ]

  @Test(arguments: cases, [GradientRule.plain, .guided])
  func gradientsStay(_ test: Case, rule: GradientRule) throws {
    let x = try integers(test.input, seed: 4)
    func gradients(isOpen: Bool) throws -> (Plan, [Tensor]) {
      var graph = Graph()
      let input = graph.input(x.type)
      let target = try test.build(&graph, input)
      // A constant cotangent would be multiplied with the weights once and for all.
      let weights = try integers(graph.shape(target), seed: 6)
      let cotangent = graph.input(weights.type)
      let gradient = try #require(
        graph.gradient(
          of: target, withRespectTo: [input], cotangent: cotangent, rule: rule)[0])
      guard isOpen else {
        let plan = try Plan(graph, outputs: [gradient], pool: ConstantPool(weights: []))
        return (plan, try plan.run([x, weights]))
      }
      // Somebody reads every value, so that no product has one reader only.
      let values = graph.nodes.indices.compactMap { index in
        graph.nodes[index].operation == nil ? nil : index
      }.map { Value(index: $0) }
      let plan = try Plan(graph, outputs: [gradient] + values, pool: ConstantPool(weights: []))
      return (plan, [try plan.run([x, weights])[0]])
    }
    let (plan, results) = try gradients(isOpen: false)
    let (open, expected) = try gradients(isOpen: true)
    #expect(plan.operationNames.filter { $0.contains("isMasked: true") }.count == test.masked)
    #expect(!open.operationNames.contains { $0.contains("isMasked: true") })
    #expect(results[0].elements == expected[0].elements)
  }

  // A deconvolution's cotangents pass where nothing was positive.
  @Test func deconvolutionNeedsAllOfIt() throws {
    let plan = try plan(on: [integers([2, 5]), integers([2, 3])]) { graph, values in
      let target = try Self.cases[0].build(&graph, values[0])
      return try graph.gradient(
        of: target, withRespectTo: [values[0]], cotangent: values[1], rule: .deconvolution
      ).compactMap(\.self)
    }
    #expect(!plan.operationNames.contains { $0.contains("isMasked: true") })
  }
}
