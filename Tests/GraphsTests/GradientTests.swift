import Graphs
import Tensors
import TestSupport
import Testing

@Suite struct GradientTests {
  // d(x² y + x) = 2 x y + 1 and x², by hand at x = (1, 2), y = (3, -1).
  @Test func pathsAreSummed() throws {
    let x = try Tensor([2], [1, 2])
    let y = try Tensor([2], [3, -1])
    let gradients = try gradient(at: [x, y]) { graph, v in
      try graph.add(graph.multiply(graph.unary(.square, v[0]), v[1]), v[0])
    }
    #expect(gradients[0].elements == [7, -3])
    #expect(gradients[1].elements == [1, 4])
  }

  // The gradient of y = 3 x with respect to y is one, with respect to x three.
  @Test func sourcesMayDependOnEachOther() throws {
    let results = try compute([Tensor([1], [5])]) { graph, v in
      let y = try graph.linear(v[0], scale: 3)
      let target = try graph.unary(.square, y)
      return try graph.gradient(of: target, withRespectTo: [v[0], y, target]).compactMap(\.self)
    }
    #expect(results.map(\.elements) == [[90], [30], [1]])
  }

  @Test func independentSourcesHaveNone() throws {
    var graph = Graph()
    let (x, y) = (graph.input(TensorType([2])), graph.input(TensorType([2])))
    let square = try graph.unary(.square, x)
    let later = try graph.unary(.square, square)
    let gradients = try graph.gradient(of: square, withRespectTo: [y, later, x])
    #expect(gradients[0] == nil)
    #expect(gradients[1] == nil)
    #expect(gradients[2] != nil)
  }

  // Slices that lie side by side, overlap, leave gaps, and one that runs backward.
  @Test func slicesOfOneValueAreJoined() throws {
    let x = try Tensor([8], (1...8).map(Float.init))
    let gradients = try gradient(at: [x]) { graph, v in
      var sum = try graph.constant(0)
      for (index, (start, length)) in [(5, 2), (1, 2), (3, 1), (2, 3)].enumerated() {
        let part = try graph.slice(v[0], axis: 0, start: start, length: length)
        let squares = try graph.unary(.square, part)
        sum = try graph.add(
          sum, graph.linear(graph.reduce(.sum, squares, axes: [0]), scale: Float(index + 1)))
      }
      let flipped = try graph.flip(v[0], axes: [0])
      let weights = graph.constant(try Tensor([8], [1, 0, 0, 0, 0, 0, 0, 10]))
      let ends = try graph.reduce(.sum, graph.multiply(flipped, weights), axes: [0])
      return try graph.add(sum, ends)
    }
    #expect(gradients[0].elements == [10, 8, 36, 56, 40, 12, 14, 1])
  }

  // The gradient of a sequence is joined once and not added up step by step.
  @Test func stepsOfASequenceCostTheSame() throws {
    func operations(_ steps: Int) throws -> Int {
      try plan(on: [Tensor([steps, 4], repeating: 1)]) { graph, v in
        var state = graph.constant(try Tensor([1, 4], repeating: 0))
        for step in 0..<steps {
          let part = try graph.slice(v[0], axis: 0, start: step, length: 1)
          state = try graph.unary(.tanh, graph.add(state, part))
        }
        return try graph.gradient(of: state, withRespectTo: [v[0]]).compactMap(\.self)
      }.operationNames.count
    }
    #expect(try operations(30) - operations(20) == operations(20) - operations(10))
  }

  // Only nodes between source and target are differentiated: a wide side branch adds nothing.
  @Test func sideBranchesAreLeftAlone() throws {
    var graph = Graph()
    let (x, weights) = (graph.input(TensorType([2, 2])), graph.input(TensorType([2, 2])))
    let exponentials = try graph.unary(.exponential, weights)
    let target = try graph.matrixProduct(x, exponentials)
    let before = graph.nodes.count
    _ = try graph.gradient(of: target, withRespectTo: [x])
    let added = graph.nodes[before...].compactMap(\.operation).map { "\($0)" }
    #expect(added.count == 1)
    #expect(added[0].hasPrefix("MatrixProduct"), "\(added)")
  }

  // The anchor of keras-vis, `tests/vis/backend/test_backend.py`: two rectified units with weights
  // [[-1, 1], [-1, 1]], then their difference.
  @Test(
    arguments: [
      ([1, 0], [1, 1], [1, 1]), ([0, 1], [1, 1], [1, 1]), ([1, 1], [1, 1], [1, 1]),
      ([-1, 0], [1, 1], [0, 0]), ([0, -1], [1, 1], [0, 0]), ([-1, -1], [1, 1], [0, 0]),
      ([0, 0], [0, 0], [0, 0]),
    ] as [([Float], [Float], [Float])])
  func guidedBackpropagationIsThatOfKerasVis(x: [Float], plain: [Float], guided: [Float]) throws {
    for (rule, expected) in [(GradientRule.plain, plain), (.guided, guided)] {
      let result = try gradient(at: [Tensor([1, 2], x)], rule: rule) { graph, v in
        let first = graph.constant(try Tensor([2, 2], [-1, 1, -1, 1]))
        let second = graph.constant(try Tensor([2, 1], [-1, 1]))
        let hidden = try graph.unary(.relu(negativeSlope: 0), graph.matrixProduct(v[0], first))
        return try graph.matrixProduct(hidden, second)
      }
      #expect(result[0].elements == expected, "\(rule)")
    }
  }

  // By hand: the cotangent's sign and the input's sign in all four combinations.
  @Test(
    arguments: [
      (.plain, [2, -3, 0, 0]), (.guided, [2, 0, 0, 0]), (.deconvolution, [2, 0, 2, 0]),
    ] as [(GradientRule, [Float])])
  func rulesOfRectifiers(rule: GradientRule, expected: [Float]) throws {
    let x = try Tensor([4], [1, 1, -1, -1])
    let cotangent = try Tensor([4], [2, -3, 2, -3])
    let rectified = try gradient(at: [x], weights: cotangent, rule: rule) {
      try $0.unary(.relu(negativeSlope: 0), $1[0])
    }
    #expect(rectified[0].elements == expected)
    // Nothing else is touched.
    let leaky = try gradient(at: [x], weights: cotangent, rule: rule) {
      try $0.unary(.relu(negativeSlope: 0.5), $1[0])
    }
    #expect(leaky[0].elements == [2, -3, 1, -1.5])
  }

  // By hand: samples of which something passes, nothing, and nothing at a ceiling.
  @Test func redirectionActsOnBlockedSamples() throws {
    let x = try Tensor([3, 4], [1, -1, -1, 0.5, -1, -2, 0, -3, 2, 3, 2, 5])
    let cotangent = try Tensor([3, 4], [0, 2, -2, 3, 2, -3, 1, 0, 2, -3, 1, 0])
    func rectified(_ function: UnaryFunction) throws -> [Float] {
      try gradient(at: [x], weights: cotangent, rule: .redirected) {
        try $0.unary(function, $1[0])
      }[0].elements
    }
    #expect(
      try rectified(.relu(negativeSlope: 0))
        == [0, 0, 0, 3, 2, 0, 1, 0, 2, -3, 1, 0])
    #expect(
      try rectified(.clip(low: 0, high: 1))
        == [0, 0, 0, 3, 2, 0, 1, 0, 0, -3, 0, 0])
    let both = try rectified(.hardSigmoid)
    #expect(both[8...].elementsEqual([2.0 / 6, 0, 1.0 / 6, 0]))
  }
}
