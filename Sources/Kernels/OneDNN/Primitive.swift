internal import COneDNN
import Synchronization
import Tensors

/// What oneDNN would do: an operation with all its settings and the implementation chosen.
final class PrimitiveDescriptor {
  let handle: dnnl_primitive_desc_t
  /// Whether the operation reads an argument ``addendRole``.
  let hasAddend: Bool

  /// Asks oneDNN for an implementation; `nil` if it has none.
  ///
  /// The result has an array of the order of `addend` added, as the argument ``addendRole``, before
  /// the activation. `create` calls one of the `dnnl_…_primitive_desc_create` functions.
  init?(
    adding addend: MemoryDescriptor? = nil, fusing activation: UnaryFunction? = nil,
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
    if addend != nil || activation?.eltwise != nil {
      try check(dnnl_post_ops_create(&operations), "create post-operations")
      if let addend {
        try check(
          dnnl_post_ops_append_binary(operations, dnnl_binary_add, addend.handle),
          "append a sum")
      }
      if let activation = activation?.eltwise {
        try check(
          dnnl_post_ops_append_eltwise(
            operations, activation.algorithm, activation.alpha, activation.beta),
          "append an activation")
      }
      try check(dnnl_primitive_attr_set_post_ops(attributes, operations), "set post-operations")
    }
    var handle: dnnl_primitive_desc_t?
    let status = create(&handle, engine.handle, attributes)
    guard try isImplemented(status, "describe a primitive"), let handle else { return nil }
    self.handle = handle
    hasAddend = addend != nil
  }

  deinit { dnnl_primitive_desc_destroy(handle) }

  /// The name of the implementation.
  var implementation: String {
    var name: UnsafePointer<CChar>?
    let status = dnnl_primitive_desc_query(handle, dnnl_query_impl_info_str, 0, &name)
    guard status == dnnl_success, let name else { return "" }
    return String(cString: name)
  }

  /// oneDNN's number for what is added to a result: `DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) |
  /// DNNL_ARG_SRC_1`, macros that Swift can't read.
  static let addendRole: Int32 = DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE | DNNL_ARG_SRC_1

  /// The order that the implementation wants an argument in.
  func memory(_ query: dnnl_query_t) throws(PhospheneError) -> MemoryDescriptor {
    guard let descriptor = dnnl_primitive_desc_query_md(handle, query, 0) else {
      throw .internalFailure("oneDNN has no memory descriptor for query \(query.rawValue)")
    }
    return try MemoryDescriptor(copying: descriptor)
  }
}

/// An operation of oneDNN, compiled and ready to run.
final class Primitive: Sendable {
  /// One array that an operation reads or writes, under oneDNN's number for its role.
  struct Operand {
    let role: Int32
    let descriptor: MemoryDescriptor
    /// Its number among the arguments of the kernel.
    let argument: Int
  }

  /// The bytes of scratch memory of one run.
  let scratchByteCount: Int
  private let handle: Handle
  private let operands: [Operand]
  private let scratch: MemoryDescriptor?
  /// What earlier runs left for later ones: making it costs as much as a small kernel.
  private let idle = Mutex<[PrimitiveCall]>([])

  /// A primitive isn't written after its creation, and oneDNN lets several threads execute one at
  /// the same time as long as each brings its own scratchpad, memory objects and stream, which
  /// ``PrimitiveCall`` holds.
  private struct Handle: @unchecked Sendable {
    let primitive: dnnl_primitive_t
  }

  /// Compiles an operation on arrays that it takes in this order.
  init(
    _ descriptor: PrimitiveDescriptor, operands: [Operand]
  ) throws(PhospheneError) {
    self.operands = operands
    var handle: dnnl_primitive_t?
    try check(dnnl_primitive_create(&handle, descriptor.handle), "create a primitive")
    guard let handle else { throw .internalFailure("oneDNN gave no primitive") }
    self.handle = Handle(primitive: handle)
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

  deinit { dnnl_primitive_destroy(handle.primitive) }

  /// Runs the operation on the calling thread and OpenMP's.
  ///
  /// - Parameters:
  ///   - arguments: The arguments of the kernel, among which the operands are.
  ///   - exception: An operand that lies elsewhere.
  ///   - scratch: ``scratchByteCount`` bytes.
  /// - Throws: `internalFailure` or `outOfMemory` if oneDNN fails.
  func run(
    _ arguments: Arguments, except exception: (operand: Int, start: UnsafeMutableRawPointer)? = nil,
    scratch: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    Threads.noteUse()
    let call =
      if let call = idle.withLock({ $0.popLast() }) { call } else {
        try PrimitiveCall(operands, scratch: self.scratch)
      }
    for (index, operand) in operands.enumerated() {
      let isElsewhere = exception?.operand == index
      try call.point(
        index, to: (isElsewhere ? exception?.start : nil) ?? arguments.bytes(operand.argument))
    }
    if self.scratch != nil { try call.point(operands.count, to: scratch) }
    try call.execute(handle.primitive)
    idle.withLock { $0.append(call) }
  }
}

/// The objects that oneDNN wants for one run of a primitive at a time: a stream, and a memory object
/// for each array, which is pointed at another place where that has changed.
private final class PrimitiveCall: @unchecked Sendable {
  // Sendable: whoever takes it out of its primitive is its only user until it is put back.

  private var arguments: [dnnl_exec_arg_t] = []
  private var places: [UnsafeMutableRawPointer?] = []
  private var stream: dnnl_stream_t?

  init(
    _ operands: [Primitive.Operand], scratch: MemoryDescriptor?
  ) throws(PhospheneError) {
    let engine = try Engine.shared().handle
    try check(
      dnnl_stream_create(&stream, engine, dnnl_stream_default_flags.rawValue), "create a stream")
    for operand in operands { try add(operand.role, operand.descriptor, engine) }
    if let scratch { try add(DNNL_ARG_SCRATCHPAD, scratch, engine) }
  }

  deinit {
    for argument in arguments { dnnl_memory_destroy(argument.memory) }
    dnnl_stream_destroy(stream)
  }

  private func add(
    _ role: Int32, _ descriptor: MemoryDescriptor, _ engine: dnnl_engine_t
  ) throws(PhospheneError) {
    var memory: dnnl_memory_t?
    // Null: nothing is allocated, a place is set before each run.
    try check(dnnl_memory_create(&memory, descriptor.handle, engine, nil), "wrap an array")
    arguments.append(dnnl_exec_arg_t(arg: role, memory: memory))
    places.append(nil)
  }

  func point(_ index: Int, to place: UnsafeMutableRawPointer) throws(PhospheneError) {
    guard places[index] != place else { return }
    try check(dnnl_memory_set_data_handle(arguments[index].memory, place), "wrap an array")
    places[index] = place
  }

  func execute(_ primitive: dnnl_primitive_t) throws(PhospheneError) {
    try check(
      dnnl_primitive_execute(primitive, stream, Int32(arguments.count), arguments),
      "execute a primitive")
  }
}
