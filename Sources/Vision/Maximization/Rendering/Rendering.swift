import Graphs
import KerasModels
import Tensors

/// The two graphs of a maximization: one step uphill, and the picture as it stands.
struct Rendering {
  let recipe: Recipe
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
          guard [.channel, .neuron, .direction].contains(old.kind), !old.preActivation else {
            continue
          }
          recipe.objectives[index].terms[term].preActivation = true
        }
        hasChanged = true
      }
    }
    return hasChanged ? try changed(to: recipe) : nil
  }
}
