import Graphs
import Tensors

extension OperationRule {
  /// Arrays read between their elements, at places that may be computed.
  static let sampling: [String: OperationRule] = [
    "AffineTransform": OperationRule(
      ["images", "transform"],
      settings: ["interpolation", "fill_mode", "fill_value", "data_format"], affineTransform),
    "MapCoordinates": OperationRule(
      ["inputs", "coordinates"], settings: ["order", "fill_mode", "fill_value"], mapCoordinates),
  ]
}

/// How an array is read at a place.
private struct Sampling {
  /// What lies outside of an array `abcd`.
  enum Outside: String, CaseIterable {
    /// One value.
    case constant
    /// `aaaa abcd dddd`.
    case nearest
    /// `dcba abcd dcba`.
    case reflect
    /// `dcb abcd cba`.
    case mirror
    /// `abcd abcd abcd`.
    case wrap
  }

  let isLinear: Bool
  let outside: Outside
  let fill: Float

  init(
    _ call: BoundCall, isLinear: Bool, allowing modes: [Outside]
  ) throws(PhospheneError) {
    let name = try call.text("fill_mode") ?? "constant"
    guard let outside = Outside(rawValue: name), modes.contains(outside) else {
      throw .unsupported(
        "fill_mode must be one of "
          + modes.map { "'\($0.rawValue)'" }.joined(separator: ", ") + ", received '\(name)'")
    }
    (self.isLinear, self.outside) = (isLinear, outside)
    fill = try call.float("fill_value", default: 0)
  }
}

/// One of the elements around a place.
private struct Corner {
  /// Its position in the flat array.
  var position: Value
  /// Its share in the result.
  var weight: Value?
  /// One where it lies inside of the array; `nil` where it does everywhere.
  var isInside: Value?
}

extension Graph {
  /// Appends the elements around places that are given by a coordinate for each axis.
  fileprivate mutating func corners(
    at coordinates: [Value], of lengths: [Int], _ sampling: Sampling
  ) throws(PhospheneError) -> [Corner] {
    var corners = [Corner(position: try constant(0))]
    for (coordinate, length) in zip(coordinates, lengths) {
      var next: [Corner] = []
      for corner in corners {
        for (index, weight) in try neighbours(of: coordinate, sampling) {
          let place = try inside(index, length, sampling.outside)
          var isInside = corner.isInside
          if sampling.outside == .constant {
            let isHere = try binary(.equal, index, place)
            isInside =
              try isInside.map { (others) throws(PhospheneError) in
                try multiply(others, isHere)
              } ?? isHere
          }
          next.append(
            Corner(
              position: try add(linear(corner.position, scale: Float(length)), place),
              weight: try product(corner.weight, weight), isInside: isInside))
        }
      }
      corners = next
    }
    return corners
  }

  private mutating func product(_ a: Value?, _ b: Value?) throws(PhospheneError) -> Value? {
    guard let a, let b else { return a ?? b }
    return try multiply(a, b)
  }

  private mutating func neighbours(
    of coordinate: Value, _ sampling: Sampling
  ) throws(PhospheneError) -> [(index: Value, weight: Value?)] {
    guard sampling.isLinear else { return [(try unary(.round, coordinate), nil)] }
    let low = try unary(.floor, coordinate)
    let share = try subtract(coordinate, low)
    return [(low, try not(share)), (try linear(low, scale: 1, offset: 1), share)]
  }

  /// Appends the positions inside an axis that stand for whole numbers.
  private mutating func inside(
    _ index: Value, _ length: Int, _ outside: Sampling.Outside
  ) throws(PhospheneError) -> Value {
    let last = Float(length - 1)
    switch outside {
    case .constant, .nearest: return try unary(.clip(low: 0, high: last), index)
    case .wrap: return try binary(.remainder, index, constant(Float(length)))
    case .mirror:
      guard length > 1 else { return try linear(index, scale: 0) }
      let turned = try binary(
        .remainder, linear(index, scale: 1, offset: last), constant(2 * last))
      return try unary(.absolute, linear(turned, scale: 1, offset: -last))
    case .reflect:
      // On the way back each element comes again, the last one first.
      let phase = try binary(.remainder, index, constant(Float(2 * length)))
      return try binary(
        .minimum, phase, linear(phase, scale: -1, offset: Float(2 * length - 1)))
    }
  }
}

/// Keras' `map_coordinates`: the first axis of the coordinates has one number for each axis.
private func mapCoordinates(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let inputs = try context.requiredValue("inputs")
  let coordinates = try context.requiredValue("coordinates")
  let (shape, places) = (context.graph.shape(inputs), context.graph.shape(coordinates))
  let order = try context.call.whole("order") ?? 1
  guard places.rank >= 2, places[0] == shape.rank, shape.rank <= 5, (0...1).contains(order) else {
    throw .invalidArgument(
      "map_coordinates needs coordinates of \(shape.rank) axes and an order of 0 or 1, received "
        + "shape \(places) and order \(order)")
  }
  let sampling = try Sampling(
    context.call, isLinear: order == 1, allowing: Sampling.Outside.allCases)
  let rest = Shape(Array(places.axes.dropFirst()))
  var lines: [Value] = []
  for axis in 0..<shape.rank {
    let line = try context.graph.slice(coordinates, axis: 0, start: axis, length: 1)
    lines.append(try context.graph.reshape(line, to: rest))
  }
  let flat = try context.graph.reshape(inputs, to: [shape.elementCount])
  let fill = try context.graph.constant(sampling.fill)
  var sum: Value?
  for corner in try context.graph.corners(at: lines, of: shape.axes, sampling) {
    var part = try context.graph.gather(flat, corner.position, axis: 0)
    if let isInside = corner.isInside {
      part = try context.graph.select(isInside, part, fill)
    }
    if let weight = corner.weight { part = try context.graph.multiply(part, weight) }
    sum =
      try sum.map { (others) throws(PhospheneError) in
        try context.graph.add(others, part)
      } ?? part
  }
  guard let value = sum else { return [inputs] }
  let isWhole = context.call.tensor("inputs")?.wholeNumbers != nil
  return [isWhole ? try context.graph.unary(.round, value) : value]
}

/// Images read at `(a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k` with `k = c0 x + c1 y + 1`; the
/// transform holds a, b and c.
private func affineTransform(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let images = try context.requiredValue("images")
  var transform = try context.requiredValue("transform")
  let name = try context.call.text("interpolation") ?? "bilinear"
  guard ["bilinear", "nearest"].contains(name) else {
    throw .unsupported("interpolation must be 'bilinear' or 'nearest', received '\(name)'")
  }
  // Keras' backends don't agree on how images wrap.
  let sampling = try Sampling(
    context.call, isLinear: name == "bilinear", allowing: [.constant, .nearest, .reflect])
  let format = try context.dataFormat()
  _ = try context.channelAxis(of: images)
  let isSingle = context.graph.shape(images).rank == 3
  var value = try context.graph.reshape(
    images, to: Shape((isSingle ? [1] : []) + context.graph.shape(images).axes))
  value = try context.graph.channelsLast(value, from: format)
  let shape = context.graph.shape(value)
  let (height, width) = (shape[1], shape[2])
  if context.graph.shape(transform).rank == 1 {
    transform = try context.graph.reshape(
      transform, to: Shape([1] + context.graph.shape(transform).axes))
  }
  let count = context.graph.shape(transform).axes[0]
  guard context.graph.shape(transform) == [count, 8], count == 1 || count == shape[0] else {
    throw .invalidArgument(
      "a transform needs 8 numbers, for all images or for each, received shape "
        + "\(context.graph.shape(transform))")
  }
  let places = try context.graph.projected(transform, height: height, width: width)
  // For each image its own places, in all images one behind the other.
  let flat = try context.graph.reshape(value, to: [shape[0] * height * width, shape[3]])
  let starts = (0..<shape[0]).map { Float($0 * height * width) }
  let offsets = context.graph.constant(try Tensor([shape[0], 1], starts))
  let fill = try context.graph.constant(sampling.fill)
  let column: Shape = [count, height * width, 1]
  var sum: Value?
  for corner in try context.graph.corners(at: places, of: [height, width], sampling) {
    var part = try context.graph.gather(
      flat, context.graph.add(corner.position, offsets), axis: 0)
    if let isInside = corner.isInside {
      part = try context.graph.select(
        context.graph.reshape(isInside, to: column), part, fill)
    }
    if let weight = corner.weight {
      part = try context.graph.multiply(part, context.graph.reshape(weight, to: column))
    }
    sum =
      try sum.map { (others) throws(PhospheneError) in
        try context.graph.add(others, part)
      } ?? part
  }
  let result = try context.graph.channelsLast(
    context.graph.reshape(sum ?? value, to: shape), to: format)
  return [try context.graph.reshape(result, to: context.graph.shape(images))]
}

extension Graph {
  /// Appends the rows and the columns that transforms (count, 8) read for each pixel, (count, pixels).
  fileprivate mutating func projected(
    _ transform: Value, height: Int, width: Int
  ) throws(PhospheneError) -> [Value] {
    let pixels = (0..<height).flatMap { row in (0..<width).map { (row, $0) } }
    let rows = constant(try Tensor([1, pixels.count], pixels.map { Float($0.0) }))
    let columns = constant(try Tensor([1, pixels.count], pixels.map { Float($0.1) }))
    func number(_ index: Int) throws(PhospheneError) -> Value {
      try slice(transform, axis: 1, start: index, length: 1)
    }
    func plane(_ first: Int) throws(PhospheneError) -> Value {
      try add(multiply(columns, number(first)), multiply(rows, number(first + 1)))
    }
    let depth = try linear(plane(6), scale: 1, offset: 1)
    let x = try divide(add(plane(0), number(2)), depth)
    let y = try divide(add(plane(3), number(5)), depth)
    return [y, x]
  }
}
