import Graphs
import Tensors
import TestSupport
import Testing

@Suite struct KnownValuesTests {
  @Test func whatFollowsFromConstantsIsKnown() throws {
    var graph = Graph()
    let lengths = graph.constant(try Tensor([4], [2, 3, 4, 5]))
    let part = try graph.slice(lengths, axis: 0, start: 1, length: 2)
    let product = try graph.reduce(.product, part, axes: [0])
    let sum = try graph.add(product, graph.constant(1))
    #expect(try graph.knownTensor(of: sum)?.elements == [13])
    #expect(try graph.knownTensor(of: part)?.elements == [3, 4])
  }

  @Test func whatDependsOnAnInputIsNot() throws {
    var graph = Graph()
    let input = graph.input(TensorType([2]))
    let sum = try graph.add(input, graph.constant(1))
    let known = try graph.knownTensor(of: sum)
    #expect(known == nil)
  }

  @Test func largeArraysAreNotComputed() throws {
    var graph = Graph()
    let array = graph.constant(try integers([100]))
    let sum = try graph.reduce(.sum, array, axes: [0])
    let (kept, total) = (try graph.knownTensor(of: array), try graph.knownTensor(of: sum))
    #expect(kept == nil && total == nil)
    #expect(try graph.knownTensor(of: array, limit: 100)?.shape == [100])
  }
}
