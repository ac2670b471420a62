// Compiled in Embedded Swift, once for each level of the instruction set: no runtime, no classes,
// no allocation. The package's other modules never import it.

/// Sixteen neighbouring floats: one register with AVX-512, two with AVX2.
typealias Lanes = SIMD16<Float>

extension UnsafePointer<Float> {
  @inline(__always) func lanes(_ index: Int) -> Lanes {
    UnsafeRawPointer(self + index).loadUnaligned(as: Lanes.self)
  }
}

extension UnsafeMutablePointer<Float> {
  @inline(__always) func store(_ lanes: Lanes, _ index: Int) {
    UnsafeMutableRawPointer(self + index).storeBytes(of: lanes, as: Lanes.self)
  }
}
