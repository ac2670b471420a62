internal import CVectorKernels
import Tensors

/// What a convolution, or its input gradient, does with its sums before it writes them.
///
/// The arrays that it reads stand between the weights and the output: bias, addend, gate.
struct Epilogue: Sendable {
  /// A number for each filter is added.
  var hasBias = false
  /// An array of the output's shape is added.
  var hasAddend = false
  /// A function whose derivative is multiplied, made of an array of the output's shape: that of the
  /// function's results.
  var gate: UnaryFunction?
  /// A function of the sums.
  var activation: UnaryFunction?

  /// The numbers of the arrays among the kernel's arguments.
  var bias: Int? { hasBias ? 2 : nil }
  var addend: Int? { hasAddend ? 2 + (hasBias ? 1 : 0) : nil }
  var gateSource: Int? { gate == nil ? nil : output - 1 }
  /// The number of the output.
  var output: Int { 2 + (hasBias ? 1 : 0) + (hasAddend ? 1 : 0) + (gate == nil ? 0 : 1) }

  /// The epilogue as vector kernels read it; an activation that they lack is left out.
  func vectorized(_ arguments: Arguments) -> ph_epilogue {
    func array(_ index: Int?) -> UnsafePointer<Float>? {
      index.map { UnsafePointer(arguments[$0]) }
    }
    let range = (gate ?? activation)?.clampRange ?? (-.infinity, .infinity)
    return ph_epilogue(
      bias: array(bias), addend: array(addend), gate: array(gateSource), low: range.low,
      high: range.high)
  }

  /// What remains to be done with `count` results of a vector kernel.
  func finishVectorized(_ count: Int, _ arguments: Arguments) {
    guard let activation, activation.clampRange == nil else { return }
    activation.apply(count, from: arguments[output], to: arguments[output])
  }

  /// Does with `count` sums what their kernel didn't: everything but bias and activation.
  func finishSums(_ count: Int, _ arguments: Arguments) {
    let y = arguments[output]
    if let addend {
      let sum = arguments[addend]
      inParallel(count) { zipLanes($0, y, sum, y) { $0 + $1 } }
    }
    if let gate, let gateSource { gate.applyGradient(count, y, arguments[gateSource], to: y) }
  }
}

extension UnaryFunction {
  /// The range that the function clamps to, if that is all it does; its derivative is one between
  /// the limits and zero elsewhere.
  var clampRange: (low: Float, high: Float)? {
    switch self {
    case .relu(negativeSlope: 0): (0, .infinity)
    case .clip(let low, let high): (low, high)
    default: nil
    }
  }

  /// Whether the function limits numbers to a range and does nothing else.
  public var isClamp: Bool { clampRange != nil }
}

/// A kernel whose output is worked on once more.
struct FinishedKernel: Kernel {
  let kernel: any Kernel
  let finish: @Sendable (Arguments) -> Void
  /// The numbers of the kernel's own arguments among all.
  let arguments: [Int]

  var scratchByteCount: Int { kernel.scratchByteCount }

  func layout(ofInput index: Int) -> Layout { index < 2 ? kernel.layout(ofInput: index) : .dense }

  func pack(
    input index: Int, from dense: UnsafeRawPointer, into packed: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    try kernel.pack(input: index, from: dense, into: packed)
  }

  func run(
    _ arguments: Arguments, scratch: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    let own = self.arguments.map { arguments.bytes($0) }
    try own.withUnsafeBufferPointer { (buffer) throws(PhospheneError) in
      guard let start = buffer.baseAddress else { return }
      try kernel.run(Arguments(start), scratch: scratch)
    }
    finish(arguments)
  }
}
