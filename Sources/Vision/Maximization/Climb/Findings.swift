import Graphs
import KerasModels
import Tensors

// Where and why a gradient ends on its way from the objective to the picture.

extension Rendering {
  /// A layer's output in the graph of one step.
  struct Site {
    let path: String
    let value: Value
    /// What goes into the layer's activation, if it has one.
    let before: Value?
    let curve: ActivationCurve?
  }

  /// What is known of one site and one picture: the largest absolute numbers.
  struct Sizes {
    let site: Site
    let value: Float
    let valueBefore: Float
    let gradient: Float
    let gradientBefore: Float
    var largestGradient: Float { max(gradient, gradientBefore) }
  }

  /// Says of pictures whose gradient is zero, too small or not finite where that begins, and why.
  ///
  /// - Parameters:
  ///   - pictures: The positions of the pictures.
  ///   - parameters: What the pictures are made of.
  ///   - step: The step at which that happened.
  ///   - rule: The rule of that step.
  ///   - finite: What is said of a picture all of whose numbers are finite, if that is the question.
  /// - Returns: A clause for each of the pictures.
  /// - Throws: What ``init(_:of:)`` does.
  func findings(
    of pictures: [Int], parameters: Tensor, step: Int, rule: GradientRule, finite: String? = nil
  ) throws(PhospheneError) -> [Int: String] {
    var graph = Graph()
    let source = graph.input(TensorType(image.parameterShape))
    let shown = try seenBeforeRandomGround(drawing(of: source, in: &graph), in: &graph)
    let input = try networkInput(of: views(of: shown, in: &graph), in: &graph)
    var lowered = try lowered(on: input, in: graph, wanted: nil)
    let scores = try objectives(in: &lowered, views: sizes.views)
    let sites = try sites(of: &lowered)
    graph = lowered.graph

    // For each site its value, then the gradients of it and of what goes into its activation.
    let gradients = try graph.gradient(
      of: scores,
      withRespectTo: [source, input] + sites.map(\.value) + sites.map { $0.before ?? $0.value },
      rule: rule)
    let absent = graph.constant(try Tensor([sizes.count], repeating: 0))
    var outputs: [Value] = []
    let befores = sites.map { $0.before ?? $0.value }
    for value in [input] + sites.map(\.value) + befores {
      outputs.append(try largestSizes(of: value, in: &graph))
    }
    for gradient in gradients {
      outputs.append(
        try gradient.map { (value) throws(PhospheneError) in
          try largestSizes(of: value, in: &graph)
        } ?? absent)
    }
    let inputs = [parameters] + (try stepInputs(step).dropFirst())
    let plan = try Plan(
      graph, outputs: outputs, pool: model.constants, fusesActivations: false,
      isExact: recipe.exact)
    let numbers = try plan.run(inputs).map(\.elements)

    var findings: [Int: String] = [:]
    for picture in pictures {
      let gradients = 2 * sites.count + 1
      let known = sites.enumerated().map { index, site in
        Sizes(
          site: site, value: numbers[1 + index][picture],
          valueBefore: numbers[1 + sites.count + index][picture],
          gradient: numbers[gradients + 2 + index][picture],
          gradientBefore: site.before == nil
            ? 0 : numbers[gradients + 2 + sites.count + index][picture])
      }
      let atInput = numbers[gradients + 1][picture]
      if let clause = notFinite(known, input: numbers[0][picture], gradientAtInput: atInput) {
        findings[picture] = clause
        continue
      }
      if let finite {
        findings[picture] = finite
        continue
      }
      let whole = numbers[gradients][picture]
      guard let place = end(of: known, gradientAtInput: atInput, whole: whole) else {
        findings[picture] =
          image.extremityOfPrior
          ?? (whole > 0
            ? "it is small from the objective on"
            : atInput > 0
              ? "it ends before the network, whose views show nothing of the picture, or nothing that isn't "
                + "all black or white"
              : unitThatIsOff(in: picture, among: sites, of: graph)
                ?? "the objective changes with no layer's output")
        continue
      }
      func reason(_ place: Sizes, isRoot: Bool) throws(PhospheneError) -> String {
        try self.reason(
          at: place, isRoot: isRoot, picture: picture, sites: sites, graph: graph, inputs: inputs)
      }
      var finding =
        "it \(atInput > 0 ? "fades" : "ends") at layer '\(place.site.path)'"
        + (try reason(place, isRoot: false))
      // What is off because it is given the same whatever the picture isn't itself to blame.
      if let root = root(of: place, among: known, input: input, in: graph) {
        finding =
          (root.value == 0 ? "all outputs are 0" : "nothing depends on the picture")
          + " from layer '\(root.site.path)' on\(try reason(root, isRoot: true)); \(finding)"
      }
      findings[picture] = finding
    }
    return findings
  }

  /// Says of a picture whose objective leaves out the ceiling of a rectifier that this is off.
  private func unitThatIsOff(in picture: Int, among sites: [Site], of graph: Graph) -> String? {
    let term = recipe.objectives[picture / recipe.count].terms.first {
      $0.preActivation == .rectified
    }
    guard let term, let layer = term.layer else { return nil }
    guard case .all(let unit)? = term.index else { return "what counts of layer '\(layer)' is off" }
    let end = "it ends at layer '\(layer)', "
    guard let site = sites.first(where: { $0.path == layer }) else {
      return end + "whose unit \(unit) is off (0 for this input)"
    }
    let shape = graph.shape(site.value)
    let axis = model.channelAxis(ofLayer: layer, rank: shape.rank)
    var positions = shape.axes
    let units = positions.remove(at: axis)
    let place = self.place(of: term, in: Array(positions.dropFirst()))
    let off = "whose unit \(unit) is off\(place.map { " at its position \(Shape($0))" } ?? "")"
    return end
      + (zeroWeights(
        ofUnit: unit, of: units, behind: site.before ?? site.value, sites, in: graph, path: layer)
        ?? "\(off) (0 for this input)")
  }

  /// The outputs of all layers in order, each once.
  private func sites(of lowered: inout LoweredModel) throws(PhospheneError) -> [Site] {
    var paths: [Value: String] = [:]
    for (path, values) in lowered.layers {
      for value in values.prefix(1) where lowered.graph.shape(value).axes.first == sampleCount {
        // A nested model returns what its last layer does, which says more.
        let known = paths[value]
        if known.map({ ($0.count, $0) < (path.count, path) }) ?? true { paths[value] = path }
      }
    }
    var sites: [Site] = []
    for (value, path) in paths.sorted(by: { $0.key.index < $1.key.index }) {
      let curve = lowered.graph.activationCurve(of: value)
      let before = curve == nil ? value : try lowered.graph.preActivation(of: value)
      sites.append(
        Site(path: path, value: value, before: before == value ? nil : before, curve: curve))
    }
    return sites
  }

  /// How many samples the network sees at a step.
  private var sampleCount: Int { sizes.count * sizes.views }

  /// Where numbers stop being finite, if they do.
  private func notFinite(_ known: [Sizes], input: Float, gradientAtInput: Float) -> String? {
    guard input.isFinite else {
      return "the picture itself isn't finite: "
        + (image.extremityOfPrior ?? "the learning rate is too large")
    }
    if let first = known.first(where: { !($0.value.isFinite && $0.valueBefore.isFinite) }) {
      let path = first.site.path
      let cause =
        hasWeights(of: path) { !$0.floats.allAreFinite }
        ? "its weights hold NaN or infinity" : "its own numbers become too large or undefined"
      return "the output of layer '\(path)' is the first that isn't finite: \(cause)"
    }
    guard !gradientAtInput.isFinite || known.contains(where: { !$0.largestGradient.isFinite })
    else {
      return nil
    }
    if let last = known.lastIndex(where: { !$0.largestGradient.isFinite }) {
      let reader = known[(last + 1)...].first { $0.largestGradient > 0 }
      let place = reader.map { "layer '\($0.site.path)'" } ?? "the objective"
      return "the gradient stops being finite where it passes \(place), behind layer "
        + "'\(known[last].site.path)'"
    }
    let first = known.first { $0.largestGradient > 0 }?.site.path
    let areBroken = first.map { hasWeights(of: $0) { !$0.floats.allAreFinite } } ?? false
    return "the gradient stops being finite where it passes "
      + (first.map { "layer '\($0)'" } ?? "the first layer")
      + (areBroken ? ", whose weights hold NaN or infinity" : "")
  }

  /// The layer that the gradient doesn't come through: the first of those that one reaches.
  private func end(of known: [Sizes], gradientAtInput: Float, whole: Float) -> Sizes? {
    let largest = known.map(\.largestGradient).max() ?? 0
    // A gradient that fades is lost where it has done half of the way, in orders of magnitude.
    let threshold = (largest * min(whole, gradientAtInput)).squareRoot()
    let place = known.first { $0.largestGradient > threshold }
    return gradientAtInput > threshold ? nil : place
  }

  /// The first layer that gives the same for every picture, if all that one reads has come through it.
  private func root(of place: Sizes, among known: [Sizes], input: Value, in graph: Graph) -> Sizes?
  {
    known.first { candidate in
      candidate.site.value.index < place.site.value.index
        && (candidate.value == 0 || nothingBut(zeros: candidate.site.path) != nil)
        && !graph.leads(from: input, to: place.site.value, around: candidate.site.value)
    }
  }
}

extension Graph {
  /// Whether one value counts in another one on a way that avoids a third.
  fileprivate func leads(from source: Value, to target: Value, around obstacle: Value) -> Bool {
    var (open, seen) = ([target], Set([target]))
    while let value = open.popLast() {
      if value == source { return true }
      for input in self[value].inputs where input != obstacle && seen.insert(input).inserted {
        open.append(input)
      }
    }
    return false
  }
}
