import Graphs
import KerasModels
import Tensors

// How strong an objective's gradient is beside that of penalties, and what the optimizer makes of it.

extension Rendering {
  /// How strong gradients are with respect to what the optimizer changes, of each picture.
  struct Strengths {
    /// The largest number of the objective's.
    let largest: [Float]
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
      try largestSizes(of: own, in: &graph), try meanSizes(of: own, in: &graph),
      try meanSizes(of: others, in: &graph),
    ]
    let plan = try Plan(graph, outputs: outputs, pool: model.constants, isExact: recipe.exact)
    let numbers = try plan.run([parameters] + (try stepInputs(step).dropFirst())).map(\.elements)
    return Strengths(largest: numbers[0], objective: numbers[1], penalties: numbers[2])
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
        self.rate = rate.stated == nil
      } else {
        rate = false
      }
    }
  }

  /// The mean size below which squares of gradients are no numbers any more.
  private static let faintest: Float = 1e-16

  /// Fits to the first gradients what the recipe leaves open: penalties that would drown the
  /// objective, an epsilon beside which its gradient is nothing, SGD's learning rate.
  mutating func balance() throws(PhospheneError) {
    var recipe = rendering.recipe
    let hasPenalties = open.penalties && !(recipe.regularizers ?? []).isEmpty
    guard hasPenalties || open.epsilon || open.rate else { return }
    let found = try rendering.strengths(of: current[0], step: 1)
    let usable = found.objective.indices.filter {
      found.objective[$0].isFinite && found.objective[$0] > Climb.faintest
        && found.penalties[$0].isFinite
    }
    guard let weakest = usable.map({ found.objective[$0] }).min() else { return }
    let shares = usable.filter { found.penalties[$0] > 0 }
      .map { found.objective[$0] / found.penalties[$0] }
    var changes: [String] = []
    let least = rendering.sizes.defaults.leastShare
    if hasPenalties, let share = shares.max(), share < least {
      recipe.regularizers = recipe.regularizers?.map { $0.scaled(by: share / (4 * least)) }
      changes.append("lighter penalties")
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
    }
    guard !changes.isEmpty else { return }
    let faint = usable.filter { found.largest[$0] < 1e-5 && diagnoses[$0] == nil }
    if !faint.isEmpty {
      let findings = try rendering.findings(
        of: faint, parameters: current[0], step: 1, rule: rendering.rule(at: 1))
      for picture in faint {
        diagnoses[picture] =
          "The gradient that reaches the picture is faint: \(findings[picture] ?? "for no known reason")"
          + "; what helped: \(changes.joined(separator: ", "))"
      }
    }
    try adopt(rendering.changed(to: recipe))
    try run(1)
  }
}
