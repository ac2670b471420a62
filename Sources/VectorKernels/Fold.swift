// The input gradient of a convolution with few channels: windows of an image become one matrix
// product, whose rows are then added up where their windows overlap (col2im).
//
// A direct convolution computes sixteen channels at a time, of which an image has three.

import CVectorKernels

/// The rows that are multiplied together.
private let group = 12

/// See `vector_kernels.h`.
@c @implementation
public func ph_fold_scratch(_ problem: UnsafePointer<ph_fold>?, _ rows: Int64) -> Int64 {
  guard let problem = problem?.pointee else { return 0 }
  let columns = Int(ph_panel_columns(Int64(columnCount(problem))))
  return Int64(Int(rows) * rowStep(problem) + group * columns + 16)
}

/// See `vector_kernels.h`.
@c @implementation
public func ph_fold_rows(
  _ problem: UnsafePointer<ph_fold>?, _ windows: UnsafePointer<Float>?,
  _ weights: UnsafePointer<Float>?, _ images: UnsafeMutablePointer<Float>?, _ number: Int64,
  _ first: Int64, _ end: Int64, _ scratch: UnsafeMutablePointer<Float>?
) {
  guard let problem = problem?.pointee, let windows, let weights, let images, let scratch
  else { return }
  let (image, first, end) = (Int(number), Int(first), Int(end))
  let (step, filters) = (rowStep(problem), Int(problem.filters))
  let (height, width) = (Int(problem.output_height), Int(problem.output_width))
  let columns = Int(ph_panel_columns(Int64(columnCount(problem))))
  let sums = scratch
  let tile = scratch + (end - first) * step
  for index in 0..<(end - first) * step { sums[index] = 0 }

  // The rows of windows that touch these rows of the image.
  let (stride, top) = (Int(problem.stride_y), Int(problem.pad_top))
  let low = max(0, (first + top - Int(problem.window_height) + stride) / stride)
  let high = min(height, (end - 1 + top) / stride + 1)
  var position = (image * height + low) * width
  let last = (image * height + high) * width
  // The array's last group begins early enough to end inside of it.
  let latest = Int(problem.images) * height * width - group
  let run = Int(problem.window_width * problem.channels)
  let advance = Int(problem.stride_x * problem.channels)
  let distance = min(group, (run + 15) / 16 * 16 / advance + 1)
  let numbers = SIMD16<Int32>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
  // The lanes of a row's last sixteen floats that belong to the next one.
  let foreign = numbers .>= SIMD16(repeating: Int32(run % 16))
  let lines = Int(problem.window_height)
  while position < last {
    let start = min(position, latest)
    multiplyGroup(filters, windows + start * filters, weights, columns, tile)
    let (count, done) = (min(group, last - start), position - start)
    let startRow = (start - image * height * width) / width
    let startColumn = (start - image * height * width) % width
    // Sums that overlap what was just written would wait for it: others come in between.
    for phase in 0..<distance {
      var window = phase
      while window < count {
        var (y, x) = (startRow, startColumn + window)
        while x >= width { (y, x) = (y + 1, x - width) }
        let above = y * stride - top - first
        var source = UnsafePointer(tile + window * columns)
        var target = sums + (above * step + x * advance)
        for row in 0..<lines {
          if window >= done && above + row >= 0 && above + row < end - first {
            var column = 0
            while column + 16 <= run {
              target.store(UnsafePointer(target).lanes(column) + source.lanes(column), column)
              column += 16
            }
            if column < run {
              var rest = source.lanes(column)
              rest.replace(with: 0, where: foreign)
              target.store(UnsafePointer(target).lanes(column) + rest, column)
            }
          }
          source += run
          target += step
        }
        window += distance
      }
    }
    position = start + count
  }

  let line = Int(problem.width * problem.channels)
  let margin = Int(problem.pad_left * problem.channels)
  for row in first..<end {
    let source = UnsafePointer(sums + ((row - first) * step + margin))
    copy(line, from: source, to: images + (image * Int(problem.height) + row) * line)
  }
}

/// Copies floats: the standard library's function takes one after the other here.
@inline(__always) private func copy(
  _ count: Int, from source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>
) {
  var index = 0
  while index + 16 <= count {
    target.store(source.lanes(index), index)
    index += 16
  }
  while index < count {
    target[index] = source[index]
    index += 1
  }
}

/// The elements of a window.
@inline(__always) private func columnCount(_ problem: ph_fold) -> Int {
  Int(problem.window_height * problem.window_width * problem.channels)
}

/// The floats of a row of sums: from the left padding to where the last window ends.
@inline(__always) private func rowStep(_ problem: ph_fold) -> Int {
  let windows = ((problem.output_width - 1) * problem.stride_x + problem.window_width)
  let step = max(windows, problem.pad_left + problem.width) * problem.channels
  return (Int(step) + 16) / 16 * 16 + 16
}

/// Twelve rows times all columns.
@inline(__always) private func multiplyGroup(
  _ depth: Int, _ rows: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, _ columns: Int,
  _ tile: UnsafeMutablePointer<Float>
) {
  var first = 0
  while first < columns {
    let width = min(filterBlock, columns - first)
    let target = tile + first
    multiplyPanel(depth, rows, group, weights + first * depth, width) { row, column, lanes in
      target.store(lanes, row * columns + column)
    }
    first += width
  }
}
