import Glibc
import Graphs
import KerasModels
import Tensors

/// A maximization under way.
struct Climb {
  var rendering: Rendering
  /// The rule that ``stepPlan`` was made with, and whether it minds the network's layers.
  private var rule: GradientRule
  private var mindsLayers = false
  private var stepPlan: Plan
  private(set) var viewPlan: Plan
  /// Parameters and the optimizer's state, and where the next step writes them.
  var current: [Tensor]
  var next: [Tensor]
  private let scores: Tensor
  /// For each picture the largest absolute number of its gradient.
  let strengths: Tensor
  var diagnoses: [String?]
  /// For each picture how redirection was extended, if it was.
  var redirectionNotes: [String?]
  /// The pictures that were given a gradient by aiming before their objectives' activations.
  var aimedBefore: Set<Int> = []
  private(set) var history: [[Float]]
  /// For each picture the step since which its gradient is zero, if it is.
  private(set) var deadSince: [Int?]
  /// The best score of each picture after each look at it in the present stage.
  private(set) var judged: [[Float]] = []
  /// How much each pixel matters to a step, and to all so far of the present stage.
  private var attention: (now: Tensor, sum: Tensor)?
  private(set) var best: [Float]
  /// After how many steps each of the best pictures was found.
  private var bestSteps: [Int]
  /// What was seen of them: the network's input, the picture and, if it is optimized, its opacity.
  private(set) var bestLook: [Tensor]
  private var film: Film
  private var momenta = MomentumProduct()

  /// What of the recipe may be fitted to the first gradients, because the caller left it open.
  let open: Open

  /// - Parameters:
  ///   - start: The first stage.
  ///   - stated: The recipe as the caller gave it.
  /// - Throws: What a rendering does.
  init(_ start: Rendering, stated: Recipe) throws(PhospheneError) {
    var rendering = start
    try rendering.measureLayers()
    self.rendering = rendering
    open = Open(stated)
    rule = rendering.rule(at: 1)
    stepPlan = try rendering.stepPlan(rule)
    viewPlan = try rendering.viewPlan()
    let parameters = try rendering.firstParameters()
    current = [parameters] + (try rendering.emptyState())
    next = [try Tensor(rendering.image.parameterShape, repeating: 0)] + (try rendering.emptyState())
    let count = rendering.sizes.count
    scores = try Tensor([count], repeating: 0)
    strengths = try Tensor([count], repeating: 0)
    diagnoses = Array(repeating: nil, count: count)
    redirectionNotes = diagnoses
    history = Array(repeating: [], count: count)
    deadSince = Array(repeating: nil, count: count)
    best = Array(repeating: -.infinity, count: count)
    bestSteps = Array(repeating: 0, count: count)
    bestLook = try viewPlan.emptyLook()
    film = try Film(rendering)
    try forgetAttention()
  }

  /// The objective of the latest step, mean over the pictures.
  var latestScore: Float {
    history.reduce(0) { $0 + ($1.last ?? 0) } / Float(history.count)
  }

  mutating func step(_ step: Int) throws(PhospheneError) {
    try run(step)
    if step == 1 {
      try balance()
      // Pictures that had no gradient have one now.
      if try treatStart() { try balance() }
    }
    if step > 1, step == rendering.recipe.redirectedSteps + 1 { try extendRedirection(at: step) }
    if !(scores.floats.allAreFinite && strengths.floats.allAreFinite) {
      throw .invalidArgument(try notFiniteMessage(at: step))
    }
    for (index, value) in scores.elements.enumerated() {
      history[index].append(value)
      deadSince[index] = strengths.elements[index] > 0 ? nil : deadSince[index] ?? step
    }
    if let attention {
      let (now, count) = (attention.now.floats, attention.now.floats.count)
      let sum = attention.sum.start.assumingMemoryBound(to: Float.self)
      for index in 0..<count { sum[index] += now[index] }
    }
    swap(&current, &next)
  }

  /// Begins to sum up anew.
  private mutating func forgetAttention() throws(PhospheneError) {
    guard rendering.recipe.transparency == .attention else { return }
    var axes = viewPlan.outputTypes[2].shape.axes
    axes[3] = 1
    attention = (try Tensor(Shape(axes), repeating: 0), try Tensor(Shape(axes), repeating: 0))
  }

  /// Computes a step from where the climb stands.
  mutating func run(_ step: Int) throws(PhospheneError) {
    if rendering.rule(at: step) != rule || rendering.mindsLayers(at: step) != mindsLayers {
      (rule, mindsLayers) = (rendering.rule(at: step), rendering.mindsLayers(at: step))
      stepPlan = try rendering.stepPlan(rule, mindingLayers: mindsLayers)
    }
    let product = rendering.optimizer.momenta(upTo: step - rendering.stepsBefore, from: momenta)
    momenta = product
    let inputs = try rendering.stepInputs(step, momenta: product)
    defer { withExtendedLifetime(inputs) {} }
    try stepPlan.run(
      inputs: (current + inputs).map(\.start),
      outputs: [scores.start, strengths.start] + next.map(\.start)
        + (attention.map { [$0.now.start] } ?? []))
  }

  /// Goes on with another rendering of the same pictures.
  mutating func adopt(_ other: Rendering) throws(PhospheneError) {
    var other = other
    if other.sizes.view == rendering.sizes.view { other.measured = rendering.measured }
    try other.measureLayers()
    rendering = other
    let step = other.stepsBefore + 1
    (rule, mindsLayers) = (other.rule(at: step), other.mindsLayers(at: step))
    stepPlan = try other.stepPlan(rule, mindingLayers: mindsLayers)
    viewPlan = try other.viewPlan()
  }

  /// Forgets the best pictures so far: those of the next stage have another size.
  mutating func forgetBest() throws(PhospheneError) {
    judged = []
    best = Array(repeating: -.infinity, count: best.count)
    bestLook = try viewPlan.emptyLook()
    try forgetAttention()
  }

  /// Keeps the pictures as they stand after a step for the film, where that wants them.
  mutating func film(_ step: Int) throws(PhospheneError) {
    let steps = rendering.recipe.steps
    if film.wants(step, of: steps) { try film.keep(look(at: current[0]), step: step) }
  }

  /// Keeps what the first step began with, which may have been exchanged within that step.
  mutating func filmStart() throws(PhospheneError) {
    guard film.wants(0, of: rendering.recipe.steps) else { return }
    try film.keep(look(at: next[0]), step: 0)
  }

  /// The pictures as they stand after a step, without transforms.
  func present(_ step: Int) throws(PhospheneError) -> Picture {
    let results = try look(at: current[0])
    return picture(
      scores: results[0].elements, steps: best.map { _ in step },
      look: Array(results.dropFirst()), lastStep: step, isCancelled: false)
  }

  /// Looks at the pictures as they stand, without transforms, and keeps those that are better than
  /// before: score and picture come from the same run.
  mutating func judge(after step: Int) throws(PhospheneError) {
    let results = try look(at: current[0])
    for (index, score) in results[0].elements.enumerated() where score > best[index] {
      best[index] = score
      bestSteps[index] = step
      for (kept, new) in zip(bestLook, results.dropFirst()) {
        let size = kept.type.byteCount / rendering.sizes.count
        memcpy(kept.start + size * index, new.start + size * index, size)
      }
    }
    judged.append(best)
  }

  /// The scores, the network's input, the picture and its opacity, without transforms.
  func look(at parameters: Tensor) throws(PhospheneError) -> [Tensor] {
    let results = try viewPlan.run([parameters])
    guard results.allSatisfy({ $0.floats.allAreFinite }) else {
      throw .invalidArgument(
        "the picture or its objective became NaN or infinite: "
          + (rendering.image.extremityOfPrior
            ?? "the model's weights hold NaN or infinity, or the learning rate is too large"))
    }
    return results
  }

  func picture(lastStep: Int, isCancelled: Bool) -> Picture {
    picture(
      scores: best, steps: bestSteps, look: bestLook, lastStep: lastStep, isCancelled: isCancelled)
  }

  private func picture(
    scores: [Float], steps: [Int], look: [Tensor], lastStep: Int, isCancelled: Bool
  ) -> Picture {
    var recipe = rendering.recipe
    recipe.lastStep = lastStep < recipe.steps ? lastStep : nil
    let diagnoses = zip(diagnoses, redirectionNotes).map { diagnosis, note -> String? in
      let parts = [diagnosis, note].compactMap(\.self)
      return parts.isEmpty ? nil : parts.joined(separator: "; ") + "."
    }
    return Picture(
      scores: scores, steps: steps, history: history, input: look[0],
      attention: attention?.sum, image: look[1], alpha: look.count > 2 ? look[2] : nil,
      diagnoses: diagnoses,
      frames: film.frames, recipe: recipe, isCancelled: isCancelled)
  }
}

extension Plan {
  /// Zeros in place of what a look at the pictures gives besides the scores.
  fileprivate func emptyLook() throws(PhospheneError) -> [Tensor] {
    try outputTypes.dropFirst().map { (type) throws(PhospheneError) in
      try Tensor(type.shape, repeating: 0)
    }
  }
}
