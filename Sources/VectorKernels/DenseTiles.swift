// The innermost loops of products with a matrix that is read as it lies, written out for the number
// of registers that each level has.

#if WIDE
  /// The samples that meet four rows together.
  let dotSamples = 4
  /// The samples to whose sums four rows are added together.
  let combinedSamples = 4

  /// Four rows times up to four samples: `products[4 * sample + row]`.
  @inline(__always) func dotSome<Element: StoredElement>(
    _ element: Element.Type, _ columns: Int, _ x: UnsafePointer<Float>, _ step: Int, _ count: Int,
    _ w0: UnsafeRawPointer, _ w1: UnsafeRawPointer, _ w2: UnsafeRawPointer,
    _ w3: UnsafeRawPointer, _ products: UnsafeMutablePointer<Float>
  ) {
    var s00 = Lanes(), s01 = Lanes(), s02 = Lanes(), s03 = Lanes()
    var s10 = Lanes(), s11 = Lanes(), s12 = Lanes(), s13 = Lanes()
    var s20 = Lanes(), s21 = Lanes(), s22 = Lanes(), s23 = Lanes()
    var s30 = Lanes(), s31 = Lanes(), s32 = Lanes(), s33 = Lanes()
    let x0 = x
    let x1 = x + min(1, count - 1) * step
    let x2 = x + min(2, count - 1) * step
    let x3 = x + min(3, count - 1) * step
    var column = 0
    while column + 16 <= columns {
      let bytes = column * Element.byteCount
      let b0 = Element.lanes(w0 + bytes)
      let b1 = Element.lanes(w1 + bytes)
      let b2 = Element.lanes(w2 + bytes)
      let b3 = Element.lanes(w3 + bytes)
      let f0 = x0.lanes(column)
      s00.addProduct(f0, b0)
      s01.addProduct(f0, b1)
      s02.addProduct(f0, b2)
      s03.addProduct(f0, b3)
      let f1 = x1.lanes(column)
      s10.addProduct(f1, b0)
      s11.addProduct(f1, b1)
      s12.addProduct(f1, b2)
      s13.addProduct(f1, b3)
      let f2 = x2.lanes(column)
      s20.addProduct(f2, b0)
      s21.addProduct(f2, b1)
      s22.addProduct(f2, b2)
      s23.addProduct(f2, b3)
      let f3 = x3.lanes(column)
      s30.addProduct(f3, b0)
      s31.addProduct(f3, b1)
      s32.addProduct(f3, b2)
      s33.addProduct(f3, b3)
      column += 16
    }
    products[0] = s00.sum()
    products[1] = s01.sum()
    products[2] = s02.sum()
    products[3] = s03.sum()
    products[4] = s10.sum()
    products[5] = s11.sum()
    products[6] = s12.sum()
    products[7] = s13.sum()
    products[8] = s20.sum()
    products[9] = s21.sum()
    products[10] = s22.sum()
    products[11] = s23.sum()
    products[12] = s30.sum()
    products[13] = s31.sum()
    products[14] = s32.sum()
    products[15] = s33.sum()
    while column < columns {
      let bytes = column * Element.byteCount
      let b0 = Element.value(w0 + bytes)
      let b1 = Element.value(w1 + bytes)
      let b2 = Element.value(w2 + bytes)
      let b3 = Element.value(w3 + bytes)
      products[0].addProduct(x0[column], b0)
      products[1].addProduct(x0[column], b1)
      products[2].addProduct(x0[column], b2)
      products[3].addProduct(x0[column], b3)
      products[4].addProduct(x1[column], b0)
      products[5].addProduct(x1[column], b1)
      products[6].addProduct(x1[column], b2)
      products[7].addProduct(x1[column], b3)
      products[8].addProduct(x2[column], b0)
      products[9].addProduct(x2[column], b1)
      products[10].addProduct(x2[column], b2)
      products[11].addProduct(x2[column], b3)
      products[12].addProduct(x3[column], b0)
      products[13].addProduct(x3[column], b1)
      products[14].addProduct(x3[column], b2)
      products[15].addProduct(x3[column], b3)
      column += 1
    }
  }

  /// Adds four rows to the sums of four samples, each row times the sample's factor for it.
  ///
  /// - Returns: How many columns were computed, a multiple of sixteen.
  @inline(__always) func addFourRowsToSome<Element: StoredElement>(
    _ element: Element.Type, _ columns: Int, _ x: UnsafePointer<Float>, _ step: Int,
    _ rows: UnsafePointer<Int32>, _ w0: UnsafeRawPointer, _ w1: UnsafeRawPointer,
    _ w2: UnsafeRawPointer, _ w3: UnsafeRawPointer, _ sums: UnsafeMutablePointer<Float>,
    _ sumStep: Int
  ) -> Int {
    let (r0, r1, r2, r3) = (Int(rows[0]), Int(rows[1]), Int(rows[2]), Int(rows[3]))
    let x0 = x
    let f00 = Lanes(repeating: x0[r0])
    let f01 = Lanes(repeating: x0[r1])
    let f02 = Lanes(repeating: x0[r2])
    let f03 = Lanes(repeating: x0[r3])
    let y0 = sums
    let x1 = x + step
    let f10 = Lanes(repeating: x1[r0])
    let f11 = Lanes(repeating: x1[r1])
    let f12 = Lanes(repeating: x1[r2])
    let f13 = Lanes(repeating: x1[r3])
    let y1 = sums + sumStep
    let x2 = x + 2 * step
    let f20 = Lanes(repeating: x2[r0])
    let f21 = Lanes(repeating: x2[r1])
    let f22 = Lanes(repeating: x2[r2])
    let f23 = Lanes(repeating: x2[r3])
    let y2 = sums + 2 * sumStep
    let x3 = x + 3 * step
    let f30 = Lanes(repeating: x3[r0])
    let f31 = Lanes(repeating: x3[r1])
    let f32 = Lanes(repeating: x3[r2])
    let f33 = Lanes(repeating: x3[r3])
    let y3 = sums + 3 * sumStep
    var column = 0
    while column + 16 <= columns {
      let bytes = column * Element.byteCount
      let b0 = Element.lanes(w0 + bytes)
      let b1 = Element.lanes(w1 + bytes)
      let b2 = Element.lanes(w2 + bytes)
      let b3 = Element.lanes(w3 + bytes)
      var s0 = UnsafePointer(y0).lanes(column)
      var s1 = UnsafePointer(y1).lanes(column)
      var s2 = UnsafePointer(y2).lanes(column)
      var s3 = UnsafePointer(y3).lanes(column)
      s0.addProduct(f00, b0)
      s1.addProduct(f10, b0)
      s2.addProduct(f20, b0)
      s3.addProduct(f30, b0)
      s0.addProduct(f01, b1)
      s1.addProduct(f11, b1)
      s2.addProduct(f21, b1)
      s3.addProduct(f31, b1)
      s0.addProduct(f02, b2)
      s1.addProduct(f12, b2)
      s2.addProduct(f22, b2)
      s3.addProduct(f32, b2)
      s0.addProduct(f03, b3)
      s1.addProduct(f13, b3)
      s2.addProduct(f23, b3)
      s3.addProduct(f33, b3)
      y0.store(s0, column)
      y1.store(s1, column)
      y2.store(s2, column)
      y3.store(s3, column)
      column += 16
    }
    return column
  }
#else
  /// The samples that meet four rows together.
  let dotSamples = 1
  /// The samples to whose sums four rows are added together.
  let combinedSamples = 2

  /// Four rows times one sample: `products[row]`.
  @inline(__always) func dotSome<Element: StoredElement>(
    _ element: Element.Type, _ columns: Int, _ x: UnsafePointer<Float>, _ step: Int, _ count: Int,
    _ w0: UnsafeRawPointer, _ w1: UnsafeRawPointer, _ w2: UnsafeRawPointer,
    _ w3: UnsafeRawPointer, _ products: UnsafeMutablePointer<Float>
  ) {
    var s00 = Lanes(), s01 = Lanes(), s02 = Lanes(), s03 = Lanes()
    let x0 = x
    var column = 0
    while column + 16 <= columns {
      let bytes = column * Element.byteCount
      let b0 = Element.lanes(w0 + bytes)
      let b1 = Element.lanes(w1 + bytes)
      let b2 = Element.lanes(w2 + bytes)
      let b3 = Element.lanes(w3 + bytes)
      let f0 = x0.lanes(column)
      s00.addProduct(f0, b0)
      s01.addProduct(f0, b1)
      s02.addProduct(f0, b2)
      s03.addProduct(f0, b3)
      column += 16
    }
    products[0] = s00.sum()
    products[1] = s01.sum()
    products[2] = s02.sum()
    products[3] = s03.sum()
    while column < columns {
      let bytes = column * Element.byteCount
      let b0 = Element.value(w0 + bytes)
      let b1 = Element.value(w1 + bytes)
      let b2 = Element.value(w2 + bytes)
      let b3 = Element.value(w3 + bytes)
      products[0].addProduct(x0[column], b0)
      products[1].addProduct(x0[column], b1)
      products[2].addProduct(x0[column], b2)
      products[3].addProduct(x0[column], b3)
      column += 1
    }
  }

  /// Adds four rows to the sums of two samples, each row times the sample's factor for it.
  ///
  /// - Returns: How many columns were computed, a multiple of sixteen.
  @inline(__always) func addFourRowsToSome<Element: StoredElement>(
    _ element: Element.Type, _ columns: Int, _ x: UnsafePointer<Float>, _ step: Int,
    _ rows: UnsafePointer<Int32>, _ w0: UnsafeRawPointer, _ w1: UnsafeRawPointer,
    _ w2: UnsafeRawPointer, _ w3: UnsafeRawPointer, _ sums: UnsafeMutablePointer<Float>,
    _ sumStep: Int
  ) -> Int {
    let (r0, r1, r2, r3) = (Int(rows[0]), Int(rows[1]), Int(rows[2]), Int(rows[3]))
    let x0 = x
    let f00 = Lanes(repeating: x0[r0])
    let f01 = Lanes(repeating: x0[r1])
    let f02 = Lanes(repeating: x0[r2])
    let f03 = Lanes(repeating: x0[r3])
    let y0 = sums
    let x1 = x + step
    let f10 = Lanes(repeating: x1[r0])
    let f11 = Lanes(repeating: x1[r1])
    let f12 = Lanes(repeating: x1[r2])
    let f13 = Lanes(repeating: x1[r3])
    let y1 = sums + sumStep
    var column = 0
    while column + 16 <= columns {
      let bytes = column * Element.byteCount
      let b0 = Element.lanes(w0 + bytes)
      let b1 = Element.lanes(w1 + bytes)
      let b2 = Element.lanes(w2 + bytes)
      let b3 = Element.lanes(w3 + bytes)
      var s0 = UnsafePointer(y0).lanes(column)
      var s1 = UnsafePointer(y1).lanes(column)
      s0.addProduct(f00, b0)
      s1.addProduct(f10, b0)
      s0.addProduct(f01, b1)
      s1.addProduct(f11, b1)
      s0.addProduct(f02, b2)
      s1.addProduct(f12, b2)
      s0.addProduct(f03, b3)
      s1.addProduct(f13, b3)
      y0.store(s0, column)
      y1.store(s1, column)
      column += 16
    }
    return column
  }
#endif
