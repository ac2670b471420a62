import Tensors

/// Which Swift type computes which Keras class; the one place to touch when a layer is added.
enum LayerRegistry {
  /// The layers of `keras.layers`.
  private static let layerTypes: [any Layer.Type] = [
    ActivationLayer.self,
    AdaptivePooling.self,
    Attention.self,
    Augmentation.self,
    AutoContrast.self,
    BatchNormalization.self,
    Bidirectional.self,
    CategoryEncoding.self,
    CenterCrop.self,
    Concatenate.self,
    Convolution.self,
    Cropping.self,
    CustomScale.self,
    Dense.self,
    DepthwiseConvolution.self,
    Discretization.self,
    Dot.self,
    Dropout.self,
    EinsumDense.self,
    Embedding.self,
    Flatten.self,
    GRUCell.self,
    GlobalPooling.self,
    GroupNormalization.self,
    GroupQueryAttention.self,
    HistogramEqualization.self,
    LSTMCell.self,
    LayerNormalization.self,
    LayerScale.self,
    Masking.self,
    MelSpectrogram.self,
    Merge.self,
    MultiHeadAttention.self,
    Normalization.self,
    PReLU.self,
    ParametricActivation.self,
    Permute.self,
    Pipeline.self,
    Pooling.self,
    RMSNormalization.self,
    RecurrentLayer.self,
    RepeatVector.self,
    Rescaling.self,
    Reshape.self,
    Resizing.self,
    STFTSpectrogram.self,
    SeparableConvolution.self,
    SimpleRecurrentCell.self,
    Softmax.self,
    SpectralNormalization.self,
    StackedCells.self,
    TensorFlowFunction.self,
    TimeDistributed.self,
    TransposedConvolution.self,
    UnitNormalization.self,
    UpSampling.self,
    ZeroPadding.self,
  ]

  /// The functions of `keras.ops`, which Functional models contain like layers.
  private static let operationTypes: [any Layer.Type] = [
    KerasOperation.self
  ]

  /// What only expanded custom layers contain.
  private static let ownTypes: [any Layer.Type] = [
    SetMask.self
  ]

  private static let layersByClassName = index(layerTypes)
  private static let ownByClassName = index(ownTypes)
  private static let operationsByClassName = index(operationTypes)

  private static func index(_ types: [any Layer.Type]) -> [String: any Layer.Type] {
    Dictionary(
      uniqueKeysWithValues: types.flatMap { type in type.classNames.map { ($0, type) } })
  }

  /// The class names of the layers that can be loaded, sorted; models and `InputLayer` not among
  /// them.
  static var layerNames: [String] { layersByClassName.keys.sorted() }

  /// The class names of the functions of `keras.ops` that can be loaded, sorted.
  static var operationNames: [String] { operationsByClassName.keys.sorted() }

  /// Whether Keras counts it as a function of `keras.ops` and not as a layer.
  static func isOperation(_ layer: any Layer) -> Bool {
    (operationTypes + ownTypes).contains { $0 == type(of: layer) }
  }

  /// Decodes a layer or an operation.
  ///
  /// - Throws: `unsupported` for a class that isn't known, and what the class refuses.
  static func layer(_ config: LayerConfig) throws -> any Layer {
    let types =
      config.isOperation
      ? operationsByClassName : config.isOwn ? ownByClassName : layersByClassName
    guard !config.isForeign, let type = types[config.className] else {
      throw PhospheneError.unsupported(refusal(of: config))
    }
    return try type.init(decoding: config)
  }

  private static func refusal(of config: LayerConfig) -> String {
    if config.isOperation {
      let reason = OperationRule.refusals[config.className].map { ": \($0)" } ?? ""
      return
        "this operation of keras.ops isn't supported\(reason); give a handler for it (handlers=)"
    }
    switch config.className {
    case "Lambda":
      return
        "a Lambda in a file holds code, which is never run: load the live model, or give a handler "
        + "for it (handlers=)"
    case "StringLookup", "IntegerLookup", "TextVectorization", "Hashing", "HashedCrossing":
      return "looking up text isn't part of a network: cut the model behind this layer "
        + "(keras.Model(layer.output, model.output)) and pass its ids"
    default:
      return
        "the layer class isn't supported: load the live model if it is one of your own, or give "
        + "a handler for it (handlers=)"
    }
  }
}

/// The Keras class names that can be loaded, sorted; models and `InputLayer` not among them.
public var supportedClassNames: [String] { LayerRegistry.layerNames }

/// The functions of `keras.ops` that can be loaded as layers of a model, sorted.
public var supportedOperationNames: [String] { LayerRegistry.operationNames }
