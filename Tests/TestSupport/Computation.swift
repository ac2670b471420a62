public import Graphs
public import Tensors

/// Appends something to a graph that has the inputs, and returns the results.
public typealias GraphBuilder = (inout Graph, [Value]) throws -> [Value]

/// Returns a plan of what `build` appends, and the graph it is made from.
public func plan(
  on inputs: [Tensor], fusesActivations: Bool = true, build: GraphBuilder
) throws -> Plan {
  var graph = Graph()
  let values = inputs.map { graph.input($0.type) }
  let outputs = try build(&graph, values)
  return try Plan(
    graph, outputs: outputs, pool: ConstantPool(weights: []), fusesActivations: fusesActivations)
}

/// Returns what the graph that `build` appends computes.
public func compute(_ inputs: [Tensor], build: GraphBuilder) throws -> [Tensor] {
  try plan(on: inputs, build: build).run(inputs)
}

/// Returns the gradient of the sum of a result times `weights`, with respect to each input.
public func gradient(
  at inputs: [Tensor], weights: Tensor? = nil, rule: GradientRule = .plain,
  build: (inout Graph, [Value]) throws -> Value
) throws -> [Tensor] {
  try compute(inputs) { graph, values in
    let target = try build(&graph, values)
    let cotangent = weights.map { graph.constant($0) }
    let gradients = try graph.gradient(
      of: target, withRespectTo: values, cotangent: cotangent, rule: rule)
    return try zip(gradients, inputs).map { gradient, input in
      try gradient ?? graph.constant(Tensor(input.shape, repeating: 0))
    }
  }
}

/// Returns the largest difference between gradients and central differences, relative to the
/// largest gradient.
///
/// The scalar is the sum of the result times weights that differ, so that a gradient sent to the
/// wrong element shows. Every element of every input is moved by `step` either way: keep inputs away
/// from kinks by more than that. Where the result is linear in each element, any step gives exact
/// numbers.
public func gradientError(
  at inputs: [Tensor], step: Float, build: (inout Graph, [Value]) throws -> Value
) throws -> Float {
  let forward = try plan(on: inputs) { [try build(&$0, $1)] }
  let weights = try integers(forward.outputTypes[0].shape, seed: 5)
  let gradients = try gradient(at: inputs, weights: weights, build: build)

  func score(_ position: Int, _ index: Int, _ offset: Float) throws -> Double {
    var moved = inputs
    var elements = inputs[position].elements
    elements[index] += offset
    moved[position] = try Tensor(inputs[position].shape, elements)
    return dot(try forward.run(moved)[0].elements, weights.elements)
  }
  var worst: Float = 0
  for (position, input) in inputs.enumerated() {
    var differences: [Float] = []
    for index in input.elements.indices {
      let width = Double(input.elements[index] + step) - Double(input.elements[index] - step)
      differences.append(
        Float((try score(position, index, step) - score(position, index, -step)) / width))
    }
    worst = max(worst, relativeError(gradients[position].elements, differences))
  }
  return worst
}

/// Returns both sides of `⟨f(x), y⟩ = ⟨x, fᵀ(y)⟩` for an operation that is linear in its first
/// input, where `fᵀ` is its gradient; with integers they are equal.
public func adjointSides(
  at inputs: [Tensor], build: (inout Graph, [Value]) throws -> Value
) throws -> (Double, Double) {
  let forward = try compute(inputs) { [try build(&$0, $1)] }[0]
  let y = try integers(forward.shape, seed: 9)
  let back = try gradient(at: inputs, weights: y, build: build)[0]
  return (dot(forward.elements, y.elements), dot(inputs[0].elements, back.elements))
}
