internal import CVectorKernels
import Tensors

/// Winograd's F(4x4, 3x3): windows of 3x3 pixels, stride 1, in a quarter of the products.
///
/// Its error is larger than that of the direct sum: about 1e-5 of the largest output for 512
/// channels, where direct convolution has 1e-6. Products, transforms and tiles of one image are the
/// same whatever thread computes them.
///
/// Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015.
struct WinogradConvolution: Kernel {
  /// The tiles of a block whose products stay in the caches, multiples of six.
  private static let smallBlock = 30
  private static let largeBlock = 72

  private let vectors: VectorKernels
  private let shape: Geometry
  private let epilogue: Epilogue
  /// Whether the packed weights are those of the input gradient.
  private let isTransposed: Bool
  /// Tiles of one block.
  private let block: Int
  /// Whether each thread takes blocks of its own.
  ///
  /// Otherwise all threads share a block and divide its filters, so that the weights, which are
  /// larger than the caches, are read once a block.
  private let dividesTiles: Bool
  private let threads: Int

  /// The numbers of a convolution of this kind.
  struct Geometry {
    let images, height, width, channels: Int
    let outputHeight, outputWidth, filters: Int
    let padTop, padLeft: Int

    var tileRows: Int { (outputHeight + 3) / 4 }
    var tileColumns: Int { (outputWidth + 3) / 4 }
    var tiles: Int { images * tileRows * tileColumns }
  }

  /// Prepares a convolution, or its input gradient, if the method is faster for it.
  ///
  /// - Returns: `nil` if the shape isn't of this kind, direct convolution is as fast, or the
  ///   processor lacks wide registers.
  init?(
    _ problem: Convolution, isTransposed: Bool, epilogue: Epilogue,
    vectors: VectorKernels? = VectorKernels.best
  ) {
    guard let vectors, let shape = Geometry(problem, isTransposed: isTransposed),
      shape.isWorthIt(vectors)
    else { return nil }
    self.vectors = vectors
    self.shape = shape
    self.epilogue = epilogue
    self.isTransposed = isTransposed
    threads = Threads.current
    let weightBytes = 36 * 4 * shape.channels * shape.filters
    dividesTiles =
      shape.tiles >= 12 * threads * WinogradConvolution.smallBlock / 2
      && weightBytes <= 5 << 19
    let largest =
      dividesTiles ? WinogradConvolution.smallBlock : WinogradConvolution.largeBlock
    // Blocks of equal size, rather than full ones and a small rest.
    let blocks = (shape.tiles + largest - 1) / largest
    block = ((shape.tiles + blocks - 1) / blocks + 5) / 6 * 6
  }

  // MARK: - Weights

  private var packedBytes: Int {
    let blocks = (shape.filters + vectors.filterBlock - 1) / vectors.filterBlock
    return 36 * 4 * shape.channels * blocks * vectors.filterBlock
  }

  func layout(ofInput index: Int) -> Layout {
    guard index == 1 else { return .dense }
    return .packed(
      key: "winograd \(vectors.filterBlock) \(isTransposed)", byteCount: packedBytes)
  }

  /// Writes G w Gᵀ of every window as (36, filter blocks, channels, filter block).
  func pack(
    input index: Int, from dense: UnsafeRawPointer, into packed: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    let weights = dense.assumingMemoryBound(to: Float.self)
    let target = packed.assumingMemoryBound(to: Float.self)
    let (channels, filters, width) = (shape.channels, shape.filters, vectors.filterBlock)
    let blocks = (filters + width - 1) / width
    let step = channels * blocks * width
    let isTransposed = isTransposed
    Threads.parallel(channels) { channel in
      /// Sixteen filters of one element of the window.
      @inline(__always) func lanes(_ element: Int, _ first: Int) -> Lanes {
        guard first < filters else { return Lanes() }
        guard isTransposed else {
          return weights.lanes(at: (element * channels + channel) * filters + first)
        }
        // Turned by half a circle, channels and filters exchanged.
        let source = weights + ((8 - element) * filters + first) * channels + channel
        var lanes = Lanes()
        for lane in 0..<16 { lanes[lane] = source[lane * channels] }
        return lanes
      }
      for first in stride(from: 0, to: blocks * width, by: 16) {
        let place = target + (first / width * channels + channel) * width + first % width
        let left = points(lanes(0, first), lanes(3, first), lanes(6, first))
        let middle = points(lanes(1, first), lanes(4, first), lanes(7, first))
        let right = points(lanes(2, first), lanes(5, first), lanes(8, first))
        store(points(left.0, middle.0, right.0), row: 0, to: place, step)
        store(points(left.1, middle.1, right.1), row: 1, to: place, step)
        store(points(left.2, middle.2, right.2), row: 2, to: place, step)
        store(points(left.3, middle.3, right.3), row: 3, to: place, step)
        store(points(left.4, middle.4, right.4), row: 4, to: place, step)
        store(points(left.5, middle.5, right.5), row: 5, to: place, step)
      }
    }
  }

  // MARK: - Computation

  var scratchByteCount: Int {
    let products = 36 * block * vectors.filterBlock
    let transformed = 36 * block * shape.channels
    return 4
      * (dividesTiles ? threads * (transformed + products) : transformed + threads * products)
  }

  func run(
    _ arguments: Arguments, scratch: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    let output = arguments[epilogue.output]
    var problem = problem(arguments, output)
    let weights = UnsafePointer(arguments[1])
    let memory = scratch.assumingMemoryBound(to: Float.self)
    withUnsafePointer(to: &problem) { problem in
      if dividesTiles {
        runDividingTiles(problem, weights, memory)
      } else {
        runDividingFilters(problem, weights, memory)
      }
    }
    epilogue.finishVectorized(
      shape.images * shape.outputHeight * shape.outputWidth * shape.filters, arguments)
  }

  private func runDividingTiles(
    _ problem: UnsafePointer<ph_winograd>, _ weights: UnsafePointer<Float>,
    _ memory: UnsafeMutablePointer<Float>
  ) {
    let transformedCount = 36 * block * shape.channels
    let share = transformedCount + 36 * block * vectors.filterBlock
    let blocks = (shape.tiles + block - 1) / block
    Threads.distribute(blocks, threads: threads) { index, thread in
      let transformed = memory + thread * share
      let first = index * block
      let count = min(block, shape.tiles - first)
      vectors.winogradInput(problem, Int64(first), Int64(count), transformed, Int64(block))
      for filter in stride(from: 0, to: shape.filters, by: vectors.filterBlock) {
        multiply(
          problem, weights, filter, first: first, count: count, transformed, offset: 0,
          into: transformed + transformedCount)
      }
    }
  }

  private func runDividingFilters(
    _ problem: UnsafePointer<ph_winograd>, _ weights: UnsafePointer<Float>,
    _ memory: UnsafeMutablePointer<Float>
  ) {
    let products = memory + 36 * block * shape.channels
    let filterBlocks = (shape.filters + vectors.filterBlock - 1) / vectors.filterBlock
    for first in stride(from: 0, to: shape.tiles, by: block) {
      let count = min(block, shape.tiles - first)
      let sixes = (count + 5) / 6
      Threads.distribute(sixes, threads: threads) { six, _ in
        let start = 6 * six
        vectors.winogradInput(
          problem, Int64(first + start), Int64(min(6, count - start)),
          memory + start * shape.channels, Int64(block))
      }
      // Where there are fewer blocks of filters than threads, each is divided by tiles.
      let parts = min(sixes, (2 * threads + filterBlocks - 1) / filterBlocks)
      Threads.distribute(filterBlocks * parts, threads: threads) { item, thread in
        let part = item % parts
        let start = 6 * (sixes * part / parts)
        let end = min(6 * (sixes * (part + 1) / parts), count)
        multiply(
          problem, weights, item / parts * vectors.filterBlock, first: first + start,
          count: end - start, memory, offset: start,
          into: products + thread * 36 * block * vectors.filterBlock)
      }
    }
  }

  /// Multiplies transformed tiles with a block of filters and writes what they become.
  private func multiply(
    _ problem: UnsafePointer<ph_winograd>, _ weights: UnsafePointer<Float>, _ filter: Int,
    first: Int, count: Int, _ transformed: UnsafeMutablePointer<Float>, offset: Int,
    into products: UnsafeMutablePointer<Float>
  ) {
    let rows = Int64((count + 5) / 6 * 6)
    vectors.winogradMultiply(
      Int64(shape.channels), weights + filter * shape.channels, Int64(packedBytes / 144),
      transformed + offset * shape.channels, Int64(block), rows, products)
    vectors.winogradOutput(problem, Int64(first), Int64(count), Int64(filter), products, rows)
  }

  private func problem(
    _ arguments: Arguments, _ output: UnsafeMutablePointer<Float>
  ) -> ph_winograd {
    ph_winograd(
      input: arguments[0], output: output, epilogue: epilogue.vectorized(arguments),
      height: Int64(shape.height), width: Int64(shape.width),
      channels: Int64(shape.channels), output_height: Int64(shape.outputHeight),
      output_width: Int64(shape.outputWidth), filters: Int64(shape.filters),
      pad_top: Int64(shape.padTop), pad_left: Int64(shape.padLeft),
      tile_rows: Int64(shape.tileRows), tile_columns: Int64(shape.tileColumns))
  }
}

/// Six points of a polynomial.
private typealias Points = (Lanes, Lanes, Lanes, Lanes, Lanes, Lanes)

/// Three elements of a window to six points: G g.
@inline(__always) private func points(_ a: Lanes, _ b: Lanes, _ c: Lanes) -> Points {
  let (ends, near, far) = (a + c, a / 24 + c / 6, b / 12)
  return (a / 4, -(ends + b) / 6, -(ends - b) / 6, near + far, near - far, c)
}

/// Writes a row of six points, each to its matrix.
@inline(__always) private func store(
  _ points: Points, row: Int, to place: UnsafeMutablePointer<Float>, _ step: Int
) {
  let place = place + 6 * row * step
  place.store(points.0, at: 0)
  place.store(points.1, at: step)
  place.store(points.2, at: 2 * step)
  place.store(points.3, at: 3 * step)
  place.store(points.4, at: 4 * step)
  place.store(points.5, at: 5 * step)
}

extension WinogradConvolution.Geometry {
  /// Reads a problem of this kind; `nil` for any other.
  fileprivate init?(_ problem: Convolution, isTransposed: Bool) {
    let (geometry, axes) = (problem.geometry, problem.image.axes)
    guard geometry.window == [3, 3], geometry.strides == [1, 1], geometry.dilations == [1, 1],
      problem.groups == 1, problem.channels % 16 == 0, problem.filters % 16 == 0,
      (geometry.padLow + geometry.padHigh).allSatisfy({ (0...2).contains($0) })
    else { return nil }
    let (large, small) = (axes.map(\.inputLength), axes.map(\.outputLength))
    images = problem.image.batch
    (height, width) = isTransposed ? (small[0], small[1]) : (large[0], large[1])
    (outputHeight, outputWidth) = isTransposed ? (large[0], large[1]) : (small[0], small[1])
    (channels, filters) =
      isTransposed ? (problem.filters, problem.channels) : (problem.channels, problem.filters)
    (padTop, padLeft) =
      isTransposed
      ? (2 - geometry.padLow[0], 2 - geometry.padLow[1]) : (geometry.padLow[0], geometry.padLow[1])
  }

  /// Whether the method is worth it, measured on squares of 7 to 224 pixels with 16 to 512 channels.
  ///
  /// Transforms pay from 32 channels on, and packed weights, four times the size, from 16 tiles on.
  /// Weights that outgrow the caches, 37 MB for 512 channels and filters, are read for each block of
  /// tiles: with 16 tiles they save half of the time where with 49 they save two thirds, for the
  /// same memory.
  fileprivate func isWorthIt(_ vectors: VectorKernels) -> Bool {
    let packedBytes = 36 * 4 * channels * filters
    return channels >= 32 && filters >= 32 && tiles >= (packedBytes > 1 << 25 ? 32 : 16)
  }
}
