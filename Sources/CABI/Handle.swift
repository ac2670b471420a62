import Glibc
import Tensors

/// The object behind an opaque C pointer.
final class Handle<Value: Sendable>: Sendable {
  let value: Value

  private init(_ value: Value) { self.value = value }

  /// Returns a pointer that owns `value` until ``destroy(_:)``.
  static func create(_ value: Value) -> OpaquePointer {
    OpaquePointer(Unmanaged.passRetained(Handle(value)).toOpaque())
  }

  /// Returns the value behind a borrowed pointer.
  static func value(_ pointer: OpaquePointer?, _ name: String) throws(PhospheneError) -> Value {
    let pointer = UnsafeRawPointer(try required(pointer, name))
    return Unmanaged<Handle>.fromOpaque(pointer).takeUnretainedValue().value
  }

  /// Gives up the pointer's ownership; `nil` is allowed.
  static func destroy(_ pointer: OpaquePointer?) {
    guard let pointer else { return }
    Unmanaged<Handle>.fromOpaque(UnsafeRawPointer(pointer)).release()
  }
}

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
