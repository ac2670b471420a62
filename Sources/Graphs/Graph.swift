public import Tensors

/// A place in a graph: the result of one of its nodes.
public struct Value: Hashable, Sendable {
  /// The position of the node, later than those of its inputs.
  public let index: Int
}

/// One step of a computation and what is known of its result.
public struct Node: Sendable {
  /// Where the result comes from.
  public enum Source: Sendable {
    /// The caller hands it over at each run.
    case input
    /// It was known when the graph was built: weights, mostly.
    case constant(Tensor)
    /// It is computed from earlier values.
    case operation(any Operation, inputs: [Value])
  }

  /// Where the result comes from.
  public let source: Source
  /// Shape and element type of the result.
  public let type: TensorType

  /// The values that the node reads.
  public var inputs: [Value] {
    if case .operation(_, let inputs) = source { inputs } else { [] }
  }

  /// The operation, unless the node is an input or a constant.
  public var operation: (any Operation)? {
    if case .operation(let operation, _) = source { operation } else { nil }
  }

  /// The tensor of a constant.
  public var constant: Tensor? {
    if case .constant(let tensor) = source { tensor } else { nil }
  }
}

/// A computation on arrays of known shapes: nodes in an order in which they can be computed.
///
/// Graphs are values. They are built by appending; appending an operation that is already there
/// with the same inputs gives the value that is already there. A passage from graph to graph (a
/// gradient, a pass) appends to one or builds another, and never edits a node.
public struct Graph: Sendable {
  /// The nodes; inputs of a node have smaller indices.
  public private(set) var nodes: [Node] = []
  private var known: [Signature: Value] = [:]
  private var activations: [Value: Activation] = [:]
  /// What training saw of values, as normalization layers remember it, in order of their appearance.
  public private(set) var statistics: [Statistics] = []

  /// What an activation was applied to.
  struct Activation: Sendable {
    let input: Value
    /// Whether it makes probabilities, as softmax does.
    let isProbability: Bool
  }

  /// The mean and the standard deviation that each channel of a value had in training, over samples
  /// and positions.
  public struct Statistics: Sendable {
    /// The value; its last axis are the channels.
    public let value: Value
    /// One number a channel.
    public let mean: [Float], deviation: [Float]

    /// Creates a note of a value.
    public init(value: Value, mean: [Float], deviation: [Float]) {
      (self.value, self.mean, self.deviation) = (value, mean, deviation)
    }
  }

  private struct Signature: Hashable, Sendable {
    let operation: AnySendableOperation
    let inputs: [Value]
  }

  /// Creates an empty graph.
  public init() {}

  /// The node that computes a value.
  public subscript(value: Value) -> Node { nodes[value.index] }

  /// The lengths of a value's axes.
  public func shape(_ value: Value) -> Shape { nodes[value.index].type.shape }

  /// Appends a value that the caller hands over at each run.
  public mutating func input(_ type: TensorType) -> Value {
    append(Node(source: .input, type: type))
  }

  /// Appends a value that is known already; a tensor of halves is an array of floats.
  public mutating func constant(_ tensor: Tensor) -> Value {
    append(Node(source: .constant(tensor), type: tensor.valueType))
  }

  /// Appends a number, as a constant of shape `()`.
  public mutating func constant(_ number: Float) throws(PhospheneError) -> Value {
    constant(try Tensor(scalar: number))
  }

  /// Appends an operation.
  ///
  /// - Throws: `invalidArgument` if the operation can't take such inputs.
  public mutating func apply(
    _ operation: any Operation, to inputs: [Value]
  ) throws(PhospheneError) -> Value {
    let signature = Signature(
      operation: AnySendableOperation(operation: operation), inputs: inputs)
    if let value = known[signature] { return value }
    let type = try operation.outputType(for: inputs.map { nodes[$0.index].type })
    _ = try Shape(checking: type.shape.axes, of: "an intermediate result")
    let value = append(Node(source: .operation(operation, inputs: inputs), type: type))
    known[signature] = value
    return value
  }

  /// Notes that `output` is the activation of `input`, for activations that take several operations.
  ///
  /// - Parameters:
  ///   - output: The activation's result.
  ///   - input: What it was applied to.
  ///   - isProbability: Whether it makes probabilities, as softmax does.
  public mutating func noteActivation(
    _ output: Value, of input: Value, isProbability: Bool = false
  ) {
    guard output != input else { return }
    activations[output] = Activation(input: input, isProbability: isProbability)
  }

  /// Notes what mean and deviation the channels of a value had in training.
  public mutating func noteStatistics(_ statistics: Statistics) {
    self.statistics.append(statistics)
  }

  /// What noted activations are applied to, in order of appearance, without those that make
  /// probabilities.
  public var activationInputs: [Value] {
    Set(activations.values.filter { !$0.isProbability }.map(\.input))
      .sorted { $0.index < $1.index }
  }

  /// What was noted of the activation that computed a value.
  func activation(of value: Value) -> Activation? { activations[value] }

  private mutating func append(_ node: Node) -> Value {
    nodes.append(node)
    return Value(index: nodes.count - 1)
  }
}

/// Operations of any kind as dictionary keys.
private struct AnySendableOperation: Hashable, Sendable {
  let operation: any Operation

  static func == (a: Self, b: Self) -> Bool {
    // Without AnyHashable, which would allocate: graphs are built by the thousand nodes.
    func equals<Kind: Operation>(_ operation: Kind) -> Bool {
      (b.operation as? Kind) == operation
    }
    return equals(a.operation)
  }

  func hash(into hasher: inout Hasher) { operation.hash(into: &hasher) }
}
