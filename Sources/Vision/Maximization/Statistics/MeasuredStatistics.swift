import Graphs
import KerasModels
import Tensors

/// Where it is known from what mean and deviation the channels of a network's layers have.
enum StatisticsSource: String, NamedOption, Sendable {
  /// Batch normalizations remember it of the training's pictures.
  case training
  /// It was measured on pictures of ``DeadLeaves``, for networks without them.
  case deadLeaves = "dead_leaves"
}

/// The means and the deviations of the channels of layers, one layer after the other.
typealias MeasuredStatistics = [(mean: [Float], deviation: [Float])]

extension Graph {
  /// What the activations of a network are applied to, channels last, in the order in which it comes:
  /// its layers, as far as they have positions.
  ///
  /// - Parameters:
  ///   - batch: The number of samples that the network was lowered for.
  ///   - channelAxis: The axis along which the channels of a network's input lie.
  /// - Returns: The values.
  /// - Throws: `outOfMemory`.
  mutating func layersBeforeActivations(
    batch: Int, channelAxis: Int
  ) throws(PhospheneError) -> [Value] {
    var layers: [Value] = []
    for value in activationInputs {
      let axes = shape(value).axes
      guard axes.count > 2, axes[0] == batch else { continue }
      let isInFront = channelAxis == 1 && axes.count > 3
      layers.append(isInFront ? try movingLast(value, from: 1) : value)
    }
    return layers
  }
}

extension Rendering {
  /// How many pictures are looked at at once.
  private static let batch = 4

  /// How many times so many: 32 pictures, as few as 8 of large ones, which show more.
  private var rounds: Int {
    min(max(8 * 256 * 256 / (sizes.view.height * sizes.view.width), 2), 8)
  }

  /// Whether a penalty compares with what is measured.
  private var needsMeasurement: Bool {
    (recipe.regularizers ?? []).contains { $0.source == .deadLeaves }
  }

  /// Measures the layers on pictures of dead leaves, if a penalty needs that and nobody has done it yet.
  mutating func measureLayers() throws(PhospheneError) {
    guard needsMeasurement, measured == nil else { return }
    // What is given to other inputs counts too.
    guard model.inputShapes.count == 1 else {
      measured = try measuredOnLeaves()
      return
    }
    let layers = Set(recipe.objectives.flatMap(\.neededLayers)).sorted()
    let readsOutputs = recipe.objectives.contains { $0.needsOutputs(of: model) }
    let part = "\(layers), \(readsOutputs), \(sizes.input.axes.dropFirst())"
    measured = try model.constants.remembered(
      "dead leaves: \(part), \(recipe.input), \(recipe.exact)"
    ) { () throws(PhospheneError) in try measuredOnLeaves() }
  }

  private func measuredOnLeaves() throws(PhospheneError) -> MeasuredStatistics {
    let (height, width, channels) = (sizes.view.height, sizes.view.width, sizes.channels)
    guard sizes.isPicture, channels == 1 || channels == 3 else {
      throw .invalidArgument(
        "the penalty 'statistics' measures layers on pictures of one channel or three, this network "
          + "takes inputs of shape \(Shape(sizes.input.axes.dropFirst().map(\.self))): leave it out"
      )
    }
    var graph = Graph()
    let place = graph.input(TensorType([Rendering.batch, height, width, channels]))
    var scored = try lowered(
      on: networkInput(of: place, in: &graph), in: graph,
      wanted: recipe.objectives.flatMap(\.neededLayers))
    let layers = try scored.graph.layersBeforeActivations(
      batch: Rendering.batch, channelAxis: sizes.channelAxis)
    guard !layers.isEmpty else {
      throw .invalidArgument(
        "the penalty 'statistics' needs layers with activations before the one that is maximized, and "
          + "there are none: leave it out")
    }
    var sums: [Value] = []
    for layer in layers {
      let axes = Array(0..<scored.graph.shape(layer).rank - 1)
      sums.append(try scored.graph.reduce(.mean, layer, axes: axes))
      sums.append(
        try scored.graph.reduce(.mean, scored.graph.unary(.square, layer), axes: axes))
    }
    let reduced = try scored.graph.computingRegions(for: sums)
    let plan = try Plan(
      reduced.graph, outputs: reduced.values, pool: model.constants, isExact: recipe.exact)
    let leaves = try DeadLeaves(height: height, width: width, channels: channels)
    var means = reduced.values.map {
      [Double](repeating: 0, count: reduced.graph.shape($0).elementCount)
    }
    let rounds = rounds
    for round in 0..<rounds {
      let pictures = (0..<Rendering.batch).flatMap { leaves.picture(round * Rendering.batch + $0) }
      let results = try plan.run([try Tensor(reduced.graph.shape(place), pictures)])
      for (index, result) in results.enumerated() {
        for (channel, number) in result.elements.enumerated() {
          means[index][channel] += Double(number) / Double(rounds)
        }
      }
    }
    return stride(from: 0, to: means.count, by: 2).map { index in
      let (mean, square) = (means[index], means[index + 1])
      let deviation = zip(mean, square).map { Float(max($1 - $0 * $0, 0).squareRoot()) }
      return (mean.map(Float.init), deviation)
    }
  }

  /// What the layers of the lowered network should look like.
  func statistics(
    of source: StatisticsSource?, in graph: inout Graph
  ) throws(PhospheneError) -> [Graph.Statistics] {
    guard source == .deadLeaves else { return graph.statistics }
    let layers = try graph.layersBeforeActivations(
      batch: sizes.count * sizes.views, channelAxis: sizes.channelAxis)
    return zip(layers, measured ?? []).map { layer, seen in
      Graph.Statistics(value: layer, mean: seen.mean, deviation: seen.deviation)
    }
  }
}
