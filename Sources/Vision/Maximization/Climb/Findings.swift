import Graphs
import KerasModels
import Tensors

// Where and why a gradient ends on its way from the objective to the picture.

extension Rendering {
  /// A layer's output in the graph of one step.
  private struct Site {
    let path: String
    let value: Value
    /// What goes into the layer's activation, if it has one.
    let before: Value?
    let curve: ActivationCurve?
  }

  /// What is known of one site and one picture: the largest absolute numbers.
  private struct Sizes {
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
  /// - Returns: A clause for each of the pictures.
  /// - Throws: What ``init(_:of:)`` does.
  func findings(
    of pictures: [Int], parameters: Tensor, step: Int, rule: GradientRule
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
      let whole = numbers[gradients][picture]
      guard let place = end(of: known, gradientAtInput: atInput, whole: whole) else {
        findings[picture] =
          image.extremityOfPrior
          ?? (atInput > 0
            ? "it ends before the network, whose views show nothing of the picture, or nothing that isn't "
              + "all black or white"
            : "the objective changes with no layer's output")
        continue
      }
      var finding = try clause(on: place, picture: picture, graph: graph, inputs: inputs)
      // What is off because it is given zeros isn't itself to blame.
      if let first = known.first(where: { $0.value == 0 }),
        first.site.value.index < place.site.value.index
      {
        finding += "; all outputs are 0 from layer '\(first.site.path)' on"
      }
      findings[picture] = finding
    }
    return findings
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

  private func hasWeights(of path: String, where isSo: (Tensor) -> Bool) -> Bool {
    weights(of: path).contains(where: isSo)
  }

  /// Whether a layer has kernels, all of zeros.
  private func hasOnlyZeros(_ path: String) -> Bool {
    let kernels = weights(of: path).filter { $0.shape.rank > 1 }
    return !kernels.isEmpty && kernels.allSatisfy { $0.elements.allSatisfy { $0 == 0 } }
  }

  /// The weights of a layer, whichever of its calls a path names.
  private func weights(of path: String) -> [Tensor] {
    let layer = path.split(separator: "/").map { $0.prefix { $0 != "#" } }.joined(separator: "/")
    return model.architecture.weightShapes.map(\.key).filter { $0.hasPrefix(layer + "/") }
      .compactMap { model.weight($0) }
  }
}

extension Rendering {
  /// Why no gradient comes through a layer.
  private func clause(
    on place: Sizes, picture: Int, graph: Graph, inputs: [Tensor]
  ) throws(PhospheneError) -> String {
    let (path, isEndedBefore) = (place.site.path, place.gradientBefore > 0)
    let begin = "it ends at layer '\(path)'"
    if hasOnlyZeros(path) { return begin + ", whose weights are all zero" }
    guard let curve = place.site.curve,
      !isEndedBefore || place.gradient > 1e6 * place.gradientBefore
    else { return begin + ", which passes none on to its input" }
    var graph = graph
    let axis = model.channelAxis(ofLayer: path, rank: graph.shape(place.site.value).rank)
    let value = try graph.movingLast(place.site.value, from: axis)
    let plan = try Plan(
      graph, outputs: [value], pool: model.constants, fusesActivations: false,
      isExact: recipe.exact)
    let output = try plan.run(inputs)[0]
    let size = output.shape.elementCount / sizes.count
    let own = Array(output.elements[picture * size..<(picture + 1) * size])
    let units = output.shape.axes.last ?? 1
    switch curve {
    case .rectifier: return begin + rectifierClause(own, units: units, path: path, picture: picture)
    case .saturating:
      let (low, high) = (own.min() ?? 0, own.max() ?? 0)
      return begin + ", whose activation is saturated: its outputs lie between "
        + "\(describe(low)) and \(describe(high))"
    case .softmax:
      return begin + ", whose softmax is saturated: its largest output is "
        + "\(describe(own.max() ?? 0))"
    case .other: return begin + ", whose activation is flat there"
    }
  }

  /// Which units of a rectified layer are off.
  private func rectifierClause(
    _ values: [Float], units: Int, path: String, picture: Int
  ) -> String {
    var isOff = [Bool](repeating: true, count: units)
    for (index, value) in values.enumerated() where value > 0 { isOff[index % units] = false }
    let count = isOff.count { $0 }
    let ceiling = values.max() ?? 0
    if let low = values.min(), low > 0, low == ceiling {
      return ", all of whose \(units) units are at their ceiling of \(describe(ceiling))"
    }
    guard count < units else {
      return
        ", \(units == 1 ? "whose one unit is" : "all of whose \(units) units are") off (0 for this input)"
    }
    let share = "\(Int((100 * Double(count) / Double(units)).rounded())) % of the layer's \(units)"
    let target = recipe.objectives[picture / recipe.count].terms.first { $0.layer == path }
    if case .all(let unit)? = target?.index {
      if unit < units, isOff[unit] {
        return ", whose unit \(unit) is off (0 for this input), as are \(share)"
      }
      return ", whose unit \(unit) has no slope there: its largest output is \(describe(ceiling))"
    }
    return
      ", where those that count are off (0 for this input) or at their ceiling; off are \(share)"
  }

  /// A number with four digits.
  private func describe(_ number: Float) -> String {
    let rounded = (Double(number) * 1e4).rounded() / 1e4
    return rounded == 0 && number != 0 ? "\(number)" : "\(rounded)"
  }
}
