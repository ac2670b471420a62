// The columns of a matrix in blocks that lie one after the other, as the micro-kernels read them.

import CVectorKernels

/// See `vector_kernels.h`.
@c @implementation
public func ph_panel_columns(_ count: Int64) -> Int64 {
  let (blocks, rest) = (Int(count) / filterBlock, Int(count) % filterBlock)
  return Int64(blocks * filterBlock + widthOfRest(rest))
}

/// The width of the last block of columns.
@inline(__always) private func widthOfRest(_ rest: Int) -> Int {
  #if WIDE
    rest == 0 ? 0 : (rest <= 32 ? 32 : filterBlock)
  #else
    rest == 0 ? 0 : filterBlock
  #endif
}

/// See `vector_kernels.h`.
@c @implementation
public func ph_panel_pack(
  _ depth: Int64, _ count: Int64, _ dense: UnsafePointer<Float>?, _ depthStep: Int64,
  _ columnStep: Int64, _ packed: UnsafeMutablePointer<Float>?
) {
  guard let dense, let packed else { return }
  let (depth, count, columns) = (Int(depth), Int(count), Int(ph_panel_columns(count)))
  let (depthStep, columnStep) = (Int(depthStep), Int(columnStep))
  var first = 0
  while first < columns {
    let width = min(filterBlock, columns - first)
    for k in 0..<depth {
      for column in first..<first + width {
        packed[first * depth + k * width + column - first] =
          column < count ? dense[k * depthStep + column * columnStep] : 0
      }
    }
    first += width
  }
}

/// Calls `write(row, column, lanes)` with every sixteen elements of the product of `rows` rows with
/// one block of columns.
///
/// Twelve rows or more are needed; those of the last group that were written before are left out.
@inline(__always) func multiplyPanel(
  _ depth: Int, _ x: UnsafePointer<Float>, _ rows: Int, _ panel: UnsafePointer<Float>,
  _ width: Int, _ write: (Int, Int, Lanes) -> Void
) {
  let group = width == filterBlock ? 6 : 12
  var row = 0
  while row < rows {
    let start = min(row, rows - group)
    let first = row - start
    if width == filterBlock {
      multiplySixRows(depth, x + start * depth, depth, panel) { line, column, lanes in
        if line >= first { write(start + line, column, lanes) }
      }
    } else {
      #if WIDE
        multiplyTwelveRows(depth, x + start * depth, depth, panel) { line, column, lanes in
          if line >= first { write(start + line, column, lanes) }
        }
      #endif
    }
    row = start + group
  }
}
