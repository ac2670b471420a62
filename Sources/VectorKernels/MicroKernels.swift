// The innermost loops of a matrix product, with as many sums as the registers hold.
//
// They are written out because the compiler keeps named variables in registers, not elements of an
// array.

#if WIDE
  /// The filters of one block: four registers of AVX-512.
  let filterBlock = 64

  /// Six rows times 64 columns: `c[r, j] = sum over k of a[r, k] * b[k, j]`.
  ///
  /// 24 sums stay in registers while the two matrices stream by; `write` gets row, column and sixteen
  /// of them at a time.
  @inline(__always) func multiplySixRows(
    _ depth: Int, _ a: UnsafePointer<Float>, _ aStep: Int, _ b: UnsafePointer<Float>,
    _ write: (Int, Int, Lanes) -> Void
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
    write(0, 0, c00)
    write(0, 16, c01)
    write(0, 32, c02)
    write(0, 48, c03)
    write(1, 0, c10)
    write(1, 16, c11)
    write(1, 32, c12)
    write(1, 48, c13)
    write(2, 0, c20)
    write(2, 16, c21)
    write(2, 32, c22)
    write(2, 48, c23)
    write(3, 0, c30)
    write(3, 16, c31)
    write(3, 32, c32)
    write(3, 48, c33)
    write(4, 0, c40)
    write(4, 16, c41)
    write(4, 32, c42)
    write(4, 48, c43)
    write(5, 0, c50)
    write(5, 16, c51)
    write(5, 32, c52)
    write(5, 48, c53)
  }

  /// Twelve rows times 32 columns, as ``multiplySixRows(_:_:_:_:_:)``.
  @inline(__always) func multiplyTwelveRows(
    _ depth: Int, _ a: UnsafePointer<Float>, _ aStep: Int, _ b: UnsafePointer<Float>,
    _ write: (Int, Int, Lanes) -> Void
  ) {
    var b = b
    var c0l = Lanes(), c0h = Lanes()
    var c1l = Lanes(), c1h = Lanes()
    var c2l = Lanes(), c2h = Lanes()
    var c3l = Lanes(), c3h = Lanes()
    var c4l = Lanes(), c4h = Lanes()
    var c5l = Lanes(), c5h = Lanes()
    var c6l = Lanes(), c6h = Lanes()
    var c7l = Lanes(), c7h = Lanes()
    var c8l = Lanes(), c8h = Lanes()
    var c9l = Lanes(), c9h = Lanes()
    var c10l = Lanes(), c10h = Lanes()
    var c11l = Lanes(), c11h = Lanes()
    let a0 = a
    let a1 = a0 + aStep
    let a2 = a1 + aStep
    let a3 = a2 + aStep
    let a4 = a3 + aStep
    let a5 = a4 + aStep
    let a6 = a5 + aStep
    let a7 = a6 + aStep
    let a8 = a7 + aStep
    let a9 = a8 + aStep
    let a10 = a9 + aStep
    let a11 = a10 + aStep
    for k in 0..<depth {
      let low = b.lanes(0)
      let high = b.lanes(16)
      b += 32
      let r0 = Lanes(repeating: a0[k])
      c0l.addProduct(r0, low)
      c0h.addProduct(r0, high)
      let r1 = Lanes(repeating: a1[k])
      c1l.addProduct(r1, low)
      c1h.addProduct(r1, high)
      let r2 = Lanes(repeating: a2[k])
      c2l.addProduct(r2, low)
      c2h.addProduct(r2, high)
      let r3 = Lanes(repeating: a3[k])
      c3l.addProduct(r3, low)
      c3h.addProduct(r3, high)
      let r4 = Lanes(repeating: a4[k])
      c4l.addProduct(r4, low)
      c4h.addProduct(r4, high)
      let r5 = Lanes(repeating: a5[k])
      c5l.addProduct(r5, low)
      c5h.addProduct(r5, high)
      let r6 = Lanes(repeating: a6[k])
      c6l.addProduct(r6, low)
      c6h.addProduct(r6, high)
      let r7 = Lanes(repeating: a7[k])
      c7l.addProduct(r7, low)
      c7h.addProduct(r7, high)
      let r8 = Lanes(repeating: a8[k])
      c8l.addProduct(r8, low)
      c8h.addProduct(r8, high)
      let r9 = Lanes(repeating: a9[k])
      c9l.addProduct(r9, low)
      c9h.addProduct(r9, high)
      let r10 = Lanes(repeating: a10[k])
      c10l.addProduct(r10, low)
      c10h.addProduct(r10, high)
      let r11 = Lanes(repeating: a11[k])
      c11l.addProduct(r11, low)
      c11h.addProduct(r11, high)
    }
    write(0, 0, c0l)
    write(0, 16, c0h)
    write(1, 0, c1l)
    write(1, 16, c1h)
    write(2, 0, c2l)
    write(2, 16, c2h)
    write(3, 0, c3l)
    write(3, 16, c3h)
    write(4, 0, c4l)
    write(4, 16, c4h)
    write(5, 0, c5l)
    write(5, 16, c5h)
    write(6, 0, c6l)
    write(6, 16, c6h)
    write(7, 0, c7l)
    write(7, 16, c7h)
    write(8, 0, c8l)
    write(8, 16, c8h)
    write(9, 0, c9l)
    write(9, 16, c9h)
    write(10, 0, c10l)
    write(10, 16, c10h)
    write(11, 0, c11l)
    write(11, 16, c11h)
  }
#else
  /// The filters of one block: two registers of AVX2.
  let filterBlock = 16

  /// Six rows times 16 columns: `c[r, j] = sum over k of a[r, k] * b[k, j]`.
  ///
  /// 6 sums stay in registers while the two matrices stream by; `write` gets row, column and sixteen
  /// of them at a time.
  @inline(__always) func multiplySixRows(
    _ depth: Int, _ a: UnsafePointer<Float>, _ aStep: Int, _ b: UnsafePointer<Float>,
    _ write: (Int, Int, Lanes) -> Void
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
    write(0, 0, c00)
    write(1, 0, c10)
    write(2, 0, c20)
    write(3, 0, c30)
    write(4, 0, c40)
    write(5, 0, c50)
  }
#endif
