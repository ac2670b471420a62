import Graphs
import Tensors

/// Keras' `BatchNormalization` at inference: `gamma * (x - mean) / sqrt(variance + epsilon) + beta`
/// with the moving averages, along one axis.
///
/// It lowers to one factor and one summand a channel, which the passes fold into the weights of a
/// neighbouring convolution or matrix product.
struct BatchNormalization: Layer {
  static let classNames = ["BatchNormalization"]

  private enum CodingKeys: String, CodingKey { case axis, epsilon, center, scale }

  private let axis: Int
  private let epsilon: Float
  private let center: Bool
  private let scale: Bool

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    let axes = try settings.decodeIfPresent(Axes.self, forKey: .axis)?.values ?? [-1]
    guard axes.count == 1 else {
      throw PhospheneError.unsupported("axis must be one axis, received \(axes)")
    }
    axis = axes[0]
    epsilon = try settings.decodeIfPresent(Float.self, forKey: .epsilon) ?? 1e-3
    center = try settings.decodeIfPresent(Bool.self, forKey: .center) ?? true
    scale = try settings.decodeIfPresent(Bool.self, forKey: .scale) ?? true
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("BatchNormalization")
    let shape = context.graph.shape(input)
    let position = axis < 0 ? axis + shape.rank : axis
    guard (1..<max(shape.rank, 1)).contains(position) else {
      throw .invalidArgument("axis \(axis) isn't a feature axis of an input of shape \(shape)")
    }
    let length = shape[position]
    let gamma = scale ? try context.weight("gamma", [length]) : nil
    let beta = center ? try context.weight("beta", [length]) : nil
    let mean = try context.weight("moving_mean", [length], isTrainable: false)
    let variance = try context.weight("moving_variance", [length], isTrainable: false)

    var graph = context.graph
    defer { context.graph = graph }
    let deviation = try graph.unary(
      .squareRoot, graph.linear(variance, scale: 1, offset: epsilon))
    var factor = try graph.unary(.reciprocal, deviation)
    if let gamma { factor = try graph.multiply(gamma, factor) }
    var summand = try graph.linear(graph.multiply(mean, factor), scale: -1)
    if let beta { summand = try graph.add(beta, summand) }
    let column = Shape([length] + [Int](repeating: 1, count: shape.rank - 1 - position))
    return [
      try graph.add(
        graph.multiply(input, graph.reshape(factor, to: column)),
        graph.reshape(summand, to: column))
    ]
  }
}
