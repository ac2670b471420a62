import Graphs
import Tensors

// What a climb does about pictures whose gradient is zero, too small for the optimizer or not finite.

extension Climb {
  /// How many steps the gradient is redirected if nothing else is said: lucid's number.
  private static let redirectedSteps = 16
  /// How many other starts are tried.
  private static let otherStarts = 3

  /// The pictures that the latest run of a step would not improve.
  private var illPictures: [Int] {
    let faintest = rendering.optimizer.faintest
    return strengths.elements.enumerated().filter { !($1.isFinite && $1 > faintest) }.map(\.offset)
  }

  /// Looks at the gradients of the first step, and tries one remedy after the other on pictures that
  /// have none: the number before the activation, redirected rectifiers, other starts.
  ///
  /// What helps is written into the recipe, so that the recipe alone makes the same picture.
  /// - Returns: Whether there were such pictures.
  /// - Throws: `invalidArgument` if none of all pictures could be helped.
  mutating func treatStart() throws(PhospheneError) -> Bool {
    let ill = illPictures
    guard !ill.isEmpty else { return false }
    let findings = try rendering.findings(
      of: ill, parameters: current[0], step: 1, rule: rendering.rule(at: 1))
    var cures: [Int: String] = [:]
    var tried: [String] = []
    try aimBeforeActivations(ill, &cures, &tried)
    try redirect(&cures, &tried)
    try startElsewhere(&cures, &tried)
    let isHopeless = ill.allSatisfy {
      cures[$0] == nil && !(strengths.elements[$0] > rendering.optimizer.faintest)
    }
    for picture in ill {
      let finding =
        "No usable gradient reaches the picture: \(findings[picture] ?? "for no known reason")"
      let attempts = tried.isEmpty ? "" : "; tried in vain: " + tried.joined(separator: ", ")
      diagnoses[picture] =
        finding + (cures[picture].map { "; what helped: \($0)" } ?? attempts)
    }
    if isHopeless, ill.count == rendering.sizes.count, let message = diagnoses[ill[0]] {
      throw .invalidArgument(message.prefix(1).lowercased() + message.dropFirst())
    }
    return true
  }

  /// First remedy: the objectives of ill pictures aim at what goes into their layers' activations.
  private mutating func aimBeforeActivations(
    _ ill: [Int], _ cures: inout [Int: String], _ tried: inout [String]
  ) throws(PhospheneError) {
    let original = rendering
    let count = original.recipe.count
    guard let changed = try original.beforeActivations(of: Set(ill.map { $0 / count })) else {
      return
    }
    try adopt(changed)
    try run(1)
    let cured = Set(ill).subtracting(illPictures)
    aimedBefore = cured
    for picture in cured {
      let terms = original.recipe.objectives[picture / count].terms
      cures[picture] =
        terms.contains { $0.kind == .probability }
        ? "aiming before the softmax or sigmoid (logit instead of probability)"
        : "aiming before the activation (pre_activation=True)"
    }
    let remedy = "aiming before the activation"
    if cured.count < ill.count {
      tried.append(remedy)
      // Objectives that weren't helped stay as they were asked for.
      let others =
        try cured.isEmpty
        ? nil : original.beforeActivations(of: Set(cured.map { $0 / count }))
      try adopt(others ?? original)
      try run(1)
    }
  }

  /// Second remedy: rectifiers that would block all of a gradient let it through for some steps.
  private mutating func redirect(
    _ cures: inout [Int: String], _ tried: inout [String]
  ) throws(PhospheneError) {
    let ill = illPictures
    guard !ill.isEmpty, rendering.recipe.redirectedSteps == 0 else { return }
    let original = rendering
    var recipe = rendering.recipe
    recipe.redirectedSteps = min(Climb.redirectedSteps, recipe.steps)
    try adopt(rendering.changed(to: recipe))
    try run(1)
    let cured = Set(ill).subtracting(illPictures)
    for picture in cured {
      cures[picture] =
        "redirected rectifiers for \(counted(recipe.redirectedSteps, "step")) (redirected_steps=)"
    }
    if cured.count < ill.count { tried.append("redirected rectifiers") }
    if cured.isEmpty {
      try adopt(original)
      try run(1)
    }
  }

  /// Third remedy: ill pictures start from other random numbers.
  private mutating func startElsewhere(
    _ cures: inout [Int: String], _ tried: inout [String]
  ) throws(PhospheneError) {
    let ill = illPictures
    guard !ill.isEmpty, !rendering.startsFromImage else { return }
    let (original, parameters) = (rendering, current[0])
    for attempt in 1...Climb.otherStarts {
      var recipe = rendering.recipe
      var starts = recipe.starts ?? [Int](repeating: 0, count: rendering.sizes.count)
      for picture in illPictures { starts[picture] += 1 }
      recipe.starts = starts
      try adopt(rendering.changed(to: recipe))
      current[0] = try rendering.firstParameters()
      try run(1)
      let present = Set(illPictures)
      for picture in ill where cures[picture] == nil && !present.contains(picture) {
        cures[picture] = "another start (number \(attempt))"
      }
      if present.isEmpty { return }
    }
    tried.append("\(Climb.otherStarts) other starts")
    if ill.allSatisfy({ cures[$0] == nil }) {
      current[0] = parameters
      try adopt(original)
      try run(1)
    }
  }

  /// Redirects twice as long where the plain gradient is still zero when redirection ends.
  mutating func extendRedirection(at step: Int) throws(PhospheneError) {
    let ill = strengths.elements.enumerated().filter { $1 == 0 }.map(\.offset)
    guard !ill.isEmpty, step <= rendering.recipe.steps else { return }
    var recipe = rendering.recipe
    recipe.redirectedSteps = min(2 * recipe.redirectedSteps, recipe.steps)
    rendering = try rendering.changed(to: recipe)
    try run(step)
    for picture in ill {
      // Only the latest counts.
      redirectionNotes[picture] =
        "at step \(step) rectifiers still blocked all of the gradient, so that it was redirected up to "
        + "step \(recipe.redirectedSteps)"
    }
  }

  /// Says of pictures that gained nothing that no remedy helped in the end, or where the gradient
  /// that was lost on the way ends.
  mutating func explainStandstill(at step: Int) throws(PhospheneError) {
    for (picture, diagnosis) in diagnoses.enumerated() {
      guard let diagnosis, best[picture] <= history[picture][0] else { continue }
      diagnoses[picture] = diagnosis + ", and yet the objective never rose"
    }
    try explainUnitsStillOff()
    try explainCeilings()
    explainOverflows()
    let lost = deadSince.indices.filter { picture in
      guard let since = deadSince[picture], since > 1, diagnoses[picture] == nil else {
        return false
      }
      return best[picture] <= history[picture][0]
    }
    guard !lost.isEmpty else { return }
    let findings = try rendering.findings(
      of: lost, parameters: current[0], step: step, rule: rendering.rule(at: step))
    for picture in lost {
      diagnoses[picture] =
        "The gradient has been zero since step \(deadSince[picture] ?? step): "
        + "\(findings[picture] ?? "for no known reason"); a lower learning rate, redirected_steps= or "
        + "another seed may help"
    }
  }

  /// Says of units that were aimed at before their activation that they are off in the end all the same.
  private mutating func explainUnitsStillOff() throws(PhospheneError) {
    let (objectives, count) = (rendering.recipe.objectives, rendering.recipe.count)
    let low = aimedBefore.filter {
      best[$0] <= 0 && objectives[$0 / count].terms.allSatisfy { $0.weight > 0 }
    }
    guard !low.isEmpty else { return }
    let outputs = try rendering.outputs(of: bestLook[0])
    for picture in low where outputs[picture] <= 0 {
      diagnoses[picture]? +=
        ", and yet it is still off: the best picture brings it to \(best[picture]) before the "
        + "activation, which makes \(describe(outputs[picture])) of it"
    }
  }

  /// Says of objectives that were asked to aim at a layer's output that this has reached its ceiling.
  private mutating func explainCeilings() throws(PhospheneError) {
    for (picture, since) in deadSince.enumerated() {
      guard let since, diagnoses[picture] == nil, best[picture] > history[picture][0] else {
        continue
      }
      let objective = rendering.recipe.objectives[picture / rendering.recipe.count]
      guard let layer = try rendering.boundedLayer(of: objective) else { continue }
      diagnoses[picture] =
        "The gradient has been zero since step \(since): layer '\(layer)' has reached an end of its "
        + "activation; pre_activation= aims at what goes into that"
    }
  }

  /// Says of pictures whose gradient is too large for an optimizer that squares it.
  private mutating func explainOverflows() {
    guard let state = current.last, let name = rendering.optimizer.squaring else { return }
    let squares = state.floats
    let size = squares.count / rendering.sizes.count
    for picture in diagnoses.indices where diagnoses[picture] == nil {
      guard !squares[picture * size..<(picture + 1) * size].allSatisfy(\.isFinite) else { continue }
      diagnoses[picture] =
        "The gradient is too large for \(name), which doesn't move what has one: its largest number is "
        + "\(strengths.elements[picture]) and its square overflows float32; maximize a small share of the "
        + "objective, such as 1e-20 of it, or check the model's weights"
    }
  }

  /// Says why a step gave numbers that aren't finite.
  func notFiniteMessage(at step: Int) throws(PhospheneError) -> String {
    let ill = strengths.elements.indices.filter { !strengths.elements[$0].isFinite }
    let findings = try rendering.findings(
      of: ill.isEmpty ? Array(strengths.elements.indices) : ill, parameters: current[0], step: step,
      rule: rendering.rule(at: step),
      finite: (rendering.recipe.regularizers ?? []).isEmpty
        ? "its numbers are too large for float32 together; check the model's weights"
        : "the objective itself is finite, a penalty or its gradient isn't; check the model's weights, or "
          + "leave penalties out (regularizers=())")
    let finding = findings.sorted { $0.key < $1.key }.first?.value
    return "the objective or its gradient is NaN or infinite at step \(step): "
      + (finding ?? "the model's weights hold NaN or infinity, or the learning rate is too large")
  }
}
