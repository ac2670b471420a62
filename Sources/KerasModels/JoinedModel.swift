public import Tensors

extension Model {
  /// Joins models into one that holds the very weights that they do.
  ///
  /// The digest is that of any model with these weights and this configuration; rounded weights count as
  /// the floats that they are now, so that the file of the joined model has the same.
  ///
  /// - Parameters:
  ///   - architecture: A network with a nested one for each part.
  ///   - parts: The models, and under which path each of them is nested.
  ///   - metadata: What a model file shall keep beside it.
  /// - Throws: `invalidArgument` for a weight that is missing, unknown or ill-shaped, named, and for
  ///   weights of different precision.
  public convenience init(
    architecture: Architecture, joining parts: [(path: String, model: Model)],
    metadata: [String: String] = [:]
  ) throws(PhospheneError) {
    guard let first = parts.first else {
      throw .invalidArgument("at least one model is needed to join, received none")
    }
    let precision = first.model.precision
    if let other = parts.first(where: { $0.model.precision != precision }) {
      throw .invalidArgument(
        "models that are joined store their weights alike: '\(first.path)' in \(precision), "
          + "'\(other.path)' in \(other.model.precision)")
    }
    var weights: [String: Tensor] = [:]
    for part in parts {
      for (key, tensor) in part.model.weights {
        guard weights.updateValue(tensor, forKey: "\(part.path)/\(key)") == nil else {
          throw .invalidArgument("two models are joined under the path '\(part.path)'")
        }
      }
    }
    guard precision != .float32 else {
      try self.init(architecture: architecture, weights: weights, metadata: metadata)
      return
    }
    if let problem = Model.mismatch(architecture, weights, precision: precision) {
      throw .invalidArgument(problem)
    }
    self.init(
      architecture: architecture, rounded: weights, metadata: metadata, precision: precision)
  }
}
