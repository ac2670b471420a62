public import Tensors

/// How a window that slides over an image treats the edges.
public enum Padding: String, CaseIterable, Hashable, Sendable {
  /// Windows lie wholly inside the image.
  case valid
  /// Windows may overhang, and there are `ceil(length / stride)` of them along each axis.
  case same
}

/// Where the windows of a convolution or a pooling lie, along one to three spatial axes.
///
/// Convolution and pooling, forward and backward, all take this one value, so that a stride or a
/// padding can't reach one pass and miss the other. Element `k` of window `o` lies at
/// `o * stride + k * dilation - padLow`.
public struct WindowGeometry: Hashable, Sendable {
  /// The number of elements of a window.
  public var window: [Int]
  /// The distance between neighbouring windows.
  public var strides: [Int]
  /// The distance between neighbouring elements of a window.
  public var dilations: [Int]
  /// The number of virtual positions before the first one.
  public var padLow: [Int]
  /// The number of virtual positions after the last one.
  public var padHigh: [Int]

  /// Creates a geometry, one number for each spatial axis.
  public init(
    window: [Int], strides: [Int], dilations: [Int], padLow: [Int], padHigh: [Int]
  ) {
    self.window = window
    self.strides = strides
    self.dilations = dilations
    self.padLow = padLow
    self.padHigh = padHigh
  }

  /// Creates the geometry of Keras' padding rules.
  ///
  /// `"same"` pads `max((ceil(n / s) - 1) * s + (k - 1) * d + 1 - n, 0)` positions, the smaller
  /// half in front. `spatial` are the lengths of the image's spatial axes.
  ///
  /// Source: TensorFlow, "Notes on padding in `tf.nn`".
  public static func keras(
    window: [Int], strides: [Int], dilations: [Int], padding: Padding, spatial: [Int]
  ) -> WindowGeometry {
    var geometry = WindowGeometry(
      window: window, strides: strides, dilations: dilations,
      padLow: [Int](repeating: 0, count: spatial.count),
      padHigh: [Int](repeating: 0, count: spatial.count))
    let counts = [window.count, strides.count, dilations.count]
    // A wrong number of settings is refused, with a sentence, by `outputLengths`.
    guard padding == .same, counts.allSatisfy({ $0 == spatial.count }),
      strides.allSatisfy({ $0 > 0 })
    else { return geometry }
    for axis in spatial.indices {
      let (length, stride) = (spatial[axis], strides[axis])
      let covered =
        ((length + stride - 1) / stride - 1) * stride + (window[axis] - 1) * dilations[axis] + 1
      let total = max(covered - length, 0)
      geometry.padLow[axis] = total / 2
      geometry.padHigh[axis] = total - total / 2
    }
    return geometry
  }

  /// The number of windows along each axis of an image.
  ///
  /// - Throws: `invalidArgument` if a setting is out of range or no window fits.
  public func outputLengths(_ spatial: [Int]) throws(PhospheneError) -> [Int] {
    let counts = [window, strides, dilations, padLow, padHigh].map(\.count)
    guard (1...3).contains(spatial.count), counts.allSatisfy({ $0 == spatial.count }) else {
      throw .invalidArgument(
        "windows need 1 to 3 spatial axes and one setting for each, received an image of"
          + " \(spatial) with \(self)")
    }
    var lengths: [Int] = []
    for axis in spatial.indices {
      guard window[axis] > 0, strides[axis] > 0, dilations[axis] > 0, padLow[axis] >= 0,
        padHigh[axis] >= 0
      else {
        throw .invalidArgument(
          "window, strides and dilations have to be positive and padding not negative, received"
            + " \(self)")
      }
      let room = spatial[axis] + padLow[axis] + padHigh[axis] - extent(axis)
      guard room >= 0 else {
        throw .invalidArgument(
          "an image of \(spatial) is too small along axis \(axis) for \(self): use a larger input"
            + " or padding \"same\"")
      }
      lengths.append(room / strides[axis] + 1)
    }
    return lengths
  }

  /// The number of positions from a window's first element to its last along an axis.
  public func extent(_ axis: Int) -> Int { (window[axis] - 1) * dilations[axis] + 1 }
}

extension WindowGeometry: CustomStringConvertible {
  /// All settings, for the sentences of errors.
  public var description: String {
    "window \(window), strides \(strides), dilations \(dilations), padding \(padLow) before and"
      + " \(padHigh) after"
  }
}

/// One spatial axis of an image with its windows.
struct WindowAxis: Sendable {
  let inputLength: Int
  let outputLength: Int
  let window: Int
  let stride: Int
  let dilation: Int
  let padLow: Int

  /// An axis of length one that every image has.
  static let single = WindowAxis(
    inputLength: 1, outputLength: 1, window: 1, stride: 1, dilation: 1, padLow: 0)

  /// The elements of window `index` that lie inside the image.
  func elements(ofWindow index: Int) -> Range<Int> {
    let start = index * stride - padLow
    let first = start >= 0 ? 0 : (-start + dilation - 1) / dilation
    let room = inputLength - start
    let end = room <= 0 ? 0 : min(window, (room + dilation - 1) / dilation)
    return min(first, end)..<end
  }

  /// Where element `element` of window `index` lies.
  func position(_ index: Int, _ element: Int) -> Int {
    index * stride + element * dilation - padLow
  }

  /// The window whose element number `element` lies at `position`, if there is one.
  func window(at position: Int, element: Int) -> Int? {
    let start = position + padLow - element * dilation
    guard start >= 0, start % stride == 0, start / stride < outputLength else { return nil }
    return start / stride
  }
}

/// An image of shape (batch, spatial..., channels) and its windows, with exactly three spatial
/// axes: missing ones are appended with length one, which changes nothing in memory.
struct WindowedImage: Sendable {
  let batch: Int
  let channels: Int
  let axes: [WindowAxis]
  let inputShape: Shape
  /// The shape of an array that holds one pixel of `channels` for every window.
  let outputShape: Shape

  /// Resolves a geometry for an image.
  init(_ input: Shape, _ geometry: WindowGeometry) throws(PhospheneError) {
    guard (3...5).contains(input.rank) else {
      throw .invalidArgument(
        "windows need an input of shape (batch, spatial..., channels) with 1 to 3 spatial axes,"
          + " received \(input)")
    }
    let spatial = Array(input.axes[1..<input.rank - 1])
    let lengths = try geometry.outputLengths(spatial)
    var axes = spatial.indices.map {
      WindowAxis(
        inputLength: spatial[$0], outputLength: lengths[$0], window: geometry.window[$0],
        stride: geometry.strides[$0], dilation: geometry.dilations[$0],
        padLow: geometry.padLow[$0])
    }
    while axes.count < 3 { axes.append(.single) }
    self.axes = axes
    batch = input[0]
    channels = input[input.rank - 1]
    inputShape = input
    outputShape = Shape([batch] + lengths + [channels])
  }

  /// The pixels of one image.
  var inputPixels: Int { axes.reduce(1) { $0 * $1.inputLength } }
  /// The windows of one image.
  var outputPixels: Int { axes.reduce(1) { $0 * $1.outputLength } }
  /// The elements of one window.
  var windowCount: Int { axes.reduce(1) { $0 * $1.window } }

  /// The number of a pixel within its image.
  func inputPixel(_ a: Int, _ b: Int, _ c: Int) -> Int {
    (a * axes[1].inputLength + b) * axes[2].inputLength + c
  }

  /// The number of a window within its image.
  func outputPixel(_ a: Int, _ b: Int, _ c: Int) -> Int {
    (a * axes[1].outputLength + b) * axes[2].outputLength + c
  }
}
