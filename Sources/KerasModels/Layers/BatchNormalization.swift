import Graphs
import Tensors

/// Keras' `BatchNormalization` at inference: `gamma * (x - mean) / sqrt(variance + epsilon) + beta`
/// with the moving averages, along one axis, or several in Keras 2.
///
/// It lowers to one factor and one summand a channel, which the passes fold into the weights of a
/// neighbouring convolution or matrix product.
struct BatchNormalization: Layer {
  static let classNames = ["BatchNormalization"]

  let arguments = ["inputs", "training", "mask"]
  let passesMask = true

  private enum CodingKeys: String, CodingKey {
    case axis, epsilon, center, scale, renorm
    case virtualBatchSize = "virtual_batch_size"
  }

  private let axes: [Int]
  private let epsilon: Float
  private let center: Bool
  private let scale: Bool
  private let renorm: Bool

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    axes = try settings.decodeIfPresent(Axes.self, forKey: .axis)?.values ?? [-1]
    epsilon = try settings.decodeIfPresent(Float.self, forKey: .epsilon) ?? 1e-3
    center = try settings.decodeIfPresent(Bool.self, forKey: .center) ?? true
    scale = try settings.decodeIfPresent(Bool.self, forKey: .scale) ?? true
    renorm = try settings.decodeIfPresent(Bool.self, forKey: .renorm) ?? false
    if let size = try settings.decodeIfPresent(Int.self, forKey: .virtualBatchSize) {
      throw PhospheneError.unsupported("virtual_batch_size must be None, received \(size)")
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try context.call.tensors("inputs").map(\.value).only("BatchNormalization")
    let shape = context.graph.shape(input)
    let positions = try featureAxes(axes, of: shape)
    // Along several axes Keras 2 keeps an array of the input's rank.
    let column = Shape(shape.axes.indices.map { positions.contains($0) ? shape[$0] : 1 })
    let kept = positions.count == 1 ? [shape[positions[0]]] : column
    let gamma = scale ? try context.weight("gamma", kept) : nil
    let beta = center ? try context.weight("beta", kept) : nil
    let mean = try context.weight("moving_mean", kept, isTrainable: false)
    let variance = try context.weight("moving_variance", kept, isTrainable: false)
    if renorm {
      // Training's own averages, which inference doesn't read.
      for name in ["moving_stddev", "renorm_mean", "renorm_stddev"] {
        _ = try context.weight(name, kept, isTrainable: false)
      }
    }

    // Moved, not copied.
    var graph = context.graph
    context.graph = Graph()
    defer { context.graph = graph }
    let deviation = try graph.unary(
      .squareRoot, graph.linear(variance, scale: 1, offset: epsilon))
    var factor = try graph.unary(.reciprocal, deviation)
    if let gamma { factor = try graph.multiply(gamma, factor) }
    var summand = try graph.linear(graph.multiply(mean, factor), scale: -1)
    if let beta { summand = try graph.add(beta, summand) }
    let trailing = Shape(Array(column.axes[(positions.min() ?? 0)...]))
    let output = try graph.add(
      graph.multiply(input, graph.reshape(factor, to: trailing)),
      graph.reshape(summand, to: trailing))
    if positions.count == 1 {
      let channelsLast = try graph.movingLast(output, from: positions[0])
      noteStatistics(of: channelsLast, mean, variance, gamma: gamma, beta: beta, in: &graph)
    }
    return [output]
  }

  /// Notes the mean and the deviation that the layer's output had in training: those of its input are
  /// its moving averages.
  private func noteStatistics(
    of output: Value, _ mean: Value, _ variance: Value, gamma: Value?, beta: Value?,
    in graph: inout Graph
  ) {
    // Without weights nothing is known, however many channels a configuration states.
    guard let means = graph[mean].constant?.elements,
      let variances = graph[variance].constant?.elements
    else { return }
    func numbers(_ value: Value?, or number: Float) -> [Float] {
      value.flatMap { graph[$0].constant?.elements }
        ?? [Float](repeating: number, count: means.count)
    }
    // A layer that was never trained, or whose averages were folded into other weights, knows nothing.
    guard means.contains(where: { $0 != 0 }), Set(variances).count > 1 else { return }
    graph.noteStatistics(
      Graph.Statistics(
        value: output, mean: numbers(beta, or: 0),
        deviation: zip(numbers(gamma, or: 1), variances).map { (scale: Float, spread: Float) in
          abs(scale) * (max(spread, 0) / (max(spread, 0) + epsilon)).squareRoot()
        }))
  }
}
