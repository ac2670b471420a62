@testable import Graphs
import Tensors
import TestSupport
import Testing

@Suite struct ConstantPoolTests {
  private let weights: Tensor
  private let pool: ConstantPool

  init() throws {
    weights = try integers([3, 3, 16, 16])
    pool = ConstantPool(weights: [weights])
  }

  /// A plan whose convolution asks for its weights in an order of its own.
  private func plan(_ weights: Tensor, batch: Int, scale: Float = 1) throws -> Plan {
    var graph = Graph()
    let x = graph.input(TensorType([batch, 8, 8, 16]))
    let geometry = WindowGeometry.keras(
      window: [3, 3], strides: [1, 1], dilations: [1, 1], padding: .same, spatial: [8, 8])
    let kernel = try graph.linear(graph.constant(weights), scale: scale)
    let result = try graph.convolution(x, weights: kernel, geometry: geometry)
    return try Plan(graph, outputs: [result], pool: pool)
  }

  @Test func plansShareTheModelsWeights() throws {
    let first = try plan(weights, batch: 2)
    let bytes = pool.byteCount
    #expect(bytes >= weights.type.byteCount)
    let second = try plan(weights, batch: 2)
    #expect(pool.byteCount == bytes)
    let x = try integers([2, 8, 8, 16], seed: 2)
    #expect(try first.run([x])[0].elements == second.run([x])[0].elements)
  }

  @Test func whatIsComputedFromWeightsIsShared() throws {
    let first = try plan(weights, batch: 2, scale: 3)
    let bytes = pool.byteCount
    #expect(bytes >= 2 * weights.type.byteCount)
    _ = try plan(weights, batch: 2, scale: 3)
    #expect(pool.byteCount == bytes)
    _ = try plan(weights, batch: 2, scale: 4)
    #expect(pool.byteCount == 2 * bytes)
    let x = try integers([2, 8, 8, 16], seed: 2)
    let plain = try plan(weights, batch: 2).run([x])[0].elements
    #expect(try first.run([x])[0].elements == plain.map { 3 * $0 })
  }

  @Test func theModelsWeightsArePackedOnce() throws {
    let own = try integers([3, 3, 16, 16], seed: 4)
    var made: [Int] = []
    for (index, tensor) in [weights, weights, own, own].enumerated() {
      for key in ["first", "second"] {
        _ = try pool.packed(tensor, as: .packed(key: key, byteCount: 64)) {
          () throws(PhospheneError) in
          made.append(index)
          return try Storage(byteCount: 64)
        }
      }
    }
    #expect(made == [0, 0, 2, 2, 3, 3])
  }

  @Test func aPlansOwnConstantsAreNotKept() throws {
    let own = try integers([3, 3, 16, 16], seed: 4)
    _ = try plan(own, batch: 2)
    #expect(pool.byteCount == 0)
  }
}
