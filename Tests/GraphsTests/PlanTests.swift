import Glibc
import Graphs
import Synchronization
import Tensors
import TestSupport
import Testing

@Suite struct PlanTests {
  // Everything that a caller may ask for twice, unchanged, or under another shape.
  @Test func outputsMayBeAnything() throws {
    let x = try Tensor([2, 2], [1, 2, 3, 4])
    let results = try compute([x]) { graph, v in
      let square = try graph.unary(.square, v[0])
      let constant = graph.constant(try Tensor([2], [7, 8]))
      return [
        v[0], constant, square, square, try graph.reshape(square, to: [4]),
        try graph.reshape(v[0], to: [1, 4]), v[0], try graph.reshape(constant, to: [2, 1]),
        try graph.linear(square, scale: -1),
      ]
    }
    #expect(
      results.map(\.elements) == [
        [1, 2, 3, 4], [7, 8], [1, 4, 9, 16], [1, 4, 9, 16], [1, 4, 9, 16], [1, 2, 3, 4],
        [1, 2, 3, 4], [7, 8], [-1, -4, -9, -16],
      ])
    #expect(
      results.map(\.shape) == [
        [2, 2], [2], [2, 2], [2, 2], [4], [1, 4], [2, 2], [2, 1], [2, 2],
      ])
  }

  @Test func inputsThatNobodyReadsKeepTheirPlaces() throws {
    let inputs = try [1, 2, 3].map { try Tensor([1], [$0]) }
    let plan = try plan(on: inputs) { graph, v in [try graph.linear(v[2], scale: 10)] }
    #expect(plan.inputTypes == [TensorType([1]), TensorType([1]), TensorType([1])])
    #expect(try plan.run(inputs)[0].elements == [30])
  }

  @Test func deadOperationsAreNotRun() throws {
    let plan = try plan(on: [Tensor([1], [2])]) { graph, v in
      _ = try graph.unary(.exponential, v[0])
      return [try graph.unary(.square, v[0])]
    }
    #expect(plan.operationNames.count == 1)
  }

  // Rows of an input, of an intermediate result, of an output and of a constant, and parts of these:
  // what lies together isn't copied, unless somebody wants it.
  @Test func partsLieInTheWhole() throws {
    let x = try Tensor([3, 2, 2], (0..<12).map(Float.init))
    let plan = try plan(on: [x]) { graph, v in
      let row = try graph.slice(v[0], axis: 0, start: 1, length: 2)
      let part = try graph.slice(row, axis: 0, start: 1, length: 1)
      let half = try graph.slice(part, axis: 1, start: 1, length: 1)
      let negative = try graph.linear(v[0], scale: -1)
      let last = try graph.slice(negative, axis: 0, start: 2, length: 1)
      let constant = graph.constant(try Tensor([2, 2], [1, 2, 3, 4]))
      let second = try graph.slice(constant, axis: 0, start: 1, length: 1)
      return [
        try graph.unary(.square, half), negative, last,
        try graph.add(last, graph.reshape(second, to: [1, 1, 2])),
        try graph.slice(v[0], axis: 2, start: 1, length: 1), second,
      ]
    }
    #expect(
      try plan.run([x]).map(\.elements) == [
        [100, 121], [0, -1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11], [-8, -9, -10, -11],
        [-5, -5, -7, -7], [1, 3, 5, 7, 9, 11], [3, 4],
      ])
    // The square, the negative, the sum, and the only part that doesn't lie together.
    #expect(plan.operationNames.count == 4, "\(plan.operationNames)")
  }

  // The arena holds two of a chain's values at a time, however long the chain is.
  @Test func memoryIsReused() throws {
    func bytes(_ length: Int) throws -> Int {
      try plan(on: [Tensor([1024], repeating: 1)]) { graph, v in
        var value = v[0]
        for _ in 0..<length { value = try graph.unary(.sigmoid, value) }
        return [value]
      }.sessionByteCount
    }
    #expect(try bytes(50) == 2 * 4096)
    #expect(try bytes(3) == 2 * 4096)
  }

  @Test func emptyArraysAreComputed() throws {
    let results = try compute([Tensor([0, 3], [])]) { graph, v in
      [
        try graph.unary(.square, v[0]),
        try graph.matrixProduct(v[0], graph.constant(integers([3, 2]))),
      ]
    }
    #expect(results.map(\.shape) == [[0, 3], [0, 2]])
  }

  // 0, 1, 2, ... through one plan from four threads, each many times.
  @Test func threadsMayShareAPlan() throws {
    let plan = try plan(on: [Tensor([64, 64], repeating: 0)]) { graph, v in
      var value = v[0]
      for index in 0..<4 {
        value = try graph.matrixProduct(value, graph.constant(integers([64, 64], seed: index)))
        value = try graph.unary(.clip(low: -100, high: 100), value)
      }
      return [value]
    }
    let inputs = try (0..<4).map { try integers([64, 64], seed: $0 + 10) }
    let expected = try inputs.map { try plan.run([$0])[0].elements }
    let errors = Mutex<[String]>([])
    let threads = (0..<4).map { index in
      Thread {
        for _ in 0..<50 {
          let result = try? plan.run([inputs[index]])[0].elements
          if result != expected[index] { errors.withLock { $0.append("thread \(index)") } }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(errors.withLock { $0 } == [])
  }

  // Rectifiers inside kernels turn NaN into zero; apart they keep it.
  @Test func nanIsKeptWhenActivationsStayApart() throws {
    let x = try Tensor([1, 2], [.nan, 1])
    let careful = try plan(on: [x], fusesActivations: false) {
      let weights = $0.constant(try Tensor([2, 2], [1, 0, 0, 1]))
      return [try $0.unary(.relu(negativeSlope: 0), $0.matrixProduct($1[0], weights))]
    }
    #expect(careful.operationNames.count == 2)
    #expect(try careful.run([x])[0].elements.allSatisfy(\.isNaN))
  }

  @Test(arguments: [Float.nan, .infinity]) func nanOfWeightsIsKept(number: Float) throws {
    let x = try Tensor([1, 2], [0, 1])
    let result = try compute([x]) {
      let weights = $0.constant(try Tensor([2, 2], [number, 1, 0, 1]))
      return [try $0.unary(.relu(negativeSlope: 0), $0.matrixProduct($1[0], weights))]
    }[0].elements
    #expect(result[0].isNaN)
    #expect(result[1] == 1)
  }

  @Test func workBeyondTheMachineIsRefused() throws {
    var graph = Graph()
    let x = graph.input(TensorType([1, 1]))
    let wide = try graph.broadcast(x, to: [1 << 20, 1 << 18])
    let mean = try graph.reduce(.mean, graph.unary(.square, wide), axes: [0, 1])
    let error = #expect(throws: PhospheneError.self) {
      try Plan(graph, outputs: [mean], pool: ConstantPool(weights: []))
    }
    #expect(error?.message.hasPrefix("the intermediate results of this computation need") == true)
  }

  // No machine holds 2⁴⁰ rows, and some libraries count them in 32 bits: a sentence or a plan, never
  // the end of the process.
  @Test(arguments: [1 << 31, 1 << 33, 1 << 40]) func absurdBatchesAreSurvived(batch: Int) throws {
    let geometry = WindowGeometry.keras(
      window: [1, 1], strides: [1, 1], dilations: [1, 1], padding: .valid, spatial: [1, 1])
    let builds: [(inout Graph, Value) throws -> Value] = [
      { try $0.convolution($1, weights: $0.constant(integers([1, 1, 2, 2])), geometry: geometry) },
      { try $0.pooling($1, geometry: geometry, function: .maximum) },
      { try $0.pooling($1, geometry: geometry, function: .averageExcludingPadding) },
      { try $0.matrixProduct($1, $0.constant(integers([2, 3]))) },
      { try $0.matrixProduct($0.constant(integers([3, 2])), $1, transposeB: true) },
      { try $0.softmax($1) }, { try $0.unary(.sigmoid, $1) },
      { try $0.binary(.maximum, $1, $0.constant(integers([2]))) },
      { try $0.reduce(.maximum, $1, axes: [1, 2]) }, { try $0.reduce(.sum, $1, axes: [0]) },
      { try $0.transpose($1, [3, 1, 2, 0]) }, { try $0.concatenate([$1, $1], axis: 3) },
      { try $0.pad($1, low: [0, 1, 0, 0], high: [0, 0, 1, 0]) },
    ]
    for build in builds {
      var graph = Graph()
      let x = graph.input(TensorType([batch, 1, 1, 2]))
      _ = refusal {
        let result = try build(&graph, x)
        _ = try Plan(graph, outputs: [result], pool: ConstantPool(weights: []))
      }
    }
  }

  @Test func runsAreBitEqual() throws {
    let x = try spread([64, 200])
    let plan = try plan(on: [x]) { graph, v in
      let product = try graph.matrixProduct(v[0], graph.constant(spread([200, 100], seed: 2)))
      return [try graph.softmax(product)]
    }
    let first = try plan.run([x])[0].elements
    for _ in 0..<3 { #expect(try plan.run([x])[0].elements == first) }
  }
}

/// A thread of the system: swift-testing's own pool would run the closures one by one.
private struct Thread {
  private var handle = pthread_t()

  init(_ body: @escaping @Sendable () -> Void) {
    let box = Unmanaged.passRetained(Box(body: body))
    pthread_create(
      &handle, nil,
      { pointer in
        if let pointer { Unmanaged<Box>.fromOpaque(pointer).takeRetainedValue().body() }
        return nil
      }, box.toOpaque())
  }

  func join() { pthread_join(handle, nil) }

  private final class Box: Sendable {
    let body: @Sendable () -> Void
    init(body: @escaping @Sendable () -> Void) { self.body = body }
  }
}
