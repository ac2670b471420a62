import Graphs
import Tensors
import TestSupport
import Testing

/// Padding in front of a convolution disappears into its geometry, forward and backward.
@Suite struct FoldPaddingTests {
  static func padded(
    _ graph: inout Graph, _ x: Value, low: [Int] = [0, 1, 0, 0], high: [Int] = [0, 2, 1, 0],
    value: Float = 0
  ) throws -> Value {
    let pad = try graph.pad(x, low: low, high: high, value: value)
    let weights = graph.constant(try integers([3, 3, 2, 4], seed: 2))
    let geometry = WindowGeometry.keras(
      window: [3, 3], strides: [2, 2], dilations: [1, 1], padding: .valid,
      spatial: Array(graph.shape(pad).axes[1...2]))
    return try graph.convolution(pad, weights: weights, geometry: geometry)
  }

  private func names(_ plan: Plan) -> [String] {
    plan.operationNames.map { String($0.prefix { $0 != "(" }) }
  }

  @Test func zerosAreFolded() throws {
    let x = try integers([2, 6, 5, 2])
    let folded = try plan(on: [x]) { [try Self.padded(&$0, $1[0])] }
    #expect(names(folded) == ["Convolution"])
    let apart = try plan(on: [x], fusesActivations: false) { [try Self.padded(&$0, $1[0])] }
    #expect(names(apart) == ["Pad", "Convolution"])
    #expect(try folded.run([x])[0].elements == apart.run([x])[0].elements)
  }

  @Test func theGradientsMarginIsFolded() throws {
    let x = try integers([2, 6, 5, 2])
    func gradient(_ graph: inout Graph, _ x: Value) throws -> [Value] {
      let sum = try graph.unary(.square, Self.padded(&graph, x))
      return try graph.gradient(of: sum, withRespectTo: [x]).compactMap { $0 }
    }
    let folded = try plan(on: [x]) { try gradient(&$0, $1[0]) }
    #expect(!names(folded).contains("Slice") && !names(folded).contains("Pad"))
    let apart = try plan(on: [x], fusesActivations: false) { try gradient(&$0, $1[0]) }
    #expect(names(apart).contains("Slice") && names(apart).contains("Pad"))
    #expect(try folded.run([x])[0].elements == apart.run([x])[0].elements)
  }

  @Test func otherPaddingStays() throws {
    let x = try integers([2, 6, 5, 2])
    let ones = try plan(on: [x]) { [try Self.padded(&$0, $1[0], value: 1)] }
    #expect(names(ones) == ["Pad", "Convolution"])
    let whole = try plan(on: [x]) { [try Self.padded(&$0, $1[0], low: [0, 3, 0, 0])] }
    #expect(names(whole) == ["Pad", "Convolution"])
    let batch = try plan(on: [x]) { [try Self.padded(&$0, $1[0], low: [1, 0, 0, 0])] }
    #expect(names(batch) == ["Pad", "Convolution"])
  }

  // Who reads the padded image gets it, and the convolution does without.
  @Test func aReaderOfThePaddedImageKeepsIt() throws {
    let x = try integers([2, 6, 5, 2])
    let both = try plan(on: [x]) {
      let pad = try $0.pad($1[0], low: [0, 1, 1, 0], high: [0, 1, 1, 0])
      let weights = $0.constant(try integers([3, 3, 2, 4], seed: 2))
      let geometry = WindowGeometry.keras(
        window: [3, 3], strides: [1, 1], dilations: [1, 1], padding: .valid, spatial: [8, 7])
      return [pad, try $0.convolution(pad, weights: weights, geometry: geometry)]
    }
    #expect(names(both).sorted() == ["Convolution", "Pad"])
  }
}
