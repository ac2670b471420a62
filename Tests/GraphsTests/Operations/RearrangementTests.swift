import Graphs
import Tensors
import TestSupport
import Testing

/// What only moves elements is linear in them: with integers, its gradient is exactly its adjoint,
/// and central differences of step 1 are exact.
@Suite struct RearrangementTests {
  struct Case: CustomTestStringConvertible {
    let name: String
    let inputs: [Shape]
    /// The result, by hand, for inputs that count from 0 on through all arrays.
    let shape: Shape, expected: [Float]
    let build: @Sendable (inout Graph, [Value]) throws -> Value
    var testDescription: String { name }
  }

  static let cases = [
    Case(name: "reshape", inputs: [[2, 3]], shape: [3, 2], expected: [0, 1, 2, 3, 4, 5]) {
      try $0.reshape($1[0], to: [3, 2])
    },
    Case(name: "transpose", inputs: [[2, 3]], shape: [3, 2], expected: [0, 3, 1, 4, 2, 5]) {
      try $0.transpose($1[0], [1, 0])
    },
    Case(
      name: "transpose of three", inputs: [[2, 1, 3]], shape: [3, 2, 1],
      expected: [0, 3, 1, 4, 2, 5]
    ) { try $0.transpose($1[0], [2, 0, 1]) },
    Case(
      name: "broadcast", inputs: [[2, 1]], shape: [2, 2, 2], expected: [0, 0, 1, 1, 0, 0, 1, 1]
    ) { try $0.broadcast($1[0], to: [2, 2, 2]) },
    Case(name: "broadcast of one", inputs: [[]], shape: [1, 3], expected: [0, 0, 0]) {
      try $0.broadcast($1[0], to: [1, 3])
    },
    Case(name: "slice", inputs: [[2, 4]], shape: [2, 2], expected: [1, 2, 5, 6]) {
      try $0.slice($1[0], axis: 1, start: 1, length: 2)
    },
    Case(
      name: "slice with steps", inputs: [[3, 5]], shape: [2, 2], expected: [11, 13, 1, 3]
    ) { try $0.slice($1[0], starts: [2, 1], lengths: [2, 2], steps: [-2, 2]) },
    Case(name: "flip", inputs: [[2, 3]], shape: [2, 3], expected: [2, 1, 0, 5, 4, 3]) {
      try $0.flip($1[0], axes: [-1])
    },
    Case(
      name: "flip of several axes", inputs: [[2, 2, 2]], shape: [2, 2, 2],
      expected: [5, 4, 7, 6, 1, 0, 3, 2]
    ) { try $0.flip($1[0], axes: [0, 2]) },
    Case(
      name: "pad", inputs: [[2, 1]], shape: [3, 3], expected: [0, 0, 0, 0, 0, 0, 0, 1, 0]
    ) { try $0.pad($1[0], low: [1, 1], high: [0, 1]) },
    Case(
      name: "concatenate", inputs: [[2, 1], [2, 2]], shape: [2, 3], expected: [0, 2, 3, 1, 4, 5]
    ) { try $0.concatenate($1, axis: -1) },
    Case(
      name: "concatenate one twice", inputs: [[1, 2]], shape: [2, 2], expected: [0, 1, 0, 1]
    ) { try $0.concatenate([$1[0], $1[0]], axis: 0) },
  ]

  @Test(arguments: cases) func values(_ test: Case) throws {
    var inputs: [Tensor] = []
    var next: Float = 0
    for shape in test.inputs {
      inputs.append(
        try Tensor(shape) { elements in
          for index in elements.indices {
            elements[index] = next
            next += 1
          }
        })
    }
    let result = try compute(inputs) { [try test.build(&$0, $1)] }[0]
    #expect(result.shape == test.shape)
    #expect(result.elements == test.expected)
  }

  @Test(arguments: cases) func gradients(_ test: Case) throws {
    let inputs = try test.inputs.map { try integers($0) }
    #expect(try gradientError(at: inputs, step: 1, build: test.build) == 0)
  }

  // The gradient of a gradient is the operation again: slices and broadcasts have adjoints that
  // have adjoints.
  @Test(arguments: cases) func gradientsOfGradients(_ test: Case) throws {
    let inputs = try test.inputs.map { try integers($0) }
    let error = try gradientError(at: inputs, step: 1) { graph, values in
      let result = try test.build(&graph, values)
      let target = try graph.multiply(result, result)
      let gradients = try graph.gradient(of: target, withRespectTo: values)
      return try graph.concatenate(
        gradients.compactMap(\.self).map {
          try graph.reshape($0, to: [graph.shape($0).elementCount])
        }, axis: 0)
    }
    #expect(error == 0)
  }

  @Test func paddingValueHasNoGradient() throws {
    let x = try Tensor([1], [2])
    let padded = try compute([x]) { [try $0.pad($1[0], low: [1], high: [2], value: 9)] }
    #expect(padded[0].elements == [9, 2, 9, 9])
    #expect(
      try gradient(at: [x]) { try $0.pad($1[0], low: [1], high: [2], value: 9) }[0].elements == [1])
  }

  @Test func unfitShapesAreRefused() throws {
    var graph = Graph()
    let (x, y) = (graph.input(TensorType([2, 3])), graph.input(TensorType([3, 3])))
    let z = graph.input(TensorType([2]))
    #expect(
      refusal { _ = try graph.reshape(x, to: [4]) }
        == "an array of shape (2, 3) can't be reshaped to (4,)")
    #expect(
      refusal { _ = try graph.broadcast(x, to: [2, 6]) }
        == "shapes (2, 3) and (2, 6) can't be broadcast against each other")
    #expect(
      refusal { _ = try graph.broadcast(x, to: [3]) }
        == "shape (2, 3) can't be broadcast to (3,)")
    for (start, length) in [(-1, 1), (0, 0), (2, 2), (3, 1)] {
      #expect(
        refusal { _ = try graph.slice(x, axis: 1, start: start, length: length) }
          == "\(length) elements from \(start) on don't exist along axis 1 of shape (2, 3)")
    }
    #expect(
      refusal { _ = try graph.concatenate([x, y], axis: 1) }
        == "can't concatenate (2, 3) and (3, 3) along axis 1")
    #expect(
      refusal { _ = try graph.concatenate([x, z], axis: 0) } == "can't concatenate (2, 3) and (2,)")
    #expect(
      refusal { _ = try graph.concatenate([x, y], axis: 2) }
        == "concatenate: axis 2 isn't an axis of shape (2, 3)")
    #expect(
      refusal { _ = try graph.slice(x, starts: [0, 0], lengths: [2, 3], steps: [1, 0]) }
        == "a slice needs start, length and a step other than zero for each axis of shape (2, 3), "
        + "received [0, 0], [2, 3] and [1, 0]")
    #expect(
      refusal { _ = try graph.slice(x, starts: [0, 1], lengths: [2, 3], steps: [1, -1]) }
        == "3 elements from 1 on don't exist along axis 1 of shape (2, 3)")
    #expect(
      refusal { _ = try graph.flip(x, axes: [2]) } == "flip: axis 2 isn't an axis of shape (2, 3)")
  }
}
