import Graphs
import Tensors

extension OperationRule {
  /// Windows of images as plain arrays, and back.
  static let patches: [String: OperationRule] = [
    "DepthToSpace": OperationRule(["x"], settings: ["block_size", "data_format"]) { context in
      try blocks(&context) { graph, image, size in
        let shape = graph.shape(image)
        let depth = shape[3] / (size * size)
        let parts = try graph.reshape(
          image, to: Shape([shape[0], shape[1], shape[2], size, size, depth]))
        return try graph.reshape(
          graph.transpose(parts, [0, 1, 3, 2, 4, 5]),
          to: [shape[0], shape[1] * size, shape[2] * size, depth])
      }
    },
    "ExtractPatches": OperationRule(
      ["images"], settings: ["size", "strides", "dilation_rate", "padding", "data_format"],
      extractPatches),
    "Fold": OperationRule(
      ["x"], settings: ["output_size", "kernel_size", "dilation", "padding", "stride"], fold),
    "SpaceToDepth": OperationRule(["x"], settings: ["block_size", "data_format"]) { context in
      try blocks(&context) { graph, image, size in
        let shape = graph.shape(image)
        let (rows, columns) = (shape[1] / size, shape[2] / size)
        let parts = try graph.reshape(
          image, to: Shape([shape[0], rows, size, columns, size, shape[3]]))
        return try graph.reshape(
          graph.transpose(parts, [0, 1, 3, 2, 4, 5]),
          to: [shape[0], rows, columns, size * size * shape[3]])
      }
    },
    "Unfold": OperationRule(
      ["x"], settings: ["kernel_size", "dilation", "padding", "stride"], unfold),
  ]
}

/// Moves the elements of square blocks to the channels, or back.
private func blocks(
  _ context: inout LoweringContext,
  _ body: (inout Graph, Value, Int) throws -> Value
) throws -> [Value] {
  let (image, format) = try context.image("x")
  let shape = context.graph.shape(image)
  let size = try context.call.whole("block_size") ?? 2
  guard shape.rank == 4, (1...1 << 12).contains(size) else {
    throw PhospheneError.invalidArgument(
      "blocks need an image of two spatial axes and a positive size, received \(shape) and \(size)")
  }
  let value = try body(&context.graph, image, size)
  return [try context.graph.channelsLast(value, to: format)]
}

/// The elements of each window as one vector, row by row.
private func extractPatches(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let images = try context.requiredValue("images")
  let format = try context.dataFormat()
  let rank = try context.call.wholes("size")?.count == 3 ? 3 : 2
  let given = context.graph.shape(images).axes
  let isSingle = given.count == rank + 1
  guard isSingle || given.count == rank + 2 else {
    throw .invalidArgument("patches of \(rank) axes don't fit to images of shape \(Shape(given))")
  }
  let batch = try context.graph.reshape(images, to: Shape((isSingle ? [1] : []) + given))
  let image = try context.graph.channelsLast(batch, from: format)
  let shape = context.graph.shape(image)
  guard let window = try context.call.lengths("size", count: rank) else {
    throw .invalidArgument("setting 'size' is missing")
  }
  let placement = try Placement(context.call, rank: rank, standardStrides: window)
  let geometry = placement.geometry(window: window, on: shape)
  var value = try context.graph.pad(
    image, low: [0] + geometry.padLow + [0], high: [0] + geometry.padHigh + [0])
  let lengths = try geometry.outputLengths(Array(shape.axes[1...rank]))
  // For each axis, the positions of all windows' elements, one window behind the other.
  for axis in 0..<rank {
    let positions = (0..<lengths[axis]).flatMap { place in
      (0..<window[axis]).map {
        Float(place * geometry.strides[axis] + $0 * geometry.dilations[axis])
      }
    }
    let indices = context.graph.constant(
      try Tensor([lengths[axis], window[axis]], positions))
    value = try context.graph.gather(value, indices, axis: 1 + 2 * axis)
  }
  let (places, insides) = ((0..<rank).map { 1 + 2 * $0 }, (0..<rank).map { 2 + 2 * $0 })
  let order = [0] + places + insides + [2 * rank + 1]
  let elements = window.reduce(1, *) * shape[rank + 1]
  value = try context.graph.reshape(
    context.graph.transpose(value, order), to: Shape([shape[0]] + lengths + [elements]))
  value = try context.graph.channelsLast(value, to: format)
  guard isSingle else { return [value] }
  return [
    try context.graph.reshape(value, to: Shape(Array(context.graph.shape(value).axes.dropFirst())))
  ]
}

/// PyTorch's windows on a padded image (batch, channels, height, width), as positions in a flat one.
private struct FlatWindows {
  let window: [Int]
  let padding: [Int]
  /// The lengths of the padded image.
  let padded: [Int]
  /// For each element of a window and each place of one, the position of the element.
  private(set) var positions: [Float] = []
  private(set) var placeCount = 0

  init(_ call: BoundCall, image: [Int]) throws(PhospheneError) {
    window = try call.lengths("kernel_size", count: 2) ?? [1, 1]
    let strides = try call.lengths("stride", count: 2) ?? [1, 1]
    let dilations = try call.lengths("dilation", count: 2) ?? [1, 1]
    let given = try call.wholes("padding") ?? [0]
    padding = given.count == 1 ? [given[0], given[0]] : given
    guard padding.count == 2, padding.allSatisfy({ (0...1 << 16).contains($0) }) else {
      throw .invalidArgument("padding needs two numbers from zero on, received \(given)")
    }
    padded = [image[0] + 2 * padding[0], image[1] + 2 * padding[1]]
    var places: [Int] = []
    for axis in 0..<2 {
      let room = padded[axis] - (window[axis] - 1) * dilations[axis] - 1
      guard room >= 0 else {
        throw .invalidArgument("an image of lengths \(image) is too small for windows \(window)")
      }
      places.append(room / strides[axis] + 1)
    }
    placeCount = places[0] * places[1]
    for row in 0..<window[0] {
      for column in 0..<window[1] {
        for down in 0..<places[0] {
          for right in 0..<places[1] {
            let y = row * dilations[0] + down * strides[0]
            positions.append(Float(y * padded[1] + column * dilations[1] + right * strides[1]))
          }
        }
      }
    }
  }
}

private func unfold(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let shape = context.graph.shape(x)
  guard shape.rank == 4 else {
    throw .invalidArgument("unfold needs (batch, channels, height, width), received \(shape)")
  }
  let windows = try FlatWindows(context.call, image: [shape[2], shape[3]])
  let padded = try context.graph.pad(
    x, low: [0, 0] + windows.padding, high: [0, 0] + windows.padding)
  let flat = try context.graph.reshape(
    padded, to: [shape[0], shape[1], windows.padded[0] * windows.padded[1]])
  let indices = context.graph.constant(
    try Tensor([windows.positions.count], windows.positions))
  let elements = try context.graph.gather(flat, indices, axis: 2)
  let count = shape[1] * windows.window[0] * windows.window[1]
  return [try context.graph.reshape(elements, to: [shape[0], count, windows.placeCount])]
}

private func fold(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let shape = context.graph.shape(x)
  guard let image = try context.call.lengths("output_size", count: 2) else {
    throw .invalidArgument("setting 'output_size' is missing")
  }
  let windows = try FlatWindows(context.call, image: image)
  let elements = windows.window[0] * windows.window[1]
  guard shape.rank == 3, shape[1] % elements == 0, shape[2] == windows.placeCount else {
    throw .invalidArgument(
      "fold needs (batch, channels * \(elements), \(windows.placeCount)), received \(shape)")
  }
  let channels = shape[1] / elements
  let flat = try context.graph.reshape(x, to: [shape[0], channels, elements * shape[2]])
  let indices = context.graph.constant(
    try Tensor([windows.positions.count], windows.positions))
  let sums = try context.graph.scatterAdd(
    flat, indices, axis: 2, length: windows.padded[0] * windows.padded[1])
  let padded = try context.graph.reshape(
    sums, to: Shape([shape[0], channels] + windows.padded))
  return [
    try context.graph.slice(
      padded, starts: [0, 0] + windows.padding, lengths: [shape[0], channels] + image,
      steps: [1, 1, 1, 1])
  ]
}
