public import Tensors

extension Graph {
  /// Returns what a value is, if it follows from constants alone and neither it nor what it is
  /// computed from has more than `limit` elements; otherwise `nil`.
  ///
  /// Shapes that a network computes with are such values: the lengths are known, since a graph's
  /// are.
  public func knownTensor(
    of value: Value, limit: Int = 64
  ) throws(PhospheneError) -> Tensor? {
    var pending = [value]
    var needed: Set<Value> = []
    while let next = pending.popLast() {
      guard needed.insert(next).inserted else { continue }
      guard shape(next).elementCount <= limit else { return nil }
      switch self[next].source {
      case .input: return nil
      case .constant: break
      case .operation(_, let inputs): pending += inputs
      }
    }
    let folder = ConstantFolder(pool: ConstantPool(weights: []))
    var tensors: [Value: Tensor] = [:]
    for next in needed.sorted(by: { $0.index < $1.index }) {
      switch self[next].source {
      case .input: return nil
      case .constant(let tensor): tensors[next] = tensor
      case .operation(let operation, let inputs):
        tensors[next] = try folder.evaluate(operation, on: inputs.compactMap { tensors[$0] })
      }
    }
    return tensors[value]
  }
}
