internal import COneDNN
import Tensors

/// A kernel that hands its arguments to one primitive of oneDNN.
///
/// One input, the weights, may have to lie in an order of oneDNN's choice: a plan packs it once if
/// it is constant, otherwise every run packs it into scratch memory.
struct PrimitiveKernel: Kernel {
  let scratchByteCount: Int
  private let primitive: Primitive
  private let packing: Packing?
  private let finish: (@Sendable (Arguments) -> Void)?

  /// How the weights get into the order that the primitive reads.
  private struct Packing {
    /// The operand, and its number among the kernel's inputs.
    let index: Int
    let isConstant: Bool
    let key: String
    let reorder: Reorder
  }

  /// Prepares a kernel.
  ///
  /// `weights` says which operand is a candidate for packing, and how it lies when dense; its
  /// number is also that of the kernel's input. `finish` does what remains with the output.
  init(
    _ descriptor: PrimitiveDescriptor, operands: [Primitive.Operand],
    weights: (index: Int, dense: MemoryDescriptor, isConstant: Bool)? = nil,
    finish: (@Sendable (Arguments) -> Void)? = nil
  ) throws(PhospheneError) {
    primitive = try Primitive(descriptor, operands: operands)
    self.finish = finish
    var bytes = primitive.scratchByteCount
    if let weights, !operands[weights.index].descriptor.isSame(as: weights.dense) {
      let packed = operands[weights.index].descriptor
      guard let key = packed.key else {
        throw .internalFailure("oneDNN asks for weights in an order that has no description")
      }
      let reorder = try Reorder(from: weights.dense, to: packed)
      packing = Packing(
        index: weights.index, isConstant: weights.isConstant, key: key, reorder: reorder)
      if !weights.isConstant {
        bytes += ((packed.byteCount + 63) & ~63) + reorder.scratchByteCount
      }
    } else {
      packing = nil
    }
    scratchByteCount = bytes
  }

  func layout(ofInput index: Int) -> Layout {
    guard let packing, packing.isConstant, packing.index == index else { return .dense }
    return .packed(key: packing.key, byteCount: packing.reorder.byteCount)
  }

  func pack(
    input index: Int, from dense: UnsafeRawPointer, into packed: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    guard let packing, packing.index == index else {
      preconditionFailure("input \(index) is read as it is")
    }
    let scratch = UnsafeMutableRawPointer.allocate(
      byteCount: max(packing.reorder.scratchByteCount, 1), alignment: 64)
    defer { scratch.deallocate() }
    try packing.reorder.run(from: dense, to: packed, scratch: scratch)
  }

  func run(
    _ arguments: Arguments, scratch: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    if let packing, !packing.isConstant {
      let packed = scratch + primitive.scratchByteCount
      let rest = packed + ((packing.reorder.byteCount + 63) & ~63)
      try packing.reorder.run(from: arguments.bytes(packing.index), to: packed, scratch: rest)
      try primitive.run(arguments, except: (packing.index, packed), scratch: scratch)
    } else {
      try primitive.run(arguments, scratch: scratch)
    }
    finish?(arguments)
  }
}

/// A copy of an array into another order.
struct Reorder: Sendable {
  /// The size of the copy.
  let byteCount: Int
  private let primitive: Primitive

  /// Prepares the copy between two descriptions of the same axes.
  init(from source: MemoryDescriptor, to target: MemoryDescriptor) throws(PhospheneError) {
    let descriptor = try PrimitiveDescriptor { handle, engine, attributes in
      dnnl_reorder_primitive_desc_create(
        &handle, source.handle, engine, target.handle, engine, attributes)
    }
    guard let descriptor else {
      throw .internalFailure("oneDNN can't bring weights into the order that it asks for")
    }
    byteCount = target.byteCount
    primitive = try Primitive(
      descriptor,
      operands: [
        Primitive.Operand(role: DNNL_ARG_SRC, descriptor: source, argument: 0),
        Primitive.Operand(role: DNNL_ARG_DST, descriptor: target, argument: 1),
      ])
  }

  /// The scratch memory of one run.
  var scratchByteCount: Int { primitive.scratchByteCount }

  /// Copies an array.
  func run(
    from source: UnsafeRawPointer, to target: UnsafeMutableRawPointer,
    scratch: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    let pointers = [UnsafeMutableRawPointer(mutating: source), target]
    try pointers.withUnsafeBufferPointer { buffer throws(PhospheneError) in
      guard let start = buffer.baseAddress else { return }
      try primitive.run(Arguments(start), scratch: scratch)
    }
  }
}
