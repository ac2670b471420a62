/// What one element of an array is; raw values are those of the C ABI's `PH_FLOAT32` and friends.
public enum DataType: Int32, Hashable, Sendable {
  /// 32-bit float, the type that the engine computes with.
  case float32 = 1
  /// 32-bit signed integer.
  case int32 = 2
  /// One byte, zero or one.
  case bool = 3
  /// 16-bit IEEE float, for storage.
  case float16 = 4
  /// The upper half of a 32-bit float, for storage.
  case bfloat16 = 5
  /// 8-bit signed integer, for storage.
  case int8 = 6
  /// 8-bit unsigned integer, for pictures.
  case uint8 = 7

  /// The number of bytes of one element.
  public var byteCount: Int {
    switch self {
    case .float32, .int32: 4
    case .float16, .bfloat16: 2
    case .bool, .int8, .uint8: 1
    }
  }
}

/// Shape and element type of a value: what is known of an array before it is computed.
public struct TensorType: Hashable, Sendable, CustomStringConvertible {
  /// The lengths of the axes.
  public let shape: Shape
  /// The type of the elements.
  public let dataType: DataType

  /// Creates a type, of 32-bit floats unless said otherwise.
  public init(_ shape: Shape, _ dataType: DataType = .float32) {
    self.shape = shape
    self.dataType = dataType
  }

  /// The number of bytes of a dense array of this type.
  public var byteCount: Int { shape.elementCount * dataType.byteCount }

  /// Element type and shape, such as `float32 (1, 224, 224, 3)`.
  public var description: String { "\(dataType) \(shape)" }
}

/// How the elements of a value lie in memory.
///
/// Values that a caller reads are always dense. A kernel may ask for a constant input in an order
/// of its own; the plan keeps that copy under the key by which the kernel names the order.
public enum Layout: Hashable, Sendable {
  /// Row-major, last axis fastest, no gaps.
  case dense
  /// The same with elements of which only the upper halves are stored, as they are.
  case halves
  /// An order that only kernels which name the same key can read, and its size.
  case packed(key: String, byteCount: Int)
}
