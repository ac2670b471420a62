internal import COneDNN
import Tensors

/// How an array of floats lies in memory, in oneDNN's words.
final class MemoryDescriptor: @unchecked Sendable {
  // Sendable: a descriptor is never written after its creation.

  let handle: dnnl_memory_desc_t

  /// Describes an array whose neighbours along each axis are `strides` elements apart.
  init(axes: [Int], strides: [Int]) throws(PhospheneError) {
    try MemoryDescriptor.requireCountable(axes)
    var handle: dnnl_memory_desc_t?
    try check(
      dnnl_memory_desc_create_with_strides(
        &handle, Int32(axes.count), axes.map(Int64.init), dnnl_f32, strides.map(Int64.init)),
      "describe an array")
    guard let handle else { throw .internalFailure("oneDNN gave no memory descriptor") }
    self.handle = handle
  }

  /// Describes an array whose order in memory oneDNN chooses.
  init(anyOrder axes: [Int]) throws(PhospheneError) {
    try MemoryDescriptor.requireCountable(axes)
    var handle: dnnl_memory_desc_t?
    try check(
      dnnl_memory_desc_create_with_tag(
        &handle, Int32(axes.count), axes.map(Int64.init), dnnl_f32, dnnl_format_tag_any),
      "describe an array")
    guard let handle else { throw .internalFailure("oneDNN gave no memory descriptor") }
    self.handle = handle
  }

  /// Describes a dense row-major array.
  convenience init(_ shape: Shape) throws(PhospheneError) {
    try self.init(axes: shape.axes, strides: shape.strides)
  }

  /// Copies a descriptor that oneDNN owns.
  init(copying other: const_dnnl_memory_desc_t) throws(PhospheneError) {
    var handle: dnnl_memory_desc_t?
    try check(dnnl_memory_desc_clone(&handle, other), "copy a memory descriptor")
    guard let handle else { throw .internalFailure("oneDNN gave no memory descriptor") }
    self.handle = handle
  }

  deinit { dnnl_memory_desc_destroy(handle) }

  /// Refuses axes that oneDNN can't count along.
  ///
  /// It keeps the lengths of matrices and images in 32 bits, and divides by what is left of longer
  /// ones. Plain rows it counts in 64 bits.
  private static func requireCountable(_ axes: [Int]) throws(PhospheneError) {
    guard axes.count < 2 || axes.allSatisfy({ $0 <= Int(Int32.max) }) else {
      throw .unsupported(
        "an array of shape \(Shape(axes)) has an axis of more than \(Int32.max) elements: choose a "
          + "smaller batch or picture")
    }
  }

  /// The bytes that an array of this description takes.
  var byteCount: Int { dnnl_memory_desc_get_size(handle) }

  /// Whether two descriptors describe the same order of the same elements.
  func isSame(as other: MemoryDescriptor) -> Bool {
    dnnl_memory_desc_equal(handle, other.handle) == 1
  }

  /// Everything that tells this order from others, or `nil` if it isn't made of blocks.
  ///
  /// Two kernels that ask for the same order give the same text, and may share a packed copy.
  var key: String? {
    var kind = dnnl_format_kind_undef
    guard dnnl_memory_desc_query(handle, dnnl_query_format_kind, &kind) == dnnl_success,
      kind == dnnl_blocked
    else { return nil }
    var (rank, blockCount) = (Int32(0), Int32(0))
    dnnl_memory_desc_query(handle, dnnl_query_ndims_s32, &rank)
    dnnl_memory_desc_query(handle, dnnl_query_inner_nblks_s32, &blockCount)
    func list(_ query: dnnl_query_t, _ count: Int32) -> String {
      var values: UnsafePointer<Int64>?
      dnnl_memory_desc_query(handle, query, &values)
      let buffer = UnsafeBufferPointer(start: values, count: values == nil ? 0 : Int(count))
      return buffer.map(String.init).joined(separator: ",")
    }
    return "f32 dims \(list(dnnl_query_dims, rank))"
      + " padded \(list(dnnl_query_padded_dims, rank))"
      + " strides \(list(dnnl_query_strides, rank))"
      + " blocks \(list(dnnl_query_inner_blks, blockCount))"
      + " of \(list(dnnl_query_inner_idxs, blockCount)) in \(byteCount) bytes"
  }
}
