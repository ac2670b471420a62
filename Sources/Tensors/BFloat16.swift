extension Tensor {
  /// Whether the elements are floats of which only the upper halves are stored.
  public var isHalf: Bool { type.dataType == .bfloat16 }

  /// What the elements are to a computation: halves are floats there.
  public var valueType: TensorType { isHalf ? TensorType(shape) : type }

  /// The upper halves of the elements, each rounded to the nearest; to the even one of two.
  ///
  /// - Precondition: the element type is `float32`.
  public func roundedToHalves() throws(PhospheneError) -> Tensor {
    let type = TensorType(shape, .bfloat16)
    let halves = try Storage(byteCount: type.byteCount)
    let target = halves.start.assumingMemoryBound(to: UInt16.self)
    withExtendedLifetime(storage) {
      let source = UnsafeRawPointer(start)
      let (count, whole) = (shape.elementCount, shape.elementCount & ~7)
      for index in stride(from: 0, to: whole, by: 8) {
        let bits = source.loadUnaligned(fromByteOffset: 4 * index, as: SIMD8<UInt32>.self)
        let rounded = Tensor.rounded(bits)
        for lane in 0..<8 { target[index + lane] = UInt16(truncatingIfNeeded: rounded[lane]) }
      }
      for index in whole..<count {
        let bits = source.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
        target[index] = UInt16(truncatingIfNeeded: Tensor.rounded(SIMD8(repeating: bits))[0])
      }
    }
    return Tensor(type, storage: halves)
  }

  /// The same elements in memory of their own.
  public func copied() throws(PhospheneError) -> Tensor {
    let copy = try Storage(byteCount: type.byteCount)
    withExtendedLifetime(storage) {
      copy.start.copyMemory(from: start, byteCount: type.byteCount)
    }
    return Tensor(type, storage: copy)
  }

  /// The same elements as whole floats.
  public func widened() throws(PhospheneError) -> Tensor {
    guard isHalf else { return self }
    let source = start
    return try Tensor(shape) { elements in
      withExtendedLifetime(storage) {
        for index in elements.indices {
          let half = source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
          elements[index] = Float(bitPattern: UInt32(half) << 16)
        }
      }
    }
  }

  /// Whether no element is a NaN or an infinity.
  public var isFinite: Bool {
    withExtendedLifetime(storage) {
      switch type.dataType {
      case .float32: return floats.allAreFinite
      case .bfloat16:
        // Without a sign they are ordered as integers, the finite ones first.
        var (largest, index) = (SIMD16<Int16>(), 0)
        while index + 16 <= shape.elementCount {
          let halves = start.loadUnaligned(fromByteOffset: 2 * index, as: SIMD16<Int16>.self)
          let sizes = halves & 0x7fff
          largest.replace(with: sizes, where: sizes .> largest)
          index += 16
        }
        var size = largest.max()
        while index < shape.elementCount {
          size = max(size, start.loadUnaligned(fromByteOffset: 2 * index, as: Int16.self) & 0x7fff)
          index += 1
        }
        return size < 0x7f80
      default: return true
      }
    }
  }

  @inline(__always) private static func rounded(_ bits: SIMD8<UInt32>) -> SIMD8<UInt32> {
    let odd = (bits &>> 16) & 1
    let nearest = (bits &+ (odd &+ 0x7fff)) &>> 16
    // A NaN stays one, whatever its lower half is.
    let quiet = (bits &>> 16) | 0x40
    return nearest.replacing(with: quiet, where: (bits & 0x7fff_ffff) .> 0x7f80_0000)
  }
}
