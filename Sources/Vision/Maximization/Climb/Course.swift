import Glibc
import Graphs
import Tensors

// How long a climb takes: budgets of time, plateaus, stages from coarse to fine.

/// A budget of time and how much of it is left.
struct Pace {
  private let budget: Double?
  private let begin = Pace.now
  /// The seconds that a step takes, of late, and a look at the pictures; once they have been measured.
  private var (step, look) = (0.0, 0.0)

  init(budget: Double?) { self.budget = budget }

  private var left: Double { (budget ?? .infinity) - (Pace.now - begin) }

  /// Whether another step would take too long, and the last look behind it.
  var isOver: Bool { left < step + look }

  /// Does a step and notes how long that takes.
  mutating func timing(_ run: () throws(PhospheneError) -> Void) throws(PhospheneError) {
    let before = Pace.now
    try run()
    let latest = Pace.now - before
    step = step == 0 ? latest : 0.75 * step + 0.25 * latest
  }

  /// How many steps fit in all, after one has been done.
  ///
  /// - Parameters:
  ///   - step: Does another one, as often as it is asked to; the first time may take longer, because the
  ///     second step may need a plan of its own.
  ///   - look: Looks at the pictures without transforms.
  ///   - looks: How often that is done in so many steps.
  /// - Returns: `nil` without a budget.
  /// - Throws: What step or look throws.
  mutating func steps(
    _ step: () throws(PhospheneError) -> Void, look: () throws(PhospheneError) -> Void,
    looks: (Int) -> Int
  ) throws(PhospheneError) -> Int? {
    guard let budget else { return nil }
    guard !isOver else { return 1 }
    var before = Pace.now
    try look()
    self.look = Pace.now - before
    try step()
    var count = 0
    before = Pace.now
    // For a while, since a short one says nothing of a machine that is busy with other things.
    while !isOver, count < 10_000, count == 0 || Pace.now - before < 0.03 * budget {
      try step()
      count += 1
    }
    if count > 0 { self.step = (Pace.now - before) / Double(count) }
    return 1 + Pace.fitting(left, step: self.step, look: self.look) { looks(1 + $0) }
  }

  /// How many steps fit into a time, with the looks that are taken on the way.
  ///
  /// A sixteenth is left for what other programs do meanwhile.
  static func fitting(_ seconds: Double, step: Double, look: Double, looks: (Int) -> Int) -> Int {
    let usable = seconds * 15 / 16
    func steps(beside looks: Int) -> Int {
      Int(min(max((usable - Double(looks) * look) / max(step, 1e-9), 0), 1e7))
    }
    func fits(_ count: Int) -> Bool { count <= steps(beside: looks(count)) }
    var count = steps(beside: 0)
    // The number of looks hardly changes with that of many steps; with that of few it goes up and down.
    let many = 4096
    while count > many, !fits(count) {
      count = max(min(count - 1, steps(beside: looks(count))), many)
    }
    return count > many ? count : (0...count).last(where: fits) ?? 0
  }

  /// Seconds on a clock that nobody sets.
  private static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

extension Recipe {
  /// How many of so many steps lie between two looks at the pictures without transforms.
  func interval(of steps: Int) -> Int { max(steps / (earlyStop > 0 ? 32 : 8), 1) }

  /// How often the pictures are looked at in so many steps, to judge them and for the film.
  func looks(in steps: Int) -> Int {
    let interval = interval(of: steps)
    return (steps + interval - 1) / interval + min(frames, steps + 1)
  }
}

extension Climb {
  /// How many steps lie between two looks at the picture without transforms.
  var interval: Int { rendering.recipe.interval(of: rendering.recipe.steps) }

  /// Lowers the number of steps to what fits into a budget, after the first step.
  ///
  /// That one is the same for any number of steps, so that the recipe with the lower number alone
  /// makes the same picture.
  mutating func plan(for pace: inout Pace) throws(PhospheneError) {
    var recipe = rendering.recipe
    // What it writes, the step itself writes again.
    let fitting = try pace.steps(
      { () throws(PhospheneError) in try run(2) },
      look: { () throws(PhospheneError) in _ = try look(at: current[0]) },
      looks: { recipe.looks(in: $0) })
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
        old.elements, count: sizes.count, channels: image.parameterShape[3],
        from: other.sizes.canvas, to: sizes.canvas)
      return try Tensor(image.parameterShape, pixels)
    }
    let fresh = try image.randomParameters(
      seed: recipe.seed, replicates: recipe.count, starts: recipe.starts)
    return try Tensor(
      image.parameterShape,
      image.spectra(fresh.elements, taking: old.elements, of: other.image))
  }
}

extension ParametrizedImage {
  /// Spectra with the frequencies that others of another size have too, weighted so that they show the
  /// same.
  func spectra(
    _ fresh: [Float], taking old: [Float], of other: ParametrizedImage
  ) -> [Float] {
    let (half, otherHalf) = (spectrum.half, other.spectrum.half)
    let planes = parameterShape.elementCount / (count * height * half)
    let gain = Float(height * width) / Float(other.height * other.width)
    let reach = ((min(height, other.height) - 1) / 2, (min(width, other.width) - 1) / 2)
    var spectra = fresh
    for plane in 0..<planes {
      let (weights, otherWeights) = (
        self.weights(ofPlane: plane), other.weights(ofPlane: plane)
      )
      for picture in 0..<count {
        let (first, otherFirst) = (
          (picture * planes + plane) * height, (picture * planes + plane) * other.height
        )
        for fy in -reach.0...reach.0 {
          let (row, otherRow) = (fy < 0 ? fy + height : fy, fy < 0 ? fy + other.height : fy)
          for column in 0...reach.1 {
            var value = old[(otherFirst + otherRow) * otherHalf + column]
            if let weights, let otherWeights {
              value *=
                gain * otherWeights[otherRow * otherHalf + column] / weights[row * half + column]
            }
            spectra[(first + row) * half + column] = value
          }
        }
      }
    }
    return spectra
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
