public import Tensors

/// How the elements of a window become one.
public enum PoolingFunction: Hashable, Sendable {
  /// The largest element; NaN if one is. Padding is never the largest.
  case maximum
  /// The sum divided by the size of the window.
  case averageIncludingPadding
  /// The sum divided by the number of elements inside the image: Keras' average with `"same"`.
  case averageExcludingPadding
}

/// Reduces every window of an image, channel by channel.
///
/// Inputs: `x` of shape (batch, spatial..., channels). Output: (batch, windows..., channels).
///
/// Source: Keras, `max_pool` and `average_pool` in `keras/src/ops/nn.py`.
///
/// - Throws: `invalidArgument` if the geometry doesn't fit the input.
public func poolingKernel(
  input: Shape, geometry: WindowGeometry, function: PoolingFunction
) throws(PhospheneError) -> any Kernel {
  let image = try WindowedImage(input, geometry)
  return LoopKernel { arguments in
    image.forEachWindow(UnsafePointer(arguments[0])) { source, window in
      let target = arguments[1] + window.number * image.channels
      switch function {
      case .maximum:
        window.combine(source, target, initial: -.infinity) { $1 > $0 || $1 != $1 ? $1 : $0 }
      case .averageIncludingPadding:
        window.combine(source, target, initial: 0) { $0 + $1 }
        window.scale(target, 1 / Float(image.windowCount))
      case .averageExcludingPadding:
        window.combine(source, target, initial: 0) { $0 + $1 }
        window.scale(target, 1 / Float(max(window.count, 1)))
      }
    }
  }
}

/// Sends the cotangent of every window back to its elements in equal parts.
///
/// Inputs: a cotangent of shape (batch, windows..., channels). Output: `input`.
///
/// - Throws: `invalidArgument` if the geometry doesn't fit the input.
/// - Precondition: `function` is one of the averages.
public func averagePoolingInputGradientKernel(
  input: Shape, geometry: WindowGeometry, function: PoolingFunction
) throws(PhospheneError) -> any Kernel {
  precondition(function != .maximum, "the gradient of a maximum needs its input")
  let image = try WindowedImage(input, geometry)
  let isWhole = function == .averageIncludingPadding
  return LoopKernel { arguments in
    let (cotangent, gradient) = (UnsafePointer(arguments[0]), arguments[1])
    image.forEachLine(clearing: gradient) { window, gradient, _ in
      let scale = 1 / Float(isWhole ? image.windowCount : window.count)
      let source = cotangent + window.number * image.channels
      for element in window.own {
        let target = gradient + window.offsets[element]
        for channel in 0..<image.channels { target[channel] += source[channel] * scale }
      }
    }
  }
}

/// Sends the cotangent of every window to its largest element.
///
/// Inputs: a cotangent of shape (batch, windows..., channels), the forward pass's input and its
/// output. Output: `input`. Where several elements of a window are the largest, the first one in
/// row-major order takes everything; if the window's maximum is NaN, its first NaN does. Windows
/// may overlap.
///
/// - Throws: `invalidArgument` if the geometry doesn't fit the input.
public func maximumPoolingInputGradientKernel(
  input: Shape, geometry: WindowGeometry
) throws(PhospheneError) -> any Kernel {
  let image = try WindowedImage(input, geometry)
  return LoopKernel { arguments in
    let (cotangent, x) = (UnsafePointer(arguments[0]), UnsafePointer(arguments[1]))
    let y = UnsafePointer(arguments[2])
    image.forEachLine(clearing: arguments[3]) { window, gradient, winners in
      let base = x + window.image * image.inputPixels * image.channels
      let largest = y + window.number * image.channels
      for channel in 0..<image.channels { winners[channel] = -1 }
      // Backwards, so that the first one is written last. A NaN can only be where `y` is NaN too.
      for element in stride(from: window.count - 1, through: 0, by: -1) {
        let (value, number) = (base + window.offsets[element], Int32(element))
        for channel in 0..<image.channels {
          // Loads outside of the condition let the compiler vectorize.
          let (v, l, winner) = (value[channel], largest[channel], winners[channel])
          winners[channel] = (v == l) || (v != v) ? number : winner
        }
      }
      let source = cotangent + window.number * image.channels
      for element in window.own {
        let (target, number) = (gradient + window.offsets[element], Int32(element))
        for channel in 0..<image.channels {
          let share = source[channel]
          target[channel] += winners[channel] == number ? share : 0
        }
      }
    }
  }
}

/// One window of an image: where its elements lie.
private struct Window {
  let channels: Int
  /// The number of the image, and of the window among those of all images.
  var image = 0
  var number = 0
  /// The elements inside the image: where they lie from the image's first float on.
  let offsets: UnsafeMutablePointer<Int>
  var count = 0
  /// Those elements that lie in lines which the calling thread writes.
  var own = 0..<0

  /// Combines all elements, channel by channel.
  @inline(__always) func combine(
    _ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, initial: Float,
    _ function: (Float, Float) -> Float
  ) {
    for channel in 0..<channels { target[channel] = initial }
    for element in 0..<count {
      let values = source + offsets[element]
      for channel in 0..<channels { target[channel] = function(target[channel], values[channel]) }
    }
  }

  /// Multiplies a result with a factor.
  func scale(_ target: UnsafeMutablePointer<Float>, _ factor: Float) {
    for channel in 0..<channels { target[channel] *= factor }
  }

  /// Moves to another window.
  @inline(__always) mutating func move(
    _ image: WindowedImage, _ batch: Int, _ a: Int, _ b: Int, _ c: Int, lines: Range<Int>
  ) {
    let (first, second, third) = image.threeAxes
    self.image = batch
    number = batch * image.outputPixels + (a * second.outputLength + b) * third.outputLength + c
    count = 0
    var (start, end) = (0, 0)
    let (middle, inner) = (second.elements(ofWindow: b), third.elements(ofWindow: c))
    for i in first.elements(ofWindow: a) {
      let line = first.position(a, i)
      if line < lines.lowerBound { start = count + middle.count * inner.count }
      for j in middle {
        let row = (line * second.inputLength + second.position(b, j)) * third.inputLength
        for k in inner {
          offsets[count] = (row + third.position(c, k)) * channels
          count += 1
        }
      }
      if line < lines.upperBound { end = count }
    }
    own = start..<max(start, end)
  }
}

extension WindowedImage {
  /// The three axes, out of their array.
  fileprivate var threeAxes: (WindowAxis, WindowAxis, WindowAxis) { (axes[0], axes[1], axes[2]) }

  /// Calls `body` with the image and every window of it, on all threads.
  fileprivate func forEachWindow(
    _ input: UnsafePointer<Float>, _ body: (_ image: UnsafePointer<Float>, Window) -> Void
  ) {
    let (first, second, third) = threeAxes
    let rows = first.outputLength * second.outputLength
    let grain = max(1, loopGrain / max(third.outputLength * channels * windowCount, 1))
    Threads.split(batch * rows, grain: grain) { range in
      withUnsafeTemporaryAllocation(of: Int.self, capacity: windowCount) { offsets in
        guard let offsets = offsets.baseAddress else { return }
        var window = Window(channels: channels, offsets: offsets)
        for row in range {
          let (image, a) = (row / rows, row % rows / second.outputLength)
          for c in 0..<third.outputLength {
            window.move(self, image, a, row % second.outputLength, c, lines: 0..<first.inputLength)
            body(input + image * inputPixels * channels, window)
          }
        }
      }
    }
  }

  /// Fills a gradient with zeros and calls `body` for every window and the lines that it may add
  /// to, on all threads.
  ///
  /// Each thread owns some lines along the first spatial axis and visits all windows that touch
  /// them in order, so that the sums don't depend on the number of threads. `body` gets the
  /// window, the gradient of the window's image and a number for each channel to work with.
  fileprivate func forEachLine(
    clearing gradient: UnsafeMutablePointer<Float>,
    _ body: (Window, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Int32>) -> Void
  ) {
    let lines = axes[0].inputLength
    let line = inputPixels / max(lines, 1) * channels
    Threads.split(batch * lines, grain: max(1, loopGrain / max(line, 1))) { range in
      withUnsafeTemporaryAllocation(of: Int.self, capacity: windowCount) { offsets in
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: max(channels, 1)) { numbers in
          guard let offsets = offsets.baseAddress, let numbers = numbers.baseAddress else { return }
          var window = Window(channels: channels, offsets: offsets)
          for image in 0..<batch {
            let own = range.clamped(to: image * lines..<(image + 1) * lines)
            guard !own.isEmpty else { continue }
            let base = gradient + image * lines * line
            let ownLines = own.lowerBound - image * lines..<own.upperBound - image * lines
            visit(image, ownLines, base, line, &window) { body($0, base, numbers) }
          }
        }
      }
    }
  }

  /// Visits the windows of one image that touch the lines `own`.
  @inline(__always) private func visit(
    _ image: Int, _ own: Range<Int>, _ gradient: UnsafeMutablePointer<Float>, _ line: Int,
    _ window: inout Window, _ body: (Window) -> Void
  ) {
    let (first, second, third) = threeAxes
    var cleared = own.lowerBound
    // Lines are cleared just before they are first added to, and are then still in cache.
    func clear(through last: Int) {
      guard last >= cleared else { return }
      (gradient + cleared * line).update(repeating: 0, count: (last + 1 - cleared) * line)
      cleared = last + 1
    }
    for a in 0..<first.outputLength {
      let elements = first.elements(ofWindow: a)
      guard elements.contains(where: { own.contains(first.position(a, $0)) }) else { continue }
      clear(through: min(first.position(a, elements.upperBound - 1), own.upperBound - 1))
      for b in 0..<second.outputLength {
        for c in 0..<third.outputLength {
          window.move(self, image, a, b, c, lines: own)
          body(window)
        }
      }
    }
    clear(through: own.upperBound - 1)
  }
}
