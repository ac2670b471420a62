import Graphs
import KerasModels
import Tensors

// What a caller hands over: where to start, and the network's other inputs.

extension Rendering {
  /// Whether the parameters to start from are those of a given picture.
  ///
  /// Phases alone can't keep one, nor can a fixed contrast; behind a mask it is what stays.
  var startsFromImage: Bool {
    startImage != nil && !([.maco, .natural].contains(sizes.kind) && recipe.mask != nil)
  }

  /// The parameters of the first step.
  func firstParameters() throws(PhospheneError) -> Tensor {
    if startsFromImage, let startImage { return try image.parameters(of: startImage) }
    return try image.randomParameters(
      seed: recipe.seed, replicates: recipe.count, starts: recipe.starts)
  }
}

extension Recipe {
  /// The position of the input that nothing is given for.
  func freeInput(of model: Model) throws(PhospheneError) -> Int {
    let (names, given) = (model.inputNames, given ?? [:])
    if let unknown = given.keys.sorted().first(where: { !names.contains($0) }) {
      throw .invalidArgument(
        "the model has no input '\(unknown)', its inputs are \(names.joined(separator: ", "))")
    }
    let free = names.indices.filter { given[names[$0]] == nil }
    guard free.count == 1 else {
      throw .invalidArgument(
        "maximization changes one input of the model's \(names.count), "
          + "\(names.joined(separator: ", ")): give all others, received "
          + (given.isEmpty ? "none" : given.keys.sorted().joined(separator: ", ")))
    }
    return free[0]
  }
}

extension Rendering {
  /// Appends what is given for the other inputs, the same for each sample; all in the network's order.
  func allInputs(
    with input: Value, in graph: inout Graph
  ) throws(PhospheneError) -> [Value] {
    let samples = graph.shape(input)[0]
    var inputs: [Value] = []
    for (index, name) in model.inputNames.enumerated() {
      guard index != sizes.inputIndex, let given = recipe.given?[name] else {
        inputs.append(input)
        continue
      }
      let shape = try Shape(checking: [1] + given.shape, of: "input '\(name)'")
      let fits = zip(model.inputShapes[index].dropFirst(), given.shape).allSatisfy {
        length, received in
        length == nil || length == received
      }
      guard fits, model.inputShapes[index].count == shape.rank else {
        let wanted = model.inputShapes[index].dropFirst().map { $0.map(String.init) ?? "any" }
        throw .invalidArgument(
          "input '\(name)' takes arrays of shape (\(wanted.joined(separator: ", "))), received "
            + "(\(given.shape.map(String.init).joined(separator: ", ")))")
      }
      let numbers = try given.elements("input '\(name)'")
      guard numbers.allSatisfy(\.isFinite) else {
        throw .invalidArgument("input '\(name)' is given NaN or infinity")
      }
      let one = graph.constant(try Tensor(shape, numbers))
      inputs.append(try graph.broadcast(one, to: Shape([samples] + given.shape)))
    }
    return inputs
  }
}

extension RenderingSizes {
  /// A given input of the network, of its own size or the canvas', as pictures on the canvas, (count,
  /// height, width, channels) between 0 and 1.
  func image(of start: Tensor, _ recipe: Recipe) throws(PhospheneError) -> Tensor {
    let start = try channelsLast(start)
    let side = try given(start, size: recipe.size)
    guard start.floats.allAreFinite else {
      throw .invalidArgument("start holds NaN or infinity")
    }
    let (scale, offset) = try recipe.input.expanded(to: scales, form)
    let size = side.height * side.width * channels
    let values = start.floats
    func picture(_ number: Int) -> [Float] {
      let pixels = (0..<size).map { (index: Int) -> Float in
        let channel = index % scales
        let source = recipe.input.reverseChannels && form != .row ? channels - 1 - channel : channel
        let value = values[number * size + index - channel + source]
        return (value - offset[source]) / (255 * scale[source])
      }
      return resampled(pixels, count: 1, channels: channels, from: side, to: canvas)
    }
    let shape: Shape = [count, canvas.height, canvas.width, channels]
    // Nobody has checked yet whether so many pictures fit into the memory.
    try Memory.require(4 * shape.elementCount, for: "the starts of \(counted(count, "picture"))")
    var pixels = picture(0)
    return try Tensor(shape) { target in
      let length = pixels.count
      for number in 0..<count {
        if number > 0, start.shape[0] > 1 { pixels = picture(number) }
        _ = target[(number * length)..<((number + 1) * length)].update(fromContentsOf: pixels)
      }
    }
  }

  /// A start as the canvas has it: it may have its channels where the network does.
  private func channelsLast(_ start: Tensor) throws(PhospheneError) -> Tensor {
    var axes = start.shape.axes
    guard channelAxis < seen.rank - 1, axes.count == seen.rank, axes[channelAxis] == channels
    else { return start }
    axes.append(axes.remove(at: channelAxis))
    return try Tensor(Shape(axes), channelsLast(start.elements, axes))
  }

  /// The same of numbers that will have some axes then, batch included.
  func channelsLast(_ numbers: [Float], _ axes: [Int]) -> [Float] {
    let inner = axes[channelAxis..<axes.count - 1].reduce(1, *)
    return numbers.indices.map { index in
      let (place, channel) = (index / channels, index % channels)
      return numbers[(place / inner * channels + channel) * inner + place % inner]
    }
  }

  /// The height and width of a start of an accepted shape.
  private func given(
    _ start: Tensor, size: [Int]?
  ) throws(PhospheneError) -> (height: Int, width: Int) {
    // The canvas of all stages, and the network's own size.
    let whole = size.map { (height: $0[0], width: $0[1]) } ?? canvas
    for side in [whole, view] {
      for batch in [count, 1] where start.shape.axes == [batch, side.height, side.width, channels] {
        return side
      }
    }
    // Networks without a channel axis, or whose input is no picture, have shapes of their own.
    let single = Shape([1] + seen.axes.dropFirst())
    if start.shape == seen || start.shape == single { return view }
    let accepted =
      isPicture ? Shape([1, whole.height, whole.width, channels]) : single
    throw .invalidArgument(
      "start must have shape \(accepted)\(count > 1 ? " or \(count) in place of 1" : ""), received "
        + "\(start.shape)")
  }
}
