import Graphs
import Tensors

/// A tensor in a graph with Keras' mask of it.
struct MaskedValue: Sendable {
  let value: Value
  /// One where a step counts and zero where it doesn't, of shape (batch, steps) mostly.
  var mask: Value?
  /// The smallest and the largest number of its type, if that has whole numbers only.
  var wholeNumbers: ClosedRange<Float>?

  /// The same tensor, without a mask if its value is among `unmasked`.
  func without(_ unmasked: Set<Value>) -> MaskedValue {
    unmasked.contains(value) ? MaskedValue(value: value, wholeNumbers: wholeNumbers) : self
  }
}

/// What a layer sees of the graph that it is lowered into.
struct LoweringContext {
  /// The graph to append to.
  var graph: Graph
  /// Where weights come from.
  var weights: any WeightSource
  /// The path under which the layer's weights are filed.
  private(set) var path: String
  /// The path under which the variables of the network around the layer are filed.
  let networkPath: String
  /// What the layer is called on.
  var call: BoundCall
  /// The masks that the layer sets, by output.
  private(set) var masks: [Int: Value?] = [:]
  /// Values that have lost their masks: later layers see none.
  var unmasked: Set<Value> = []

  init(
    graph: Graph, weights: any WeightSource, path: String, networkPath: String = "",
    call: BoundCall
  ) {
    (self.graph, self.weights, self.path) = (graph, weights, path)
    (self.networkPath, self.call) = (networkPath, call)
  }

  /// Returns the shape of an input that has to have a batch axis.
  func batchShape(of input: Value) throws(PhospheneError) -> Shape {
    let shape = graph.shape(input)
    guard shape.rank >= 1 else {
      throw .invalidArgument("the input needs a batch axis, received shape \(shape)")
    }
    return shape
  }

  /// Sets the mask that later layers see, or ends it.
  mutating func setMask(_ mask: Value?, ofOutput output: Int = 0) {
    masks.updateValue(mask, forKey: output)
  }

  // MARK: - Weights

  /// Returns the value of a weight.
  ///
  /// - Parameters:
  ///   - name: Keras' own name of the variable, such as `kernel`.
  ///   - shape: The shape that the variable must have.
  ///   - isTrainable: Whether training changes it by gradients; moving averages aren't.
  /// - Returns: The weight's place in the graph, the same for each call of the layer.
  /// - Throws: `invalidArgument` if the weight is missing or has another shape.
  mutating func weight(
    _ name: String, _ shape: Shape, isTrainable: Bool = true
  ) throws(PhospheneError) -> Value {
    try weights.value(
      of: WeightDescription(path: path, name: name, shape: shape, isTrainable: isTrainable),
      in: &graph)
  }

  /// Lowers a part of the layer that has weights of its own.
  ///
  /// - Parameters:
  ///   - name: The attribute under which Keras saves the part, `_` in front left out.
  ///   - body: What to do with weights under the longer path.
  /// - Returns: What `body` returns.
  /// - Throws: What `body` throws.
  mutating func scoped<Result>(
    _ name: String,
    _ body: (inout LoweringContext) throws(PhospheneError) -> Result
  ) throws(PhospheneError) -> Result {
    let outer = path
    path += "/" + pathElement(name)
    defer { path = outer }
    return try body(&self)
  }

  /// Calls a layer or a network inside this layer, with weights under the present path.
  ///
  /// - Parameters:
  ///   - kind: What is called.
  ///   - inputs: What it is called on.
  ///   - named: The named arguments of the call.
  /// - Returns: Its outputs with their masks.
  /// - Throws: What it refuses.
  mutating func call(
    _ kind: LayerEntry.Kind, on inputs: [MaskedValue],
    named: [(name: String, value: Argument<MaskedValue>)] = []
  ) throws(PhospheneError) -> [MaskedValue] {
    switch kind {
    case .input: return inputs
    case .layer(let layer):
      let arguments = CallArguments(
        positional: [inputs.count == 1 ? .tensor(inputs[0]) : .list(inputs.map { .tensor($0) })],
        named: named)
      var inner = LoweringContext(
        graph: graph, weights: weights, path: path, networkPath: networkPath,
        call: BoundCall(arguments, parameters: layer.arguments))
      // Moved, not copied: the inner context owns the graph meanwhile.
      graph = Graph()
      inner.unmasked = unmasked
      defer { (graph, unmasked) = (inner.graph, inner.unmasked) }
      return try inner.lower(layer)
    case .network(let network):
      let arguments = CallArguments(positional: [.list(inputs.map { .tensor($0) })], named: named)
      let call = BoundCall(arguments, parameters: NetworkConfig.callParameters)
      var lowering = Lowering(weights: weights)
      lowering.graph = graph
      graph = Graph()
      lowering.unmasked = unmasked
      defer { (graph, unmasked) = (lowering.graph, lowering.unmasked) }
      let outputs = try lowering.lower(
        network, on: call.networkInputs, prefix: path + "/", weightPrefix: path + "/", wanted: [])
      lowering.weights.arrange(by: network.layerPaths(prefix: path + "/"))
      return outputs
    }
  }

  /// Lowers the layer that the context was made for.
  mutating func lower(_ layer: any Layer) throws(PhospheneError) -> [MaskedValue] {
    let values = try layer.lower(call.inputs.map(\.value), in: &self)
    let passed = layer.passesMask ? call.passedMasks : []
    let wholeNumbers = layer.keepsWholeNumbers ? call.inputs.first?.wholeNumbers : nil
    return values.enumerated().map { index, value in
      MaskedValue(
        value: value, mask: masks[index] ?? (index < passed.count ? passed[index] : nil),
        wholeNumbers: wholeNumbers)
    }
  }

  /// Appends numbers rounded to the type of the first input, if that has whole numbers only.
  mutating func rounded(_ value: Value) throws(PhospheneError) -> Value {
    guard let range = call.inputs.first?.wholeNumbers else { return value }
    return try graph.unary(
      .clip(low: range.lowerBound, high: range.upperBound), graph.unary(.round, value))
  }

  // MARK: - Arguments

  /// Returns an argument as a value: a tensor, or numbers that stand in the configuration.
  ///
  /// - Returns: The value, or `nil` if the argument is `None` or left out.
  /// - Throws: `invalidArgument` for an argument that is no tensor, number or array of them.
  mutating func value(_ name: String) throws(PhospheneError) -> Value? {
    guard let argument = call[name], !argument.isNone else { return nil }
    return try value(of: argument, named: name)
  }

  /// Returns an argument as a value, which must be there.
  mutating func requiredValue(_ name: String) throws(PhospheneError) -> Value {
    guard let value = try value(name) else {
      throw .invalidArgument("call argument '\(name)' is missing")
    }
    return value
  }

  /// Returns the elements of an argument that is a list or a single one, as values.
  mutating func values(_ name: String) throws(PhospheneError) -> [Value] {
    guard let argument = call[name], !argument.isNone else { return [] }
    guard case .list(let elements) = argument else {
      return [try value(of: argument, named: name)]
    }
    var values: [Value] = []
    for element in elements { values.append(try value(of: element, named: name)) }
    return values
  }

  /// Returns a value for what an argument says.
  mutating func value(
    of argument: Argument<MaskedValue>, named name: String
  ) throws(PhospheneError) -> Value {
    switch argument {
    case .tensor(let source): return source.value
    case .number(let number): return try graph.constant(Float(number))
    case .bool(let flag): return try graph.constant(flag ? 1 : 0)
    case .array(let shape, let elements):
      return graph.constant(try Tensor(shape, elements))
    case .weight(let name, let shape, let isTrainable):
      return try weights.value(
        of: WeightDescription(
          path: networkPath, name: name, shape: shape, isTrainable: isTrainable),
        in: &graph)
    case .list(let elements):
      // NumPy makes an array of a list.
      var rows: [Value] = []
      for element in elements {
        let row = try value(of: element, named: name)
        rows.append(try graph.reshape(row, to: Shape([1] + graph.shape(row).axes)))
      }
      guard !rows.isEmpty else { return graph.constant(try Tensor([0], [])) }
      return try graph.concatenate(rows, axis: 0)
    default:
      throw .invalidArgument("call argument '\(name)' must be a tensor or a number")
    }
  }
}
