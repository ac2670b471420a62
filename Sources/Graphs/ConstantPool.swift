import Kernels
import Synchronization
public import Tensors

/// What plans of one model share: the model's weights in the orders that kernels asked for, and
/// what was computed from weights alone.
///
/// Only what comes from the model's own tensors is kept; constants that one plan made for itself
/// go with that plan.
public final class ConstantPool: Sendable {
  private struct Source: Hashable, Sendable {
    let storage: ObjectIdentifier
    let byteOffset: Int
    let type: TensorType
  }

  private struct PackedKey: Hashable, Sendable {
    let source: Source
    let layout: Layout
  }

  private struct FoldedKey: Hashable, @unchecked Sendable {
    // Sendable: operations are, AnyHashable only forgets it.
    let operation: AnyHashable
    let sources: [Source]
  }

  private struct State {
    var lasting: [ObjectIdentifier: Storage] = [:]
    var packed: [PackedKey: Storage] = [:]
    var folded: [FoldedKey: Tensor] = [:]
    var finite: [Source: Bool] = [:]
    var remembered: [String: any Sendable] = [:]
  }

  private let state = Mutex(State())

  /// Creates a pool for a model's weights.
  public init(weights: some Sequence<Tensor>) {
    state.withLock { state in
      for weight in weights { state.lasting[ObjectIdentifier(weight.storage)] = weight.storage }
    }
  }

  /// The bytes that the pool keeps beside the weights themselves.
  public var byteCount: Int {
    state.withLock { state in
      state.packed.values.reduce(0) { $0 + $1.byteCount }
        + state.folded.values.reduce(0) { $0 + $1.type.byteCount }
    }
  }

  /// Returns a tensor's elements in a kernel's order.
  func packed(
    _ tensor: Tensor, as layout: Layout, make: () throws(PhospheneError) -> Storage
  ) throws(PhospheneError) -> Storage {
    let key = PackedKey(source: source(of: tensor), layout: layout)
    let (found, lasts) = state.withLock { state in
      (state.packed[key], state.lasting[key.source.storage] != nil)
    }
    if let found { return found }
    let storage = try make()
    if lasts {
      state.withLock { $0.packed[key] = storage }
      // Nobody reads the dense weights any more, as a rule.
      tensor.storage.releasePages(
        tensor.byteOffset..<tensor.byteOffset + tensor.type.byteCount)
    }
    return storage
  }

  /// Returns a tensor of halves as whole floats.
  func widened(_ tensor: Tensor) throws(PhospheneError) -> Tensor {
    guard tensor.isHalf else { return tensor }
    let layout = Layout.packed(key: "float32", byteCount: tensor.valueType.byteCount)
    let storage = try packed(tensor, as: layout) { () throws(PhospheneError) in
      try tensor.widened().storage
    }
    return Tensor(tensor.valueType, storage: storage)
  }

  /// Returns an operation's result on constants.
  func folded(
    _ operation: any Operation, on inputs: [Tensor], make: () throws(PhospheneError) -> Tensor
  ) throws(PhospheneError) -> Tensor {
    let key = FoldedKey(operation: AnyHashable(operation), sources: inputs.map(source(of:)))
    let (found, lasts) = state.withLock { state in
      (state.folded[key], key.sources.allSatisfy { state.lasting[$0.storage] != nil })
    }
    if let found { return found }
    let tensor = try make()
    if lasts {
      state.withLock { state in
        state.folded[key] = tensor
        state.lasting[ObjectIdentifier(tensor.storage)] = tensor.storage
      }
    }
    return tensor
  }

  /// Returns what was computed of these constants under a name, the first time by computing it.
  public func remembered<Result: Sendable>(
    _ name: String, compute: () throws(PhospheneError) -> Result
  ) throws(PhospheneError) -> Result {
    if let known = state.withLock({ $0.remembered[name] }) as? Result { return known }
    let result = try compute()
    state.withLock { $0.remembered[name] = result }
    return result
  }

  /// Whether no element is a NaN or an infinity; looked up once for a weight.
  func isFinite(_ tensor: Tensor) -> Bool {
    let key = source(of: tensor)
    if let known = state.withLock({ $0.finite[key] }) { return known }
    let isFinite = tensor.isFinite
    state.withLock { state in
      if state.lasting[key.storage] != nil { state.finite[key] = isFinite }
    }
    return isFinite
  }

  private func source(of tensor: Tensor) -> Source {
    Source(
      storage: ObjectIdentifier(tensor.storage), byteOffset: tensor.byteOffset, type: tensor.type)
  }
}

/// Evaluates operations whose inputs are all constants.
struct ConstantFolder {
  let pool: ConstantPool

  func evaluate(
    _ operation: any Operation, on inputs: [Tensor]
  ) throws(PhospheneError) -> Tensor {
    let types = inputs.map(\.valueType)
    let output = try operation.outputType(for: types)
    if types.count == 1, let offset = operation.viewOffset(in: types[0]) {
      let input = inputs[0]
      return Tensor(
        TensorType(output.shape, input.type.dataType), storage: input.storage,
        byteOffset: input.byteOffset + (input.isHalf ? offset / 2 : offset))
    }
    return try pool.folded(operation, on: inputs) { () throws(PhospheneError) -> Tensor in
      let request = KernelRequest(
        inputs: types, output: output, isConstant: types.map { _ in false },
        isFinite: types.map { _ in false }, isHalf: types.map { _ in false })
      let kernel = try operation.kernel(for: request)
      let result = try Storage(byteCount: output.byteCount)
      let scratch = try Storage(byteCount: kernel.scratchByteCount)
      var wide: [Tensor] = []
      for input in inputs { wide.append(try input.widened()) }
      defer { withExtendedLifetime(wide) {} }
      let pointers = wide.map(\.start) + [result.start]
      try pointers.withUnsafeBufferPointer { buffer throws(PhospheneError) in
        guard let start = buffer.baseAddress else { return }
        try kernel.run(Arguments(start), scratch: scratch.start)
      }
      return Tensor(output, storage: result)
    }
  }
}
