import Kernels
import Synchronization
import Tensors

#if canImport(Glibc)
  import Glibc
#endif

/// The memory of one run of a plan: the arena, scratch space, and the table of pointers that the
/// kernels read.
final class Session: @unchecked Sendable {
  // Sendable: a session is used by one run at a time; the pool hands it from thread to thread.

  /// Unowned: the plan keeps its idle sessions, and is alive while one runs.
  private unowned let plan: Plan
  private let arena: Storage
  private let scratch: Storage
  private let table: UnsafeMutablePointer<UnsafeMutableRawPointer>
  /// Where in the table which parts of the caller's arrays go, by input and by output.
  private var inputPositions: [[(position: Int, offset: Int)]]
  private var outputPositions: [[(position: Int, offset: Int)]]
  private let calls: [Call]

  /// A step with its place in the table.
  private struct Call {
    let kernel: any Kernel
    let arguments: Arguments
    let threadCount: Int
  }

  init(plan: Plan, scratchByteCount: Int) throws(PhospheneError) {
    self.plan = plan
    arena = try Storage(byteCount: plan.arenaByteCount)
    scratch = try Storage(byteCount: scratchByteCount)
    let count = plan.steps.reduce(0) { $0 + $1.arguments.count }
    table = .allocate(capacity: max(count, 1))
    inputPositions = plan.inputTypes.map { _ in [] }
    outputPositions = plan.outputTypes.map { _ in [] }
    var calls: [Call] = []
    var position = 0
    for step in plan.steps {
      calls.append(
        Call(
          kernel: step.kernel, arguments: Arguments(table + position),
          threadCount: step.threadCount))
      for slot in step.arguments {
        (table + position).initialize(to: arena.start)
        switch slot {
        case .input(let index, let offset): inputPositions[index].append((position, offset))
        case .output(let index, let offset): outputPositions[index].append((position, offset))
        case .arena(let offset): table[position] = arena.start + offset
        case .constant(let address):
          if let pointer = UnsafeMutableRawPointer(bitPattern: address) {
            table[position] = pointer
          }
        }
        position += 1
      }
    }
    self.calls = calls
  }

  deinit { table.deallocate() }

  func run(
    inputs: [UnsafeMutableRawPointer], outputs: [UnsafeMutableRawPointer]
  ) throws(PhospheneError) {
    for (pointer, positions) in zip(inputs, inputPositions) {
      for (position, offset) in positions { table[position] = pointer + offset }
    }
    for (pointer, positions) in zip(outputs, outputPositions) {
      for (position, offset) in positions { table[position] = pointer + offset }
    }
    var threadCount = 0
    for call in calls {
      if call.threadCount != threadCount {
        threadCount = call.threadCount
        Threads.use(threadCount)
      }
      try call.kernel.run(call.arguments, scratch: scratch.start)
    }
    for copy in plan.copies {
      let source: UnsafeMutableRawPointer? =
        switch copy.source {
        case .input(let index, let offset): inputs[index] + offset
        case .output(let index, let offset): outputs[index] + offset
        case .arena(let offset): arena.start + offset
        case .constant(let address): UnsafeMutableRawPointer(bitPattern: address)
        }
      // The caller may have given one array for both.
      if let source, source != outputs[copy.output] {
        memcpy(outputs[copy.output], source, copy.byteCount)
      }
    }
  }
}

/// Sessions of one plan that nobody uses at the moment, a few at most.
final class SessionPool: Sendable {
  private let idle = Mutex<[Session]>([])
  private let scratchByteCount: Int
  private static let limit = 4

  init(scratchByteCount: Int) { self.scratchByteCount = scratchByteCount }

  func take(for plan: Plan) throws(PhospheneError) -> Session {
    if let session = idle.withLock({ $0.popLast() }) { return session }
    return try Session(plan: plan, scratchByteCount: scratchByteCount)
  }

  func giveBack(_ session: Session) {
    idle.withLock { if $0.count < SessionPool.limit { $0.append(session) } }
  }
}
