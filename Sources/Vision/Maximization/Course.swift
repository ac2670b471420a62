import Glibc
import Graphs
import Tensors

// How long a climb takes: budgets of time, plateaus, stages from coarse to fine.

/// A budget of time and how much of it is left.
struct Pace {
  private let budget: Double?
  private let begin = Pace.now
  /// The seconds that a step takes, once one has been measured.
  private var step = 0.0

  init(budget: Double?) { self.budget = budget }

  /// Whether another step would take too long.
  var isOver: Bool { budget.map { Pace.now - begin + step > $0 } ?? false }

  /// How many steps fit in all, after one has been done and a second one is timed.
  ///
  /// - Returns: `nil` without a budget.
  mutating func steps(
    _ run: () throws(PhospheneError) -> Void
  ) throws(PhospheneError) -> Int? {
    guard let budget else { return nil }
    guard !isOver else { return 1 }
    let before = Pace.now
    try run()
    step = max(Pace.now - before, 1e-9)
    // A tenth is left for the looks at the picture without transforms and for other programs.
    return 1 + Int(min(max(0.9 * (budget - (Pace.now - begin)) / step, 0), 1e7))
  }

  /// Seconds on a clock that nobody sets.
  private static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

extension Climb {
  /// Lowers the number of steps to what fits into a budget, after the first step.
  ///
  /// That one is the same for any number of steps, so that the recipe with the lower number alone
  /// makes the same picture.
  mutating func plan(for pace: inout Pace) throws(PhospheneError) {
    // What it writes, the step itself writes again.
    let fitting = try pace.steps { () throws(PhospheneError) in try run(2) }
    var recipe = rendering.recipe
    guard let fitting, fitting < recipe.steps else { return }
    recipe.steps = fitting
    recipe.lastStep = recipe.lastStep.map { min($0, fitting) }
    rendering = try rendering.changed(to: recipe)
  }

  /// Whether every picture has gained next to nothing over the last eighth of the steps, measured
  /// by what it has gained since it was first looked at.
  var isSettled: Bool {
    let share = rendering.recipe.earlyStop
    let window = 4
    guard share > 0, judged.count > window, rendering.isLastStage else { return false }
    let (first, before, now) = (
      judged[0], judged[judged.count - 1 - window], judged[judged.count - 1]
    )
    return now.indices.allSatisfy { now[$0] - before[$0] <= share * (now[$0] - first[$0]) }
  }

  /// Goes on with the pictures on the next stage's canvas, and a fresh optimizer.
  mutating func enterNextStage() throws(PhospheneError) {
    let old = rendering
    let new = try Rendering(old.recipe, of: old.model, start: old.start, stage: old.stage + 1)
    try adopt(new)
    let parameters = try new.parameters(continuing: current[0], of: old)
    current = [parameters] + (try new.emptyState())
    next = [try Tensor(new.image.parameterShape, repeating: 0)] + (try new.emptyState())
    try forgetBest()
  }
}

extension Rendering {
  /// Whether no stage follows.
  var isLastStage: Bool { stage + 1 >= recipe.stages.count }
  /// The number of steps of the stages before this one.
  var stepsBefore: Int { recipe.stages.prefix(stage).reduce(0) { $0 + $1.steps } }
  /// The step that another stage follows; 0 for the last stage.
  var lastStepOfStage: Int { isLastStage ? 0 : stepsBefore + recipe.stages[stage].steps }

  /// The recipe's transforms, with lengths in pixels in proportion to the stage's canvas.
  var transforms: [Transform] {
    let all = recipe.transforms ?? []
    guard !isLastStage, let last = recipe.stages.last else { return all }
    let ratio = Double(sizes.canvas.height) / Double(last.size[0])
    func scaled(_ pixels: Int) -> Int {
      pixels == 0 ? 0 : max(Int((Double(pixels) * ratio).rounded()), 1)
    }
    return all.map { transform in
      switch transform {
      case .jitter(let pixels): .jitter(pixels: scaled(pixels))
      case .pad(let pixels): .pad(pixels: scaled(pixels))
      default: transform
      }
    }
  }

  /// What the optimizer remembers before its first step.
  func emptyState() throws(PhospheneError) -> [Tensor] {
    try (0..<optimizer.stateCount).map { _ throws(PhospheneError) in
      try Tensor(image.parameterShape, repeating: 0)
    }
  }

  /// The parameters of pictures of another size: pixels interpolated, frequencies carried over and
  /// those that are new as they would be at a start.
  func parameters(
    continuing old: Tensor, of other: Rendering
  ) throws(PhospheneError) -> Tensor {
    if sizes.kind == .pixel {
      let pixels = resampled(
        old.elements, count: sizes.count, channels: sizes.channels, from: other.sizes.canvas,
        to: sizes.canvas)
      return try Tensor(image.parameterShape, pixels)
    }
    let fresh = try image.randomParameters(
      seed: recipe.seed, replicates: recipe.count, starts: recipe.starts)
    return try Tensor(
      image.parameterShape,
      image.spectrum(fresh.elements, taking: old.elements, of: other.image))
  }
}

extension ParametrizedImage {
  /// A spectrum with the frequencies that another one of another size has too, weighted so that they
  /// show the same.
  func spectrum(
    _ fresh: [Float], taking old: [Float], of other: ParametrizedImage
  ) -> [Float] {
    let (half, otherHalf) = (width / 2 + 1, other.width / 2 + 1)
    // Real and imaginary parts, or phases alone.
    let isWeighted = parametrization.kind != .maco
    let parts = isWeighted ? 2 : 1
    let gain = Float(height * width) / Float(other.height * other.width)
    let reach = ((min(height, other.height) - 1) / 2, (min(width, other.width) - 1) / 2)
    var spectrum = fresh
    for plane in 0..<count * channels * parts {
      let channel = plane / parts % channels
      let (weights, otherWeights) =
        isWeighted
        ? (self.weights(ofChannel: channel), other.weights(ofChannel: channel)) : ([], [])
      for fy in -reach.0...reach.0 {
        let (row, otherRow) = (fy < 0 ? fy + height : fy, fy < 0 ? fy + other.height : fy)
        for column in 0...reach.1 {
          var value = old[(plane * other.height + otherRow) * otherHalf + column]
          if isWeighted {
            value *=
              gain * otherWeights[otherRow * otherHalf + column] / weights[row * half + column]
          }
          spectrum[(plane * height + row) * half + column] = value
        }
      }
    }
    return spectrum
  }
}

/// Pictures of another size: each pixel is the mean of those around its place, weighted by a triangle
/// as wide as a pixel of the coarser of both grids.
func resampled(
  _ elements: [Float], count: Int, channels: Int, from: (height: Int, width: Int),
  to: (height: Int, width: Int)
) -> [Float] {
  /// For each new position the old ones that count, and their weights.
  func taps(_ old: Int, _ new: Int) -> [[(index: Int, weight: Float)]] {
    let ratio = Double(old) / Double(new)
    let radius = max(ratio, 1)
    return (0..<new).map { position in
      let centre = (Double(position) + 0.5) * ratio - 0.5
      let range = Int((centre - radius).rounded(.down))...Int((centre + radius).rounded(.up))
      let weights = range.map { max(1 - abs(Double($0) - centre) / radius, 0) }
      let sum = weights.reduce(0, +)
      return zip(range, weights).map { (min(max($0, 0), old - 1), Float($1 / sum)) }
    }
  }
  if from == to { return elements }
  let (rows, columns) = (taps(from.height, to.height), taps(from.width, to.width))
  var result = [Float](repeating: 0, count: count * to.height * to.width * channels)
  var line = [Float](repeating: 0, count: from.width * channels)
  for picture in 0..<count {
    for row in 0..<to.height {
      for index in line.indices { line[index] = 0 }
      for tap in rows[row] {
        let begin = (picture * from.height + tap.index) * from.width * channels
        for index in line.indices { line[index] += tap.weight * elements[begin + index] }
      }
      for column in 0..<to.width {
        let target = ((picture * to.height + row) * to.width + column) * channels
        for tap in columns[column] {
          for channel in 0..<channels {
            result[target + channel] += tap.weight * line[tap.index * channels + channel]
          }
        }
      }
    }
  }
  return result
}
