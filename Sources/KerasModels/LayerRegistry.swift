/// Every layer that the engine knows; the one place to touch when a layer is added.
private let layerTypes: [any Layer.Type] = [
  ActivationLayer.self,
  BatchNormalization.self,
  Concatenate.self,
  Convolution2D.self,
  Dense.self,
  Dropout.self,
  Flatten.self,
  GlobalPooling2D.self,
  Merge.self,
  Pooling2D.self,
  ReLU.self,
  Reshape.self,
  Softmax.self,
  ZeroPadding2D.self,
]

private let typesByClassName: [String: any Layer.Type] = Dictionary(
  uniqueKeysWithValues: layerTypes.flatMap { type in type.classNames.map { ($0, type) } })

/// The Keras class names that can be loaded, sorted; models and `InputLayer` not among them.
public var supportedClassNames: [String] { typesByClassName.keys.sorted() }

/// Returns the type that decodes a Keras class.
func layerType(className: String) -> (any Layer.Type)? { typesByClassName[className] }
