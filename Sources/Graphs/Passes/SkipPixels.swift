import Tensors

extension Graph {
  /// Returns a graph that leaves out pixels which nobody reads.
  ///
  /// A convolution of one pixel that steps over others, as at the beginning of ResNet's stages, sees
  /// every second pixel of every second row. So what is in front of it needs no others: elementwise
  /// operations become smaller, and convolutions take larger steps. A gradient that is taken of the
  /// new graph passes through the remaining pixels only.
  ///
  /// - Parameter values: What is wanted, whole. Inputs keep their order.
  /// - Returns: The graph, and the values in it.
  /// - Throws: `outOfMemory` if there is none for a constant.
  func skippingPixels(
    for values: [Value]
  ) throws(PhospheneError) -> (graph: Graph, values: [Value]) {
    var steps = [Steps?](repeating: nil, count: nodes.count)
    for value in values { steps[value.index] = Steps.none }
    for index in nodes.indices.reversed() {
      guard let wanted = steps[index] else { continue }
      guard case .operation(let operation, let inputs) = nodes[index].source else {
        steps[index] = Steps.none
        continue
      }
      let reading = reading(wanted, of: index, operation, inputs)
      steps[index] = reading.steps
      for (input, step) in zip(inputs, reading.inputs) {
        let known = steps[input.index]
        steps[input.index] = known == nil || known == step ? step : Steps.none
      }
    }
    guard steps.contains(where: { $0.map { $0 != .none } ?? false }) else { return (self, values) }
    return try rebuilt(for: values, steps)
  }

  /// What steps over pixels a node's result is computed with, and what of its inputs that takes.
  private func reading(
    _ wanted: Steps, of index: Int, _ operation: any Operation, _ inputs: [Value]
  ) -> (steps: Steps, inputs: [Steps]) {
    let whole = (Steps.none, inputs.map { _ in Steps.none })
    let shape = nodes[index].type.shape
    if let convolution = operation as? Convolution {
      guard !convolution.hasBias, !convolution.hasAddend, convolution.activation == nil else {
        return whole
      }
      let strides = wanted.times(convolution.geometry.strides)
      return (wanted, [convolution.readsSinglePixels ? Steps(strides) : .none, .none])
    }
    guard wanted != .none, operation is Unary || operation is UnaryGradient || operation is Binary
    else { return whole }
    var steps: [Steps] = []
    for input in inputs {
      let axes = self.shape(input).axes
      let aligned = [Int](repeating: 1, count: shape.rank - axes.count) + axes
      if aligned[1..<shape.rank - 1] == shape.axes[1..<shape.rank - 1] {
        steps.append(wanted)
      } else if aligned[1..<shape.rank - 1].allSatisfy({ $0 == 1 }) {
        steps.append(.none)
      } else {
        return whole
      }
    }
    return (wanted, steps)
  }

  private func rebuilt(
    for values: [Value], _ steps: [Steps?]
  ) throws(PhospheneError) -> (graph: Graph, values: [Value]) {
    var graph = Graph()
    var map = [Value?](repeating: nil, count: nodes.count)
    for (index, node) in nodes.enumerated() {
      switch node.source {
      case .input: map[index] = graph.input(node.type)
      case .constant(let tensor): if steps[index] != nil { map[index] = graph.constant(tensor) }
      case .operation(let operation, let inputs):
        guard let computed = steps[index] else { continue }
        let reading = reading(computed, of: index, operation, inputs)
        let arguments = inputs.compactMap { map[$0.index] }
        if let convolution = operation as? Convolution {
          var geometry = convolution.geometry
          let isSkipped = steps[inputs[0].index] != Steps.none
          geometry.strides =
            isSkipped
            ? geometry.strides.map { _ in 1 } : computed.times(geometry.strides)
          map[index] = try graph.apply(
            Convolution(
              geometry: geometry, groups: convolution.groups, hasBias: convolution.hasBias,
              hasAddend: convolution.hasAddend, activation: convolution.activation), to: arguments)
        } else {
          var parts: [Value] = []
          for (position, value) in arguments.enumerated() {
            let isWhole = steps[inputs[position].index] == Steps.none
            let part = reading.inputs[position]
            parts.append(isWhole ? try graph.apply(part, toPixelsOf: value) : value)
          }
          map[index] = try graph.apply(operation, to: parts)
        }
      }
    }
    return (graph, values.compactMap { map[$0.index] })
  }

  /// Appends a slice with steps, if there are any.
  private mutating func apply(_ steps: Steps, toPixelsOf value: Value) throws(PhospheneError)
    -> Value
  {
    guard steps != .none else { return value }
    let axes = shape(value).axes
    let all = [1] + steps.lengths + [1]
    let lengths = zip(axes, all).map { ($0 + $1 - 1) / $1 }
    return try apply(Slice(starts: axes.map { _ in 0 }, lengths: lengths, steps: all), to: [value])
  }
}

/// The steps along the spatial axes at which an array is read, from the first pixel on.
private struct Steps: Equatable {
  /// One number for each spatial axis; empty if nothing is left out.
  let lengths: [Int]

  static let none = Steps([])

  init(_ lengths: [Int]) { self.lengths = lengths.allSatisfy { $0 == 1 } ? [] : lengths }

  /// The strides of windows of which only some are wanted.
  func times(_ strides: [Int]) -> [Int] {
    lengths.isEmpty ? strides : zip(strides, lengths).map { $0 * $1 }
  }
}

extension Convolution {
  /// Whether a window is one pixel of the image.
  fileprivate var readsSinglePixels: Bool {
    geometry.window.allSatisfy { $0 == 1 }
      && (geometry.padLow + geometry.padHigh).allSatisfy { $0 == 0 }
  }
}
