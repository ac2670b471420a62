import Glibc
import Tensors

/// A string in memory of its own, for callers who keep the pointer as long as its handle.
final class CText: @unchecked Sendable {
  // Sendable: written once, when it is made.
  let pointer: UnsafePointer<CChar>?

  init(_ text: String) { pointer = UnsafePointer(strdup(text)) }

  deinit { free(UnsafeMutablePointer(mutating: pointer)) }
}

/// A shape in memory of its own, as `int64_t`, for callers who keep the pointer.
final class CShape: @unchecked Sendable {
  // Sendable: written once, when it is made.
  let pointer: UnsafePointer<Int64>

  init(_ shape: Shape) {
    let lengths = UnsafeMutablePointer<Int64>.allocate(capacity: max(shape.rank, 1))
    lengths.initialize(repeating: 0, count: max(shape.rank, 1))
    for (axis, length) in shape.axes.enumerated() { lengths[axis] = Int64(length) }
    pointer = UnsafePointer(lengths)
  }

  deinit { pointer.deallocate() }
}
