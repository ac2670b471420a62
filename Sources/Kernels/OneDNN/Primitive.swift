internal import COneDNN
import Tensors

/// What oneDNN would do: an operation with all its settings and the implementation chosen.
final class PrimitiveDescriptor {
  let handle: dnnl_primitive_desc_t

  /// Asks oneDNN for an implementation; `nil` if it has none.
  ///
  /// `create` calls one of the `dnnl_…_primitive_desc_create` functions.
  init?(
    fusing activation: UnaryFunction? = nil,
    create: (
      _ descriptor: inout dnnl_primitive_desc_t?, _ engine: dnnl_engine_t,
      _ attributes: dnnl_primitive_attr_t?
    ) -> dnnl_status_t
  ) throws(PhospheneError) {
    let engine = try Engine.shared()
    var (attributes, operations): (dnnl_primitive_attr_t?, dnnl_post_ops_t?) = (nil, nil)
    try check(dnnl_primitive_attr_create(&attributes), "create attributes")
    defer {
      dnnl_primitive_attr_destroy(attributes)
      dnnl_post_ops_destroy(operations)
    }
    // The scratch memory is the caller's: only so may several threads run one primitive.
    try check(
      dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user),
      "set the scratchpad mode")
    if let activation = activation?.eltwise {
      try check(dnnl_post_ops_create(&operations), "create post-operations")
      try check(
        dnnl_post_ops_append_eltwise(
          operations, activation.algorithm, activation.alpha, activation.beta),
        "append a post-operation")
      try check(dnnl_primitive_attr_set_post_ops(attributes, operations), "set post-operations")
    }
    var handle: dnnl_primitive_desc_t?
    let status = create(&handle, engine.handle, attributes)
    guard try isImplemented(status, "describe a primitive"), let handle else { return nil }
    self.handle = handle
  }

  deinit { dnnl_primitive_desc_destroy(handle) }

  /// The order that the implementation wants an argument in.
  func memory(_ query: dnnl_query_t) throws(PhospheneError) -> MemoryDescriptor {
    guard let descriptor = dnnl_primitive_desc_query_md(handle, query, 0) else {
      throw .internalFailure("oneDNN has no memory descriptor for query \(query.rawValue)")
    }
    return try MemoryDescriptor(copying: descriptor)
  }
}

/// An operation of oneDNN, compiled and ready to run.
final class Primitive: @unchecked Sendable {
  // Sendable: a primitive isn't written after its creation, and oneDNN lets several threads
  // execute one at the same time as long as each brings its own scratchpad, memory objects and
  // stream, which `run` makes for every call.

  /// One array that an operation reads or writes, under oneDNN's number for its role.
  struct Operand {
    let role: Int32
    let descriptor: MemoryDescriptor
    /// Its number among the arguments of the kernel.
    let argument: Int
  }

  /// The bytes of scratch memory of one run.
  let scratchByteCount: Int
  private let handle: dnnl_primitive_t
  private let scratch: MemoryDescriptor?

  /// Compiles an operation.
  init(_ descriptor: PrimitiveDescriptor) throws(PhospheneError) {
    var handle: dnnl_primitive_t?
    try check(dnnl_primitive_create(&handle, descriptor.handle), "create a primitive")
    guard let handle else { throw .internalFailure("oneDNN gave no primitive") }
    self.handle = handle
    if let scratchpad = dnnl_primitive_desc_query_md(
      descriptor.handle, dnnl_query_scratchpad_md, 0), dnnl_memory_desc_get_size(scratchpad) > 0
    {
      let scratch = try MemoryDescriptor(copying: scratchpad)
      self.scratch = scratch
      scratchByteCount = (scratch.byteCount + 63) & ~63
    } else {
      scratch = nil
      scratchByteCount = 0
    }
  }

  deinit { dnnl_primitive_destroy(handle) }

  /// Runs the operation on the calling thread and OpenMP's.
  func run(
    _ operands: [Operand], _ pointers: [UnsafeMutableRawPointer], scratch: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    Threads.noteUse()
    let engine = try Engine.shared().handle
    var arguments: [dnnl_exec_arg_t] = []
    arguments.reserveCapacity(operands.count + 1)
    defer { for argument in arguments { dnnl_memory_destroy(argument.memory) } }
    for (operand, pointer) in zip(operands, pointers) {
      var memory: dnnl_memory_t?
      try check(
        dnnl_memory_create(&memory, operand.descriptor.handle, engine, pointer), "wrap an array")
      arguments.append(dnnl_exec_arg_t(arg: operand.role, memory: memory))
    }
    if let descriptor = self.scratch {
      var memory: dnnl_memory_t?
      try check(
        dnnl_memory_create(&memory, descriptor.handle, engine, scratch), "wrap scratch memory")
      arguments.append(dnnl_exec_arg_t(arg: DNNL_ARG_SCRATCHPAD, memory: memory))
    }
    var stream: dnnl_stream_t?
    try check(
      dnnl_stream_create(&stream, engine, dnnl_stream_default_flags.rawValue), "create a stream")
    defer { dnnl_stream_destroy(stream) }
    try check(
      dnnl_primitive_execute(handle, stream, Int32(arguments.count), arguments),
      "execute a primitive")
  }
}
