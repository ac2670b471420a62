// Winograd's convolution F(4x4, 3x3): an output tile of 4x4 pixels takes 36 products for each pair
// of channel and filter instead of 144.
//
// Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, section 4.3.

import CVectorKernels

/// See `vector_kernels.h`.
@c @implementation
public func ph_winograd_filter_block() -> Int64 { Int64(filterBlock) }

/// See `vector_kernels.h`.
@c @implementation
public func ph_winograd_input(
  _ problem: UnsafePointer<ph_winograd>?, _ first: Int64, _ count: Int64,
  _ transformed: UnsafeMutablePointer<Float>?, _ stride: Int64
) {
  guard let problem = problem?.pointee, let image = problem.input, let transformed else { return }
  let (height, width) = (Int(problem.height), Int(problem.width))
  let (channels, step) = (Int(problem.channels), Int(stride) * Int(problem.channels))
  let (tileRows, tileColumns) = (Int(problem.tile_rows), Int(problem.tile_columns))
  withUnsafeTemporaryAllocation(of: Lanes.self, capacity: 36) { tile in
    guard let tile = tile.baseAddress else { return }
    for index in 0..<Int(count) {
      let number = Int(first) + index
      let (row, column) = (number / tileColumns % tileRows, number % tileColumns)
      let (top, left) = (4 * row - Int(problem.pad_top), 4 * column - Int(problem.pad_left))
      let pixels = image + number / (tileRows * tileColumns) * height * width * channels
      let isInside = top >= 0 && left >= 0 && top + 6 <= height && left + 6 <= width
      var channel = 0
      while channel < channels {
        if isInside {
          var line = pixels + ((top * width + left) * channels + channel)
          for y in 0..<6 {
            for x in 0..<6 { tile[6 * y + x] = line.lanes(x * channels) }
            line += width * channels
          }
        } else {
          for y in top..<top + 6 {
            for x in left..<left + 6 {
              let isPixel = y >= 0 && x >= 0 && y < height && x < width
              tile[6 * (y - top) + x - left] =
                isPixel ? pixels.lanes((y * width + x) * channels + channel) : Lanes()
            }
          }
        }
        for x in 0..<6 { transformInput(tile + x, 6) }
        for y in 0..<6 { transformInput(tile + 6 * y, 1) }
        let target = transformed + (index * channels + channel)
        for element in 0..<36 { target.store(tile[element], element * step) }
        channel += 16
      }
    }
  }
  // Multiplication takes six tiles at a time.
  let padded = (Int(count) + 5) / 6 * 6
  for element in 0..<36 {
    for index in Int(count) * channels..<padded * channels {
      transformed[element * step + index] = 0
    }
  }
}

/// See `vector_kernels.h`.
@c @implementation
public func ph_winograd_multiply(
  _ channels: Int64, _ weights: UnsafePointer<Float>?, _ weightsStep: Int64,
  _ transformed: UnsafePointer<Float>?, _ stride: Int64, _ rows: Int64,
  _ products: UnsafeMutablePointer<Float>?
) {
  guard let weights, let transformed, let products else { return }
  let (channels, rows) = (Int(channels), Int(rows))
  for element in 0..<36 {
    let matrix = weights + element * Int(weightsStep)
    let tiles = transformed + element * Int(stride) * channels
    let target = products + element * rows * filterBlock
    var row = 0
    while row < rows {
      let start = target + row * filterBlock
      multiplySixRows(channels, tiles + row * channels, channels, matrix) { line, column, lanes in
        start.store(lanes, line * filterBlock + column)
      }
      row += 6
    }
  }
}

/// See `vector_kernels.h`.
@c @implementation
public func ph_winograd_output(
  _ problem: UnsafePointer<ph_winograd>?, _ first: Int64, _ count: Int64, _ filter: Int64,
  _ products: UnsafePointer<Float>?, _ rows: Int64
) {
  guard let problem = problem?.pointee, let output = problem.output, let products else { return }
  let (height, width) = (Int(problem.output_height), Int(problem.output_width))
  let (filters, step) = (Int(problem.filters), Int(rows) * filterBlock)
  let (tileRows, tileColumns) = (Int(problem.tile_rows), Int(problem.tile_columns))
  let epilogue = problem.epilogue
  withUnsafeTemporaryAllocation(of: Lanes.self, capacity: 36) { tile in
    guard let tile = tile.baseAddress else { return }
    for index in 0..<Int(count) {
      let number = Int(first) + index
      let (row, column) = (number / tileColumns % tileRows, number % tileColumns)
      let image = number / (tileRows * tileColumns)
      let corner = ((image * height + 4 * row) * width + 4 * column) * filters
      let (rowCount, columnCount) = (min(4, height - 4 * row), min(4, width - 4 * column))
      var lane = 0
      while lane < filterBlock && Int(filter) + lane < filters {
        let source = products + (index * filterBlock + lane)
        for element in 0..<36 { tile[element] = source.lanes(element * step) }
        for x in 0..<6 { transformOutput(tile + x, 6) }
        for y in 0..<4 { transformOutput(tile + 6 * y, 1) }
        let target = corner + Int(filter) + lane
        for y in 0..<rowCount {
          for x in 0..<columnCount {
            let place = target + (y * width + x) * filters
            let value = epilogue.applied(
              to: tile[6 * y + x], filter: Int(filter) + lane, position: place)
            output.store(value, place)
          }
        }
        lane += 16
      }
    }
  }
}

/// Six points of the input: Bᵀ d, in place, `step` apart.
@inline(__always)
private func transformInput(_ d: UnsafeMutablePointer<Lanes>, _ step: Int) {
  let (a, b, c) = (d[0], d[step], d[2 * step])
  let (e, f, g) = (d[3 * step], d[4 * step], d[5 * step])
  let (even, odd) = (f - 4 * c, e - 4 * b)
  let (near, far) = (f - c, 2 * (e - b))
  d[0] = 4 * a + (f - 5 * c)
  d[step] = even + odd
  d[2 * step] = even - odd
  d[3 * step] = near + far
  d[4 * step] = near - far
  d[5 * step] = 4 * b + (g - 5 * e)
}

/// Six products to four points of the output: Aᵀ m, in place, `step` apart.
@inline(__always)
private func transformOutput(_ d: UnsafeMutablePointer<Lanes>, _ step: Int) {
  let (a, b, c) = (d[0], d[step], d[2 * step])
  let (e, f, g) = (d[3 * step], d[4 * step], d[5 * step])
  let (p, q, r, t) = (b + c, b - c, e + f, e - f)
  d[0] = a + (p + r)
  d[step] = q + 2 * t
  d[2 * step] = p + 4 * r
  d[3 * step] = (q + 8 * t) + g
}
