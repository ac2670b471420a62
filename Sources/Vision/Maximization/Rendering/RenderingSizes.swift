import Graphs
import KerasModels
import Tensors

/// The sizes of a maximization: how many pictures, the canvas they are drawn on, what the network
/// takes.
struct RenderingSizes: Sendable {
  /// The number of pictures.
  let count: Int
  /// Which of the network's inputs is changed.
  let inputIndex: Int
  let canvas: (height: Int, width: Int)
  /// Height and width of what the network sees.
  let view: (height: Int, width: Int)
  let channels: Int
  /// How many scales the network's numbers may have: one a channel, of a row one a column.
  var scales: Int { form == .row ? view.width : channels }
  /// The shape of the network's input, were its channels last.
  let seen: Shape
  /// The axis of the network's input that its channels lie along.
  let channelAxis: Int
  /// The shape of the network's input.
  var input: Shape { RenderingSizes.input(seen, channelAxis) }
  /// What the input is.
  let form: InputForm
  /// How many slices a volume has; they lie one below the other on the canvas.
  let depth: Int
  /// Whether the input is a picture.
  var isPicture: Bool { form == .picture }
  /// How many views of each picture there are at each step.
  let views: Int
  /// What suits this network and what is asked of it.
  let defaults: Defaults

  /// How the pictures are made.
  var kind: Parametrization.Kind { defaults.kind }

  /// The side of a canvas for networks that take any size.
  private static let freeSide = 128
  private static let freeVolumeSide = 32

  /// The sizes for a stage's canvas; with `nil` for that of the recipe.
  init(
    _ recipe: Recipe, model: Model, size: [Int]?, startsFromImage: Bool
  ) throws(PhospheneError) {
    let size = size ?? recipe.size
    count = recipe.objectives.count * recipe.count
    inputIndex = try recipe.freeInput(of: model)
    let own = Array(model.inputShapes[inputIndex].dropFirst())
    let form = model.form(ofInput: inputIndex)
    self.form = form
    let hasChannels = (2...4).contains(own.count) && (own.count > 2 || form == .signal)
    let channelAxis = hasChannels ? model.channelAxis(ofInput: inputIndex) : own.count
    self.channelAxis = channelAxis
    var axes = own
    if hasChannels { axes.append(axes.remove(at: channelAxis - 1)) }
    guard axes.count < 2 || form == .picture && axes.count == 2 || axes.last != .some(nil) else {
      throw .unsupported("maximization needs an input with a known number of channels")
    }
    guard form == .picture || size == nil else {
      throw .invalidArgument(
        "size applies to pictures, this network takes inputs of shape "
          + "(\(own.map { $0.map(String.init) ?? "None" }.joined(separator: ", ")))")
    }
    let free = size ?? [RenderingSizes.freeSide, RenderingSizes.freeSide]
    switch form {
    case .picture:
      view = (height: axes[0] ?? free[0], width: axes[1] ?? free[1])
      (depth, channels) = (1, axes.count == 3 ? axes[2] ?? 1 : 1)
      seen = Shape([count, view.height, view.width] + (axes.count == 3 ? [channels] : []))
    case .signal:
      view = (height: axes[0] ?? RenderingSizes.freeSide, width: 1)
      (depth, channels) = (1, axes[1] ?? 1)
      seen = Shape([count, view.height, channels])
    case .volume:
      let sides = axes.dropLast().map { $0 ?? RenderingSizes.freeVolumeSide }
      _ = try Shape(checking: sides, of: "the network's input")
      view = (height: sides[0] * sides[1], width: sides[2])
      (depth, channels) = (sides[0], axes[3] ?? 1)
      seen = Shape([count] + sides + [channels])
    case .row:
      guard axes.allSatisfy({ $0 != nil }) else {
        throw .unsupported("maximization needs an input whose lengths are known")
      }
      let lengths = axes.compactMap(\.self)
      _ = try Shape(checking: [count] + lengths, of: "the network's input")
      seen = Shape([count] + lengths)
      view = (1, lengths.reduce(1, *))
      (depth, channels) = (1, 1)
    }
    let minded = recipe.regularizers?.filter(\.readsLayers)
    var statistics = minded?.lazy.compactMap(\.source).first
    if form == .picture, statistics == nil, minded?.isEmpty != true {
      statistics = try RenderingSizes.statistics(
        model, recipe, seen: seen, channelAxis: channelAxis)
    }
    defaults = Defaults(
      form == .row ? .pixel : recipe.parametrization?.kind, recipe, form: form,
      view: (view.height / depth, view.width), depth: depth, channels: channels,
      startsFromImage: startsFromImage, statistics: statistics)
    let (numerator, denominator) = defaults.enlargement
    var canvas = view
    if let size {
      canvas = (size[0], size[1])
    } else {
      canvas.height = view.height * numerator / denominator
      canvas.width = view.width * numerator / denominator
    }
    self.canvas = canvas
    views = form == .row ? 1 : recipe.views ?? defaults.views
    guard form != .volume || views == 1 else {
      throw .unsupported(
        "volumes are maximized with one view a step, received \(views) views")
    }
    let isLarge = canvas.height / depth > 4096 || canvas.width > 4096
    guard form == .row ? canvas.width <= 1 << 24 : form == .signal || !isLarge else {
      throw .unsupported(
        "maximization needs pictures of at most 4096 by 4096 pixels, this network takes "
          + "\(canvas.height / depth) by \(canvas.width)")
    }
    try requireMatrices(recipe)
    _ = try Shape(checking: [count, canvas.height, canvas.width, channels, 8], of: "the pictures")
    _ = try Shape(
      checking: [count, views, view.height, view.width, channels, 8], of: "the views")
  }

  /// Refuses what takes a matrix of each axis' length squared where that is long.
  private func requireMatrices(_ recipe: Recipe) throws(PhospheneError) {
    let longest = 4096
    let canvas = [depth, canvas.height / depth, canvas.width].max() ?? 1
    guard defaults.kind == .pixel || canvas <= longest else {
      throw .unsupported(
        "a spectrum has at most \(longest) positions along an axis, this input has \(canvas): "
          + "choose the parametrization 'pixel' in place of '\(defaults.kind.rawValue)'")
    }
    let view = max(view.height / depth, view.width)
    for case .blur in recipe.transforms ?? [] where form != .row && view > longest {
      throw .unsupported(
        "a blur takes at most \(longest) positions along an axis, this input has \(view): "
          + "leave it out")
    }
  }

  private static func input(_ seen: Shape, _ channelAxis: Int) -> Shape {
    let axes = seen.axes
    return Shape(axes[..<channelAxis] + axes.suffix(1) + axes[channelAxis...].dropLast())
  }

  /// Where statistics of the layers that an objective needs can be had from; not asked of networks with
  /// several inputs.
  private static func statistics(
    _ model: Model, _ recipe: Recipe, seen: Shape, channelAxis: Int
  ) throws(PhospheneError) -> StatisticsSource? {
    guard model.inputShapes.count == 1 else { return nil }
    var graph = Graph()
    let place = graph.input(TensorType(RenderingSizes.input(seen, channelAxis)))
    var lowered = try model.lower(
      into: graph, on: [place], wanted: recipe.objectives.flatMap(\.neededLayers),
      needsOutputs: recipe.objectives.contains { $0.needsOutputs(of: model) })
    if !lowered.graph.statistics.isEmpty { return .training }
    // Dead leaves are as coloured scenes are.
    guard seen.axes.last == 3, seen.rank == 4, min(seen[1], seen[2]) >= Defaults.smallestScene
    else { return nil }
    let layers = try lowered.graph.layersBeforeActivations(
      batch: seen[0], channelAxis: channelAxis)
    return layers.contains { lowered.graph.isFine($0, input: seen) } ? .deadLeaves : nil
  }
}
