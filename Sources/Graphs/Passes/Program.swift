import Tensors

/// A graph together with the values that somebody wants from it: what passes turn into another.
struct Program {
  var graph: Graph
  var outputs: [Value]

  /// For each node, how many live nodes and outputs read it; zero for dead ones.
  func useCounts() -> [Int] {
    var counts = [Int](repeating: 0, count: graph.nodes.count)
    for output in outputs { counts[output.index] += 1 }
    for index in graph.nodes.indices.reversed() where counts[index] > 0 {
      for input in graph.nodes[index].inputs { counts[input.index] += 1 }
    }
    return counts
  }

  /// The constants that something live reads.
  var constants: [Tensor] {
    zip(graph.nodes, useCounts()).compactMap { $1 > 0 ? $0.constant : nil }
  }

  /// Builds the program anew, giving each live operation to `rule`.
  ///
  /// Dead nodes disappear on the way, except inputs, which keep their positions.
  ///
  /// - Parameters:
  ///   - folding: Evaluates operations on constants, or `nil` to leave them.
  ///   - rule: Appends what stands for an operation and returns its value.
  /// - Returns: The new program, with the outputs in the same order.
  /// - Throws: What `rule` throws.
  func rewritten(
    folding: ConstantFolder? = nil,
    by rule: (inout Rewriter, any Operation, [Value]) throws(PhospheneError) -> Value
  ) throws(PhospheneError) -> Program {
    let uses = useCounts()
    var rewriter = Rewriter(folding: folding)
    var map = [Value?](repeating: nil, count: graph.nodes.count)
    for (index, node) in graph.nodes.enumerated() {
      switch node.source {
      case .input: map[index] = rewriter.graph.input(node.type)
      case .constant(let tensor):
        if uses[index] > 0 { map[index] = rewriter.graph.constant(tensor) }
      case .operation(let operation, let inputs):
        guard uses[index] > 0 else { continue }
        var mapped: [Value] = []
        for input in inputs {
          guard let value = map[input.index] else {
            preconditionFailure("node \(index) reads a dead value")
          }
          mapped.append(value)
        }
        let value = try rule(&rewriter, operation, mapped)
        if uses[index] == 1 { rewriter.markPrivate(value) }
        map[index] = value
      }
    }
    var results: [Value] = []
    for output in outputs {
      guard let value = map[output.index] else {
        preconditionFailure("output \(output.index) is dead")
      }
      rewriter.markShared(value)
      results.append(value)
    }
    return Program(graph: rewriter.graph, outputs: results)
  }
}

/// A graph under construction by a pass.
struct Rewriter {
  var graph = Graph()
  private let folding: ConstantFolder?
  private var privateValues: Set<Value> = []
  private var sharedValues: Set<Value> = []

  init(folding: ConstantFolder?) { self.folding = folding }

  /// Appends an operation, or its result if all inputs are constants.
  mutating func apply(
    _ operation: any Operation, _ inputs: [Value]
  ) throws(PhospheneError) -> Value {
    if let folding {
      let constants = inputs.compactMap { graph[$0].constant }
      if constants.count == inputs.count {
        return graph.constant(try folding.evaluate(operation, on: constants))
      }
    }
    return try graph.apply(operation, to: inputs)
  }

  /// Notes that one reader only will see the value, so that it may be merged into that reader.
  mutating func markPrivate(_ value: Value) {
    if !privateValues.insert(value).inserted { sharedValues.insert(value) }
  }

  /// Notes that others read the value too.
  mutating func markShared(_ value: Value) { sharedValues.insert(value) }

  /// The operation behind a value.
  func operation<Kind: Operation>(_ value: Value, as: Kind.Type) -> (Kind, [Value])? {
    guard case .operation(let operation, let inputs) = graph[value].source,
      let operation = operation as? Kind
    else { return nil }
    return (operation, inputs)
  }

  /// The operation behind a value that only one reader sees.
  func privateOperation<Kind: Operation>(_ value: Value, as: Kind.Type) -> (Kind, [Value])? {
    guard privateValues.contains(value), !sharedValues.contains(value) else { return nil }
    return operation(value, as: Kind.self)
  }

  /// The constant behind a value, if it holds one number for each position of the last axis of
  /// arrays of shape `shape`.
  func lastAxisConstant(_ value: Value, of shape: Shape) -> Tensor? {
    guard let tensor = graph[value].constant, let length = shape.axes.last,
      tensor.shape.rank >= 1, tensor.shape.rank <= shape.rank,
      tensor.shape.axes.last == length, tensor.shape.elementCount == length
    else { return nil }
    return tensor.reshaped(to: [length])
  }
}
