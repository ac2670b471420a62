import Glibc
import Graphs
import Tensors

/// How the parameters follow the gradient uphill; without a learning rate until the parametrization is
/// known.
enum Optimizer: Codable, Sendable {
  /// Kingma and Ba 2015, algorithm 1.
  case adam(
    learningRate: Float? = 0.05, beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8)
  /// As in Keras 3: `x += rate * g / sqrt(v + epsilon)` with `v` the running mean of `g²`.
  case rmsprop(learningRate: Float? = 0.05, rho: Float = 0.9, epsilon: Float = 1e-7)
  /// As in Keras 3: Adam with Nesterov's momentum (Dozat 2016), whose share grows with the steps.
  case nadam(
    learningRate: Float? = 1, beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-7)
  /// As in Keras 3: `v = momentum * v + rate * g; x += v`, or with Nesterov's look ahead.
  case sgd(learningRate: Float? = 1, momentum: Float = 0.9, nesterov: Bool = false)

  private enum Kind: String, NamedOption {
    case adam, rmsprop, nadam, sgd

    /// The names of what an optimizer of this kind may state.
    var options: [CodingKeys] {
      switch self {
      case .adam, .nadam: [.kind, .learningRate, .beta1, .beta2, .epsilon]
      case .rmsprop: [.kind, .learningRate, .rho, .epsilon]
      case .sgd: [.kind, .learningRate, .momentum, .nesterov]
      }
    }
  }
  private enum CodingKeys: String, CodingKey {
    case kind, beta1, beta2, rho, epsilon, momentum, nesterov
    case learningRate = "learning_rate"
  }

  init(from decoder: any Decoder) throws {
    let options = try decoder.container(keyedBy: CodingKeys.self)
    func number(_ key: CodingKeys, _ value: Float) throws -> Float {
      try options.decodeIfPresent(Float.self, forKey: key) ?? value
    }
    let kind = try options.decode(Kind.self, forKey: .kind)
    try decoder.requireKnown(kind.options, kind: kind.rawValue)
    let rate = try options.decodeIfPresent(Float.self, forKey: .learningRate)
    switch kind {
    case .adam:
      self = .adam(
        learningRate: rate,
        beta1: try number(.beta1, 0.9),
        beta2: try number(.beta2, 0.999), epsilon: try number(.epsilon, 1e-8))
    case .rmsprop:
      self = .rmsprop(
        learningRate: rate, rho: try number(.rho, 0.9),
        epsilon: try number(.epsilon, 1e-7))
    case .nadam:
      self = .nadam(
        learningRate: rate,
        beta1: try number(.beta1, 0.9),
        beta2: try number(.beta2, 0.999), epsilon: try number(.epsilon, 1e-7))
    case .sgd:
      self = .sgd(
        learningRate: rate,
        momentum: try number(.momentum, 0.9),
        nesterov: try options.decodeIfPresent(Bool.self, forKey: .nesterov) ?? false)
    }
  }

  func encode(to encoder: any Encoder) throws {
    var options = encoder.container(keyedBy: CodingKeys.self)
    switch self {
    case .adam(let learningRate, let beta1, let beta2, let epsilon):
      try options.encode(Kind.adam, forKey: .kind)
      try options.encodeIfPresent(learningRate, forKey: .learningRate)
      try options.encode(beta1, forKey: .beta1)
      try options.encode(beta2, forKey: .beta2)
      try options.encode(epsilon, forKey: .epsilon)
    case .rmsprop(let learningRate, let rho, let epsilon):
      try options.encode(Kind.rmsprop, forKey: .kind)
      try options.encodeIfPresent(learningRate, forKey: .learningRate)
      try options.encode(rho, forKey: .rho)
      try options.encode(epsilon, forKey: .epsilon)
    case .nadam(let learningRate, let beta1, let beta2, let epsilon):
      try options.encode(Kind.nadam, forKey: .kind)
      try options.encodeIfPresent(learningRate, forKey: .learningRate)
      try options.encode(beta1, forKey: .beta1)
      try options.encode(beta2, forKey: .beta2)
      try options.encode(epsilon, forKey: .epsilon)
    case .sgd(let learningRate, let momentum, let nesterov):
      try options.encode(Kind.sgd, forKey: .kind)
      try options.encodeIfPresent(learningRate, forKey: .learningRate)
      try options.encode(momentum, forKey: .momentum)
      try options.encode(nesterov, forKey: .nesterov)
    }
  }

  func check() throws(PhospheneError) {
    switch self {
    case .adam(let learningRate, let beta1, let beta2, let epsilon),
      .nadam(let learningRate, let beta1, let beta2, let epsilon):
      try require(0...1e4, learningRate ?? 0, "learning_rate")
      try require(0...0.9999, beta1, "beta1")
      try require(0...0.99999, beta2, "beta2")
      try require(1e-30...1, epsilon, "epsilon")
    case .rmsprop(let learningRate, let rho, let epsilon):
      try require(0...1e4, learningRate ?? 0, "learning_rate")
      try require(0...0.99999, rho, "rho")
      try require(1e-30...1, epsilon, "epsilon")
    case .sgd(let learningRate, let momentum, _):
      try require(0...1e9, learningRate ?? 0, "learning_rate")
      try require(0...0.9999, momentum, "momentum")
    }
  }

  var learningRate: Float? {
    get {
      switch self {
      case .adam(let rate, _, _, _), .nadam(let rate, _, _, _), .rmsprop(let rate, _, _),
        .sgd(let rate, _, _):
        rate
      }
    }
    set {
      self =
        switch self {
        case .adam(_, let beta1, let beta2, let epsilon):
          .adam(learningRate: newValue, beta1: beta1, beta2: beta2, epsilon: epsilon)
        case .nadam(_, let beta1, let beta2, let epsilon):
          .nadam(learningRate: newValue, beta1: beta1, beta2: beta2, epsilon: epsilon)
        case .rmsprop(_, let rho, let epsilon):
          .rmsprop(learningRate: newValue, rho: rho, epsilon: epsilon)
        case .sgd(_, let momentum, let nesterov):
          .sgd(learningRate: newValue, momentum: momentum, nesterov: nesterov)
        }
    }
  }

  /// The same with another number in place of Adam's and NAdam's epsilon.
  func with(epsilon: Float) -> Optimizer {
    switch self {
    case .adam(let rate, let beta1, let beta2, _):
      .adam(learningRate: rate, beta1: beta1, beta2: beta2, epsilon: epsilon)
    case .nadam(let rate, let beta1, let beta2, _):
      .nadam(learningRate: rate, beta1: beta1, beta2: beta2, epsilon: epsilon)
    case .rmsprop, .sgd: self
    }
  }

  /// How many arrays of the parameters' shape the optimizer carries from step to step.
  var stateCount: Int {
    switch self {
    case .adam, .nadam: 2
    case .rmsprop, .sgd: 1
    }
  }

  /// The optimizer's name if it divides by the root of a mean of squares, which is its last state.
  var squaring: String? {
    switch self {
    case .adam: Kind.adam.rawValue
    case .nadam: Kind.nadam.rawValue
    case .rmsprop: Kind.rmsprop.rawValue
    case .sgd: nil
    }
  }

  /// What part of the first gradient is the running mean behind the first step, which is the first
  /// state; `nil` if there is none.
  var firstShare: Float? {
    switch self {
    case .adam(_, let beta1, _, _), .nadam(_, let beta1, _, _): 1 - beta1
    case .rmsprop, .sgd: nil
    }
  }

  /// The size of a gradient below which the parameters move at less than a thousandth of the learning
  /// rate.
  var faintest: Float {
    switch self {
    case .adam(_, _, _, let epsilon), .nadam(_, _, _, let epsilon): epsilon / 1000
    case .rmsprop, .sgd: 0
    }
  }

  /// The three numbers that change from step to step, counted from 1: those that undo the bias
  /// towards zero of the running mean, of the running mean of squares, and what NAdam gives the latest
  /// gradient.
  ///
  /// - Parameters:
  ///   - step: The step.
  ///   - momenta: What an earlier step came to, which saves doing it again.
  /// - Returns: The three numbers.
  func corrections(step: Int, momenta: MomentumProduct = MomentumProduct()) -> [Float] {
    switch self {
    case .rmsprop, .sgd: return [1, 1, 1]
    case .adam(_, let beta1, let beta2, _):
      return [
        Float(1 / (1 - pow(Double(beta1), Double(step)))),
        Float(1 / (1 - pow(Double(beta2), Double(step)))), 1,
      ]
    case .nadam(_, let beta1, let beta2, _):
      let product = self.momenta(upTo: step, from: momenta).value
      let (now, after) = (
        MomentumProduct.momentum(beta1, step), MomentumProduct.momentum(beta1, step + 1)
      )
      return [
        Float(after / (1 - product * after)),
        Float(1 / (1 - pow(Double(beta2), Double(step)))), Float((1 - now) / (1 - product)),
      ]
    }
  }

  /// The product of NAdam's momenta up to a step, beginning with that up to an earlier one.
  func momenta(upTo step: Int, from earlier: MomentumProduct) -> MomentumProduct {
    guard case .nadam(_, let beta1, _, _) = self else { return MomentumProduct() }
    var product = earlier.step > step ? MomentumProduct() : earlier
    while product.step < step {
      product.step += 1
      product.value *= MomentumProduct.momentum(beta1, product.step)
    }
    return product
  }

  /// Appends one step uphill.
  ///
  /// The corrections are a value of shape `(3,)`, see ``corrections(step:)``.
  ///
  /// - Returns: The new parameters, then the new state.
  /// - Throws: Nothing that the shapes of its own making could cause.
  func step(
    _ parameters: Value, gradient: Value, state: [Value], corrections: Value, in graph: inout Graph
  ) throws(PhospheneError) -> [Value] {
    func blend(_ old: Value, _ new: Value, _ share: Float) throws(PhospheneError) -> Value {
      try graph.add(graph.linear(old, scale: share), graph.linear(new, scale: 1 - share))
    }
    let rate = learningRate ?? 0
    switch self {
    case .adam(_, let beta1, let beta2, let epsilon):
      let mean = try blend(state[0], gradient, beta1)
      let square = try blend(state[1], graph.unary(.square, gradient), beta2)
      let first = try graph.slice(corrections, axis: 0, start: 0, length: 1)
      let second = try graph.slice(corrections, axis: 0, start: 1, length: 1)
      let root = try graph.unary(.squareRoot, graph.multiply(square, second))
      let direction = try graph.divide(
        graph.multiply(mean, first), graph.linear(root, scale: 1, offset: epsilon))
      let moved = try graph.add(parameters, graph.linear(direction, scale: rate))
      return [moved, mean, square]
    case .rmsprop(_, let rho, let epsilon):
      let square = try blend(state[0], graph.unary(.square, gradient), rho)
      let root = try graph.unary(.squareRoot, graph.linear(square, scale: 1, offset: epsilon))
      let direction = try graph.divide(gradient, root)
      let moved = try graph.add(parameters, graph.linear(direction, scale: rate))
      return [moved, square]
    case .nadam(_, let beta1, let beta2, let epsilon):
      let mean = try blend(state[0], gradient, beta1)
      let square = try blend(state[1], graph.unary(.square, gradient), beta2)
      let parts = try (0..<3).map { index throws(PhospheneError) in
        try graph.slice(corrections, axis: 0, start: index, length: 1)
      }
      let ahead = try graph.add(
        graph.multiply(mean, parts[0]), graph.multiply(gradient, parts[2]))
      let root = try graph.unary(.squareRoot, graph.multiply(square, parts[1]))
      let direction = try graph.divide(ahead, graph.linear(root, scale: 1, offset: epsilon))
      let moved = try graph.add(parameters, graph.linear(direction, scale: rate))
      return [moved, mean, square]
    case .sgd(_, let momentum, let nesterov):
      let push = try graph.linear(gradient, scale: rate)
      let velocity = try graph.add(graph.linear(state[0], scale: momentum), push)
      guard nesterov else { return [try graph.add(parameters, velocity), velocity] }
      let ahead = try graph.add(graph.linear(velocity, scale: momentum), push)
      return [try graph.add(parameters, ahead), velocity]
    }
  }
}

/// The product of NAdam's momenta of so many steps.
struct MomentumProduct: Sendable {
  fileprivate(set) var step = 0
  fileprivate(set) var value = 1.0

  /// The momentum of one step, counted from 1.
  fileprivate static func momentum(_ beta1: Float, _ step: Int) -> Double {
    Double(beta1) * (1 - 0.5 * pow(0.96, Double(step)))
  }
}
