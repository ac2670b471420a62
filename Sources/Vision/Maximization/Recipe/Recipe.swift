import FoundationEssentials
import KerasModels
public import Tensors

/// Everything that decides how a picture comes out, apart from the model: what a PNG carries, so
/// that the picture can be rendered again.
public struct Recipe: Codable, Sendable {
  /// The version of this document's form.
  var format = Recipe.currentFormat
  /// What to maximize: one picture each.
  var objectives: [Objective]
  /// How many pictures of each objective, from different seeds.
  var count = 1
  /// How many times the input is improved; ``undecided`` for the number that suits.
  var steps = Recipe.undecided
  /// The step after which it ends all the same, as it did when it was stopped; `nil` for ``steps``.
  var lastStep: Int?
  /// The seconds that it may take; ``steps`` becomes what fits.
  var budget: Double?
  /// The share of what was gained that an eighth of the steps must add to go on; 0 to do all steps.
  var earlyStop: Float = 0
  /// Canvases to begin with before that of ``size``, coarse to fine, each with its own steps; ``size``
  /// and ``steps`` are those of all.
  var stages: [Stage] = []
  /// Decides every random number.
  var seed: UInt64 = 0
  /// Height and width of the canvas in pixels; `nil` for those of the network's input.
  var size: [Int]?
  /// `nil` for the one that suits the network.
  var parametrization: StatedParametrization?
  /// How many views of each picture the network is shown at each step; `nil` for the number that
  /// suits the parametrization.
  var views: Int?
  /// `nil` for those that suit the size of the canvas.
  var transforms: [Transform]?
  /// `nil` for those that suit the network and the objective.
  var regularizers: [Regularizer]?
  /// `nil` for the one that suits the parametrization.
  var optimizer: Optimizer?
  /// How many steps at the beginning let a gradient through rectifiers that would block all of it; at
  /// 0 only what is needed to get going.
  var redirectedSteps = 0
  /// For each picture, which of the seed's starts it begins from; `nil` for the first.
  var starts: [Int]?
  /// Where the picture may change, from 0 (it stays as at the start) to 1; `nil` for everywhere.
  var mask: Objective.Activations?
  /// How many pictures of the way there are kept.
  var frames = 0
  /// What of the pictures is transparent.
  var transparency = Transparency.none
  /// What a network of several inputs is given as all others but the one that is changed, by name.
  var given: [String: Objective.Activations]?
  /// How the network wants its pixels.
  var input = InputScaling()
  /// The brightness, from 0 to 1, of what lies around the canvas.
  var background: Float = 0.5
  /// Whether direct convolution alone will do, which is slower and keeps a digit more.
  var exact = false
  /// How the model's weights are stored.
  var precision = Precision.float32

  static let currentFormat = "phosphene-recipe/1"
  /// Stands for a number of steps until the network is known.
  static let undecided = Int.min

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case format, objectives, count, steps, seed, size, stages, parametrization, views, transforms
    case lastStep = "last_step"
    case budget = "budget_s"
    case earlyStop = "early_stop"
    case regularizers, optimizer, starts, mask, given, frames, transparency, input, background,
      exact, precision
    case redirectedSteps = "redirected_steps"
  }

  /// What a saved picture carries beside its recipe, which says how it came about but decides nothing.
  private enum CarriedKeys: CodingKey, CaseIterable { case start, engine, labels, scores, shown }

  /// Reads a recipe, giving what is left out its default.
  public init(from decoder: any Decoder) throws {
    let known = CodingKeys.allCases.map(\.stringValue) + CarriedKeys.allCases.map(\.stringValue)
    try decoder.requireKnown(known.map(OptionName.init(stringValue:)))
    let recipe = try decoder.container(keyedBy: CodingKeys.self)
    objectives = try recipe.decode([Objective].self, forKey: .objectives)
    func option<Value: Decodable>(_ key: CodingKeys, _ value: inout Value) throws {
      value = try recipe.decodeIfPresent(Value.self, forKey: key) ?? value
    }
    try option(.format, &format)
    try option(.count, &count)
    try option(.steps, &steps)
    lastStep = try recipe.decodeIfPresent(Int.self, forKey: .lastStep)
    budget = try recipe.decodeIfPresent(Double.self, forKey: .budget)
    try option(.earlyStop, &earlyStop)
    try option(.stages, &stages)
    try option(.seed, &seed)
    size = try recipe.decodeIfPresent([Int].self, forKey: .size)
    parametrization = try recipe.decodeIfPresent(
      StatedParametrization.self, forKey: .parametrization)
    views = try recipe.decodeIfPresent(Int.self, forKey: .views)
    transforms = try recipe.decodeIfPresent([Transform].self, forKey: .transforms)
    regularizers = try recipe.decodeIfPresent([Regularizer].self, forKey: .regularizers)
    optimizer = try recipe.decodeIfPresent(Optimizer.self, forKey: .optimizer)
    try option(.redirectedSteps, &redirectedSteps)
    starts = try recipe.decodeIfPresent([Int].self, forKey: .starts)
    mask = try recipe.decodeIfPresent(Objective.Activations.self, forKey: .mask)
    try option(.frames, &frames)
    try option(.transparency, &transparency)
    given = try recipe.decodeIfPresent(
      [String: Objective.Activations].self, forKey: .given)
    try option(.input, &input)
    try option(.background, &background)
    try option(.exact, &exact)
    try option(.precision, &precision)
  }

  /// Reads a recipe and checks every number in it.
  public init(json: String) throws(PhospheneError) {
    self = try decodeOptions(Recipe.self, json, "recipe")
    try check()
  }

  /// The recipe with every default written out.
  public func json() throws(PhospheneError) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    } catch {
      throw .internalFailure("the recipe can't be written: \(error)")
    }
  }

  private func check() throws(PhospheneError) {
    guard format == Recipe.currentFormat else {
      throw .unsupported(
        "the recipe has format '\(format)', this version reads '\(Recipe.currentFormat)'")
    }
    guard !objectives.isEmpty, objectives.count <= 1024 else {
      throw .invalidArgument("1 to 1024 objectives are needed, received \(objectives.count)")
    }
    for objective in objectives {
      try objective.check()
      guard objective.terms.contains(where: { $0.weight != 0 }) else {
        throw .invalidArgument(
          "an objective whose weights are all 0 is the same for every picture: give a term a weight "
            + "other than 0")
      }
    }
    let terms = objectives.reduce(0) { $0 + $1.terms.count }
    try require(1...8192, terms, "the number of terms of all objectives")
    try require(1...1024, count, "count")
    if steps != Recipe.undecided { try require(1...1_000_000, steps, "steps") }
    if let size {
      guard size.count == 2, size.allSatisfy({ (4...4096).contains($0) }) else {
        throw .invalidArgument("size must be two lengths from 4 to 4096, received \(size)")
      }
    }
    if let lastStep {
      try require(1...(steps == Recipe.undecided ? 1_000_000 : steps), lastStep, "last_step")
    }
    if let budget { try require(0.001...1e7, budget, "budget_s") }
    try require(0...1, earlyStop, "early_stop")
    try checkStages()
    try parametrization?.check()
    if let views { try require(1...256, views, "views") }
    try require(0...256, transforms?.count ?? 0, "the number of transforms")
    try require(0...256, regularizers?.count ?? 0, "the number of regularizers")
    for transform in transforms ?? [] { try transform.check() }
    for regularizer in regularizers ?? [] { try regularizer.check() }
    try optimizer?.check()
    try require(0...1_000_000, redirectedSteps, "redirected_steps")
    if let starts {
      guard starts.count == objectives.count * count,
        starts.allSatisfy({ (0...1_000_000).contains($0) })
      else {
        throw .invalidArgument(
          "starts must be a number from 0 to 1000000 for each of \(objectives.count * count) "
            + "pictures, received \(starts)")
      }
    }
    try require(0...10_000, frames, "frames")
    try input.check()
    try require(0...1, background, "background")
  }
}

extension Recipe {
  /// A part of a maximization on a canvas of its own.
  struct Stage: Codable, Sendable {
    /// Height and width of the canvas in pixels.
    var size: [Int]
    /// How many steps it takes.
    var steps: Int

    private enum CodingKeys: CodingKey, CaseIterable { case size, steps }

    init(from decoder: any Decoder) throws {
      let stage = try decoder.options(CodingKeys.self)
      size = try stage.decode([Int].self, forKey: .size)
      steps = try stage.decode(Int.self, forKey: .steps)
    }
  }

  private func checkStages() throws(PhospheneError) {
    guard let last = stages.last else { return }
    try require(1...64, stages.count, "the number of stages")
    for stage in stages {
      try require(1...1_000_000, stage.steps, "the steps of a stage")
      guard stage.size.count == 2, stage.size.allSatisfy({ (4...4096).contains($0) }) else {
        throw .invalidArgument(
          "the size of a stage must be two lengths from 4 to 4096, received \(stage.size)")
      }
    }
    let sum = stages.reduce(0) { $0 + $1.steps }
    guard steps == sum || steps == Recipe.undecided, size == nil || size == last.size else {
      throw .invalidArgument(
        "size and steps must be the last stage's size \(last.size) and the sum \(sum) of all stages' "
          + "steps, received \(size.map { "\($0)" } ?? "none") and \(steps)")
    }
    guard budget == nil else {
      throw .invalidArgument(
        "a budget plans the number of steps and stages state it: give one of the two")
    }
  }
}

/// Refuses a number outside a range.
func require<Number: Comparable>(
  _ range: ClosedRange<Number>, _ value: Number, _ what: String
) throws(PhospheneError) {
  guard range.contains(value) else {
    throw .invalidArgument(
      "\(what) must lie between \(range.lowerBound) and \(range.upperBound), received \(value)")
  }
}

/// How a network wants its pixels: `scale * pixel + offset` for pixels from 0 to 255, for each
/// channel (each column of a row) or for all alike, in the order of the network's channels.
struct InputScaling: Codable, Sendable {
  var scale: [Float] = [1 / 255]
  var offset: [Float] = [0]
  /// Whether the network's channels are blue, green, red.
  var reverseChannels = false

  enum CodingKeys: String, CodingKey, CaseIterable {
    case scale, offset
    case reverseChannels = "reverse_channels"
  }

  init() {}

  init(from decoder: any Decoder) throws {
    let input = try decoder.options(CodingKeys.self)
    scale = try input.decodeIfPresent([Float].self, forKey: .scale) ?? scale
    offset = try input.decodeIfPresent([Float].self, forKey: .offset) ?? offset
    reverseChannels =
      try input.decodeIfPresent(Bool.self, forKey: .reverseChannels) ?? reverseChannels
  }

  func check() throws(PhospheneError) {
    guard !scale.isEmpty, !offset.isEmpty, scale.allSatisfy({ $0.isFinite && $0 != 0 }),
      offset.allSatisfy(\.isFinite)
    else {
      throw .invalidArgument(
        "input scale must be finite and not zero, offset finite, received \(scale) and \(offset)")
    }
  }

  /// Scale and offset for each of so many channels, or of the columns of a row.
  func expanded(
    to count: Int, _ form: InputForm
  ) throws(PhospheneError) -> (scale: [Float], offset: [Float]) {
    func expand(_ values: [Float], _ what: String) throws(PhospheneError) -> [Float] {
      if values.count == 1 { return [Float](repeating: values[0], count: count) }
      guard values.count == count else {
        throw .invalidArgument(
          "input \(what) needs 1 number or \(count), one for each "
            + "\(form == .row ? "column" : "channel"), received \(values.count)")
      }
      return values
    }
    return (try expand(scale, "scale"), try expand(offset, "offset"))
  }
}
