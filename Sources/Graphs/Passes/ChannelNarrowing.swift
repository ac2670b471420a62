import Kernels
import Tensors

/// Builds a program anew with the channels that an analysis found necessary.
struct ChannelNarrowing {
  private let program: Program
  private let channels: ChannelAnalysis
  private var rewriter: Rewriter
  /// What stands for each value: some of its channels, or nothing where it is zero or isn't read.
  private var map: [(value: Value, range: Range<Int>)?]

  init(program: Program, channels: ChannelAnalysis, folder: ConstantFolder) {
    (self.program, self.channels) = (program, channels)
    rewriter = Rewriter(folding: folder)
    map = Array(repeating: nil, count: program.graph.nodes.count)
  }

  mutating func narrowed() throws(PhospheneError) -> Program {
    let uses = program.useCounts()
    for (index, node) in program.graph.nodes.enumerated() {
      let value = Value(index: index)
      switch node.source {
      case .input: map[index] = (rewriter.graph.input(node.type), 0..<channels.count(value))
      case .constant(let tensor):
        guard uses[index] > 0 else { continue }
        map[index] = (rewriter.graph.constant(tensor), 0..<channels.count(value))
      case .operation(let operation, let inputs):
        let range = channels.computed(value)
        guard uses[index] > 0, !range.isEmpty else { continue }
        map[index] = (try apply(operation, inputs, to: value, range), range)
      }
    }
    var outputs: [Value] = []
    for output in program.outputs {
      outputs.append(try part(output, 0..<channels.count(output)))
    }
    return Program(graph: rewriter.graph, outputs: outputs)
  }

  /// Some channels of a value.
  private mutating func part(
    _ value: Value, _ range: Range<Int>
  ) throws(PhospheneError) -> Value {
    var axes = program.graph.shape(value).axes
    guard let last = axes.indices.last else { return try whole(value) }
    guard let (known, own) = map[value.index], !own.clamped(to: range).isEmpty else {
      axes[last] = range.count
      let zero = try rewriter.graph.constant(0)
      return try rewriter.apply(Broadcast(shape: Shape(axes)), [zero])
    }
    let common = own.clamped(to: range)
    var result = known
    if common != own {
      result = try slice(known, axis: last, common.shifted(by: -own.lowerBound))
    }
    if common != range {
      // Outside of what is computed a value that is read is zero.
      var (low, high) = (axes.map { _ in 0 }, axes.map { _ in 0 })
      low[last] = common.lowerBound - range.lowerBound
      high[last] = range.upperBound - common.upperBound
      result = try rewriter.apply(Pad(low: low, high: high, value: 0), [result])
    }
    return result
  }

  private mutating func whole(_ value: Value) throws(PhospheneError) -> Value {
    if let (known, _) = map[value.index] { return known }
    let zero = try rewriter.graph.constant(0)
    return try rewriter.apply(Broadcast(shape: program.graph.shape(value)), [zero])
  }

  private mutating func slice(
    _ value: Value, axis: Int, _ range: Range<Int>
  ) throws(PhospheneError) -> Value {
    let shape = rewriter.graph.shape(value)
    var (starts, lengths) = (shape.axes.map { _ in 0 }, shape.axes)
    (starts[axis], lengths[axis]) = (range.lowerBound, range.count)
    guard lengths != shape.axes else { return value }
    let slice = Slice(starts: starts, lengths: lengths, steps: starts.map { _ in 1 })
    return try rewriter.apply(slice, [value])
  }

  /// Appends what computes some channels of an operation's result.
  private mutating func apply(
    _ operation: any Operation, _ inputs: [Value], to output: Value, _ range: Range<Int>
  ) throws(PhospheneError) -> Value {
    if let sum = operation as? Binary, let rest = try summand(of: sum, inputs, output, range) {
      return rest
    }
    if let join = operation as? Concatenate { return try concatenated(join, inputs, range) }
    var parts: [Value] = []
    var ranges: [Range<Int>] = []
    for (position, input) in inputs.enumerated() {
      let needed = channels.range(ofInput: position, of: operation, inputs, for: range)
      ranges.append(needed)
      parts.append(try part(input, needed))
    }
    let isAll = range == 0..<channels.count(output)
    let input = inputs.first.map { 0..<channels.count($0) } ?? 0..<0
    if isAll, ranges.first ?? input == input { return try rewriter.apply(operation, parts) }
    var shape = program.graph.shape(output).axes
    shape[shape.count - 1] = range.count
    switch operation {
    case let slice as Slice:
      return try cut(slice, from: parts[0], to: range.count)
    case let scatter as Scatter:
      return try place(scatter, parts[0], from: ranges[0], in: range, Shape(shape))
    case let product as MatrixProduct:
      let (rows, columns) = product.transposeB ? (1, 0) : (0, 1)
      parts[1] = try slice(parts[1], axis: columns, range)
      if channels.contractsChannels(operation, inputs) {
        parts[1] = try slice(parts[1], axis: rows, ranges[0])
      }
      return try rewriter.apply(product, parts)
    case is Convolution:
      parts[1] = try slice(parts[1], axis: shape.count - 1, range)
      return try rewriter.apply(operation, parts)
    case is ConvolutionInputGradient:
      parts[1] = try slice(parts[1], axis: shape.count - 1, ranges[0])
      return try rewriter.apply(operation, parts)
    case let pooling as PoolingGradient:
      let gradient = PoolingGradient(
        geometry: pooling.geometry, function: pooling.function, input: Shape(shape))
      return try rewriter.apply(gradient, parts)
    case is Reshape: return try rewriter.apply(Reshape(shape: Shape(shape)), parts)
    case is Broadcast: return try rewriter.apply(Broadcast(shape: Shape(shape)), parts)
    default: return try rewriter.apply(operation, parts)
    }
  }

  /// A sum of which one summand is zero.
  private mutating func summand(
    of sum: Binary, _ inputs: [Value], _ output: Value, _ range: Range<Int>
  ) throws(PhospheneError) -> Value? {
    guard sum.function == .add else { return nil }
    for (zero, rest) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])]
    where channels.support(zero).isEmpty
      && program.graph.shape(rest) == program.graph.shape(output)
    {
      return try part(rest, range)
    }
    return nil
  }

  private mutating func concatenated(
    _ join: Concatenate, _ inputs: [Value], _ range: Range<Int>
  ) throws(PhospheneError) -> Value {
    var parts: [Value] = []
    for (position, input) in inputs.enumerated() {
      let needed = channels.range(ofInput: position, of: join, inputs, for: range)
      if !needed.isEmpty { parts.append(try part(input, needed)) }
    }
    return parts.count == 1 ? parts[0] : try rewriter.apply(join, parts)
  }

  /// What is left of a slice when its channels have been chosen.
  private mutating func cut(
    _ slice: Slice, from value: Value, to count: Int
  ) throws(PhospheneError) -> Value {
    let last = slice.starts.count - 1
    var (starts, lengths) = (slice.starts, slice.lengths)
    (starts[last], lengths[last]) = (0, count)
    if lengths == rewriter.graph.shape(value).axes, slice.steps.allSatisfy({ $0 == 1 }) {
      return value
    }
    return try rewriter.apply(Slice(starts: starts, lengths: lengths, steps: slice.steps), [value])
  }

  /// A cotangent at its place among the channels that are computed.
  private mutating func place(
    _ scatter: Scatter, _ value: Value, from source: Range<Int>, in range: Range<Int>,
    _ shape: Shape
  ) throws(PhospheneError) -> Value {
    let last = shape.rank - 1
    var (starts, lengths) = (scatter.starts, scatter.lengths)
    starts[last] += source.lowerBound - range.lowerBound
    lengths[last] = source.count
    if lengths == shape.axes, scatter.steps.allSatisfy({ $0 == 1 }) { return value }
    let placed = Scatter(shape: shape, starts: starts, lengths: lengths, steps: scatter.steps)
    return try rewriter.apply(placed, [value])
  }
}
