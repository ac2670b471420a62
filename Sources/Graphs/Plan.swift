import Kernels
public import Tensors

/// A graph made ready to run: kernels chosen, constants packed, memory laid out.
///
/// Plans are immutable. Each run borrows a ``Session`` with memory of its own, so any number of
/// threads may run one plan at the same time.
public final class Plan: Sendable {
  /// The types of the inputs, in the order in which the graph declared them.
  public let inputTypes: [TensorType]
  /// The types of the outputs.
  public let outputTypes: [TensorType]
  /// The number of threads that the kernels were prepared for.
  public let threadCount: Int
  /// The bytes that each session allocates.
  public let sessionByteCount: Int
  /// The operations in order of execution, for people who want to know.
  public let operationNames: [String]

  let steps: [Step]
  let copies: [Copy]
  let arenaByteCount: Int
  private let constants: [Storage]
  private let sessions: SessionPool

  /// One kernel and where its arguments lie.
  struct Step: Sendable {
    let kernel: any Kernel
    let arguments: [Slot]
    let threadCount: Int
  }

  /// An output that no kernel writes: an input or a constant that is also a result, a view.
  struct Copy: Sendable {
    let source: Slot
    let output: Int
    let byteCount: Int
  }

  /// Where an array lies: in an input, an output or the arena so many bytes from the start, or at an
  /// address.
  enum Slot: Hashable, Sendable {
    case input(Int, offset: Int)
    case output(Int, offset: Int)
    case arena(Int)
    case constant(UInt)

    /// Where a part of the array lies.
    func advanced(by byteOffset: Int) -> Slot {
      switch self {
      case .input(let index, let offset): .input(index, offset: offset + byteOffset)
      case .output(let index, let offset): .output(index, offset: offset + byteOffset)
      case .arena(let offset): .arena(offset + byteOffset)
      case .constant(let address): .constant(address + UInt(byteOffset))
      }
    }
  }

  /// Makes a plan.
  ///
  /// - Parameters:
  ///   - graph: What to compute.
  ///   - outputs: The values that are wanted, in the order of the results.
  ///   - pool: Where packed weights are shared with other plans of the same model.
  ///   - fusesActivations: Whether activations may be computed inside the kernels before them.
  ///     Those turn NaN into zero, so that people who look for a NaN want this off; weights with a
  ///     NaN or an infinity turn it off too.
  ///   - isExact: Whether methods that lose digits for speed, such as Winograd's, are out of the
  ///     question.
  /// - Throws: `outOfMemory` if a session would not fit into the memory that is left.
  public init(
    _ graph: Graph, outputs: [Value], pool: ConstantPool, fusesActivations: Bool = true,
    isExact: Bool = false
  ) throws(PhospheneError) {
    let read = try graph.skippingPixels(for: outputs)
    var program = Program(graph: read.graph, outputs: read.values)
    let folder = ConstantFolder(pool: pool)
    if fusesActivations, program.constants.allSatisfy(pool.isFinite) {
      program = try program.narrowingChannels(with: folder)
    }
    program = try program.movingTranspositions(with: folder).foldingScales(with: folder)
    if fusesActivations, program.constants.allSatisfy(pool.isFinite) {
      program = try program.foldingPadding().fusingEpilogues()
    }
    program = try program.fusingScales().skippingDiscarded()
    if fusesActivations { program = try program.chainingConvolutions() }

    var assembler = PlanAssembler(program: program, pool: pool, isExact: isExact)
    try assembler.assemble()
    inputTypes = assembler.inputTypes
    outputTypes = program.outputs.map { program.graph[$0].type }
    threadCount = Threads.current
    steps = assembler.steps
    copies = assembler.copies
    constants = assembler.constants
    operationNames = assembler.operationNames
    arenaByteCount = assembler.arenaByteCount
    sessionByteCount = assembler.arenaByteCount + assembler.scratchByteCount
    try Memory.require(sessionByteCount, for: "the intermediate results of this computation")
    sessions = SessionPool(scratchByteCount: assembler.scratchByteCount)
  }

  /// The outputs that are another one under another shape, such as what a Flatten or a Dropout
  /// returns, each with the position of that one.
  public var sharedOutputs: [(output: Int, source: Int)] {
    copies.compactMap { copy in
      guard case .output(let source, offset: 0) = copy.source,
        copy.byteCount == outputTypes[source].byteCount
      else { return nil }
      return (copy.output, source)
    }
  }

  /// Runs the plan.
  ///
  /// - Parameters:
  ///   - inputs: The first bytes of dense arrays of ``inputTypes``.
  ///   - outputs: The first bytes of memory for ``outputTypes``, which overlaps nothing, but may be
  ///     the same for the two of ``sharedOutputs``.
  /// - Throws: `outOfMemory` if there is none for a session, `unsupported` in a process that was
  ///   forked after the plan was made.
  public func run(
    inputs: [UnsafeMutableRawPointer], outputs: [UnsafeMutableRawPointer]
  ) throws(PhospheneError) {
    precondition(inputs.count == inputTypes.count && outputs.count == outputTypes.count)
    let session = try sessions.take(for: self)
    defer { sessions.giveBack(session) }
    try Threads.with(threadCount) { () throws(PhospheneError) in
      guard Threads.current == threadCount else {
        throw .unsupported(
          "the plan was made before this process was forked from another, whose threads don't exist "
            + "here: make a new plan")
      }
      try session.run(inputs: inputs, outputs: outputs)
    }
  }

  /// Runs the plan on tensors and returns new ones.
  public func run(_ inputs: [Tensor]) throws(PhospheneError) -> [Tensor] {
    var results: [Tensor] = []
    for type in outputTypes {
      results.append(Tensor(type, storage: try Storage(byteCount: type.byteCount)))
    }
    try run(inputs: inputs.map(\.start), outputs: results.map(\.start))
    return results
  }
}
