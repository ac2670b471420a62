import Graphs
import Tensors

extension OperationRule {
  /// Several arrays of one and one of several, and the notation of einops.
  static let joining: [String: OperationRule] = [
    "Append": OperationRule(["x1", "x2"], settings: ["axis"], append),
    "ArraySplit": OperationRule(["x"], settings: ["indices_or_sections", "axis"]) { context in
      try split(&context, axis: context.call.whole("axis") ?? 0, isExact: false)
    },
    "Concatenate": OperationRule(["xs"], settings: ["axis"]) { context in
      let axis = try context.call.whole("axis") ?? 0
      return [try context.graph.concatenate(context.parts("xs"), axis: axis)]
    },
    "Dsplit": OperationRule(["x"], settings: ["indices_or_sections"]) { context in
      try split(&context, axis: 2)
    },
    "Dstack": stacked(axis: 2, rank: 3),
    "Hsplit": OperationRule(["x"], settings: ["indices_or_sections"]) { context in
      let x = try context.requiredValue("x")
      return try split(&context, axis: context.graph.shape(x).rank == 1 ? 0 : 1)
    },
    "Hstack": OperationRule(["xs"]) { context in
      let parts = try context.parts("xs")
      let axis = context.graph.shape(parts[0]).rank == 1 ? 0 : 1
      return [try context.graph.concatenate(parts, axis: axis)]
    },
    "Meshgrid": OperationRule(["*x"], settings: ["indexing"], meshgrid),
    "Rearrange": OperationRule(["tensor", "pattern", "**lengths"], rearrange),
    "Split": OperationRule(["x"], settings: ["indices_or_sections", "axis"]) { context in
      try split(&context, axis: context.call.whole("axis") ?? 0)
    },
    "Stack": OperationRule(["x"], settings: ["axis"]) { context in
      let parts = try context.parts("x")
      return [try context.graph.stack(parts, axis: context.call.whole("axis") ?? 0)]
    },
    "Unstack": OperationRule(["x"], settings: ["num", "axis"], unstack),
    "Vsplit": OperationRule(["x"], settings: ["indices_or_sections"]) { context in
      try split(&context, axis: 0)
    },
    "Vstack": stacked(axis: 0, rank: 2),
  ]

  /// NumPy's stacking along an axis that arrays of a smaller rank get first.
  private static func stacked(axis: Int, rank: Int) -> OperationRule {
    OperationRule(["xs"]) { context in
      var parts = try context.parts("xs")
      for (index, part) in parts.enumerated() {
        var lengths = context.graph.shape(part).axes
        if lengths.isEmpty { lengths = [1] }
        if lengths.count == 1, rank > 1 { lengths.insert(1, at: 0) }
        if lengths.count == 2, rank > 2 { lengths.append(1) }
        parts[index] = try context.graph.reshape(part, to: Shape(lengths))
      }
      return [try context.graph.concatenate(parts, axis: axis)]
    }
  }
}

extension LoweringContext {
  /// The elements of a list argument, at least one.
  fileprivate mutating func parts(_ name: String) throws(PhospheneError) -> [Value] {
    let parts = try values(name)
    guard !parts.isEmpty else {
      throw .invalidArgument("call argument '\(name)' must be a list of at least one tensor")
    }
    return parts
  }
}

extension Graph {
  /// Appends arrays of one shape along a new axis.
  mutating func stack(_ parts: [Value], axis: Int) throws(PhospheneError) -> Value {
    let lengths = shape(parts[0]).axes
    let position = try Shape(lengths + [1]).axis(axis, of: "stack")
    var rows: [Value] = []
    for part in parts {
      var longer = shape(part).axes
      longer.insert(1, at: min(position, longer.count))
      rows.append(try reshape(part, to: Shape(longer)))
    }
    return try concatenate(rows, axis: position)
  }
}

private func append(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  var parts = [try context.requiredValue("x1"), try context.requiredValue("x2")]
  if let axis = try context.call.whole("axis") {
    return [try context.graph.concatenate(parts, axis: axis)]
  }
  for index in parts.indices {
    let count = context.graph.shape(parts[index]).elementCount
    parts[index] = try context.graph.reshape(parts[index], to: [count])
  }
  return [try context.graph.concatenate(parts, axis: 0)]
}

/// Cuts an axis into parts, or before given positions; if not all parts have to be equal the first
/// ones may be longer.
private func split(
  _ context: inout LoweringContext, axis: Int, isExact: Bool = true
) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let shape = context.graph.shape(x)
  let axis = try shape.axis(axis, of: "split")
  let length = shape[axis]
  var bounds = [0]
  if case .number = context.call["indices_or_sections"],
    let count = try context.call.whole("indices_or_sections")
  {
    guard (1...max(length, 1)).contains(count), !isExact || length % count == 0 else {
      throw .invalidArgument(
        "axis \(axis) of shape \(shape) can't be split into \(count) parts")
    }
    for index in 0..<count {
      bounds.append(bounds[index] + length / count + (index < length % count ? 1 : 0))
    }
  } else {
    bounds += try context.call.wholes("indices_or_sections") ?? []
    bounds.append(length)
  }
  var parts: [Value] = []
  for (start, end) in zip(bounds, bounds.dropFirst()) {
    guard 0 <= start, start < end, end <= length else {
      throw .invalidArgument(
        "axis \(axis) of shape \(shape) can't be split at \(bounds.dropFirst().dropLast())")
    }
    parts.append(
      try context.graph.slice(x, axis: axis, start: start, length: end - start))
  }
  return parts
}

private func unstack(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("x")
  let shape = context.graph.shape(x)
  let axis = try context.axis("axis", of: shape) ?? 0
  guard shape.rank > 0 else { throw .invalidArgument("a number has no axis to unstack") }
  let count = try context.call.whole("num") ?? shape[axis]
  guard count == shape[axis] else {
    throw .invalidArgument("num \(count) isn't the length of axis \(axis) of shape \(shape)")
  }
  var rest = shape.axes
  rest.remove(at: axis)
  var parts: [Value] = []
  for index in 0..<count {
    let part = try context.graph.slice(x, axis: axis, start: index, length: 1)
    parts.append(try context.graph.reshape(part, to: Shape(rest)))
  }
  return parts
}

/// For lines of coordinates, arrays of each coordinate over their grid.
private func meshgrid(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let lines = try context.values("*x")
  let indexing = try context.call.text("indexing") ?? "xy"
  guard ["xy", "ij"].contains(indexing), !lines.isEmpty else {
    throw .invalidArgument("indexing must be 'xy' or 'ij', received '\(indexing)'")
  }
  var places = Array(lines.indices)
  if indexing == "xy", lines.count > 1 { places.swapAt(0, 1) }
  var grid = [Int](repeating: 1, count: lines.count)
  for (place, line) in zip(places, lines) { grid[place] = context.graph.shape(line).elementCount }
  let full = try Shape(checking: grid, of: "meshgrid")
  var results: [Value] = []
  for (place, line) in zip(places, lines) {
    var lengths = [Int](repeating: 1, count: lines.count)
    lengths[place] = grid[place]
    let column = try context.graph.reshape(line, to: Shape(lengths))
    results.append(try context.graph.broadcast(column, to: full))
  }
  return results
}

// MARK: - Einops

/// Keras' `rearrange`, such as `"b (h p) w -> b p (h w)"` with the length of `p`.
private func rearrange(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let x = try context.requiredValue("tensor")
  let shape = context.graph.shape(x)
  guard let pattern = try context.call.text("pattern") else {
    throw .invalidArgument("rearrange needs a pattern")
  }
  let sides = pattern.split(separator: ">", omittingEmptySubsequences: false)
  guard sides.count == 2, sides[0].last == "-" else {
    throw .invalidArgument("a pattern is written 'a b -> b a', received '\(pattern)'")
  }
  let source = try axisGroups(sides[0].dropLast(), pattern)
  let target = try axisGroups(sides[1], pattern)
  let names = source.flatMap(\.self)
  guard source.count == shape.rank, Set(names).count == names.count,
    names.sorted() == target.flatMap(\.self).sorted()
  else {
    throw .invalidArgument(
      "pattern '\(pattern)' doesn't name each axis of an array of shape \(shape) once on each side")
  }
  var lengths: [String: Int] = [:]
  for (group, length) in zip(source, shape.axes) {
    var (rest, free) = (length, String?.none)
    for name in group {
      if let known = group.count == 1 ? length : try context.call.whole(name) {
        guard known > 0, rest % known == 0 else { throw mismatch(pattern, shape) }
        lengths[name] = known
        rest /= known
      } else {
        guard free == nil else { throw mismatch(pattern, shape) }
        free = name
      }
    }
    if let free { lengths[free] = rest } else if rest != 1 { throw mismatch(pattern, shape) }
  }
  let parted = names.compactMap { lengths[$0] }
  var value = try context.graph.reshape(x, to: Shape(checking: parted, of: "rearrange"))
  let order = target.flatMap(\.self).compactMap(names.firstIndex)
  value = try context.graph.transpose(value, order)
  let merged = target.map { $0.reduce(1) { $0 * (lengths[$1] ?? 1) } }
  return [try context.graph.reshape(value, to: Shape(merged))]
}

private func mismatch(_ pattern: String, _ shape: Shape) -> PhospheneError {
  .invalidArgument(
    "pattern '\(pattern)' doesn't fit to shape \(shape): in each group all lengths but one must be "
      + "given, and divide that of the axis")
}

/// The names of one side of a pattern: those in parentheses belong to one axis.
private func axisGroups(
  _ side: Substring, _ pattern: String
) throws(PhospheneError) -> [[String]] {
  var (groups, isInside, name) = ([[String]](), false, "")
  for character in side + " " {
    if character.isLetter || character.isNumber || character == "_" {
      name.append(character)
      continue
    }
    if !name.isEmpty {
      if isInside { groups[groups.count - 1].append(name) } else { groups.append([name]) }
      name = ""
    }
    switch character {
    case "(":
      isInside = true
      groups.append([])
    case ")": isInside = false
    case " ": break
    default: throw .unsupported("'\(character)' in pattern '\(pattern)' isn't supported")
    }
  }
  return groups
}
