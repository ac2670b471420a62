import Kernels
import Tensors

extension Program {
  /// Computes only the channels that somebody reads, and leaves out those that are zero.
  ///
  /// An objective names a channel or a class or a few of them: forward, the layer that computes them
  /// needs only their part of its weights; backward, their cotangents meet only that part, and
  /// branches that lead elsewhere vanish. Channels are the last axis; ranges of them are kept at
  /// multiples of sixteen, which kernels take together.
  ///
  /// What is zero is taken for zero whatever it is multiplied with, so this is for finite numbers.
  func narrowingChannels(with folder: ConstantFolder) throws(PhospheneError) -> Program {
    var channels = ChannelAnalysis(self)
    guard channels.findsSomething() else { return self }
    var narrowing = ChannelNarrowing(program: self, channels: channels, folder: folder)
    return try narrowing.narrowed()
  }
}

/// What of a program's values may differ from zero, and what of them is read.
struct ChannelAnalysis {
  private let graph: Graph
  private let outputs: [Value]
  private let isLive: [Bool]
  /// The channels outside of which a value is zero; `nil` if it isn't known.
  private var supports: [Range<Int>?] = []
  /// The channels that somebody reads; `nil` if nobody does.
  private var demands: [Range<Int>?] = []

  init(_ program: Program) {
    (graph, outputs) = (program.graph, program.outputs)
    isLive = program.useCounts().map { $0 > 0 }
  }

  /// Analyzes the program and tells whether there is less to compute than all.
  mutating func findsSomething() -> Bool {
    supports = [Range<Int>?](repeating: nil, count: graph.nodes.count)
    demands = supports
    for index in graph.nodes.indices where isLive[index] {
      supports[index] = narrow(support(of: index), in: count(Value(index: index)))
    }
    for output in outputs { demands[output.index] = 0..<count(output) }
    for index in graph.nodes.indices.reversed() where demands[index] != nil {
      demandInputs(of: index)
    }
    return graph.nodes.indices.contains { index in
      isLive[index] && graph.nodes[index].operation != nil
        && computed(Value(index: index)) != 0..<count(Value(index: index))
    }
  }

  /// The number of channels of a value.
  func count(_ value: Value) -> Int { graph.shape(value).axes.last ?? 1 }

  /// Outside of which channels a value is zero.
  func support(_ value: Value) -> Range<Int> { supports[value.index] ?? 0..<count(value) }

  /// The channels of a value that are computed; none if it is zero or nobody reads it.
  func computed(_ value: Value) -> Range<Int> {
    guard let demand = demands[value.index] else { return 0..<0 }
    if support(value).isEmpty { return 0..<0 }
    guard isNarrowable(value.index) else { return 0..<count(value) }
    let range = support(value).clamped(to: demand)
    return range.isEmpty ? 0..<0 : range
  }

  /// Rounds a range out to whole registers; all channels if that isn't much less.
  private func narrow(_ range: Range<Int>?, in count: Int) -> Range<Int>? {
    guard let range else { return nil }
    if range.isEmpty { return 0..<0 }
    let rounded = range.lowerBound / 16 * 16..<min((range.upperBound + 15) / 16 * 16, count)
    return 2 * rounded.count <= count ? rounded : nil
  }

  // MARK: - What is zero

  private func support(of index: Int) -> Range<Int>? {
    guard case .operation(let operation, let inputs) = graph.nodes[index].source else {
      return nil
    }
    let (result, own) = (Value(index: index), supports[inputs.first?.index ?? index])
    let isZero = own?.isEmpty == true
    switch operation {
    case let scatter as Scatter:
      guard scatter.steps.last == 1, let start = scatter.starts.last else {
        return isZero ? own : nil
      }
      return isZero ? own : support(inputs[0]).shifted(by: start)
    case let slice as Slice:
      guard let own, !isZero, slice.steps.last == 1, let start = slice.starts.last else {
        return isZero ? own : nil
      }
      return own.clamped(to: start..<start + count(result)).shifted(by: -start)
    case is UnaryGradient, is PoolingGradient: return own
    case let unary as Unary: return unary.function.keepsZero ? own : nil
    case let binary as Binary: return support(of: binary, inputs, count(result))
    case let join as Concatenate: return support(of: join, inputs)
    case is MatrixProduct, is Convolution, is ConvolutionInputGradient, is Pooling:
      return isZero ? own : nil
    case let reduction as Reduction:
      return isZero && [.sum, .mean].contains(reduction.function) ? own : nil
    case is Reshape, is Broadcast, is Transpose:
      return isZero || keepsChannels(operation, inputs) ? own : nil
    case let padding as Pad:
      return padding.value == 0 && (isZero || keepsChannels(operation, inputs)) ? own : nil
    default: return nil
    }
  }

  private func support(of binary: Binary, _ inputs: [Value], _ count: Int) -> Range<Int>? {
    let factors = inputs.map { input in
      let range = supports[input.index] ?? maskedChannels(input)
      return self.count(input) == count || range?.isEmpty == true ? range : nil
    }
    switch binary.function {
    case .multiply:
      guard let first = factors[0] ?? factors[1], let second = factors[1] ?? factors[0] else {
        return nil
      }
      return first.clamped(to: second)
    case .divide: return factors[0]
    case .add, .subtract:
      guard let first = supports[inputs[0].index], let second = supports[inputs[1].index],
        inputs.allSatisfy({ self.count($0) == count })
      else { return nil }
      return first.hull(second)
    default: return nil
    }
  }

  /// The channels that a constant mask leaves, such as that of an objective for each sample.
  private func maskedChannels(_ value: Value) -> Range<Int>? {
    guard let mask = graph[value].constant, mask.shape.rank >= 2, mask.type.dataType == .float32,
      mask.shape.elementCount <= 1 << 20
    else { return nil }
    var range: Range<Int>?
    let count = count(value)
    withExtendedLifetime(mask.storage) {
      for (index, element) in mask.floats.enumerated() where element != 0 {
        let channel = index % count..<index % count + 1
        range = range?.hull(channel) ?? channel
      }
    }
    return narrow(range ?? 0..<0, in: count)
  }

  private func support(of join: Concatenate, _ inputs: [Value]) -> Range<Int>? {
    var (hull, start) = (0..<0, 0)
    for input in inputs {
      hull = hull.hull(support(input).shifted(by: start))
      if join.axis == graph.shape(input).rank - 1 { start += count(input) }
    }
    return hull
  }

  // MARK: - What is read

  private mutating func demand(_ value: Value, _ range: Range<Int>) {
    guard !range.isEmpty else { return }
    let hull = demands[value.index]?.hull(range) ?? range
    demands[value.index] = narrow(hull, in: count(value)) ?? 0..<count(value)
  }

  private mutating func demandInputs(of index: Int) {
    let range = computed(Value(index: index))
    guard !range.isEmpty, case .operation(let operation, let inputs) = graph.nodes[index].source
    else { return }
    for (position, input) in inputs.enumerated() {
      demand(input, self.range(ofInput: position, of: operation, inputs, for: range))
    }
  }

  /// The channels of an input that an operation needs for some channels of its result.
  func range(
    ofInput position: Int, of operation: any Operation, _ inputs: [Value], for range: Range<Int>
  ) -> Range<Int> {
    let input = inputs[position]
    let all = 0..<count(input)
    switch operation {
    case let slice as Slice:
      guard slice.steps.last == 1, let start = slice.starts.last else { return all }
      return range.shifted(by: start).clamped(to: all)
    case let scatter as Scatter:
      guard scatter.steps.last == 1, let start = scatter.starts.last else { return all }
      return range.shifted(by: -start).clamped(to: all)
    case let join as Concatenate where join.axis == graph.shape(input).rank - 1:
      let start = inputs[..<position].reduce(0) { $0 + count($1) }
      return range.shifted(by: -start).clamped(to: all)
    case is Concatenate, is Unary, is UnaryGradient, is Pooling, is PoolingGradient: return range
    case is Binary, is Broadcast: return all.count == 1 ? all : range
    case is MatrixProduct, is ConvolutionInputGradient:
      return position == 0 && contractsChannels(operation, inputs) ? support(input) : all
    case let reduction as Reduction:
      let last = graph.shape(input).rank - 1
      return reduction.function == .sum && reduction.axes.contains(last) ? support(input) : all
    case is Reshape, is Pad, is Transpose: return keepsChannels(operation, inputs) ? range : all
    default: return all
    }
  }

  /// Whether an operation can compute some channels of its result.
  private func isNarrowable(_ index: Int) -> Bool {
    guard case .operation(let operation, let inputs) = graph.nodes[index].source else {
      return false
    }
    switch operation {
    case let slice as Slice: return slice.steps.last == 1
    case let scatter as Scatter: return scatter.steps.last == 1
    case is Concatenate, is Unary, is UnaryGradient, is Binary, is Broadcast: return true
    case is Pooling, is PoolingGradient: return true
    case let product as MatrixProduct:
      return !product.hasBias && isConstantMatrix(inputs[1])
    case let convolution as Convolution:
      return convolution.groups == 1 && !convolution.hasBias && graph[inputs[1]].constant != nil
    case is Reshape, is Pad, is Transpose: return keepsChannels(operation, inputs)
    default: return false
    }
  }

  /// Whether an operation sums over the channels of its first input, with constant weights.
  func contractsChannels(_ operation: any Operation, _ inputs: [Value]) -> Bool {
    switch operation {
    case let product as MatrixProduct: !product.transposeA && isConstantMatrix(inputs[1])
    case let gradient as ConvolutionInputGradient:
      gradient.groups == 1 && graph[inputs[1]].constant != nil
    default: false
    }
  }

  private func isConstantMatrix(_ value: Value) -> Bool {
    graph[value].constant != nil && graph.shape(value).rank == 2
  }

  /// Whether the result's channels are the input's.
  private func keepsChannels(_ operation: any Operation, _ inputs: [Value]) -> Bool {
    let shape = graph.shape(inputs[0])
    switch operation {
    case let reshape as Reshape: return reshape.shape.axes.last == shape.axes.last
    case let broadcast as Broadcast: return broadcast.shape.axes.last == shape.axes.last
    case let padding as Pad: return padding.low.last == 0 && padding.high.last == 0
    case let transposition as Transpose: return transposition.permutation.last == shape.rank - 1
    default: return true
    }
  }
}

extension Range<Int> {
  func shifted(by offset: Int) -> Range { lowerBound + offset..<upperBound + offset }

  /// The smallest range that contains both; an empty one counts for nothing.
  func hull(_ other: Range) -> Range {
    if isEmpty { return other }
    if other.isEmpty { return self }
    return Swift.min(lowerBound, other.lowerBound)..<Swift.max(upperBound, other.upperBound)
  }
}

extension UnaryFunction {
  /// Whether zero stays zero.
  fileprivate var keepsZero: Bool {
    switch self {
    case .relu: true
    case .clip(let low, let high): low <= 0 && high >= 0
    case .linear(_, let offset): offset == 0
    default: false
    }
  }
}
