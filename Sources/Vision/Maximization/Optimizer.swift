import Glibc
import Graphs
import Tensors

/// How the parameters follow the gradient uphill.
enum Optimizer: Codable, Sendable {
  /// Kingma and Ba 2015, algorithm 1.
  case adam(
    learningRate: Float = 0.05, beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8)
  /// As in Keras 3: `x += rate * g / sqrt(v + epsilon)` with `v` the running mean of `g²`.
  case rmsprop(learningRate: Float = 0.05, rho: Float = 0.9, epsilon: Float = 1e-7)

  private enum Kind: String, Codable { case adam, rmsprop }
  private enum CodingKeys: String, CodingKey {
    case kind, beta1, beta2, rho, epsilon
    case learningRate = "learning_rate"
  }

  init(from decoder: any Decoder) throws {
    let options = try decoder.container(keyedBy: CodingKeys.self)
    func number(_ key: CodingKeys, _ value: Float) throws -> Float {
      try options.decodeIfPresent(Float.self, forKey: key) ?? value
    }
    switch try options.decode(Kind.self, forKey: .kind) {
    case .adam:
      self = .adam(
        learningRate: try number(.learningRate, 0.05), beta1: try number(.beta1, 0.9),
        beta2: try number(.beta2, 0.999), epsilon: try number(.epsilon, 1e-8))
    case .rmsprop:
      self = .rmsprop(
        learningRate: try number(.learningRate, 0.05), rho: try number(.rho, 0.9),
        epsilon: try number(.epsilon, 1e-7))
    }
  }

  func encode(to encoder: any Encoder) throws {
    var options = encoder.container(keyedBy: CodingKeys.self)
    switch self {
    case .adam(let learningRate, let beta1, let beta2, let epsilon):
      try options.encode(Kind.adam, forKey: .kind)
      try options.encode(learningRate, forKey: .learningRate)
      try options.encode(beta1, forKey: .beta1)
      try options.encode(beta2, forKey: .beta2)
      try options.encode(epsilon, forKey: .epsilon)
    case .rmsprop(let learningRate, let rho, let epsilon):
      try options.encode(Kind.rmsprop, forKey: .kind)
      try options.encode(learningRate, forKey: .learningRate)
      try options.encode(rho, forKey: .rho)
      try options.encode(epsilon, forKey: .epsilon)
    }
  }

  func check() throws(PhospheneError) {
    switch self {
    case .adam(let learningRate, let beta1, let beta2, let epsilon):
      try require(0...1e4, learningRate, "learning_rate")
      try require(0...0.9999, beta1, "beta1")
      try require(0...0.99999, beta2, "beta2")
      try require(1e-30...1, epsilon, "epsilon")
    case .rmsprop(let learningRate, let rho, let epsilon):
      try require(0...1e4, learningRate, "learning_rate")
      try require(0...0.99999, rho, "rho")
      try require(1e-30...1, epsilon, "epsilon")
    }
  }

  /// How many arrays of the parameters' shape the optimizer carries from step to step.
  var stateCount: Int {
    switch self {
    case .adam: 2
    case .rmsprop: 1
    }
  }

  /// The two numbers that change from step to step, counted from 1: those that undo the bias of
  /// Adam's running means towards zero.
  func corrections(step: Int) -> [Float] {
    guard case .adam(_, let beta1, let beta2, _) = self else { return [1, 1] }
    return [
      Float(1 / (1 - pow(Double(beta1), Double(step)))),
      Float(1 / (1 - pow(Double(beta2), Double(step)))),
    ]
  }

  /// Appends one step uphill.
  ///
  /// The corrections are a value of shape `(2,)`, see ``corrections(step:)``.
  ///
  /// - Returns: The new parameters, then the new state.
  /// - Throws: Nothing that the shapes of its own making could cause.
  func step(
    _ parameters: Value, gradient: Value, state: [Value], corrections: Value, in graph: inout Graph
  ) throws(PhospheneError) -> [Value] {
    func blend(_ old: Value, _ new: Value, _ rate: Float) throws(PhospheneError) -> Value {
      try graph.add(graph.linear(old, scale: rate), graph.linear(new, scale: 1 - rate))
    }
    switch self {
    case .adam(let learningRate, let beta1, let beta2, let epsilon):
      let mean = try blend(state[0], gradient, beta1)
      let square = try blend(state[1], graph.unary(.square, gradient), beta2)
      let first = try graph.slice(corrections, axis: 0, start: 0, length: 1)
      let second = try graph.slice(corrections, axis: 0, start: 1, length: 1)
      let root = try graph.unary(.squareRoot, graph.multiply(square, second))
      let direction = try graph.divide(
        graph.multiply(mean, first), graph.linear(root, scale: 1, offset: epsilon))
      let moved = try graph.add(parameters, graph.linear(direction, scale: learningRate))
      return [moved, mean, square]
    case .rmsprop(let learningRate, let rho, let epsilon):
      let square = try blend(state[0], graph.unary(.square, gradient), rho)
      let root = try graph.unary(.squareRoot, graph.linear(square, scale: 1, offset: epsilon))
      let direction = try graph.divide(gradient, root)
      let moved = try graph.add(parameters, graph.linear(direction, scale: learningRate))
      return [moved, square]
    }
  }
}
