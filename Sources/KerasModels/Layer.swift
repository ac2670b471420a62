import Graphs
import Tensors

/// A Keras layer: its settings, and how it is made of operations.
///
/// A layer is decoded from the `config` object that Keras writes, which refuses every setting that
/// would change the numbers and isn't known. It holds no weights: ``lower(_:in:)`` asks for them by
/// name, so that the same layer may be called several times.
protocol Layer: Sendable {
  /// The Keras class names that decode to this type.
  static var classNames: [String] { get }

  /// Reads the settings.
  ///
  /// - Throws: A `PhospheneError` or `DecodingError`; the caller adds the layer's name.
  init(decoding config: LayerConfig) throws

  /// Appends the operations that compute the layer.
  ///
  /// - Parameters:
  ///   - inputs: The values that the layer is called on, at least one.
  ///   - context: The graph to append to and the layer's weights, to be asked for in the order of
  ///     `get_weights()`.
  /// - Returns: The layer's outputs.
  /// - Throws: `invalidArgument` for inputs that the layer can't take.
  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value]
}

/// A layer that ends with an activation.
protocol ActivatedLayer: Layer {
  /// Keras' name of the activation.
  var activationName: String? { get }
}

/// What a layer sees of the graph that it is lowered into.
struct LoweringContext {
  /// The graph to append to.
  var graph: Graph
  /// Where weights come from.
  var weights: any WeightSource
  /// The layer's path, under which its weights are filed.
  let path: String

  /// Returns the shape of an input that has to have a batch axis.
  func batchShape(of input: Value) throws(PhospheneError) -> Shape {
    let shape = graph.shape(input)
    guard shape.rank >= 1 else {
      throw .invalidArgument("the input needs a batch axis, received shape \(shape)")
    }
    return shape
  }

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
}

/// Where lowering finds weights.
protocol WeightSource {
  mutating func value(
    of weight: WeightDescription, in graph: inout Graph
  ) throws(PhospheneError) -> Value
}

/// One variable of a layer.
struct WeightDescription: Hashable, Sendable {
  let path: String
  let name: String
  let shape: Shape
  let isTrainable: Bool

  /// What arrays and files call it.
  var key: String { "\(path)/\(name)" }
}

extension Array where Element == Value {
  /// The only input of a layer that takes one.
  func only(_ what: String) throws(PhospheneError) -> Value {
    guard count == 1 else {
      throw .invalidArgument("\(what) takes one input, received \(count)")
    }
    return self[0]
  }
}
