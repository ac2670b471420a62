import Graphs
import KerasModels
import Tensors

// How strong an objective's gradient is beside that of penalties, and what the optimizer makes of it.

extension Rendering {
  /// How strong gradients are with respect to what the optimizer changes, of each picture.
  struct Strengths {
    /// The mean size of the objective's, and that of all penalties together.
    let objective: [Float], penalties: [Float]
  }

  /// Measures gradients at a step, those of penalties that read layers too.
  func strengths(of parameters: Tensor, step: Int) throws(PhospheneError) -> Strengths {
    var graph = Graph()
    let source = graph.input(TensorType(image.parameterShape))
    let drawing = try drawing(of: source, in: &graph)
    let picture = try seen(drawing, in: &graph)
    let shown = try seenBeforeRandomGround(drawing, in: &graph)
    let input = try networkInput(of: views(of: shown, in: &graph), in: &graph)
    var lowered = try lowered(
      on: input, in: graph, wanted: recipe.objectives.flatMap(\.neededLayers))
    let scores = try objectives(in: &lowered, views: sizes.views)
    graph = lowered.graph
    var penalty = graph.constant(try Tensor([sizes.count], repeating: 0))
    for regularizer in recipe.regularizers ?? [] {
      let known = try statistics(of: regularizer.source, in: &graph)
      penalty = try graph.add(
        penalty,
        regularizer.value(
          of: picture, alpha: drawing.alpha, scores: scores, start: startImage, input: sizes.seen,
          known: known, in: &graph))
    }
    let absent = graph.constant(try Tensor(image.parameterShape, repeating: 0))
    let own =
      try graph.gradient(of: scores, withRespectTo: [source], rule: rule(at: step))[0] ?? absent
    let others =
      try graph.gradient(of: penalty, withRespectTo: [source], rule: rule(at: step))[0] ?? absent
    let outputs = [
      try meanSizes(of: own, in: &graph), try meanSizes(of: others, in: &graph),
    ]
    let plan = try Plan(graph, outputs: outputs, pool: model.constants, isExact: recipe.exact)
    let numbers = try plan.run([parameters] + (try stepInputs(step).dropFirst())).map(\.elements)
    return Strengths(objective: numbers[0], penalties: numbers[1])
  }

  /// Appends the mean absolute number of each picture.
  private func meanSizes(of value: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
    let rows = try graph.reshape(
      graph.unary(.absolute, value),
      to: [sizes.count, graph.shape(value).elementCount / sizes.count])
    return try graph.reduce(.mean, rows, axes: [1])
  }
}

extension Climb {
  /// What a recipe leaves open that depends on how strong the gradients are.
  struct Open {
    let penalties: Bool, epsilon: Bool, rate: Bool

    init(_ recipe: Recipe) {
      penalties = recipe.regularizers == nil
      epsilon = recipe.optimizer == nil
      if case .sgd(let rate, _, _)? = recipe.optimizer {
        self.rate = rate == nil
      } else {
        rate = false
      }
    }
  }

  /// The mean size below which squares of gradients are no numbers any more.
  private static let faintest: Float = 1e-16
  /// How much weaker than others of its list a picture's objective may be without a word about it.
  private static let margin: Float = 10

  /// Fits to the first gradients what the recipe leaves open: penalties that would drown the
  /// objective, an epsilon beside which its gradient is nothing, SGD's learning rate.
  mutating func balance() throws(PhospheneError) {
    var recipe = rendering.recipe
    let hasPenalties = open.penalties && !(recipe.regularizers ?? []).isEmpty
    guard hasPenalties || open.epsilon || open.rate else { return }
    let found = try strengthsOfStart()
    let usable = found.objective.indices.filter {
      found.objective[$0].isFinite && found.objective[$0] > Climb.faintest
        && found.penalties[$0].isFinite
    }
    guard let weakest = usable.map({ found.objective[$0] }).min() else { return }
    let shares = usable.filter { found.penalties[$0] > 0 }
      .map { (picture: $0, share: found.objective[$0] / found.penalties[$0]) }
    var changes: [String] = []
    let least = rendering.sizes.defaults.leastShare
    if hasPenalties, let strongest = shares.map(\.share).max() {
      let factor = min(strongest / (4 * least), 1)
      let isChanged = strongest < least
      if isChanged {
        recipe.regularizers = recipe.regularizers?.map { $0.scaled(by: factor) }
        changes.append("lighter penalties")
      }
      let present = isChanged ? factor : 1
      for (picture, share) in shares where share * Climb.margin < least * present {
        note(
          "The objective drowns in the penalties, which suit the strongest one of the list: their "
            + "gradient is about \(whole(present / share)) times as large; render it alone",
          of: picture)
      }
    }
    let optimizer = rendering.optimizer
    if open.epsilon, weakest < 1e5 * optimizer.faintest {
      recipe.optimizer = optimizer.with(epsilon: weakest * 1e-4)
      changes.append("a smaller epsilon")
    }
    if open.rate {
      let mean = usable.reduce(0) { $0 + found.objective[$1] } / Float(usable.count)
      recipe.optimizer?.learningRate = min(rendering.sizes.defaults.rate(of: optimizer) / mean, 1e9)
      changes.append("a learning rate as large")
      for picture in usable where found.objective[picture] * Climb.margin < mean {
        note(
          "The picture hardly moves: SGD's one learning rate suits the strongest objectives of the "
            + "list, and the gradient of this one is about \(whole(mean / found.objective[picture])) times "
            + "as small as they are on average; render it alone, or with adam", of: picture)
      }
    }
    guard !changes.isEmpty else { return }
    // A mean over more positions leaves less of a gradient to each, but not to all of them.
    let numbers = Float(rendering.image.parameterShape.elementCount / rendering.sizes.count)
    let faint = usable.filter { found.objective[$0] * numbers < 1e-5 && diagnoses[$0] == nil }
    if !faint.isEmpty {
      let findings = try rendering.findings(
        of: faint, parameters: current[0], step: 1, rule: rendering.rule(at: 1))
      for picture in faint {
        note(
          "The gradient that reaches the picture is faint: \(findings[picture] ?? "for no known reason")"
            + "; what helped: \(changes.joined(separator: ", "))", of: picture)
      }
    }
    try adopt(rendering.changed(to: recipe))
    try run(1)
  }

  private func whole(_ ratio: Float) -> String {
    ratio < 1e6 ? "\(Int(ratio.rounded()))" : "\(ratio)"
  }

  private mutating func note(_ diagnosis: String, of picture: Int) {
    diagnoses[picture] = diagnoses[picture] ?? diagnosis
  }

  /// The strengths at the start; without penalties the first step itself says them, since its gradient
  /// is the objective's own, which saves a second plan in memory.
  private func strengthsOfStart() throws(PhospheneError) -> Rendering.Strengths {
    guard let share = rendering.optimizer.firstShare, (rendering.recipe.regularizers ?? []).isEmpty
    else { return try rendering.strengths(of: current[0], step: 1) }
    let mean = next[1].floats
    let size = mean.count / rendering.sizes.count
    let objective = (0..<rendering.sizes.count).map { picture in
      let own = mean[picture * size..<(picture + 1) * size]
      return Float(own.reduce(0.0) { $0 + Double(abs($1)) } / Double(size)) / share
    }
    return Rendering.Strengths(objective: objective, penalties: objective.map { _ in 0 })
  }
}
