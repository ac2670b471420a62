public import KerasModels
public import Tensors

/// Inputs that maximize objectives, and how they came about.
public struct Picture: Sendable {
  /// The objective of each picture, as ``input`` gives it.
  public let scores: [Float]
  /// After how many steps each picture was found.
  public let steps: [Int]
  /// For each picture the objective at each step, as the transforms showed it.
  public let history: [[Float]]
  /// The network's input, with batch axis.
  public let input: Tensor
  /// How much each pixel mattered over all steps, (count, height, width, 1); `nil` unless the recipe asks.
  public let attention: Tensor?
  /// What there is to look at: (count, height, width, channels) between 0 and 1.
  public let image: Tensor
  /// How opaque ``image`` is, (count, height, width, 1) between 0 and 1; `nil` unless the recipe has it
  /// optimized.
  public let alpha: Tensor?
  /// For each picture what was wrong with its gradient and what was done about it, if something was.
  public let diagnoses: [String?]
  /// Pictures of the way there, as many as the recipe asks for.
  public let frames: [Frame]
  /// What made it, every default written out.
  public let recipe: Recipe
  /// Whether the caller stopped it early.
  public let isCancelled: Bool
}

/// How far a maximization is.
public struct Progress {
  /// Steps done, and steps in all.
  public let step: Int, steps: Int
  /// The objective of the latest step, mean over the pictures.
  public let score: Float
  /// Returns the pictures as they stand, without transforms; for as long as the call lasts that the
  /// progress was reported by.
  public let picture: () throws(PhospheneError) -> Picture
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
    var pace = Pace(budget: recipe.budget)
    var climb = try Climb(Rendering(recipe, of: self, start: start), stated: recipe)
    var step = 0
    while true {
      step += 1
      try pace.timing { () throws(PhospheneError) in try climb.step(step) }
      if step == 1 {
        // Planning writes over what the first step began with.
        try climb.filmStart()
        try climb.plan(for: &pace)
      }
      let steps = climb.rendering.recipe.steps
      try climb.film(step)
      let goesOn = progress(
        Progress(step: step, steps: steps, score: climb.latestScore) {
          [step] () throws(PhospheneError) in try climb.present(step)
        })
      let isLast =
        step == climb.rendering.recipe.lastStep ?? steps || !goesOn || pace.isOver
      let endsStage = !isLast && step == climb.rendering.lastStepOfStage
      if isLast || endsStage || step % climb.interval == 0 { try climb.judge(after: step) }
      if isLast || climb.isSettled {
        try climb.explainStandstill(at: step)
        return climb.picture(lastStep: step, isCancelled: !goesOn)
      }
      if endsStage { try climb.enterNextStage() }
    }
  }
}
