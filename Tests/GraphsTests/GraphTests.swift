import Graphs
import Tensors
import TestSupport
import Testing

@Suite struct GraphTests {
  @Test func theSameOperationIsOneNode() throws {
    var graph = Graph()
    let (x, y) = (graph.input(TensorType([2, 3])), graph.input(TensorType([2, 3])))
    let sum = try graph.add(x, y)
    #expect(try graph.add(x, y) == sum)
    #expect(
      try graph.unary(.relu(negativeSlope: 0), sum) == graph.unary(.relu(negativeSlope: 0), sum))
    #expect(graph.nodes.count == 4)
  }

  @Test func otherInputsSettingsOrKindsAreOtherNodes() throws {
    var graph = Graph()
    let (x, y) = (graph.input(TensorType([2, 3])), graph.input(TensorType([2, 3])))
    let values = [
      try graph.add(x, y), try graph.add(y, x), try graph.subtract(x, y),
      try graph.unary(.relu(negativeSlope: 0), x), try graph.unary(.relu(negativeSlope: 0.5), x),
      try graph.reduce(.sum, x, axes: [0]), try graph.reduce(.sum, x, axes: [1]),
      try graph.reshape(x, to: [3, 2]), try graph.transpose(x, [1, 0]), try graph.constant(1),
      try graph.constant(1),
    ]
    #expect(Set(values).count == values.count)
  }

  @Test func whatChangesNothingAddsNothing() throws {
    var graph = Graph()
    let x = graph.input(TensorType([2, 3]))
    #expect(try graph.reshape(x, to: [2, 3]) == x)
    #expect(try graph.transpose(x, [0, 1]) == x)
    #expect(try graph.broadcast(x, to: [2, 3]) == x)
    #expect(try graph.slice(x, axis: 1, start: 0, length: 3) == x)
    #expect(try graph.slice(x, starts: [0, 0], lengths: [2, 3], steps: [1, 1]) == x)
    #expect(try graph.flip(x, axes: []) == x)
    #expect(try graph.pad(x, low: [0, 0], high: [0, 0]) == x)
    #expect(try graph.concatenate([x], axis: -1) == x)
    #expect(try graph.linear(x, scale: 1) == x)
    #expect(try graph.reduce(.mean, x, axes: []) == x)
  }

  @Test func aRefusedOperationLeavesTheGraphAsItWas() throws {
    var graph = Graph()
    let (x, y) = (graph.input(TensorType([2, 3])), graph.input(TensorType([4])))
    #expect(throws: PhospheneError.self) { try graph.add(x, y) }
    #expect(graph.nodes.count == 2)
    let sum = try graph.add(x, x)
    #expect(graph.shape(sum) == [2, 3])
  }

  @Test func graphsAreValues() throws {
    var graph = Graph()
    let x = graph.input(TensorType([2]))
    var copy = graph
    let square = try copy.unary(.square, x)
    #expect(graph.nodes.count == 1)
    #expect(copy[square].inputs == [x])
  }

  @Test func viewsAndTranspositionsAreMerged() throws {
    var graph = Graph()
    let x = graph.input(TensorType([2, 3, 4]))
    let moved = try graph.transpose(x, [2, 0, 1])
    #expect(try graph.transpose(moved, [1, 2, 0]) == x)
    #expect(try graph.transpose(moved, [2, 1, 0]) == graph.transpose(x, [1, 0, 2]))
    let flat = try graph.reshape(x, to: [24])
    #expect(try graph.reshape(flat, to: [2, 3, 4]) == x)
    #expect(try graph.reshape(flat, to: [6, 4]) == graph.reshape(x, to: [6, 4]))
    // A place of its own isn't merged with anything.
    let place = try graph.cut(flat, name: "flat")
    let behind = try graph.reshape(place, to: [2, 3, 4])
    #expect(graph[behind].inputs == [place])
    #expect(
      refusal { _ = try graph.transpose(moved, [0, 1, 3]) }
        == "a transposition names each axis of shape (4, 2, 3) once, received [0, 1, 3]")
    #expect(
      refusal { _ = try graph.reshape(flat, to: [5]) }
        == "an array of shape (24,) can't be reshaped to (5,)")
  }
}
