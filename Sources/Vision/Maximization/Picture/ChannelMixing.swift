import Glibc
import Graphs
import KerasModels
import Tensors

// What the channels of a picture are made of.

extension ParametrizedImage {
  /// Red, green and blue (or whatever the channels are) of each axis, row by row; `nil` where channels
  /// stand for themselves.
  var mixing: [Float]? {
    guard parametrization.decorrelate else { return nil }
    if let prior = parametrization.prior { return prior.axes.flatMap(\.self) }
    return channels == 3 ? ColorAxes.mixing : nil
  }

  /// What parameters of zero give, before the sigmoid: the background or the prior's mean, but not so
  /// near to black or white that nothing moves away from it.
  var middles: [Float] {
    let means = parametrization.prior?.mean ?? [Float](repeating: background, count: channels)
    // Of pictures things must stand out; the numbers of a table may well be far from their middle.
    let margin: Float = form == .picture ? 0.25 : 0.02
    return means.map { (mean: Float) in
      let brightness = min(max(mean, margin), 1 - margin)
      return logf(brightness / (1 - brightness))
    }
  }

  /// Appends rows of numbers, (count, 1, length, 1) between 0 and 1: a prior's means, and so many steps
  /// along each of its axes, (count, 1, axes, 1).
  func rows(
    of steps: Value, by prior: Prior, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let axes = graph.constant(try Tensor([prior.axes.count, width], prior.axes.flatMap(\.self)))
    let moved = try graph.matrixProduct(
      graph.reshape(steps, to: [count, prior.axes.count]), axes)
    let value = try graph.add(moved, graph.constant(try Tensor([width], middles)))
    return try graph.unary(.sigmoid, graph.reshape(value, to: [count, 1, width, 1]))
  }
}
