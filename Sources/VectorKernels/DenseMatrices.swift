// Products of some rows with a matrix that is read as it lies, (rows, columns): a dense layer's
// weights, which are too large to be packed. Only the listed rows of the matrix are read.

import CVectorKernels

/// How the elements of a matrix are stored.
protocol StoredElement {
  static var byteCount: Int { get }
  static func lanes(_ start: UnsafeRawPointer) -> Lanes
  static func value(_ start: UnsafeRawPointer) -> Float
}

enum WholeElement: StoredElement {
  static var byteCount: Int { 4 }
  @inline(__always) static func lanes(_ start: UnsafeRawPointer) -> Lanes {
    start.loadUnaligned(as: Lanes.self)
  }
  @inline(__always) static func value(_ start: UnsafeRawPointer) -> Float {
    start.loadUnaligned(as: Float.self)
  }
}

/// The upper half of a float.
enum HalfElement: StoredElement {
  static var byteCount: Int { 2 }
  @inline(__always) static func lanes(_ start: UnsafeRawPointer) -> Lanes {
    let halves = start.loadUnaligned(as: SIMD16<UInt16>.self)
    var bits = SIMD16<UInt32>()
    for lane in 0..<16 { bits[lane] = UInt32(halves[lane]) }
    return unsafeBitCast(bits &<< 16, to: Lanes.self)
  }
  @inline(__always) static func value(_ start: UnsafeRawPointer) -> Float {
    Float(bitPattern: UInt32(start.loadUnaligned(as: UInt16.self)) << 16)
  }
}

/// One call on a matrix of one kind.
private struct Matrix<Element: StoredElement> {
  let start: UnsafeRawPointer
  /// The bytes of a row.
  let rowBytes: Int

  init(_ problem: ph_dense, _ start: UnsafeRawPointer) {
    self.start = start
    rowBytes = Int(problem.columns) * Element.byteCount
  }

  @inline(__always) func row(_ row: Int32) -> UnsafeRawPointer { start + Int(row) * rowBytes }
}

/// See `vector_kernels.h`.
@c @implementation
public func ph_dense_combine(
  _ problem: UnsafePointer<ph_dense>?, _ rows: UnsafePointer<Int32>?, _ count: Int64,
  _ first: Int64, _ width: Int64, _ sums: UnsafeMutablePointer<Float>?
) {
  guard let problem = problem?.pointee, let start = problem.matrix, let rows, let sums,
    let x = problem.x
  else { return }
  let (count, first, width) = (Int(count), Int(first), Int(width))
  if problem.is_half != 0 {
    combine(Matrix<HalfElement>(problem, start), problem, x, rows, count, first, width, sums)
  } else {
    combine(Matrix<WholeElement>(problem, start), problem, x, rows, count, first, width, sums)
  }
}

/// See `vector_kernels.h`.
@c @implementation
public func ph_dense_dot(
  _ problem: UnsafePointer<ph_dense>?, _ rows: UnsafePointer<Int32>?, _ count: Int64,
  _ y: UnsafeMutablePointer<Float>?, _ step: Int64
) {
  guard let problem = problem?.pointee, let start = problem.matrix, let rows, let y,
    let x = problem.x
  else { return }
  if problem.is_half != 0 {
    dot(Matrix<HalfElement>(problem, start), problem, x, rows, Int(count), y, Int(step))
  } else {
    dot(Matrix<WholeElement>(problem, start), problem, x, rows, Int(count), y, Int(step))
  }
}

// MARK: - Combinations of rows

@inline(__always) private func combine<Element: StoredElement>(
  _ matrix: Matrix<Element>, _ problem: ph_dense, _ x: UnsafePointer<Float>,
  _ rows: UnsafePointer<Int32>, _ count: Int, _ first: Int, _ width: Int,
  _ sums: UnsafeMutablePointer<Float>
) {
  if problem.samples == 1 {
    combineForOne(matrix, problem, x, rows, count, first, width, sums)
  } else {
    combineForMany(matrix, problem, x, rows, count, first, width, sums)
  }
}

/// Adds the rows times their factors, with as many sums at a time as lie in the first-level cache.
///
/// Blocks of rows have sums of their own, so that the rounding error grows with the length of a
/// block and not with the number of rows.
private func combineForOne<Element: StoredElement>(
  _ matrix: Matrix<Element>, _ problem: ph_dense, _ x: UnsafePointer<Float>,
  _ rows: UnsafePointer<Int32>, _ count: Int, _ first: Int, _ width: Int,
  _ sums: UnsafeMutablePointer<Float>
) {
  let block = 4096
  withUnsafeTemporaryAllocation(of: Float.self, capacity: block) { part in
    guard let part = part.baseAddress else { return }
    var column = 0
    while column < width {
      let length = min(block, width - column)
      let offset = (first + column) * Element.byteCount
      var start = 0
      while start < count {
        let end = min(start + 512, count)
        part.update(repeating: 0, count: length)
        var index = start
        while index + 4 <= end {
          addFourRows(matrix, x, rows + index, offset, length, part)
          index += 4
        }
        while index < end {
          addRow(matrix, x, rows[index], offset, length, part)
          index += 1
        }
        for index in 0..<length { sums[column + index] += part[index] }
        start = end
      }
      column += length
    }
  }
}

@inline(__always) private func addFourRows<Element: StoredElement>(
  _ matrix: Matrix<Element>, _ x: UnsafePointer<Float>, _ rows: UnsafePointer<Int32>,
  _ offset: Int, _ length: Int, _ sums: UnsafeMutablePointer<Float>
) {
  let (x0, x1) = (x[Int(rows[0])], x[Int(rows[1])])
  let (x2, x3) = (x[Int(rows[2])], x[Int(rows[3])])
  let (w0, w1) = (matrix.row(rows[0]) + offset, matrix.row(rows[1]) + offset)
  let (w2, w3) = (matrix.row(rows[2]) + offset, matrix.row(rows[3]) + offset)
  let (f0, f1) = (Lanes(repeating: x0), Lanes(repeating: x1))
  let (f2, f3) = (Lanes(repeating: x2), Lanes(repeating: x3))
  var index = 0
  while index + 16 <= length {
    let bytes = index * Element.byteCount
    var sum = UnsafePointer(sums).lanes(index)
    sum.addProduct(f0, Element.lanes(w0 + bytes))
    sum.addProduct(f1, Element.lanes(w1 + bytes))
    sum.addProduct(f2, Element.lanes(w2 + bytes))
    sum.addProduct(f3, Element.lanes(w3 + bytes))
    sums.store(sum, index)
    index += 16
  }
  while index < length {
    let bytes = index * Element.byteCount
    sums[index].addProduct(x0, Element.value(w0 + bytes))
    sums[index].addProduct(x1, Element.value(w1 + bytes))
    sums[index].addProduct(x2, Element.value(w2 + bytes))
    sums[index].addProduct(x3, Element.value(w3 + bytes))
    index += 1
  }
}

@inline(__always) private func addRow<Element: StoredElement>(
  _ matrix: Matrix<Element>, _ x: UnsafePointer<Float>, _ row: Int32, _ offset: Int,
  _ length: Int, _ sums: UnsafeMutablePointer<Float>
) {
  let (factor, w) = (x[Int(row)], matrix.row(row) + offset)
  let factors = Lanes(repeating: factor)
  var index = 0
  while index + 16 <= length {
    var sum = UnsafePointer(sums).lanes(index)
    sum.addProduct(factors, Element.lanes(w + index * Element.byteCount))
    sums.store(sum, index)
    index += 16
  }
  while index < length {
    sums[index].addProduct(factor, Element.value(w + index * Element.byteCount))
    index += 1
  }
}

/// Adds the rows times their factors for several samples: four rows at a time, and so many columns
/// that the rows' part stays in the first-level cache while all samples meet it.
private func combineForMany<Element: StoredElement>(
  _ matrix: Matrix<Element>, _ problem: ph_dense, _ x: UnsafePointer<Float>,
  _ rows: UnsafePointer<Int32>, _ count: Int, _ first: Int, _ width: Int,
  _ sums: UnsafeMutablePointer<Float>
) {
  let (samples, step) = (Int(problem.samples), Int(problem.x_step))
  let block = 4096 / Element.byteCount
  var index = 0
  while index < count {
    let depth = min(4, count - index)
    var column = 0
    while column < width {
      let length = min(block, width - column)
      let offset = (first + column) * Element.byteCount
      var sample = 0
      if depth == 4 {
        let (w0, w1) = (matrix.row(rows[index]) + offset, matrix.row(rows[index + 1]) + offset)
        let (w2, w3) = (matrix.row(rows[index + 2]) + offset, matrix.row(rows[index + 3]) + offset)
        while sample + combinedSamples <= samples {
          let (own, target) = (x + sample * step, sums + (sample * width + column))
          let done = addFourRowsToSome(
            Element.self, length, own, step, rows + index, w0, w1, w2, w3, target, width)
          for member in 0..<combinedSamples where done < length {
            addFourRows(
              matrix, own + member * step, rows + index, offset + done * Element.byteCount,
              length - done, target + (member * width + done))
          }
          sample += combinedSamples
        }
      }
      while sample < samples {
        let (own, target) = (x + sample * step, sums + (sample * width + column))
        if depth == 4 {
          addFourRows(matrix, own, rows + index, offset, length, target)
        } else {
          for row in 0..<depth { addRow(matrix, own, rows[index + row], offset, length, target) }
        }
        sample += 1
      }
      column += length
    }
    index += 4
  }
}

// MARK: - Products with rows

/// Multiplies rows with samples, four rows and some samples at a time, and so many columns that the
/// rows' part stays in the first-level cache.
private func dot<Element: StoredElement>(
  _ matrix: Matrix<Element>, _ problem: ph_dense, _ x: UnsafePointer<Float>,
  _ rows: UnsafePointer<Int32>, _ count: Int, _ y: UnsafeMutablePointer<Float>, _ step: Int
) {
  let (samples, xStep, columns) = (Int(problem.samples), Int(problem.x_step), Int(problem.columns))
  let block = samples == 1 ? columns : 1024
  withUnsafeTemporaryAllocation(of: Float.self, capacity: 4 * dotSamples) { products in
    guard let products = products.baseAddress else { return }
    var index = 0
    while index < count {
      // Of an incomplete group of rows the last is taken again.
      let valid = min(4, count - index)
      let w0 = matrix.row(rows[index])
      let w1 = matrix.row(rows[index + min(1, valid - 1)])
      let w2 = matrix.row(rows[index + min(2, valid - 1)])
      let w3 = matrix.row(rows[index + min(3, valid - 1)])
      var column = 0
      repeat {
        let (length, offset) = (min(block, columns - column), column * Element.byteCount)
        var sample = 0
        while sample < samples {
          let group = samples == 1 ? 1 : min(dotSamples, samples - sample)
          let own = x + (sample * xStep + column)
          if group == 1 {
            dotOne(
              Element.self, length, own, w0 + offset, w1 + offset, w2 + offset, w3 + offset,
              products)
          } else {
            dotSome(
              Element.self, length, own, xStep, group, w0 + offset, w1 + offset, w2 + offset,
              w3 + offset, products)
          }
          for member in 0..<group {
            let target = y + (sample + member) * step
            for row in 0..<valid {
              let product = products[member * 4 + row]
              let place = Int(rows[index + row])
              target[place] = column == 0 ? product : target[place] + product
            }
          }
          sample += group
        }
        column += length
      } while column < columns
      index += 4
    }
  }
}

/// Four rows times one sample.
@inline(__always) private func dotOne<Element: StoredElement>(
  _ element: Element.Type, _ columns: Int, _ x: UnsafePointer<Float>, _ w0: UnsafeRawPointer,
  _ w1: UnsafeRawPointer, _ w2: UnsafeRawPointer, _ w3: UnsafeRawPointer,
  _ products: UnsafeMutablePointer<Float>
) {
  var (s0, s1, s2, s3) = (Lanes(), Lanes(), Lanes(), Lanes())
  var column = 0
  while column + 16 <= columns {
    let (bytes, factors) = (column * Element.byteCount, x.lanes(column))
    s0.addProduct(factors, Element.lanes(w0 + bytes))
    s1.addProduct(factors, Element.lanes(w1 + bytes))
    s2.addProduct(factors, Element.lanes(w2 + bytes))
    s3.addProduct(factors, Element.lanes(w3 + bytes))
    column += 16
  }
  (products[0], products[1], products[2], products[3]) = (s0.sum(), s1.sum(), s2.sum(), s3.sum())
  while column < columns {
    let bytes = column * Element.byteCount
    products[0].addProduct(x[column], Element.value(w0 + bytes))
    products[1].addProduct(x[column], Element.value(w1 + bytes))
    products[2].addProduct(x[column], Element.value(w2 + bytes))
    products[3].addProduct(x[column], Element.value(w3 + bytes))
    column += 1
  }
}
