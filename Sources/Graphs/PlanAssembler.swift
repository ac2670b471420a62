import Kernels
import Tensors

/// Turns a program into steps: kernels, constants in their orders, places in memory.
struct PlanAssembler {
  let program: Program
  let pool: ConstantPool
  let isExact: Bool
  private(set) var inputTypes: [TensorType] = []
  private(set) var steps: [Plan.Step] = []
  private(set) var copies: [Plan.Copy] = []
  private(set) var constants: [Storage] = []
  private(set) var operationNames: [String] = []
  private(set) var arenaByteCount = 0
  private(set) var scratchByteCount = 0

  /// Below this much work one thread computes alone: some 10 µs, of which a second one would save
  /// less than half, and cost milliseconds on a machine where it has to wait for a core.
  private static let workOfOneThread = 1 << 21

  private var slots: [Plan.Slot?] = []
  private var places: [Place] = []
  private var graph: Graph { program.graph }

  init(program: Program, pool: ConstantPool, isExact: Bool = false) {
    self.program = program
    self.pool = pool
    self.isExact = isExact
    slots = Array(repeating: nil, count: program.graph.nodes.count)
  }

  mutating func assemble() throws(PhospheneError) {
    let tasks = PlanTask.tasks(of: program)
    findPlaces()
    placeInputs()
    let written = placeOutputs()
    placeIntermediates(tasks)
    for task in tasks {
      guard let operation = graph.nodes[task.index].operation, !isView(task.index) else { continue }
      try appendStep(for: task, operation)
    }
    try appendCopies(written)
  }

  /// Where views, which have no memory of their own, lie: in the memory of an earlier value.
  private struct Place {
    let root: Value
    let byteOffset: Int
  }

  private mutating func findPlaces() {
    places.reserveCapacity(graph.nodes.count)
    for (index, node) in graph.nodes.enumerated() {
      if case .operation(let operation, let inputs) = node.source, inputs.count == 1,
        let offset = operation.viewOffset(in: graph[inputs[0]].type)
      {
        let place = places[inputs[0].index]
        places.append(Place(root: place.root, byteOffset: place.byteOffset + offset))
      } else {
        places.append(Place(root: Value(index: index), byteOffset: 0))
      }
    }
  }

  private func root(_ value: Value) -> Value { places[value.index].root }

  private func isView(_ index: Int) -> Bool { places[index].root.index != index }

  /// Whether a value is all of the value that it is a view of.
  private func isWhole(_ value: Value) -> Bool {
    graph[value].type.byteCount == graph[root(value)].type.byteCount
  }

  private mutating func placeInputs() {
    for (index, node) in graph.nodes.enumerated() {
      guard case .input = node.source else { continue }
      slots[index] = .input(inputTypes.count, offset: 0)
      inputTypes.append(node.type)
    }
  }

  /// Lets kernels write straight into the caller's memory.
  ///
  /// A value that is wanted twice, that is a part of another, or that no kernel writes, is copied at
  /// the end.
  ///
  /// - Returns: The outputs that are written so.
  private mutating func placeOutputs() -> Set<Int> {
    var written: Set<Int> = []
    for (position, output) in program.outputs.enumerated() {
      let root = root(output)
      if graph[root].operation != nil, slots[root.index] == nil, isWhole(output) {
        slots[root.index] = .output(position, offset: 0)
        written.insert(position)
      }
    }
    return written
  }

  /// Gives every other result a place in one arena, where results that live at different times
  /// share bytes.
  private mutating func placeIntermediates(_ tasks: [PlanTask]) {
    var lastUse: [Int: Int] = [:]
    for (time, task) in tasks.enumerated() {
      for input in graph.nodes[task.index].inputs { lastUse[root(input).index] = time }
    }
    for output in program.outputs { lastUse[root(output).index] = tasks.count }
    var arena = ArenaLayout()
    for (time, task) in tasks.enumerated() {
      for index in task.results where !isView(index) && slots[index] == nil {
        arena.add(
          node: index, byteCount: graph.nodes[index].type.byteCount, from: time,
          to: lastUse[index] ?? time)
      }
    }
    for (node, offset) in arena.place() { slots[node] = .arena(offset) }
    arenaByteCount = arena.byteCount
  }

  private mutating func appendStep(
    for task: PlanTask, _ operation: any Operation
  ) throws(PhospheneError) {
    let node = graph.nodes[task.index]
    let isConstant = node.inputs.map { graph[root($0)].constant != nil && isWhole($0) }
    let request = KernelRequest(
      inputs: node.inputs.map { graph[$0].type }, output: node.type, isConstant: isConstant,
      isFinite: node.inputs.map { graph[root($0)].constant.map(pool.isFinite) ?? false },
      isHalf: zip(node.inputs, isConstant).map { input, isConstant in
        isConstant && graph[root(input)].constant?.isHalf == true
      },
      isExact: isExact)
    let threadCount =
      operation.work(for: request) < PlanAssembler.workOfOneThread ? 1 : Threads.current
    let kernel = try Threads.with(threadCount) { () throws(PhospheneError) in
      if let kernel = task.rescalingKernel(in: graph) { return kernel }
      return try operation.kernel(for: request)
    }
    var arguments: [Plan.Slot] = []
    for (position, input) in node.inputs.enumerated() {
      if isConstant[position], let tensor = graph[root(input)].constant {
        arguments.append(try constantSlot(tensor, input: position, of: kernel))
      } else {
        arguments.append(try slot(input))
      }
    }
    for result in task.results { arguments.append(try slot(Value(index: result))) }
    scratchByteCount = max(scratchByteCount, kernel.scratchByteCount)
    steps.append(Plan.Step(kernel: kernel, arguments: arguments, threadCount: threadCount))
    let activation = task.activation.flatMap { graph.nodes[$0].operation }
    operationNames.append("\(operation)" + (activation.map { " and \($0)" } ?? ""))
  }

  private mutating func constantSlot(
    _ tensor: Tensor, input: Int, of kernel: any Kernel
  ) throws(PhospheneError) -> Plan.Slot {
    let layout = kernel.layout(ofInput: input)
    guard case .packed(_, let byteCount) = layout else {
      let dense = layout == .halves ? tensor : try pool.widened(tensor)
      constants.append(dense.storage)
      return .constant(UInt(bitPattern: dense.start))
    }
    let packed = try pool.packed(tensor, as: layout) { () throws(PhospheneError) -> Storage in
      let storage = try Storage(byteCount: byteCount)
      let dense = try tensor.widened()
      try withExtendedLifetime(dense) { () throws(PhospheneError) in
        try kernel.pack(input: input, from: dense.start, into: storage.start)
      }
      return storage
    }
    constants.append(packed)
    return .constant(UInt(bitPattern: packed.start))
  }

  private mutating func appendCopies(_ written: Set<Int>) throws(PhospheneError) {
    for (position, output) in program.outputs.enumerated() where !written.contains(position) {
      copies.append(
        Plan.Copy(
          source: try slot(output), output: position, byteCount: graph[output].type.byteCount))
    }
  }

  private mutating func slot(_ value: Value) throws(PhospheneError) -> Plan.Slot {
    let place = places[value.index]
    if let constant = graph[place.root].constant {
      let tensor = try pool.widened(constant)
      constants.append(tensor.storage)
      return .constant(UInt(bitPattern: tensor.start + place.byteOffset))
    }
    guard let slot = slots[place.root.index] else {
      preconditionFailure("value \(value.index) has no place")
    }
    return slot.advanced(by: place.byteOffset)
  }
}
