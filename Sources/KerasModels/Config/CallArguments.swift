import Tensors

/// What one call of a layer is given: Python's positional and named arguments.
struct CallArguments<Source: Sendable>: Sendable {
  var positional: [Argument<Source>]
  /// By name, sorted.
  var named: [(name: String, value: Argument<Source>)] = []

  /// The tensors among all arguments, in order of appearance.
  var tensors: [Source] {
    positional.flatMap(\.tensors) + named.flatMap(\.value.tensors)
  }

  /// The argument for one of the parameters that are listed in order.
  func argument(_ name: String, of parameters: [String]) -> Argument<Source>? {
    if let named = named.first(where: { $0.name == name }) { return named.value }
    guard let place = parameters.firstIndex(of: name), place < positional.count else { return nil }
    return positional[place]
  }

  /// The same arguments with every tensor replaced, in the order of ``tensors``.
  func map<Other>(_ replace: (Source) -> Other) -> CallArguments<Other> {
    CallArguments<Other>(
      positional: positional.map { $0.map(replace) },
      named: named.map { (name: $0.name, value: $0.value.map(replace)) })
  }

  /// The same arguments with a tensor in place of every variable of the network.
  func resolvingWeights(
    _ resolve: (_ name: String, _ shape: Shape, _ isTrainable: Bool) throws(PhospheneError) ->
      Source
  ) throws(PhospheneError) -> CallArguments {
    var resolved = self
    for index in positional.indices {
      resolved.positional[index] = try positional[index].resolvingWeights(resolve)
    }
    for index in named.indices {
      resolved.named[index].value = try named[index].value.resolvingWeights(resolve)
    }
    return resolved
  }
}

extension CallArguments where Source == TensorReference {
  /// Refuses arguments that a layer doesn't know, since leaving one out might change the numbers.
  ///
  /// What is `None` says nothing, and neither does `training`: Keras puts that of the whole model,
  /// which is false at inference, in its place (keras 3.15, `models/functional.py`,
  /// `operation_fn`). As in Python, a starred
  /// parameter at the end takes any number of positional arguments, one with two stars any names.
  func check(against parameters: [String]) throws(PhospheneError) {
    guard positional.count <= parameters.count || parameters.last?.hasPrefix("*") == true else {
      throw .unsupported(
        "it is called with \(positional.count) arguments; known are "
          + parameters.joined(separator: ", "))
    }
    if parameters.last?.hasPrefix("**") == true { return }
    for (name, value) in named where !value.isNone && name != "training" {
      guard parameters.contains(name) else {
        throw .unsupported(
          "call argument '\(name)' isn't supported; known are "
            + parameters.joined(separator: ", "))
      }
    }
  }
}
