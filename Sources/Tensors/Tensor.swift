/// An immutable dense row-major array.
///
/// Several tensors may share one ``Storage``: weights stay where a file was mapped.
public struct Tensor: Sendable {
  /// Shape and element type.
  public let type: TensorType
  /// The memory that holds the elements.
  public let storage: Storage
  /// Where the first element lies in the storage.
  public let byteOffset: Int

  /// The lengths of the axes.
  public var shape: Shape { type.shape }
  /// The first element.
  public var start: UnsafeMutableRawPointer { storage.start + byteOffset }

  /// Creates a tensor over bytes that exist.
  ///
  /// - Precondition: the storage holds `type.byteCount` bytes from `byteOffset` on.
  public init(_ type: TensorType, storage: Storage, byteOffset: Int = 0) {
    precondition(
      byteOffset >= 0 && byteOffset + type.byteCount <= storage.byteCount,
      "\(type) doesn't fit into \(storage.byteCount) bytes from \(byteOffset)")
    self.type = type
    self.storage = storage
    self.byteOffset = byteOffset
  }

  /// Creates a float tensor whose elements `fill` writes; they are zero before.
  public init(
    _ shape: Shape, fill: (UnsafeMutableBufferPointer<Float>) -> Void
  ) throws(PhospheneError) {
    let storage = try Storage(byteCount: shape.elementCount * 4)
    fill(
      UnsafeMutableBufferPointer(
        start: storage.start.assumingMemoryBound(to: Float.self), count: shape.elementCount))
    self.init(TensorType(shape), storage: storage)
  }

  /// Creates a float tensor from its elements.
  ///
  /// - Precondition: `elements.count == shape.elementCount`.
  public init(_ shape: Shape, _ elements: [Float]) throws(PhospheneError) {
    precondition(elements.count == shape.elementCount, "\(elements.count) elements for \(shape)")
    try self.init(shape) { _ = $0.update(fromContentsOf: elements) }
  }

  /// Creates a float tensor of equal elements.
  public init(_ shape: Shape, repeating element: Float) throws(PhospheneError) {
    try self.init(shape) { $0.update(repeating: element) }
  }

  /// Creates a tensor of shape `()`.
  public init(scalar: Float) throws(PhospheneError) { try self.init([], [scalar]) }

  /// The elements, for reading.
  ///
  /// - Precondition: the element type is `float32`.
  public var floats: UnsafeBufferPointer<Float> {
    precondition(type.dataType == .float32, "\(type) doesn't hold floats")
    return UnsafeBufferPointer(
      start: start.assumingMemoryBound(to: Float.self), count: shape.elementCount)
  }

  /// A copy of the elements.
  ///
  /// - Precondition: the element type is `float32`.
  public var elements: [Float] { withExtendedLifetime(storage) { Array(floats) } }

  /// The same elements under another shape.
  ///
  /// - Precondition: the number of elements is the same.
  public func reshaped(to shape: Shape) -> Tensor {
    precondition(shape.elementCount == self.shape.elementCount, "\(self.shape) to \(shape)")
    return Tensor(TensorType(shape, type.dataType), storage: storage, byteOffset: byteOffset)
  }
}

extension UnsafeBufferPointer<Float> {
  /// Whether no element is a NaN or an infinity.
  ///
  /// The sum of `x - x` is zero for finite numbers only, and needs no branch for each element.
  public var allAreFinite: Bool {
    var sums = SIMD8<Float>(repeating: 0)
    let whole = count & ~7
    for index in stride(from: 0, to: whole, by: 8) {
      let part = UnsafeRawPointer(baseAddress.unsafelyUnwrapped + index)
        .loadUnaligned(as: SIMD8<Float>.self)
      sums += part - part
    }
    var sum = sums.sum()
    for index in whole..<count { sum += self[index] - self[index] }
    return sum == 0
  }
}
