import Graphs
import Tensors

/// What Python's brackets take from an array: `x[:, -1]`, `x[..., ::2]`, `x[None]`.
struct IndexingKey: Sendable {
  /// What one place of the key says.
  private enum Part {
    /// Elements of an axis, `step` apart.
    case run(start: Int, length: Int, step: Int)
    /// One element of an axis, which disappears.
    case element(Int)
    /// A new axis of length one.
    case newAxis
    /// Elements at positions that an array holds.
    case positions(Argument<MaskedValue>)
  }

  private var parts: [Part] = []

  /// Reads a key for an array of a shape.
  init(_ key: Argument<MaskedValue>, of shape: Shape) throws(PhospheneError) {
    var elements: [Argument<MaskedValue>] = [key]
    if case .list(let list) = key { elements = list }
    let consumed = elements.count { element in
      switch element {
      case .none, .ellipsis: false
      default: true
      }
    }
    guard consumed <= shape.rank else {
      throw .invalidArgument("a key of \(consumed) places is too long for shape \(shape)")
    }
    guard elements.count(where: { if case .ellipsis = $0 { true } else { false } }) <= 1 else {
      throw .invalidArgument("a key may have one '...' only")
    }
    var axis = 0
    func whole(_ count: Int) {
      for _ in 0..<count {
        parts.append(.run(start: 0, length: shape[axis], step: 1))
        axis += 1
      }
    }
    for element in elements {
      switch element {
      case .none: parts.append(.newAxis)
      case .ellipsis: whole(shape.rank - consumed)
      case .slice(let start, let stop, let step):
        parts.append(
          try IndexingKey.run(start, stop, step, length: shape[axis]))
        axis += 1
      case .number(let number):
        guard let position = Int(exactly: number),
          (-shape[axis]..<shape[axis]).contains(position)
        else {
          throw .invalidArgument("index \(number) lies outside of axis \(axis) of shape \(shape)")
        }
        parts.append(.element(position < 0 ? position + shape[axis] : position))
        axis += 1
      case .array, .tensor, .list:
        parts.append(.positions(element))
        axis += 1
      default:
        throw .unsupported("keys are made of whole numbers, slices, None, '...' and index arrays")
      }
    }
    whole(shape.rank - axis)
  }

  /// Python's rule for the elements that a slice takes of an axis.
  private static func run(
    _ start: Argument<MaskedValue>, _ stop: Argument<MaskedValue>, _ step: Argument<MaskedValue>,
    length: Int
  ) throws(PhospheneError) -> Part {
    func number(_ argument: Argument<MaskedValue>) throws(PhospheneError) -> Int? {
      switch argument {
      case .none: return nil
      case .number(let number):
        if let number = Int(exactly: number) { return number }
      default: break
      }
      throw .unsupported("the bounds of a slice must be whole numbers or None")
    }
    let stride = try number(step) ?? 1
    guard stride != 0 else { throw .invalidArgument("the step of a slice must not be zero") }
    func bound(_ value: Int?, default standard: Int) -> Int {
      guard let value else { return standard }
      let (low, high) = stride > 0 ? (0, length) : (-1, length - 1)
      return min(max(value < 0 ? value + length : value, low), high)
    }
    let first = bound(try number(start), default: stride > 0 ? 0 : length - 1)
    let end = bound(try number(stop), default: stride > 0 ? length : -1)
    let distance = stride > 0 ? end - first : first - end
    guard distance > 0 else {
      throw .unsupported("a slice leaves nothing of an axis of length \(length)")
    }
    return .run(start: first, length: (distance - 1) / abs(stride) + 1, step: stride)
  }

  /// Appends what the key takes of an array.
  func apply(
    to value: Value, in context: inout LoweringContext
  ) throws(PhospheneError) -> Value {
    let shape = context.graph.shape(value)
    let isGathering = parts.contains { if case .positions = $0 { true } else { false } }
    var (starts, lengths, steps, result) = ([Int](), [Int](), [Int](), [Int]())
    for part in parts {
      switch part {
      case .run(let start, let length, let step):
        starts.append(start)
        lengths.append(length)
        steps.append(step)
        result.append(length)
      case .element(let position):
        starts.append(position)
        lengths.append(1)
        steps.append(1)
      case .newAxis: result.append(1)
      case .positions:
        lengths.append(shape[starts.count])
        starts.append(0)
        steps.append(1)
      }
    }
    let taken = try context.graph.slice(value, starts: starts, lengths: lengths, steps: steps)
    guard isGathering else {
      return try context.graph.reshape(taken, to: Shape(checking: result, of: "a slice"))
    }
    return try gather(taken, in: &context)
  }

  /// Takes elements by arrays of positions, which stand side by side and are broadcast.
  private func gather(
    _ value: Value, in context: inout LoweringContext
  ) throws(PhospheneError) -> Value {
    let shape = context.graph.shape(value)
    var (before, after, axis) = ([Int](), [Int](), 0)
    var (first, last, indices) = (0, 0, Value?.none)
    for part in parts {
      switch part {
      case .run(_, let length, _):
        if indices == nil { before.append(length) } else { after.append(length) }
      case .newAxis:
        if indices == nil { before.append(1) } else { after.append(1) }
        axis -= 1
      case .element:
        throw .unsupported("index arrays beside whole numbers aren't supported")
      case .positions(let argument):
        guard after.isEmpty else {
          throw .unsupported("index arrays must stand side by side")
        }
        let positions = try context.graph.positive(
          context.value(of: argument, named: "key"), length: shape[axis])
        if let earlier = indices {
          indices = try context.graph.add(
            context.graph.linear(earlier, scale: Float(shape[axis])), positions)
        } else {
          (first, indices) = (axis, positions)
        }
        last = axis
      }
      axis += 1
    }
    guard let indices else { return value }
    let count = shape.axes[first...last].reduce(1, *)
    let merged = try context.graph.reshape(
      value, to: Shape(shape.axes[..<first] + [count] + shape.axes[(last + 1)...]))
    let gathered = try context.graph.gather(merged, indices, axis: first)
    return try context.graph.reshape(
      gathered, to: Shape(before + context.graph.shape(indices).axes + after))
  }
}

extension Graph {
  /// Appends positions along an axis with negative ones counted from the end.
  mutating func positive(
    _ positions: Value, length: Int
  ) throws(PhospheneError) -> Value {
    let isNegative = try binary(.greater, constant(0), positions)
    return try add(positions, linear(isNegative, scale: Float(length)))
  }
}
