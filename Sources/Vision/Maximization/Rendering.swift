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
  /// Where the picture may change, (1, height, width, channels), and what it is elsewhere.
  private let frame: (mask: Tensor, rest: Tensor)?

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
    let defaults = sizes.defaults
    recipe.budget = nil
    var parametrization = recipe.parametrization ?? defaults.parametrization
    parametrization.kind = sizes.kind
    if !parametrization.statesContrast {
      parametrization.contrast = defaults.parametrization.contrast
    }
    if let prior = parametrization.prior {
      guard sizes.isPicture, prior.mean.count == sizes.channels else {
        throw .invalidArgument(
          "the prior describes pictures of \(prior.mean.count) channels, this network takes inputs of "
            + "shape \(Shape(sizes.input.axes.dropFirst().map(\.self)))")
      }
    }
    // Three channels of anything else than a picture aren't red, green and blue.
    if !sizes.isPicture { parametrization.decorrelate = false }
    recipe.parametrization = parametrization
    recipe.views = sizes.views
    optimizer = recipe.optimizer ?? defaults.optimizer
    recipe.optimizer = optimizer
    let regularizers = recipe.regularizers ?? defaults.regularizers
    if recipe.steps == Recipe.undecided {
      recipe.steps =
        recipe.stages.isEmpty ? defaults.steps : recipe.stages.reduce(0) { $0 + $1.steps }
    }
    if let last = recipe.lastStep { try require(1...recipe.steps, last, "last_step") }
    var canvas = recipe.size ?? [sizes.canvas.height / sizes.depth, sizes.canvas.width]
    if sizes.form == .signal { canvas[1] = canvas[0] }
    if sizes.form == .row {
      // Neighbours in a row of numbers mean nothing: no spectrum, no shifts.
      try recipe.requireNothingOfNeighbours()
      recipe.transforms = []
    } else {
      if sizes.isPicture { recipe.size = canvas }
      recipe.transforms =
        recipe.transforms
        ?? defaults.transforms(canvasSide: min(canvas[0], canvas[1]))
    }
    for transform in recipe.transforms ?? [] { try transform.check(canvas: canvas) }
    recipe.regularizers = regularizers
    self.recipe = recipe
    self.model = model
    self.stage = stage
    self.start = start
    if let start { startImage = try sizes.image(of: start, recipe) } else { startImage = nil }
    if let mask = recipe.mask {
      frame = try sizes.frame(
        mask, around: startImage, background: recipe.background, size: recipe.size)
    } else {
      frame = nil
    }
    image = ParametrizedImage(
      parametrization: parametrization, count: sizes.count, height: sizes.canvas.height,
      width: sizes.canvas.width, channels: sizes.channels, background: recipe.background,
      depth: sizes.depth)
  }

  /// The same pictures by another recipe.
  func changed(to recipe: Recipe) throws(PhospheneError) -> Rendering {
    try Rendering(recipe, of: model, start: start, stage: stage)
  }

  /// Appends the pictures: what the parameters make of them, but where a mask forbids it.
  func picture(of parameters: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
    let made = try image.image(of: parameters, in: &graph)
    guard let frame else { return made }
    let rest = graph.constant(frame.rest)
    return try graph.add(
      rest, graph.multiply(graph.constant(frame.mask), graph.subtract(made, rest)))
  }

  /// One step: parameters, the optimizer's state and what ``stepInputs(_:)`` gives to the scores, the
  /// largest size of each picture's gradient without penalties, the new parameters and the new
  /// state, and with transparency how much each pixel matters; the gradient passes rectifiers by a rule.
  func stepPlan(
    _ rule: GradientRule = .plain, mindingLayers: Bool = false
  ) throws(PhospheneError) -> Plan {
    var graph = Graph()
    let type = TensorType(image.parameterShape)
    let parameters = graph.input(type)
    var state: [Value] = []
    for _ in 0..<optimizer.stateCount { state.append(graph.input(type)) }
    let corrections = graph.input(TensorType([3]))

    let picture = try picture(of: parameters, in: &graph)
    let regularizers = (recipe.regularizers ?? []).filter { mindingLayers || !$0.readsLayers }
    let looksAtInput = !regularizers.isEmpty || recipe.transparency
    var input = try networkInput(of: views(of: picture, in: &graph), in: &graph)
    // A network that begins with a reshape would read what lies before the input otherwise.
    if looksAtInput { input = try graph.cut(input, name: "network's input") }
    var scored = try lowered(
      on: input, in: graph, wanted: recipe.objectives.flatMap(\.neededLayers))
    var scores = try objectives(in: &scored, views: sizes.views)
    var target = scores
    for regularizer in regularizers {
      target = try scored.graph.subtract(
        target, regularizer.value(of: picture, start: startImage, in: &scored.graph))
    }
    // Other penalties don't go through the network, so that what reaches its input is the objective's
    // own.
    let end = looksAtInput ? input : parameters
    // Before the gradient is taken, so that it passes through the same parts.
    let inputs = [end, parameters, corrections] + state + [picture]
    let reduced = try scored.graph.computingRegions(for: [target, scores] + inputs)
    graph = reduced.graph
    (target, scores) = (reduced.values[0], reduced.values[1])
    let places = Array(reduced.values.dropFirst(3).dropLast())
    let gradients = try graph.gradient(
      of: target, withRespectTo: [places[0], reduced.values[2]], rule: rule)
    guard let gradient = gradients[0], let own = gradients[1] else {
      let paths = Set(recipe.objectives.flatMap(\.layers)).sorted().map { "'\($0)'" }
      throw .invalidArgument(
        "the objective can't be reached: nothing that has a gradient leads from the network's input to "
          + (paths.isEmpty ? "its output" : "layer " + paths.joined(separator: ", ")))
    }
    let strengths = try largestSizes(of: own, in: &graph)
    let moved = try optimizer.step(
      places[0], gradient: gradient, state: Array(places.dropFirst(2)), corrections: places[1],
      in: &graph)
    var outputs = [scores, strengths] + moved
    if recipe.transparency {
      outputs.append(
        try attention(
          to: reduced.values[reduced.values.count - 1], behind: reduced.values[2], gradient: own,
          in: &graph))
    }
    return try Plan(
      graph, outputs: outputs, pool: model.constants,
      isExact: recipe.exact)
  }

  /// Appends the largest absolute number of each picture, of all its views together.
  func largestSizes(
    of value: Value, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let rows = try graph.reshape(
      graph.unary(.absolute, value),
      to: [sizes.count, graph.shape(value).elementCount / sizes.count])
    return try graph.reduce(.maximum, rows, axes: [1])
  }

  /// The picture as it stands: parameters to scores, the network's input and the picture.
  func viewPlan() throws(PhospheneError) -> Plan {
    var graph = Graph()
    let parameters = graph.input(TensorType(image.parameterShape))
    let picture = try picture(of: parameters, in: &graph)
    var view = picture
    if sizes.canvas != sizes.view {
      let map = AffineMap(canvas: sizes.canvas, view: sizes.view)
      var elements: [Float] = []
      for _ in 0..<sizes.count { elements += map.elements }
      view = try graph.warp(
        picture, matrices: graph.constant(Tensor([sizes.count, 6], elements)),
        height: sizes.view.height, width: sizes.view.width, fill: recipe.background)
    }
    let input = try networkInput(of: view, in: &graph)
    var scored = try lowered(
      on: input, in: graph, wanted: recipe.objectives.flatMap(\.neededLayers))
    let scores = try objectives(in: &scored, views: 1)
    let shown = try sizes.shown(picture, background: recipe.background, in: &scored.graph)
    let reduced = try scored.graph.computingRegions(for: [scores, input, shown])
    return try Plan(
      reduced.graph, outputs: reduced.values, pool: model.constants,
      isExact: recipe.exact)
  }

  /// Scales pixels between 0 and 1 to what the network wants.
  func networkInput(
    of view: Value, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let (scale, offset) = try recipe.input.expanded(to: sizes.channels)
    var value = view
    if recipe.input.reverseChannels, sizes.channels > 1 {
      var channels: [Value] = []
      for channel in (0..<sizes.channels).reversed() {
        channels.append(try graph.slice(value, axis: 3, start: channel, length: 1))
      }
      value = try graph.concatenate(channels, axis: 3)
    }
    let factors = graph.constant(try Tensor([sizes.channels], scale.map { 255 * $0 }))
    let summands = graph.constant(try Tensor([sizes.channels], offset))
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
