import Glibc
import Tensors
import TestSupport
import Testing
@testable import Vision

@Suite struct OptimizerTests {
  private static let gradients: [[Double]] = [
    [1, -2, 0], [0.5, -4, 0], [-3, 0.25, 0], [2, 2, 0],
  ]

  /// The parameters after each step from (1, 2, 3).
  private func run(_ optimizer: Optimizer) throws -> [[Float]] {
    var values = [try Tensor([3], [1, 2, 3])]
    for _ in 0..<optimizer.stateCount { values.append(try Tensor([3], repeating: 0)) }
    return try Self.gradients.enumerated().map { index, gradient in
      let corrections = try Tensor([3], optimizer.corrections(step: index + 1))
      let inputs = values + [try Tensor([3], gradient.map { Float($0) }), corrections]
      values = try compute(inputs) { graph, v in
        try optimizer.step(
          v[0], gradient: v[v.count - 2], state: Array(v[1..<v.count - 2]),
          corrections: v[v.count - 1], in: &graph)
      }
      return values[0].elements
    }
  }

  // Kingma and Ba 2015, algorithm 1, uphill.
  @Test func adamIsTheirs() throws {
    let (rate, beta1, beta2, epsilon) = (0.1, 0.8, 0.95, 1e-3)
    var (x, m, v) = ([1.0, 2, 3], [0.0, 0, 0], [0.0, 0, 0])
    let expected = Self.gradients.enumerated().map { index, g in
      let t = Double(index + 1)
      for i in 0..<3 {
        m[i] = beta1 * m[i] + (1 - beta1) * g[i]
        v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i]
        let (mean, square) = (m[i] / (1 - pow(beta1, t)), v[i] / (1 - pow(beta2, t)))
        x[i] += rate * mean / (square.squareRoot() + epsilon)
      }
      return x.map { Float($0) }
    }
    let received = try run(.adam(learningRate: 0.1, beta1: 0.8, beta2: 0.95, epsilon: 1e-3))
    for (a, b) in zip(received, expected) { #expect(relativeError(a, b) < 1e-6) }
    #expect(received.count == 4)
  }

  @Test func nadamsMomentaAreCarriedOn() {
    let optimizer = Optimizer.nadam(beta1: 0.99)
    var momenta = MomentumProduct()
    for step in [1, 2, 2, 7, 3, 100] {
      momenta = optimizer.momenta(upTo: step, from: momenta)
      let received = optimizer.corrections(step: step, momenta: momenta)
      #expect(received == optimizer.corrections(step: step))
    }
  }

  // Keras 3, `optimizers/nadam.py`, uphill.
  @Test func nadamIsKeras() throws {
    let (rate, beta1, beta2, epsilon) = (0.1, 0.8, 0.95, 1e-3)
    var (x, m, v, product) = ([1.0, 2, 3], [0.0, 0, 0], [0.0, 0, 0], 1.0)
    let expected = Self.gradients.enumerated().map { index, g in
      let t = Double(index + 1)
      let now = beta1 * (1 - 0.5 * pow(0.96, t))
      let after = beta1 * (1 - 0.5 * pow(0.96, t + 1))
      product *= now
      for i in 0..<3 {
        m[i] += (g[i] - m[i]) * (1 - beta1)
        v[i] += (g[i] * g[i] - v[i]) * (1 - beta2)
        let mean = after * m[i] / (1 - product * after) + (1 - now) * g[i] / (1 - product)
        x[i] += rate * mean / ((v[i] / (1 - pow(beta2, t))).squareRoot() + epsilon)
      }
      return x.map { Float($0) }
    }
    let received = try run(.nadam(learningRate: 0.1, beta1: 0.8, beta2: 0.95, epsilon: 1e-3))
    for (a, b) in zip(received, expected) { #expect(relativeError(a, b) < 1e-6) }
    #expect(received.count == 4)
  }

  // Keras 3, `optimizers/sgd.py`, uphill.
  @Test(arguments: [false, true]) func sgdIsKeras(nesterov: Bool) throws {
    let (rate, momentum) = (0.1, 0.75)
    var (x, v) = ([1.0, 2, 3], [0.0, 0, 0])
    let expected = Self.gradients.map { g in
      for i in 0..<3 {
        v[i] = momentum * v[i] + rate * g[i]
        x[i] += nesterov ? momentum * v[i] + rate * g[i] : v[i]
      }
      return x.map { Float($0) }
    }
    let received = try run(.sgd(learningRate: 0.1, momentum: 0.75, nesterov: nesterov))
    for (a, b) in zip(received, expected) { #expect(relativeError(a, b) < 1e-6) }
    #expect(received.count == 4)
  }

  // Keras 3, `optimizers/rmsprop.py`, without momentum and centering, uphill.
  @Test func rmspropIsKeras() throws {
    let (rate, rho, epsilon) = (0.1, 0.8, 1e-3)
    var (x, v) = ([1.0, 2, 3], [0.0, 0, 0])
    let expected = Self.gradients.map { g in
      for i in 0..<3 {
        v[i] = rho * v[i] + (1 - rho) * g[i] * g[i]
        x[i] += rate * g[i] / (v[i] + epsilon).squareRoot()
      }
      return x.map { Float($0) }
    }
    let received = try run(.rmsprop(learningRate: 0.1, rho: 0.8, epsilon: 1e-3))
    for (a, b) in zip(received, expected) { #expect(relativeError(a, b) < 1e-6) }
    #expect(received.count == 4)
  }
}
