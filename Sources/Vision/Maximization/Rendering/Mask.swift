import Graphs
import Tensors

/// Where pictures may change, and what they are elsewhere.
struct Mask {
  /// How much of what is made is shown, from 0 to 1, (1, height, width, channels).
  private let share: Tensor
  /// What is shown of elsewhere, (count, height, width, channels).
  private let rest: Tensor
  /// How opaque that is: a given picture is, the background isn't.
  private let restAlpha: Float

  /// - Parameters:
  ///   - stated: The recipe's, which may have any length 1.
  ///   - sizes: The canvas.
  ///   - start: What stays where the mask is zero; `nil` for the background.
  ///   - recipe: Its background and size.
  /// - Throws: `invalidArgument` for a mask of another shape or of other numbers.
  init(
    _ stated: Objective.Activations, on sizes: RenderingSizes, around start: Tensor?,
    _ recipe: Recipe
  ) throws(PhospheneError) {
    let values = try stated.elements("mask")
    guard values.allSatisfy({ (0...1).contains($0) }) else {
      throw .invalidArgument("a mask must hold numbers from 0 (stays) to 1 (may change)")
    }
    guard values.contains(where: { $0 > 0 }) else {
      throw .invalidArgument("the mask is 0 everywhere, so that nothing may change")
    }
    let (canvas, channels) = (sizes.canvas, sizes.channels)
    share = try Tensor(
      [1, canvas.height, canvas.width, channels],
      sizes.spread(values, of: stated.shape, size: recipe.size))
    if let start {
      (rest, restAlpha) = (start, 1)
    } else {
      rest = try Tensor(
        [sizes.count, canvas.height, canvas.width, channels], repeating: recipe.background)
      restAlpha = 0
    }
  }

  /// Appends what is seen of a drawing through the mask, and what stays.
  func applied(to drawing: Drawing, in graph: inout Graph) throws(PhospheneError) -> Drawing {
    let share = graph.constant(share)
    let colors = try graph.blend(
      drawing.colors, share, with: graph.constant(rest))
    guard let alpha = drawing.alpha else { return Drawing(colors: colors, alpha: nil) }
    let axes = graph.shape(share).axes
    let widest = try graph.reshape(
      graph.reduce(.maximum, share, axes: [3]), to: Shape(axes.dropLast() + [1]))
    return Drawing(
      colors: colors,
      alpha: try graph.blend(alpha, widest, with: graph.constant(restAlpha)))
  }
}

extension Graph {
  /// Appends `rest + share * (value - rest)`.
  mutating func blend(
    _ value: Value, _ share: Value, with rest: Value
  ) throws(PhospheneError) -> Value {
    try add(rest, multiply(share, subtract(value, rest)))
  }
}

extension RenderingSizes {
  /// A mask of one number a pixel, a channel, both or a unit, as one number for each pixel and channel.
  fileprivate func spread(
    _ values: [Float], of shape: [Int], size: [Int]?
  ) throws(PhospheneError) -> [Float] {
    let count = canvas.height * canvas.width * channels
    if !isPicture, values.count == count {
      let isOwn = channelAxis < seen.rank - 1 && shape == Array(input.axes.dropFirst())
      return isOwn ? channelsLast(values, seen.axes) : values
    }
    let whole = size.map { (height: $0[0], width: $0[1]) } ?? canvas
    let sides = [whole, view, (1, whole.width), (whole.height, 1), (1, 1)]
    guard isPicture, shape.count == 3, [1, channels].contains(shape[2]),
      sides.contains(where: { $0 == (shape[0], shape[1]) })
    else {
      throw .invalidArgument(
        "a mask must have shape "
          + (isPicture
            ? "(\(whole.height), \(whole.width), \(channels)), where 1 may stand for any length"
            : "\(Shape(input.axes.dropFirst().map(\.self)))")
          + ", received \(Shape(shape))")
    }
    let wide = resampled(
      values, count: 1, channels: shape[2], from: (shape[0], shape[1]), to: canvas)
    guard shape[2] < channels else { return wide }
    return wide.flatMap { [Float](repeating: $0, count: channels) }
  }
}
