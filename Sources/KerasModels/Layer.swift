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

  /// The parameters of Keras' `call`, in order; calls with others are refused.
  var arguments: [String] { get }

  /// Whether the mask of the first input is also that of the outputs (Keras' `supports_masking`
  /// with the usual `compute_mask`); without it masks end here. ``LoweringContext/setMask(_:ofOutput:)``
  /// says otherwise for one output.
  var passesMask: Bool { get }

  /// Whether whole numbers of a type stay such: Keras rounds what a layer makes of them.
  var keepsWholeNumbers: Bool { get }

  /// Appends the operations that compute the layer.
  ///
  /// - Parameters:
  ///   - inputs: The tensors among the arguments of the call, in the order of ``arguments``; at
  ///     least one. ``LoweringContext/call`` has them by name.
  ///   - context: The graph to append to and the layer's weights, to be asked for in the order of
  ///     Keras' `layer.weights`.
  /// - Returns: The layer's outputs.
  /// - Throws: `invalidArgument` for inputs that the layer can't take.
  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value]
}

extension Layer {
  /// Most layers are called on their inputs alone.
  var arguments: [String] { ["inputs"] }

  /// As Keras' `Layer` has it.
  var passesMask: Bool { false }

  /// Most layers compute with fractions.
  var keepsWholeNumbers: Bool { false }
}

/// A layer that ends with an activation.
protocol ActivatedLayer: Layer {
  /// Keras' name of the activation.
  var activationName: String? { get }
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
