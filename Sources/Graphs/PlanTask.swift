import Kernels
import Tensors

/// What one kernel of a plan computes: a node, and where both fit into one passage through memory the
/// activation behind it.
struct PlanTask {
  /// The node.
  let index: Int
  /// The node of the activation, if the kernel computes it too.
  var activation: Int?
  /// Whether anybody reads what goes into the activation.
  var keepsResult = true
  /// Whether nobody but the plan's caller reads it, and so much is written that the caches hold
  /// little of it.
  var isStreaming = false

  /// The nodes whose results are written.
  var results: [Int] { (keepsResult ? [index] : []) + (activation.map { [$0] } ?? []) }

  /// From this many bytes of outputs on, results that no kernel reads bypass the caches.
  private static let streamedBytes = 1 << 24

  /// Returns the live operations of a program in order of execution.
  static func tasks(of program: Program) -> [PlanTask] {
    let (graph, uses) = (program.graph, program.useCounts())
    var wanted: [Int: Int] = [:]
    for output in program.outputs { wanted[output.index, default: 0] += 1 }
    let bytes = program.outputs.reduce(0) { $0 + graph[$1].type.byteCount }
    var tasks: [PlanTask] = []
    var positions: [Int: Int] = [:]
    for index in graph.nodes.indices where uses[index] > 0 {
      guard case .operation(let operation, let inputs) = graph.nodes[index].source else { continue }
      if let unary = operation as? Unary, unary.function.isClamp,
        let position = positions[inputs[0].index], tasks[position].activation == nil,
        graph.rescaling(of: inputs[0]) != nil
      {
        let base = inputs[0].index
        tasks[position].activation = index
        tasks[position].keepsResult = uses[base] > 1
        tasks[position].isStreaming =
          uses[base] - wanted[base, default: 0] == 1 && bytes >= streamedBytes
      } else {
        positions[index] = tasks.count
        tasks.append(PlanTask(index: index))
      }
    }
    return tasks
  }

  /// Prepares the computation of the node and its activation, if it has one here.
  func rescalingKernel(in graph: Graph) -> (any Kernel)? {
    guard let activation, let unary = graph.nodes[activation].operation as? Unary,
      let rescaling = graph.rescaling(of: Value(index: index))
    else { return nil }
    return Kernels.rescalingKernel(
      rescaling, shape: graph.nodes[index].type.shape, activation: unary.function,
      keepsResult: keepsResult, isStreaming: isStreaming)
  }
}

extension Graph {
  /// What the operation behind a value adds to its first input, if a kernel may go on with an
  /// activation.
  fileprivate func rescaling(of value: Value) -> Rescaling? {
    guard case .operation(let operation, let inputs) = self[value].source else { return nil }
    if let scaling = operation as? ScaleAndShift {
      return scaling.activation == nil ? .scaleAndShift : nil
    }
    guard let sum = operation as? Binary, sum.function == .add,
      inputs.allSatisfy({ shape($0) == shape(value) })
    else { return nil }
    return .sum
  }
}
