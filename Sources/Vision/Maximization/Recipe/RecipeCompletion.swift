import KerasModels
import Tensors

// What a recipe leaves to the network and to what is asked of it.

extension Recipe {
  /// The recipe with everything stated that decides how the pictures come out.
  ///
  /// - Parameter sizes: What the network takes, and what suits that.
  /// - Returns: A recipe that needs no defaults.
  /// - Throws: `invalidArgument` for what is stated and doesn't go together with the network.
  func completed(for sizes: RenderingSizes) throws(PhospheneError) -> Recipe {
    let defaults = sizes.defaults
    var whole = self
    whole.budget = nil
    whole.parametrization = StatedParametrization(try completedParametrization(for: sizes))
    guard transparency != .optimized || sizes.isPicture else {
      throw .invalidArgument(
        "an optimized transparency is for pictures, this network takes inputs of shape "
          + "\(Shape(sizes.input.axes.dropFirst().map(\.self))): leave transparency out")
    }
    whole.views = sizes.views
    if case .sgd(nil, _, _)? = optimizer, sizes.kind == .maco {
      throw .invalidArgument(
        "no learning rate of sgd suits maco: the phases of coarse waves have by far the strongest "
          + "gradients, and the picture stays plain; take nadam, adam or rmsprop, or state a learning_rate"
      )
    }
    whole.optimizer = optimizer.map(defaults.completed) ?? defaults.optimizer
    whole.regularizers = (regularizers ?? defaults.regularizers).map { penalty in
      guard case .statistics(let weight, nil) = penalty else { return penalty }
      return .statistics(weight: weight, of: defaults.statistics ?? .training)
    }
    if steps == Recipe.undecided {
      whole.steps = stages.isEmpty ? defaults.steps : stages.reduce(0) { $0 + $1.steps }
    }
    if let lastStep { try require(1...whole.steps, lastStep, "last_step") }
    var canvas = size ?? [sizes.canvas.height / sizes.depth, sizes.canvas.width]
    if sizes.form == .signal { canvas[1] = canvas[0] }
    if sizes.isPicture { whole.size = canvas }
    if sizes.form == .row {
      // Neighbours in a row of numbers mean nothing: no spectrum, no shifts.
      try requireNothingOfNeighbours()
      whole.transforms = []
    } else {
      whole.transforms = transforms ?? defaults.transforms(canvasSide: min(canvas[0], canvas[1]))
    }
    for transform in whole.transforms ?? [] { try transform.check(canvas: canvas) }
    return whole
  }

  /// The parametrization with everything stated.
  func completedParametrization(
    for sizes: RenderingSizes
  ) throws(PhospheneError) -> Parametrization {
    var whole = (parametrization ?? StatedParametrization()).completed(
      by: sizes.defaults.parametrization)
    if let prior = whole.prior {
      try prior.check(for: whole, sizes)
    } else if !sizes.isPicture {
      guard parametrization?.decorrelate != true else {
        throw .invalidArgument(
          "decorrelate true mixes red, green and blue as in natural images, and this network takes "
            + "inputs of shape \(Shape(sizes.input.axes.dropFirst().map(\.self))), which are no "
            + "pictures: leave it out, or give a prior of such inputs")
      }
      // Three channels of anything else than a picture aren't red, green and blue.
      whole.decorrelate = false
    }
    return whole
  }

  /// Refuses what has no meaning for a row of numbers.
  private func requireNothingOfNeighbours() throws(PhospheneError) {
    let reason = "the network takes a row of numbers, in which neighbours mean nothing"
    guard (transforms ?? []).isEmpty else {
      throw .invalidArgument("\(reason): transforms must be left out or empty")
    }
    for case .totalVariation in regularizers ?? [] {
      throw .invalidArgument("\(reason): the penalty total_variation must be left out")
    }
  }
}
