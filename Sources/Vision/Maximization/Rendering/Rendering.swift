import Graphs
import KerasModels
import Tensors

/// The two graphs of a maximization: one step uphill, and the picture as it stands.
struct Rendering {
  private(set) var recipe: Recipe
  let model: Model
  let sizes: RenderingSizes
  let image: ParametrizedImage
  let optimizer: Optimizer
  /// Which of the recipe's stages this is, counted from 0.
  let stage: Int
  /// What the caller starts from, as it was given.
  let start: Tensor?
  /// The same on the canvas: (count, height, width, channels) between 0 and 1.
  let startImage: Tensor?
  /// What was measured of the network's layers, if a penalty needs that; see ``measureLayers()``.
  var measured: MeasuredStatistics?
  /// Where the pictures may change; `nil` for everywhere.
  private let mask: Mask?

  /// Whether a step minds the penalties that look at the network's layers.
  ///
  /// Not at once: the first gradients are the objective's own, which tells whether it has any.
  func mindsLayers(at step: Int) -> Bool {
    step > recipe.redirectedSteps + 1
      && (recipe.regularizers ?? []).contains(where: \.readsLayers)
  }

  /// How the gradient passes rectifiers at a step.
  func rule(at step: Int) -> GradientRule {
    step <= recipe.redirectedSteps ? .redirected : .plain
  }

  init(
    _ recipe: Recipe, of model: Model, start: Tensor? = nil, stage: Int = 0
  ) throws(PhospheneError) {
    guard recipe.precision == model.precision else {
      throw .invalidArgument(
        "the recipe is for weights stored in \(recipe.precision), the model's are stored in "
          + "\(model.precision): load the model with that precision")
    }
    var recipe = recipe
    if let last = recipe.stages.last { recipe.size = last.size }
    sizes = try RenderingSizes(
      recipe, model: model, size: recipe.stages.isEmpty ? nil : recipe.stages[stage].size,
      startsFromImage: start != nil)
    recipe = try recipe.completed(for: sizes)
    optimizer = recipe.optimizer ?? sizes.defaults.optimizer
    self.recipe = recipe
    self.model = model
    self.stage = stage
    self.start = start
    if let start { startImage = try sizes.image(of: start, recipe) } else { startImage = nil }
    if let stated = recipe.mask {
      mask = try Mask(stated, on: sizes, around: startImage, recipe)
    } else {
      mask = nil
    }
    image = ParametrizedImage(
      parametrization: try recipe.completedParametrization(for: sizes), count: sizes.count,
      height: sizes.canvas.height,
      width: sizes.canvas.width, channels: sizes.channels, background: recipe.background,
      form: sizes.form, depth: sizes.depth, hasAlpha: recipe.transparency == .optimized)
    try statePreActivations()
  }

  /// Says of each term whether it measures its layer's output or what goes into the activation.
  private mutating func statePreActivations() throws(PhospheneError) {
    guard recipe.objectives.contains(where: \.leavesActivationsOpen) else { return }
    var graph = Graph()
    let input = graph.input(TensorType(sizes.input))
    let lowered = try lowered(
      on: input, in: graph, wanted: recipe.objectives.flatMap(\.neededLayers))
    for index in recipe.objectives.indices {
      recipe.objectives[index] = try recipe.objectives[index].statingPreActivations(in: lowered)
    }
  }

  /// The first layer whose output an objective measures although that is bounded above.
  func boundedLayer(of objective: Objective) throws(PhospheneError) -> String? {
    var open = objective
    for term in open.terms.indices where open.terms[term].preActivation == .no {
      open.terms[term].preActivation = nil
    }
    var graph = Graph()
    let input = graph.input(TensorType(sizes.input))
    let lowered = try lowered(on: input, in: graph, wanted: objective.neededLayers)
    let stated = try open.statingPreActivations(in: lowered)
    return zip(objective.terms, stated.terms).first { $0 != $1 }?.0.layer
  }

  /// The scores of pictures, given as the network's input, by what comes out of activations where the
  /// objectives aim at what goes into them.
  func outputs(of input: Tensor) throws(PhospheneError) -> [Float] {
    var behind = self
    for index in recipe.objectives.indices {
      for term in recipe.objectives[index].terms.indices {
        behind.recipe.objectives[index].terms[term].preActivation = .no
      }
    }
    var graph = Graph()
    let value = graph.input(TensorType(input.shape))
    var lowered = try behind.lowered(
      on: value, in: graph, wanted: recipe.objectives.flatMap(\.neededLayers))
    let scores = try behind.objectives(in: &lowered, views: 1)
    let plan = try Plan(
      lowered.graph, outputs: [scores], pool: model.constants, isExact: recipe.exact)
    return try plan.run([input])[0].elements
  }

  /// The same pictures by another recipe.
  func changed(to recipe: Recipe) throws(PhospheneError) -> Rendering {
    try Rendering(recipe, of: model, start: start, stage: stage)
  }

  /// Appends the pictures: what the parameters make of them, but where a mask forbids it.
  func drawing(of parameters: Value, in graph: inout Graph) throws(PhospheneError) -> Drawing {
    let colors = try image.image(of: parameters, in: &graph)
    let made = Drawing(
      colors: colors, alpha: image.hasAlpha ? try image.alpha(of: parameters, in: &graph) : nil)
    return try mask?.applied(to: made, in: &graph) ?? made
  }

  /// Scales pixels between 0 and 1 to what the network wants.
  func networkInput(
    of view: Value, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let (scale, offset) = try recipe.input.expanded(to: sizes.scales, sizes.form)
    var value = view
    if recipe.input.reverseChannels, sizes.channels > 1 {
      var channels: [Value] = []
      for channel in (0..<sizes.channels).reversed() {
        channels.append(try graph.slice(value, axis: 3, start: channel, length: 1))
      }
      value = try graph.concatenate(channels, axis: 3)
    }
    // The columns of a row lie side by side, as pixels of one channel do.
    let each: Shape = sizes.form == .row ? [sizes.scales, 1] : [sizes.scales]
    let factors = graph.constant(try Tensor(each, scale.map { 255 * $0 }))
    let summands = graph.constant(try Tensor(each, offset))
    value = try graph.add(graph.multiply(value, factors), summands)
    value = try graph.reshape(
      value, to: Shape([graph.shape(view)[0]] + sizes.seen.axes.dropFirst()))
    return try graph.movingLast(value, to: sizes.channelAxis)
  }

  /// Appends the network, as far as the layers of some paths need it; all of it if that is `nil`.
  func lowered(
    on input: Value, in graph: Graph, wanted: [String]?
  ) throws(PhospheneError) -> LoweredModel {
    var graph = graph
    let inputs = try allInputs(with: input, in: &graph)
    return try model.lower(
      into: graph, on: inputs, wanted: wanted,
      needsOutputs: wanted == nil
        || recipe.objectives.contains { $0.needsOutputs(of: model) })
  }

  /// Appends the score of each picture by its own objective.
  func objectives(
    in lowered: inout LoweredModel, views: Int
  ) throws(PhospheneError) -> Value {
    var scores: [Value] = []
    for (index, objective) in recipe.objectives.enumerated() {
      let value = try objective.value(
        in: &lowered, of: model,
        grouping: Objective.Grouping(count: recipe.count, views: views))
      scores.append(
        try lowered.graph.slice(
          value, axis: 0, start: index * recipe.count * views, length: recipe.count * views))
    }
    var all = try lowered.graph.concatenate(scores, axis: 0)
    if views > 1 {
      let rows = try lowered.graph.reshape(all, to: [sizes.count, views])
      all = try lowered.graph.mean(rows)
    }
    return all
  }

  /// The same, aimed at what comes before the target layers' activations: a unit that is off has no
  /// gradient behind its rectifier, a probability of nearly 0 or 1 none behind its softmax, but one
  /// before it.
  ///
  /// - Parameter objectives: The positions of those that need it.
  /// - Returns: `nil` if that would change nothing.
  /// - Throws: What ``init(_:of:)`` does.
  func beforeActivations(of objectives: Set<Int>) throws(PhospheneError) -> Rendering? {
    var recipe = recipe
    var hasChanged = false
    for index in objectives {
      for term in recipe.objectives[index].terms.indices {
        let old = recipe.objectives[index].terms[term]
        if old.kind == .probability {
          recipe.objectives[index].terms[term].kind = .logit
        } else {
          // Before a rectifier the energy of a unit grows when it is pushed further off.
          guard [.channel, .neuron, .direction].contains(old.kind), old.preActivation != .yes else {
            continue
          }
          recipe.objectives[index].terms[term].preActivation = .yes
        }
        hasChanged = true
      }
    }
    return hasChanged ? try changed(to: recipe) : nil
  }
}
