import Graphs
import Tensors
import TestSupport
import Testing

/// A network with channels first, lowered layer by layer between transpositions, computes what its
/// twin with channels last does, and is left with the transpositions of what goes in and out.
@Suite struct MoveTranspositionsTests {
  /// Appends layers for one of two orders of the axes (batch, channels, height, width).
  struct Layers {
    var graph: Graph
    let isFirst: Bool

    private func channelsLast() -> [Int] { [0, 2, 3, 1] }
    private func channelsFirst() -> [Int] { [0, 3, 1, 2] }

    var channelAxis: Int { isFirst ? 1 : 3 }
    var spatialAxes: [Int] { isFirst ? [2, 3] : [1, 2] }

    /// Something that is computed with channels last only.
    mutating func between(
      _ x: Value, _ body: (inout Graph, Value) throws -> Value
    ) throws -> Value {
      let moved = isFirst ? try graph.transpose(x, channelsLast()) : x
      let result = try body(&graph, moved)
      return isFirst ? try graph.transpose(result, channelsFirst()) : result
    }

    mutating func convolution(_ x: Value, filters: Int, seed: Int) throws -> Value {
      try between(x) { graph, x in
        let shape = graph.shape(x)
        let geometry = WindowGeometry.keras(
          window: [3, 3], strides: [1, 1], dilations: [1, 1], padding: .same,
          spatial: [shape[1], shape[2]])
        let weights = graph.constant(try integers([3, 3, shape[3], filters], seed: seed))
        let result = try graph.convolution(x, weights: weights, geometry: geometry)
        return try graph.add(result, graph.constant(integers([filters], seed: seed + 1)))
      }
    }

    mutating func pooling(_ x: Value) throws -> Value {
      try between(x) { graph, x in
        let shape = graph.shape(x)
        let geometry = WindowGeometry.keras(
          window: [2, 2], strides: [2, 2], dilations: [1, 1], padding: .valid,
          spatial: [shape[1], shape[2]])
        return try graph.pooling(x, geometry: geometry, function: .maximum)
      }
    }

    /// A factor and a summand for each channel.
    mutating func normalized(_ x: Value, seed: Int) throws -> Value {
      let count = graph.shape(x)[channelAxis]
      let column: Shape = isFirst ? [count, 1, 1] : [count]
      let factor = graph.constant(try integers([count], seed: seed))
      let summand = graph.constant(try integers([count], seed: seed + 1))
      return try graph.add(
        graph.multiply(x, graph.reshape(factor, to: column)), graph.reshape(summand, to: column))
    }

    mutating func rectified(_ x: Value) throws -> Value {
      try graph.unary(.relu(negativeSlope: 0), x)
    }
  }

  typealias Build = @Sendable (inout Layers, Value) throws -> Value

  struct Case: CustomTestStringConvertible {
    let name: String
    /// What is left of the operations, channels first.
    let left: [String]
    let build: Build
    var testDescription: String { name }
  }

  static let cases = [
    Case(
      name: "convolutions, normalized and rectified",
      left: ["Transpose", "Convolution", "Convolution", "Transpose"]
    ) {
      var x = try $0.convolution($1, filters: 4, seed: 1)
      x = try $0.rectified($0.normalized(x, seed: 2))
      return try $0.rectified($0.normalized($0.convolution(x, filters: 3, seed: 4), seed: 5))
    },
    Case(
      name: "residual block",
      left: ["Transpose", "Convolution", "Convolution", "Transpose"]
    ) {
      let x = try $0.rectified($0.convolution($1, filters: 4, seed: 1))
      let branch = try $0.normalized($0.convolution(x, filters: 4, seed: 2), seed: 3)
      return try $0.rectified($0.graph.add(x, branch))
    },
    Case(
      name: "branches, concatenated and pooled",
      left: [
        "Transpose", "Convolution", "Pooling", "Convolution", "Concatenate", "Pad", "Pooling",
        "Transpose",
      ]
    ) {
      let a = try $0.pooling($0.convolution($1, filters: 4, seed: 1))
      let b = try $0.rectified($0.convolution(a, filters: 2, seed: 2))
      var (low, high) = ([0, 0, 0, 0], [0, 0, 0, 0])
      for axis in $0.spatialAxes { (low[axis], high[axis]) = (1, 2) }
      let around = try $0.graph.pad(
        $0.graph.concatenate([a, b], axis: $0.channelAxis), low: low, high: high)
      return try $0.pooling(around)
    },
    Case(
      name: "squeeze and excitation",
      left: [
        "Transpose", "Convolution", "Reduction", "MatrixProduct", "Binary", "Reduction",
      ]
    ) {
      let x = try $0.convolution($1, filters: 4, seed: 1)
      let squeezed = try $0.graph.reduce(.mean, x, axes: $0.spatialAxes)
      let weights = $0.graph.constant(try integers([4, 4], seed: 3))
      let excited = try $0.graph.unary(.sigmoid, $0.graph.matrixProduct(squeezed, weights))
      let scale = try $0.graph.reshape(excited, to: $0.isFirst ? [2, 4, 1, 1] : [2, 1, 1, 4])
      return try $0.graph.reduce(.maximum, $0.graph.multiply(x, scale), axes: $0.spatialAxes)
    },
    Case(
      name: "softmax, sums, slices and numbers",
      left: [
        "Transpose", "Convolution", "Unary", "Softmax", "Slice", "Cumulative", "Binary",
        "Transpose",
      ]
    ) {
      let x = try $0.graph.linear($0.convolution($1, filters: 4, seed: 1), scale: 0.125)
      let softmax = try $0.graph.softmax(x, axis: $0.channelAxis)
      let part = try $0.graph.slice(softmax, axis: $0.spatialAxes[0], start: 1, length: 3)
      let sums = try $0.graph.cumulative(.sum, part, axis: $0.spatialAxes[1])
      return try $0.graph.multiply(sums, $0.graph.constant(3))
    },
  ]

  /// The network in one order: its plan on inputs of that order.
  private func network(
    _ build: Build, isFirst: Bool, gradient: Bool = false
  ) throws -> (Plan, Shape) {
    let shape: Shape = isFirst ? [2, 3, 6, 8] : [2, 6, 8, 3]
    var graph = Graph()
    let input = graph.input(TensorType(shape))
    var layers = Layers(graph: graph, isFirst: isFirst)
    var result = try build(&layers, input)
    if gradient {
      let square = try layers.graph.unary(.square, result)
      result = try #require(layers.graph.gradient(of: square, withRespectTo: [input])[0])
    }
    let plan = try Plan(layers.graph, outputs: [result], pool: ConstantPool(weights: []))
    return (plan, layers.graph.shape(result))
  }

  /// (batch, channels, height, width) of (batch, height, width, channels), in plain loops.
  private func channelsFirst(_ x: Tensor) throws -> [Float] {
    guard x.shape.rank == 4 else { return x.elements }
    let elements = x.elements
    let (batch, area, channels) = (x.shape[0], x.shape[1] * x.shape[2], x.shape[3])
    return (0..<batch * channels * area).map { index in
      let (image, channel, pixel) = (
        index / area / channels, index / area % channels, index % area
      )
      return elements[(image * area + pixel) * channels + channel]
    }
  }

  private func names(_ plan: Plan) -> [String] {
    plan.operationNames.map { String($0.prefix { $0 != "(" }) }
  }

  @Test(arguments: cases) func valuesStayAndTranspositionsGo(_ test: Case) throws {
    let (last, _) = try network(test.build, isFirst: false)
    let (first, shape) = try network(test.build, isFirst: true)
    let x = try integers([2, 6, 8, 3])
    let expected = try last.run([x])[0]
    let result = try first.run([Tensor([2, 3, 6, 8], channelsFirst(x))])[0]
    #expect(result.shape == shape)
    #expect(try relativeError(result.elements, channelsFirst(expected)) <= Tolerance.rounding)
    #expect(names(first) == test.left)
    // Nothing else is different: what folds and fuses there folds and fuses here.
    #expect(names(first).filter { $0 != "Transpose" } == names(last))
  }

  @Test(arguments: cases) func gradientsStay(_ test: Case) throws {
    let (last, _) = try network(test.build, isFirst: false, gradient: true)
    let (first, _) = try network(test.build, isFirst: true, gradient: true)
    let x = try integers([2, 6, 8, 3])
    let expected = try last.run([x])[0]
    let result = try first.run([Tensor([2, 3, 6, 8], channelsFirst(x))])[0]
    #expect(try relativeError(result.elements, channelsFirst(expected)) <= Tolerance.rounding)
    // The input's and its gradient's.
    #expect(names(first).count { $0 == "Transpose" } == 2, "\(names(first))")
    #expect(names(first).filter { $0 != "Transpose" }.count == names(last).count)
  }

  // Somebody who asks for a value in the middle gets it in its own order, for one transposition.
  @Test func whatIsAskedForIsTransposed() throws {
    var graph = Graph()
    let input = graph.input(TensorType([2, 3, 6, 8]))
    var layers = Layers(graph: graph, isFirst: true)
    let middle = try layers.rectified(layers.convolution(input, filters: 4, seed: 1))
    let end = try layers.convolution(middle, filters: 2, seed: 2)
    let plan = try Plan(layers.graph, outputs: [middle, end], pool: ConstantPool(weights: []))
    #expect(names(plan).count { $0 == "Transpose" } == 3, "\(names(plan))")
    let alone = try Plan(layers.graph, outputs: [middle], pool: ConstantPool(weights: []))
    let x = try integers([2, 3, 6, 8])
    #expect(try plan.run([x])[0].elements == alone.run([x])[0].elements)
  }

  // Where pictures are one pixel large, a transposition is a view: nothing is copied, and nothing
  // keeps a factor from the weights.
  @Test func onePixelNeedsNoTransposition() throws {
    var graph = Graph()
    let input = graph.input(TensorType([2, 3, 1, 1]))
    var layers = Layers(graph: graph, isFirst: true)
    let x = try layers.rectified(
      layers.normalized(layers.convolution(input, filters: 4, seed: 1), seed: 2))
    let end = try layers.convolution(x, filters: 2, seed: 3)
    let plan = try Plan(layers.graph, outputs: [end], pool: ConstantPool(weights: []))
    #expect(names(plan) == ["Convolution", "Convolution"])
    #expect(plan.outputTypes == [TensorType([2, 2, 1, 1])])
  }

  // Of one picture, some channels lie together and its steps do: the former stay with their
  // neighbours, whose transposition vanishes, and the latter are read where they lie.
  @Test func partsThatLieTogether() throws {
    var graph = Graph()
    let input = graph.input(TensorType([1, 3, 6, 8]))
    var layers = Layers(graph: graph, isFirst: true)
    let x = try layers.convolution(input, filters: 4, seed: 1)
    let part = try layers.graph.slice(x, axis: 1, start: 1, length: 2)
    let end = try layers.convolution(part, filters: 2, seed: 3)
    let plan = try Plan(layers.graph, outputs: [end], pool: ConstantPool(weights: []))
    #expect(names(plan) == ["Transpose", "Convolution", "Slice", "Convolution", "Transpose"])

    let steps = try TestSupport.plan(on: [integers([2, 3, 4])]) { graph, values in
      let sequence = try graph.transpose(values[0], [1, 0, 2])
      return try (0..<3).map {
        let step = try graph.slice(sequence, axis: 0, start: $0, length: 1)
        return try graph.unary(.square, graph.reshape(step, to: [2, 4]))
      }
    }
    #expect(names(steps) == ["Transpose", "Unary", "Unary", "Unary"])
  }

  // A larger partner that isn't transposed would need a transposition itself: nothing is moved.
  @Test func partnersInAnotherOrderStay() throws {
    let x = try integers([2, 3, 4])
    let plan = try plan(on: [x, integers([2, 4, 3])]) {
      let moved = try $0.transpose($1[0], [0, 2, 1])
      return [try $0.unary(.square, $0.multiply(moved, $1[1]))]
    }
    #expect(names(plan) == ["Transpose", "Binary", "Unary"])
  }

  // Matrices are read as they lie; what moves other axes keeps its rows together.
  @Test func productsReadTransposedMatrices() throws {
    let (a, b) = (try integers([2, 3, 4]), try integers([2, 5, 2, 4], seed: 2))
    let build: GraphBuilder = {
      let left = try $0.transpose($1[0], [0, 2, 1])
      let square = try $0.matrixProduct(left, $1[0])
      let queries = try $0.transpose($1[1], [0, 2, 1, 3])
      let keys = try $0.transpose($1[1], [0, 2, 3, 1])
      return [square, try $0.matrixProduct(queries, keys)]
    }
    let plan = try plan(on: [a, b], build: build)
    #expect(
      plan.operationNames.map { $0.replacing(", isMasked: false", with: "") } == [
        "MatrixProduct(transposeA: true, transposeB: false, hasBias: false, activation: nil)",
        "Transpose(permutation: [0, 2, 1, 3])",
        "MatrixProduct(transposeA: false, transposeB: true, hasBias: false, activation: nil)",
      ])
    let results = try plan.run([a, b])
    let (x, y) = (a.elements, b.elements)
    for (image, row, column) in [(0, 1, 3), (1, 2, 0)] {
      let column1 = (0..<3).map { x[(image * 3 + $0) * 4 + row] }
      let column2 = (0..<3).map { x[(image * 3 + $0) * 4 + column] }
      let element = results[0].elements[(image * 4 + row) * 4 + column]
      #expect(Double(element) == dot(column1, column2))
    }
    for (image, head, row, column) in [(0, 1, 4, 2), (1, 0, 2, 3)] {
      let row1 = (0..<4).map { y[((image * 5 + row) * 2 + head) * 4 + $0] }
      let row2 = (0..<4).map { y[((image * 5 + column) * 2 + head) * 4 + $0] }
      let element = results[1].elements[((image * 2 + head) * 5 + row) * 5 + column]
      #expect(Double(element) == dot(row1, row2))
    }
  }
}
