// The innermost loops of products with a matrix that is read as it lies, written out for the number
// of registers that each level has.

#if WIDE
  /// The samples that meet four rows together.
  let dotSamples = 4

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
#else
  /// The samples that meet four rows together.
  let dotSamples = 1

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
#endif
