import Glibc
import Graphs
public import KerasModels
public import Tensors

/// Inputs that maximize objectives, and how they came about.
public struct Picture: Sendable {
  /// The objective of each picture, as ``input`` gives it.
  public let scores: [Float]
  /// For each picture the objective at each step, as the transforms showed it.
  public let history: [[Float]]
  /// The network's input, with batch axis.
  public let input: Tensor
  /// What there is to look at: (count, height, width, channels) between 0 and 1.
  public let image: Tensor
  /// For each picture what was wrong with its gradient and what was done about it, if something was.
  public let diagnoses: [String?]
  /// What made it, every default written out.
  public let recipe: Recipe
  /// Whether the caller stopped it early.
  public let isCancelled: Bool
}

/// How far a maximization is.
public struct Progress: Sendable {
  /// Steps done, and steps in all.
  public let step: Int, steps: Int
  /// The objective of the latest step, mean over the pictures.
  public let score: Float
}

extension Model {
  /// Finds inputs that maximize objectives.
  ///
  /// - Parameters:
  ///   - recipe: What to maximize, and how.
  ///   - start: Pictures to start from, in the range of the network's input; `nil` for noise.
  ///   - progress: Called after each step; `false` stops.
  /// - Returns: The best picture of each objective, judged without transforms and penalties.
  /// - Throws: `invalidArgument` for an objective that doesn't exist, one whose gradient is zero
  ///   whatever is tried, or a NaN on the way.
  public func maximize(
    _ recipe: Recipe, start: Tensor? = nil, progress: (Progress) -> Bool = { _ in true }
  ) throws(PhospheneError) -> Picture {
    var climb = try Climb(Rendering(recipe, of: self), start: start)
    for step in 1...climb.rendering.recipe.steps {
      try climb.step(step)
      let goesOn = progress(
        Progress(step: step, steps: climb.rendering.recipe.steps, score: climb.latestScore))
      let isLast = step == climb.rendering.recipe.steps || !goesOn
      if isLast || step % climb.interval == 0 { try climb.judge() }
      if !goesOn { return climb.picture(isCancelled: true) }
    }
    return climb.picture(isCancelled: false)
  }
}

/// A maximization under way.
struct Climb {
  var rendering: Rendering
  /// The rule that ``stepPlan`` was made with.
  private var rule: GradientRule
  private var stepPlan: Plan
  private var viewPlan: Plan
  /// Parameters and the optimizer's state, and where the next step writes them.
  var current: [Tensor]
  private var next: [Tensor]
  private let scores: Tensor
  /// For each picture the largest absolute number of its gradient.
  let strengths: Tensor
  let isStarted: Bool
  var diagnoses: [String?]
  /// For each picture how redirection was extended, if it was.
  var redirectionNotes: [String?]
  private var history: [[Float]]
  private var best: [Float]
  private let bestInput: Tensor
  private let bestImage: Tensor

  init(_ rendering: Rendering, start: Tensor?) throws(PhospheneError) {
    self.rendering = rendering
    rule = rendering.rule(at: 1)
    stepPlan = try rendering.stepPlan(rule)
    viewPlan = try rendering.viewPlan()
    let parameters = try Climb.parameters(for: rendering, start: start)
    let shape = rendering.image.parameterShape
    current = [parameters]
    next = [try Tensor(shape, repeating: 0)]
    for _ in 0..<rendering.optimizer.stateCount {
      current.append(try Tensor(shape, repeating: 0))
      next.append(try Tensor(shape, repeating: 0))
    }
    let count = rendering.sizes.count
    scores = try Tensor([count], repeating: 0)
    strengths = try Tensor([count], repeating: 0)
    isStarted = start != nil
    diagnoses = Array(repeating: nil, count: count)
    redirectionNotes = diagnoses
    history = Array(repeating: [], count: count)
    best = Array(repeating: -.infinity, count: count)
    bestInput = try Tensor(viewPlan.outputTypes[1].shape, repeating: 0)
    bestImage = try Tensor(viewPlan.outputTypes[2].shape, repeating: 0)
  }

  /// How many steps lie between two looks at the picture without transforms.
  var interval: Int { max(rendering.recipe.steps / 8, 1) }

  /// The objective of the latest step, mean over the pictures.
  var latestScore: Float {
    history.reduce(0) { $0 + ($1.last ?? 0) } / Float(history.count)
  }

  mutating func step(_ step: Int) throws(PhospheneError) {
    try run(step)
    if step == 1 { try treatStart() }
    if step > 1, step == rendering.recipe.redirectedSteps + 1 { try extendRedirection(at: step) }
    if !(scores.floats.allAreFinite && strengths.floats.allAreFinite) {
      throw .invalidArgument(try notFiniteMessage(at: step))
    }
    for (index, value) in scores.elements.enumerated() { history[index].append(value) }
    swap(&current, &next)
  }

  /// Computes a step from where the climb stands.
  mutating func run(_ step: Int) throws(PhospheneError) {
    if rendering.rule(at: step) != rule {
      rule = rendering.rule(at: step)
      stepPlan = try rendering.stepPlan(rule)
    }
    let inputs = try rendering.stepInputs(step)
    defer { withExtendedLifetime(inputs) {} }
    try stepPlan.run(
      inputs: (current + inputs).map(\.start),
      outputs: [scores.start, strengths.start] + next.map(\.start))
  }

  /// Goes on with another rendering of the same pictures.
  mutating func adopt(_ other: Rendering) throws(PhospheneError) {
    rendering = other
    rule = other.rule(at: 1)
    stepPlan = try other.stepPlan(rule)
    viewPlan = try other.viewPlan()
  }

  /// Looks at the pictures as they stand, without transforms, and keeps those that are better than
  /// before: score and picture come from the same run.
  mutating func judge() throws(PhospheneError) {
    let results = try viewPlan.run([current[0]])
    guard results.allSatisfy({ $0.floats.allAreFinite }) else {
      throw .invalidArgument(
        "the picture or its objective became NaN or infinite: the model's weights hold NaN or "
          + "infinity, or the learning rate is too large")
    }
    for (index, score) in results[0].elements.enumerated() where score > best[index] {
      best[index] = score
      for (kept, new) in [(bestInput, results[1]), (bestImage, results[2])] {
        let size = kept.type.byteCount / rendering.sizes.count
        memcpy(kept.start + size * index, new.start + size * index, size)
      }
    }
  }

  func picture(isCancelled: Bool) -> Picture {
    let diagnoses = zip(diagnoses, redirectionNotes).map { diagnosis, note -> String? in
      let parts = [diagnosis, note].compactMap(\.self)
      return parts.isEmpty ? nil : parts.joined(separator: "; ") + "."
    }
    return Picture(
      scores: best, history: history, input: bestInput, image: bestImage,
      diagnoses: diagnoses, recipe: rendering.recipe, isCancelled: isCancelled)
  }

  static func parameters(
    for rendering: Rendering, start: Tensor?
  ) throws(PhospheneError) -> Tensor {
    let (sizes, recipe) = (rendering.sizes, rendering.recipe)
    guard let start else {
      return try rendering.image.randomParameters(
        seed: recipe.seed, replicates: recipe.count, starts: recipe.starts)
    }
    let single = [1, sizes.canvas.height, sizes.canvas.width, sizes.channels]
    let batch = [sizes.count] + single.dropFirst()
    // Networks without a channel axis, or whose input is no picture, have shapes of their own.
    let inputSingle = [1] + sizes.input.axes.dropFirst()
    let allowed = [batch, single, sizes.input.axes, inputSingle].filter {
      $0 == batch || $0 == single || sizes.canvas == sizes.view
    }
    guard allowed.contains(start.shape.axes) else {
      throw .invalidArgument(
        "start must have shape \(Shape(batch)) or \(Shape(single)), received \(start.shape)")
    }
    guard start.floats.allAreFinite else {
      throw .invalidArgument("start holds NaN or infinity")
    }
    let (scale, offset) = try recipe.input.expanded(to: sizes.channels)
    let given = start.elements
    let image = try Tensor(Shape(batch)) { pixels in
      for index in pixels.indices {
        let channel = index % sizes.channels
        let source = recipe.input.reverseChannels ? sizes.channels - 1 - channel : channel
        let value = given[(index - channel + source) % given.count]
        pixels[index] = (value - offset[source]) / (255 * scale[source])
      }
    }
    return try rendering.image.parameters(of: image)
  }
}
