public import Tensors

extension Graph {
  /// Appends the gradient of a value with respect to others.
  ///
  /// The walk goes backward from the target and touches only nodes on a path from a source to it.
  ///
  /// - Parameters:
  ///   - target: The value to differentiate.
  ///   - sources: With respect to what.
  ///   - cotangent: The weight of each of the target's elements, of the target's shape; ones if it
  ///     is `nil`, so that the sum of the target's elements is differentiated.
  ///   - rule: How rectifiers pass a cotangent.
  /// - Returns: For each source a value of its shape, or `nil` if the target doesn't depend on it.
  /// - Throws: `outOfMemory` if there is none for a constant.
  public mutating func gradient(
    of target: Value, withRespectTo sources: [Value], cotangent: Value? = nil,
    rule: GradientRule = .plain
  ) throws(PhospheneError) -> [Value?] {
    var reached = [Bool](repeating: false, count: target.index + 1)
    for source in sources where source.index <= target.index { reached[source.index] = true }
    for index in reached.indices where !reached[index] {
      reached[index] = nodes[index].inputs.contains { reached[$0.index] }
    }
    var cotangents: [Value: Value] = [:]
    if let cotangent {
      cotangents[target] = cotangent
    } else {
      cotangents[target] = constant(try Tensor(shape(target), repeating: 1))
    }

    let isSource = Set(sources)
    for index in stride(from: target.index, through: 0, by: -1) {
      let output = Value(index: index)
      // A source may itself depend on another source, so the walk goes on behind it.
      guard reached[index], let cotangent = cotangents[output],
        case .operation(let operation, let inputs) = nodes[index].source
      else { continue }
      let wanted = inputs.map { reached[$0.index] }
      guard wanted.contains(true) else { continue }
      let passed = try operation.cotangents(
        of: Pullback(
          inputs: inputs, output: output, cotangent: cotangent, wanted: wanted, rule: rule),
        in: &self)
      for (input, contribution) in zip(inputs, passed) {
        guard reached[input.index], let contribution else { continue }
        if let sum = cotangents[input] {
          cotangents[input] = try add(sum, contribution)
        } else {
          cotangents[input] = contribution
        }
      }
      if !isSource.contains(output) { cotangents[output] = nil }
    }
    return sources.map { cotangents[$0] }
  }
}
