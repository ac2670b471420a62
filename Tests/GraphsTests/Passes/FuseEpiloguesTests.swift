import Graphs
import Tensors
import TestSupport
import Testing

@Suite struct FuseEpiloguesTests {
  private static let relu = UnaryFunction.relu(negativeSlope: 0)

  private func names(_ build: (inout Graph, Value) throws -> [Value]) throws -> [String] {
    try plan(on: [integers([2, 3])]) { try build(&$0, $1[0]) }
      .operationNames.map { String($0.prefix { $0 != "(" }) }
  }

  private func product(_ graph: inout Graph, _ x: Value) throws -> Value {
    try graph.matrixProduct(x, graph.constant(integers([3, 4], seed: 2)))
  }

  private func biased(_ graph: inout Graph, _ x: Value) throws -> Value {
    try graph.add(graph.constant(integers([4], seed: 3)), product(&graph, x))
  }

  @Test func biasAndActivationAreFused() throws {
    #expect(try names { [try $0.unary(Self.relu, biased(&$0, $1))] } == ["MatrixProduct"])
    for function in [.sigmoid, .silu, .gelu, .geluTanh, .mish, .hardSigmoid, .hardSwish]
      as [UnaryFunction]
    {
      #expect(try names { [try $0.unary(function, product(&$0, $1))] } == ["MatrixProduct"])
    }
  }

  // A second reader wants the value before the activation, be it an operation or a caller.
  @Test func whatOthersReadStays() throws {
    let caller = try names {
      let before = try biased(&$0, $1)
      return [try $0.unary(Self.relu, before), before]
    }
    #expect(caller == ["MatrixProduct", "Unary"])
    let operation = try names {
      let before = try biased(&$0, $1)
      return [try $0.multiply($0.unary(Self.relu, before), before)]
    }
    #expect(operation == ["MatrixProduct", "Unary", "Binary"])
    let twice = try names {
      let before = try biased(&$0, $1)
      return [try $0.unary(Self.relu, before), try $0.unary(.tanh, before)]
    }
    #expect(twice == ["MatrixProduct", "Unary", "Unary"])
  }

  // Two calls of one layer stay two, each with its own epilogue.
  @Test func sharedWeightsAreNoSharedValues() throws {
    let result = try names { graph, x in
      let first = try graph.unary(Self.relu, biased(&graph, x))
      let moved = try graph.linear(x, scale: 2)
      let second = try graph.unary(Self.relu, biased(&graph, moved))
      return [first, second]
    }
    #expect(result == ["MatrixProduct", "Unary", "MatrixProduct"])
  }

  @Test func onlyOneActivationIsFused() throws {
    #expect(
      try names { [try $0.unary(.tanh, $0.unary(Self.relu, product(&$0, $1)))] }
        == ["MatrixProduct", "Unary"])
    #expect(
      try names { [try $0.add($0.unary(Self.relu, product(&$0, $1)), $0.constant(integers([4])))] }
        == ["MatrixProduct", "Binary"])
  }

  // A sum with another array is no bias.
  @Test func onlyChannelsAreBiases() throws {
    #expect(
      try names { [try $0.add(product(&$0, $1), $0.constant(integers([2, 4])))] }
        == ["MatrixProduct", "Binary"])
    #expect(
      try names { [try $0.add(product(&$0, $1), $0.constant(integers([2, 1])))] }
        == ["MatrixProduct", "Binary"])
  }

  // The end of a residual block: convolution, bias, sum and activation are one operation, whichever
  // side of the sum the convolution is on; a sum that somebody else reads stays.
  @Test func residualSumsAreFused() throws {
    let shape = Shape([1, 5, 4, 3])
    func block(_ graph: inout Graph, _ x: Value, flipped: Bool) throws -> Value {
      let weights = graph.constant(try integers([3, 3, 3, 3], seed: 2))
      let geometry = WindowGeometry.keras(
        window: [3, 3], strides: [1, 1], dilations: [1, 1], padding: .same, spatial: [5, 4])
      let branch = try graph.add(
        graph.convolution(x, weights: weights, geometry: geometry),
        graph.constant(integers([3], seed: 3)))
      return try flipped ? graph.add(branch, x) : graph.add(x, branch)
    }
    for flipped in [false, true] {
      let fused = try plan(on: [integers(shape)]) {
        [try $0.unary(Self.relu, block(&$0, $1[0], flipped: flipped))]
      }
      #expect(fused.operationNames.map { $0.prefix { $0 != "(" } } == ["Convolution"])
      let apart = try plan(on: [integers(shape)]) {
        let sum = try block(&$0, $1[0], flipped: flipped)
        return [try $0.unary(Self.relu, sum), sum]
      }
      #expect(apart.operationNames.map { $0.prefix { $0 != "(" } } == ["Convolution", "Unary"])
      #expect(
        try fused.run([integers(shape)])[0].elements
          == apart.run([integers(shape)])[0].elements)
    }
  }

  // Backward through a residual block: what a convolution sends back gets the other branch's
  // cotangent added and the derivative of the activation before it multiplied.
  @Test func cotangentsAreSummedAndGatedByTheConvolution() throws {
    let x = try spread([1, 5, 4, 3])
    func gradient(_ graph: inout Graph, _ x: Value) throws -> [Value] {
      let geometry = WindowGeometry.keras(
        window: [3, 3], strides: [1, 1], dilations: [1, 1], padding: .same, spatial: [5, 4])
      let weights = graph.constant(try integers([3, 3, 3, 3], seed: 2))
      let start = try graph.unary(
        Self.relu, graph.convolution(x, weights: weights, geometry: geometry))
      let branch = try graph.convolution(start, weights: weights, geometry: geometry)
      let end = try graph.unary(.square, graph.add(branch, start))
      return try graph.gradient(of: end, withRespectTo: [x]).compactMap { $0 }
    }
    let fused = try plan(on: [x]) { try gradient(&$0, $1[0]) }
    // Neither a sum nor the rectifier's derivative is left; that of the square is.
    #expect(!fused.operationNames.contains { $0.hasPrefix("Binary") })
    #expect(fused.operationNames.count { $0.hasPrefix("UnaryGradient") } == 1)
    let apart = try plan(on: [x], fusesActivations: false) { try gradient(&$0, $1[0]) }
    #expect(apart.operationNames.contains { $0.hasPrefix("Binary") })
    #expect(
      relativeError(try fused.run([x])[0].elements, try apart.run([x])[0].elements)
        <= Tolerance.rounding)
  }

  // Behind a rectifier and a pooling: the convolution behind both gates what the pooling distributes.
  @Test(arguments: [2, 3])
  func cotangentsAreGatedBeforeThePoolingSpreadsThem(window: Int) throws {
    let x = try spread([2, 8, 6, 3])
    func gradient(_ graph: inout Graph, _ x: Value) throws -> [Value] {
      let geometry = WindowGeometry(
        window: [3, 3], strides: [1, 1], dilations: [1, 1], padLow: [1, 1], padHigh: [1, 1])
      let weights = graph.constant(try integers([3, 3, 3, 3], seed: 2))
      let start = try graph.unary(
        Self.relu, graph.convolution(x, weights: weights, geometry: geometry))
      let pooling = WindowGeometry.keras(
        window: [window, window], strides: [2, 2], dilations: [1, 1], padding: .same,
        spatial: [8, 6])
      let pooled = try graph.pooling(start, geometry: pooling, function: .maximum)
      let end = try graph.unary(
        .square, graph.convolution(pooled, weights: weights, geometry: geometry))
      return try graph.gradient(of: end, withRespectTo: [x]).compactMap { $0 }
    }
    let fused = try plan(on: [x]) { try gradient(&$0, $1[0]) }
    #expect(fused.operationNames.count { $0.hasPrefix("UnaryGradient") } == 1)
    let apart = try plan(on: [x], fusesActivations: false) { try gradient(&$0, $1[0]) }
    #expect(apart.operationNames.count { $0.hasPrefix("UnaryGradient") } == 2)
    #expect(
      relativeError(try fused.run([x])[0].elements, try apart.run([x])[0].elements)
        <= Tolerance.rounding)
  }

  @Test(
    arguments: [
      relu, .relu(negativeSlope: 0.25), .clip(low: 0, high: 6), .sigmoid, .tanh, .elu(alpha: 1),
      .exponential, .square, .softplus, .silu, .gelu, .geluTanh, .mish, .hardSigmoid, .hardSwish,
    ])
  func fusedNumbersAreTheSame(_ function: UnaryFunction) throws {
    let x = try spread([2, 3])
    let fused = try compute([x]) { [try $0.unary(function, biased(&$0, $1[0]))] }[0].elements
    let apart = try compute([x]) {
      let before = try biased(&$0, $1[0])
      return [try $0.unary(function, before), before]
    }[0].elements
    #expect(relativeError(fused, apart) <= Tolerance.rounding)
  }
}
