// The innermost loops of a matrix product, with as many sums as the registers hold.
//
// They are written out because the compiler keeps named variables in registers, not elements of an
// array.

#if WIDE
  /// The filters of one block: four registers of AVX-512.
  let filterBlock = 64

  /// Six rows times 64 columns: `c[r, j] = sum over k of a[r, k] * b[k, j]`.
  ///
  /// 24 sums stay in registers while the two matrices stream by.
  @inline(__always) func multiplySixRows(
    _ depth: Int, _ a: UnsafePointer<Float>, _ aStep: Int, _ b: UnsafePointer<Float>,
    _ c: UnsafeMutablePointer<Float>
  ) {
    var b = b
    var c00 = Lanes(), c01 = Lanes(), c02 = Lanes(), c03 = Lanes()
    var c10 = Lanes(), c11 = Lanes(), c12 = Lanes(), c13 = Lanes()
    var c20 = Lanes(), c21 = Lanes(), c22 = Lanes(), c23 = Lanes()
    var c30 = Lanes(), c31 = Lanes(), c32 = Lanes(), c33 = Lanes()
    var c40 = Lanes(), c41 = Lanes(), c42 = Lanes(), c43 = Lanes()
    var c50 = Lanes(), c51 = Lanes(), c52 = Lanes(), c53 = Lanes()
    let a0 = a
    let a1 = a0 + aStep
    let a2 = a1 + aStep
    let a3 = a2 + aStep
    let a4 = a3 + aStep
    let a5 = a4 + aStep
    for k in 0..<depth {
      let b0 = b.lanes(0)
      let b1 = b.lanes(16)
      let b2 = b.lanes(32)
      let b3 = b.lanes(48)
      b += filterBlock
      let r0 = Lanes(repeating: a0[k])
      c00.addProduct(r0, b0)
      c01.addProduct(r0, b1)
      c02.addProduct(r0, b2)
      c03.addProduct(r0, b3)
      let r1 = Lanes(repeating: a1[k])
      c10.addProduct(r1, b0)
      c11.addProduct(r1, b1)
      c12.addProduct(r1, b2)
      c13.addProduct(r1, b3)
      let r2 = Lanes(repeating: a2[k])
      c20.addProduct(r2, b0)
      c21.addProduct(r2, b1)
      c22.addProduct(r2, b2)
      c23.addProduct(r2, b3)
      let r3 = Lanes(repeating: a3[k])
      c30.addProduct(r3, b0)
      c31.addProduct(r3, b1)
      c32.addProduct(r3, b2)
      c33.addProduct(r3, b3)
      let r4 = Lanes(repeating: a4[k])
      c40.addProduct(r4, b0)
      c41.addProduct(r4, b1)
      c42.addProduct(r4, b2)
      c43.addProduct(r4, b3)
      let r5 = Lanes(repeating: a5[k])
      c50.addProduct(r5, b0)
      c51.addProduct(r5, b1)
      c52.addProduct(r5, b2)
      c53.addProduct(r5, b3)
    }
    c.store(c00, 0 * filterBlock + 0)
    c.store(c01, 0 * filterBlock + 16)
    c.store(c02, 0 * filterBlock + 32)
    c.store(c03, 0 * filterBlock + 48)
    c.store(c10, 1 * filterBlock + 0)
    c.store(c11, 1 * filterBlock + 16)
    c.store(c12, 1 * filterBlock + 32)
    c.store(c13, 1 * filterBlock + 48)
    c.store(c20, 2 * filterBlock + 0)
    c.store(c21, 2 * filterBlock + 16)
    c.store(c22, 2 * filterBlock + 32)
    c.store(c23, 2 * filterBlock + 48)
    c.store(c30, 3 * filterBlock + 0)
    c.store(c31, 3 * filterBlock + 16)
    c.store(c32, 3 * filterBlock + 32)
    c.store(c33, 3 * filterBlock + 48)
    c.store(c40, 4 * filterBlock + 0)
    c.store(c41, 4 * filterBlock + 16)
    c.store(c42, 4 * filterBlock + 32)
    c.store(c43, 4 * filterBlock + 48)
    c.store(c50, 5 * filterBlock + 0)
    c.store(c51, 5 * filterBlock + 16)
    c.store(c52, 5 * filterBlock + 32)
    c.store(c53, 5 * filterBlock + 48)
  }
#else
  /// The filters of one block: two registers of AVX2.
  let filterBlock = 16

  /// Six rows times 16 columns: `c[r, j] = sum over k of a[r, k] * b[k, j]`.
  ///
  /// 6 sums stay in registers while the two matrices stream by.
  @inline(__always) func multiplySixRows(
    _ depth: Int, _ a: UnsafePointer<Float>, _ aStep: Int, _ b: UnsafePointer<Float>,
    _ c: UnsafeMutablePointer<Float>
  ) {
    var b = b
    var c00 = Lanes()
    var c10 = Lanes()
    var c20 = Lanes()
    var c30 = Lanes()
    var c40 = Lanes()
    var c50 = Lanes()
    let a0 = a
    let a1 = a0 + aStep
    let a2 = a1 + aStep
    let a3 = a2 + aStep
    let a4 = a3 + aStep
    let a5 = a4 + aStep
    for k in 0..<depth {
      let b0 = b.lanes(0)
      b += filterBlock
      let r0 = Lanes(repeating: a0[k])
      c00.addProduct(r0, b0)
      let r1 = Lanes(repeating: a1[k])
      c10.addProduct(r1, b0)
      let r2 = Lanes(repeating: a2[k])
      c20.addProduct(r2, b0)
      let r3 = Lanes(repeating: a3[k])
      c30.addProduct(r3, b0)
      let r4 = Lanes(repeating: a4[k])
      c40.addProduct(r4, b0)
      let r5 = Lanes(repeating: a5[k])
      c50.addProduct(r5, b0)
    }
    c.store(c00, 0 * filterBlock + 0)
    c.store(c10, 1 * filterBlock + 0)
    c.store(c20, 2 * filterBlock + 0)
    c.store(c30, 3 * filterBlock + 0)
    c.store(c40, 4 * filterBlock + 0)
    c.store(c50, 5 * filterBlock + 0)
  }
#endif
