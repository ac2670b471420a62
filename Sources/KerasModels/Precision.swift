public import Tensors

/// How the elements of a model's large weights are stored; everything is computed in float32.
public enum Precision: String, NamedOption, Sendable {
  /// As they came.
  case float32
  /// Their upper halves, rounded to the nearest: half of the memory, and of the time that dense
  /// layers take to read it.
  case bfloat16
}

extension Model {
  /// Returns the model with its large weights in another precision: arrays of two axes or more and
  /// at least 65,536 elements.
  ///
  /// The digest stays that of the weights as they came.
  ///
  /// - Throws: `invalidArgument` if the weights have been rounded already.
  public func with(precision: Precision) throws(PhospheneError) -> Model {
    guard precision != self.precision else { return self }
    guard self.precision == .float32 else {
      throw .invalidArgument(
        "the model's weights are stored in \(self.precision), which can't be made "
          + "\(precision) again: load the model anew")
    }
    var rounded: [String: Tensor] = [:]
    for (key, tensor) in weights {
      let isLarge = tensor.shape.rank >= 2 && tensor.shape.elementCount >= 1 << 16
      // Small ones are copied, because one of them would keep a whole mapped file.
      rounded[key] = isLarge ? try tensor.roundedToHalves() : try tensor.copied()
    }
    return Model(
      architecture: architecture, rounded: rounded, metadata: metadata, precision: precision,
      digest: digest)
  }
}
