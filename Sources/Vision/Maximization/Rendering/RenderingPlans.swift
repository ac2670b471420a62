import Graphs
import KerasModels
import Tensors

// The two computations of a maximization.

extension Rendering {
  /// One step: parameters, the optimizer's state and what ``stepInputs(_:)`` gives to the scores, the
  /// largest size of each picture's gradient without penalties, the new parameters and the new
  /// state, and if that is asked for how much each pixel matters; the gradient passes rectifiers by a
  /// rule.
  func stepPlan(
    _ rule: GradientRule = .plain, mindingLayers: Bool = false
  ) throws(PhospheneError) -> Plan {
    var graph = Graph()
    let type = TensorType(image.parameterShape)
    let parameters = graph.input(type)
    var state: [Value] = []
    for _ in 0..<optimizer.stateCount { state.append(graph.input(type)) }
    let corrections = graph.input(TensorType([3]))

    let drawing = try drawing(of: parameters, in: &graph)
    let picture = try seen(drawing, in: &graph)
    let shown = try seenBeforeRandomGround(drawing, in: &graph)
    let sumsUp = recipe.transparency == .attention
    let regularizers = (recipe.regularizers ?? []).filter { mindingLayers || !$0.readsLayers }
    let looksAtInput = !regularizers.isEmpty || sumsUp
    var input = try networkInput(of: views(of: shown, in: &graph), in: &graph)
    // A network that begins with a reshape would read what lies before the input otherwise.
    if looksAtInput { input = try graph.cut(input, name: "network's input") }
    var scored = try lowered(
      on: input, in: graph, wanted: recipe.objectives.flatMap(\.neededLayers))
    var scores = try objectives(in: &scored, views: sizes.views)
    var target = scores
    for regularizer in regularizers {
      let known = try statistics(of: regularizer.source, in: &scored.graph)
      target = try scored.graph.subtract(
        target,
        regularizer.value(
          of: picture, alpha: drawing.alpha, scores: scores, start: startImage,
          input: sizes.seen, known: known, in: &scored.graph))
    }
    // Other penalties don't go through the network, so that what reaches its input is the objective's
    // own.
    let end = looksAtInput ? input : parameters
    // Before the gradient is taken, so that it passes through the same parts.
    let inputs = [end, parameters, corrections] + state + [picture]
    let reduced = try scored.graph.computingRegions(for: [target, scores] + inputs)
    graph = reduced.graph
    (target, scores) = (reduced.values[0], reduced.values[1])
    let places = Array(reduced.values.dropFirst(3).dropLast())
    let gradients = try graph.gradient(
      of: target, withRespectTo: [places[0], reduced.values[2]], rule: rule)
    guard let gradient = gradients[0], let own = gradients[1] else {
      let paths = Set(recipe.objectives.flatMap(\.layers)).sorted().map { "'\($0)'" }
      throw .invalidArgument(
        "the objective can't be reached: nothing that has a gradient leads from the network's input to "
          + (paths.isEmpty ? "its output" : "layer " + paths.joined(separator: ", ")))
    }
    let strengths = try largestSizes(of: own, in: &graph)
    let moved = try optimizer.step(
      places[0], gradient: gradient, state: Array(places.dropFirst(2)), corrections: places[1],
      in: &graph)
    var outputs = [scores, strengths] + moved
    if sumsUp {
      outputs.append(
        try attention(
          to: reduced.values[reduced.values.count - 1], behind: reduced.values[2], gradient: own,
          in: &graph))
    }
    return try Plan(
      graph, outputs: outputs, pool: model.constants,
      isExact: recipe.exact)
  }

  /// Appends the largest absolute number of each picture, of all its views together.
  func largestSizes(
    of value: Value, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let rows = try graph.reshape(
      graph.unary(.absolute, value),
      to: [sizes.count, graph.shape(value).elementCount / sizes.count])
    return try graph.reduce(.maximum, rows, axes: [1])
  }

  /// The picture as it stands: parameters to scores, the network's input, the picture and, if it is
  /// optimized, how opaque that is.
  func viewPlan() throws(PhospheneError) -> Plan {
    var graph = Graph()
    let parameters = graph.input(TensorType(image.parameterShape))
    let drawing = try drawing(of: parameters, in: &graph)
    let picture = try seen(drawing, in: &graph)
    var view = picture
    if sizes.canvas != sizes.view {
      let map = AffineMap(canvas: sizes.canvas, view: sizes.view)
      var elements: [Float] = []
      for _ in 0..<sizes.count { elements += map.elements }
      view = try graph.warp(
        picture, matrices: graph.constant(Tensor([sizes.count, 6], elements)),
        height: sizes.view.height, width: sizes.view.width, fill: recipe.background)
    }
    let input = try networkInput(of: view, in: &graph)
    var scored = try lowered(
      on: input, in: graph, wanted: recipe.objectives.flatMap(\.neededLayers))
    let scores = try objectives(in: &scored, views: 1)
    let shown = try sizes.shown(picture, background: recipe.background, in: &scored.graph)
    let reduced = try scored.graph.computingRegions(
      for: [scores, input, shown] + [drawing.alpha].compactMap(\.self))
    return try Plan(
      reduced.graph, outputs: reduced.values, pool: model.constants,
      isExact: recipe.exact)
  }
}
