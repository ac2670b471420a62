import Graphs
import KerasModels
import Tensors

// Why no gradient comes through a layer.

extension Rendering {
  /// Why no gradient comes through a layer, or why it gives zeros.
  func reason(
    at place: Sizes, isRoot: Bool, picture: Int, sites: [Site], graph: Graph, inputs: [Tensor]
  ) throws(PhospheneError) -> String {
    let (path, isEndedBefore) = (place.site.path, place.gradientBefore > 0)
    if let zeros = nothingBut(zeros: path) { return ", whose \(zeros) all zero" }
    guard let curve = place.site.curve,
      !isEndedBefore || place.gradient > 1e6 * place.gradientBefore
    else {
      if isRoot { return "" }
      return faintness(of: path).map { ", whose \($0)" } ?? ", which passes none on to its input"
    }
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
    case .rectifier:
      let target = recipe.objectives[picture / recipe.count].terms.first { $0.layer == path }
      if case .all(let unit)? = target?.index, unit < units,
        let zeros = zeroWeights(
          ofUnit: unit, of: units, behind: place.site.before ?? place.site.value, sites, in: graph,
          path: path)
      {
        return ", " + zeros
      }
      return rectifierClause(own, shape: output.shape.axes, target: target)
    case .saturating:
      let (low, high) = (own.min() ?? 0, own.max() ?? 0)
      return ", whose activation is saturated: its outputs lie between "
        + "\(describe(low)) and \(describe(high))"
    case .softmax:
      return ", whose softmax is saturated: its largest output is "
        + "\(describe(own.max() ?? 0))"
    case .other: return ", whose activation is flat there"
    }
  }

  /// Which units of a rectified layer are off.
  private func rectifierClause(
    _ values: [Float], shape: [Int], target: Objective.Term?
  ) -> String {
    let units = shape.last ?? 1
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
    if case .all(let unit)? = target?.index {
      if unit < units, isOff[unit] {
        return ", whose unit \(unit) is off (0 for this input), as are \(share)"
      }
      let positions = Array(shape.dropFirst().dropLast())
      if let target, let place = place(of: target, in: positions), unit < units {
        let row = zip(place, positions).reduce(0) { $0 * $1.1 + $1.0 }
        let step = positions.reduce(1, *) * units
        let own = stride(from: row * units + unit, to: values.count, by: step).map { values[$0] }
        if own.allSatisfy({ $0 <= 0 }) {
          return ", whose unit \(unit) is off at its position \(Shape(place)) (0 for this input)"
        }
      }
      return ", whose unit \(unit) has no slope there: its largest output is \(describe(ceiling))"
    }
    return
      ", where those that count are off (0 for this input) or at their ceiling; off are \(share)"
  }

  /// Where a term's neuron lies; `nil` for terms that look everywhere.
  func place(of term: Objective.Term, in positions: [Int]) -> [Int]? {
    guard term.kind == .neuron, !positions.isEmpty else { return nil }
    let place = term.position ?? positions.map { $0 / 2 }
    return place.count == positions.count ? place : nil
  }

  /// Says of a unit that nothing but zeros lead to it: weights of the layer itself or, through
  /// normalizations and activations, of one before it.
  func zeroWeights(
    ofUnit unit: Int, of units: Int, behind value: Value, _ sites: [Site], in graph: Graph,
    path: String
  ) -> String? {
    func areZeros(_ weight: Tensor) -> Bool {
      let axes = weight.shape.axes
      // A depthwise kernel ends with the channels and how many units each has.
      let isKernel = axes.last == units || axes.suffix(2).reduce(1, *) == units
      return isKernel && unit < units
        && stride(from: unit, to: weight.shape.elementCount, by: units).allSatisfy {
          weight.floats[$0] == 0
        }
    }
    var place = value
    while true {
      for site in sites where site.value == place || site.before == place {
        let kernels = weights(of: site.path).filter { $0.shape.rank > 1 }
        guard !kernels.isEmpty else { continue }
        guard kernels.allSatisfy(areZeros) else { return nil }
        return site.path == path
          ? "whose weights for unit \(unit) are all zero"
          : "whose unit \(unit) is off: the weights of layer '\(site.path)' for it are all zero"
      }
      guard let input = graph[place].inputs.first else { return nil }
      place = input
    }
  }

  func hasWeights(of path: String, where isSo: (Tensor) -> Bool) -> Bool {
    weights(of: path).contains(where: isSo)
  }

  /// What of a layer's is all zeros, so that it gives the same whatever it is given.
  func nothingBut(zeros path: String) -> String? {
    func areZeros(_ weights: [Tensor]) -> Bool {
      !weights.isEmpty && weights.allSatisfy { $0.elements.allSatisfy { $0 == 0 } }
    }
    if areZeros(weights(of: path).filter({ $0.shape.rank > 1 })) { return "weights are" }
    return areZeros(weights(of: path, named: "gamma")) ? "gamma is" : nil
  }

  /// What of a layer's makes a gradient fade that passes it.
  func faintness(of path: String) -> String? {
    func largest(_ weights: [Tensor]) -> Float? {
      weights.flatMap(\.elements).map { abs($0) }.max()
    }
    if let variance = largest(weights(of: path, named: "moving_variance")), variance > 1e6 {
      return "moving variance is up to \(describe(variance))"
    }
    guard let weight = largest(weights(of: path).filter { $0.shape.rank > 1 }), weight < 1e-4 else {
      return nil
    }
    return "weights are at most \(weight)"
  }

  /// The weights of a layer, whichever of its calls a path names.
  func weights(of path: String, named name: String? = nil) -> [Tensor] {
    let layer = path.split(separator: "/").map { $0.prefix { $0 != "#" } }.joined(separator: "/")
    return model.architecture.weightShapes.map(\.key).filter {
      $0.hasPrefix(layer + "/") && (name == nil || $0 == "\(layer)/\(name ?? "")")
    }
    .compactMap { model.weight($0) }
  }
}

/// A number with four digits.
func describe(_ number: Float) -> String {
  guard number != 0 else { return "0" }
  guard abs(number) < 1e6 else { return "\(number)" }
  let rounded = (Double(number) * 1e4).rounded() / 1e4
  return rounded == 0 ? "\(number)" : "\(rounded)"
}
