public import Tensors

/// One convolution of a chain.
public struct ConvolutionStage: Sendable {
  /// The shape of its weights, (window..., channels / groups, filters).
  public let weights: Shape
  /// Where its windows lie.
  public let geometry: WindowGeometry
  /// The number of groups of channels that are convolved apart.
  public let groups: Int
  /// Whether it adds a number for each filter.
  public let hasBias: Bool
  /// What it does with its sums.
  public let activation: UnaryFunction?

  /// Creates a stage.
  public init(
    weights: Shape, geometry: WindowGeometry, groups: Int, hasBias: Bool,
    activation: UnaryFunction?
  ) {
    self.weights = weights
    self.geometry = geometry
    self.groups = groups
    self.hasBias = hasBias
    self.activation = activation
  }

  /// Whether each pixel is computed from the same pixel of all channels.
  fileprivate var isPointwise: Bool {
    groups == 1 && geometry.window == [1, 1] && geometry.strides == [1, 1]
      && geometry.padLow == [0, 0] && geometry.padHigh == [0, 0]
  }

  /// Whether each channel of an image is convolved by itself, by windows without gaps between them or
  /// inside.
  fileprivate var isDepthwise: Bool {
    guard geometry.window.count == 2, groups > 1, weights.axes[2...] == [1, groups] else {
      return false
    }
    let (window, stride) = (geometry.window[0], geometry.strides[0])
    return geometry.dilations == [1, 1] && stride <= window && geometry.padLow[0] < window
      && geometry.padHigh[0] + stride <= window
  }
}

extension [ConvolutionStage] {
  /// Which one is the depthwise convolution, if there is one and all the others are a pointwise one
  /// before and one behind it at most.
  public var depthwiseStage: Int? {
    guard let depthwise = firstIndex(where: \.isDepthwise), depthwise <= 1, count - depthwise <= 2,
      indices.allSatisfy({ $0 == depthwise || self[$0].isPointwise })
    else { return nil }
    return depthwise
  }
}

/// Convolves an image with a depthwise convolution and the pointwise ones before and behind it.
///
/// What passes between the convolutions is as large as many images: each thread computes it for a few
/// rows at a time, so that it never leaves its cache. The numbers are those of
/// ``convolutionKernel(input:weights:geometry:groups:hasBias:hasAddend:activation:constantWeights:isExact:)``
/// one after the other.
///
/// Inputs: an image (batch, height, width, channels), for each stage its constant weights and its
/// bias if it has one, and an array of the output's shape to add before the last activation if
/// `hasAddend`. Output: that of the last stage.
///
/// - Throws: `invalidArgument` if shapes don't fit together.
public func convolutionChainKernel(
  input: Shape, stages: [ConvolutionStage], hasAddend: Bool
) throws(PhospheneError) -> any Kernel {
  let chain = try ConvolutionChain(input: input, stages: stages, hasAddend: hasAddend)
  if let kernel = try StripChain(chain) { return kernel }
  return try SequentialChain(chain)
}

/// The settings of a chain with the shapes between its stages.
struct ConvolutionChain: Sendable {
  let stages: [ConvolutionStage]
  /// The shapes that the stages read, and the result's.
  let shapes: [Shape]
  let hasAddend: Bool

  init(
    input: Shape, stages: [ConvolutionStage], hasAddend: Bool
  ) throws(PhospheneError) {
    var shapes = [input]
    for stage in stages {
      shapes.append(
        try Convolution(shapes[shapes.count - 1], stage.weights, stage.geometry, stage.groups)
          .outputShape)
    }
    (self.stages, self.shapes, self.hasAddend) = (stages, shapes, hasAddend)
  }

  /// The number of a stage's weights among the arguments.
  func weights(of stage: Int) -> Int {
    stages[..<stage].reduce(1) { $0 + ($1.hasBias ? 2 : 1) }
  }

  /// The numbers of the addend and of the output among the arguments.
  var addend: Int { weights(of: stages.count) }
  var output: Int { addend + (hasAddend ? 1 : 0) }

  /// The kernel of one stage for an image of `input`'s shape.
  func kernel(
    _ index: Int, input: Shape, geometry: WindowGeometry? = nil
  ) throws(PhospheneError) -> any Kernel {
    let stage = stages[index]
    return try convolutionKernel(
      input: input, weights: stage.weights, geometry: geometry ?? stage.geometry,
      groups: stage.groups, hasBias: stage.hasBias,
      hasAddend: hasAddend && index == stages.count - 1, activation: stage.activation,
      constantWeights: true, isExact: true)
  }

  /// Runs the kernel of a stage.
  ///
  /// `addend` is only read by the last stage.
  func run(
    _ kernel: any Kernel, stage: Int, _ arguments: Arguments, from source: UnsafeMutableRawPointer,
    addend: UnsafeMutableRawPointer?, to target: UnsafeMutableRawPointer,
    scratch: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    let first = weights(of: stage)
    let isLast = stage == stages.count - 1
    try withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer.self, capacity: 5) {
      (table) throws(PhospheneError) in
      guard let start = table.baseAddress else { return }
      var count = 0
      func append(_ pointer: UnsafeMutableRawPointer) {
        start[count] = pointer
        count += 1
      }
      append(source)
      append(arguments.bytes(first))
      if stages[stage].hasBias { append(arguments.bytes(first + 1)) }
      if hasAddend, isLast, let addend { append(addend) }
      append(target)
      try kernel.run(Arguments(start), scratch: scratch)
    }
  }

  /// The stage whose weights are argument number `index`.
  func stage(withWeights index: Int) -> Int? {
    stages.indices.first { weights(of: $0) == index }
  }
}

/// The plain twin: one stage after the other.
struct SequentialChain: Kernel {
  private let chain: ConvolutionChain
  private let kernels: [any Kernel]
  /// Where the results between the stages lie in the scratch memory, and where the kernels' own
  /// begins.
  private let offsets: [Int]

  init(_ chain: ConvolutionChain) throws(PhospheneError) {
    self.chain = chain
    var kernels: [any Kernel] = []
    var offsets = [0]
    for index in chain.stages.indices {
      kernels.append(try chain.kernel(index, input: chain.shapes[index]))
      let bytes = (4 * chain.shapes[index + 1].elementCount + 63) & ~63
      let isLast = index == chain.stages.count - 1
      offsets.append(offsets[index] + (isLast ? 0 : bytes))
    }
    (self.kernels, self.offsets) = (kernels, offsets)
  }

  var scratchByteCount: Int {
    offsets[kernels.count] + (kernels.map(\.scratchByteCount).max() ?? 0)
  }

  func layout(ofInput index: Int) -> Layout {
    chain.stage(withWeights: index).map { kernels[$0].layout(ofInput: 1) } ?? .dense
  }

  func pack(
    input index: Int, from dense: UnsafeRawPointer, into packed: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    guard let stage = chain.stage(withWeights: index) else { return }
    try kernels[stage].pack(input: 1, from: dense, into: packed)
  }

  func run(_ arguments: Arguments, scratch: UnsafeMutableRawPointer) throws(PhospheneError) {
    let last = kernels.count - 1
    for (stage, kernel) in kernels.enumerated() {
      try chain.run(
        kernel, stage: stage, arguments,
        from: stage == 0 ? arguments.bytes(0) : scratch + offsets[stage - 1],
        addend: arguments.bytes(chain.addend),
        to: stage == last ? arguments.bytes(chain.output) : scratch + offsets[stage],
        scratch: scratch + offsets[kernels.count])
    }
  }
}
