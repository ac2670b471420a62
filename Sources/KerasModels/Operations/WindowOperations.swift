import Graphs
import Tensors

extension OperationRule {
  /// Convolutions and pooling.
  static let windows: [String: OperationRule] = [
    "AdaptiveAveragePool": adaptivePooling(.averageExcludingPadding),
    "AdaptiveMaxPool": adaptivePooling(.maximum),
    "AveragePool": pooling(.averageExcludingPadding),
    "Conv": convolution(["inputs", "kernel"]) { context, image, placement in
      let kernel = try context.requiredValue("kernel")
      return try context.graph.convolution(image, weights: kernel, placement)
    },
    "ConvTranspose": convolution(
      ["inputs", "kernel"], settings: ["output_padding"]
    ) { context, image, placement in
      let kernel = try context.requiredValue("kernel")
      let added = try context.call.wholes("output_padding")
      let rank = placement.strides.count
      return try context.graph.transposedConvolution(
        image, weights: kernel, strides: placement.strides, dilations: placement.dilations,
        isPadded: placement.padding == .same,
        outputPadding: added.map { $0.count == 1 ? [Int](repeating: $0[0], count: rank) : $0 })
    },
    "DepthwiseConv": convolution(["inputs", "kernel"]) { context, image, placement in
      let kernel = try context.requiredValue("kernel")
      return try context.graph.depthwiseConvolution(image, weights: kernel, placement)
    },
    "MaxPool": pooling(.maximum),
    "SeparableConv": convolution(
      ["inputs", "depthwise_kernel", "pointwise_kernel"]
    ) { context, image, placement in
      let depthwise = try context.requiredValue("depthwise_kernel")
      let pointwise = try context.requiredValue("pointwise_kernel")
      let value = try context.graph.depthwiseConvolution(image, weights: depthwise, placement)
      let ones = placement.strides.map { _ in 1 }
      return try context.graph.convolution(
        value, weights: pointwise, Placement(strides: ones, dilations: ones, padding: .valid))
    },
  ]

  private static func convolution(
    _ arguments: [String], settings: [String] = [],
    _ body: @escaping @Sendable (inout LoweringContext, Value, Placement) throws -> Value
  ) -> OperationRule {
    OperationRule(
      arguments, settings: settings + ["strides", "padding", "data_format", "dilation_rate"]
    ) { context in
      let (image, format) = try context.image("inputs")
      let rank = context.graph.shape(image).rank - 2
      let placement = try Placement(context.call, rank: rank, standardStrides: nil)
      let value = try body(&context, image, placement)
      return [try context.graph.channelsLast(value, to: format)]
    }
  }

  private static func pooling(_ function: PoolingFunction) -> OperationRule {
    OperationRule(
      ["inputs"], settings: ["pool_size", "strides", "padding", "data_format"]
    ) { context in
      let (image, format) = try context.image("inputs")
      let rank = context.graph.shape(image).rank - 2
      let window = try context.call.lengths("pool_size", count: rank) ?? []
      let placement = try Placement(context.call, rank: rank, standardStrides: window)
      let value = try context.graph.pooling(
        image, geometry: placement.geometry(window: window, on: context.graph.shape(image)),
        function: function)
      return [try context.graph.channelsLast(value, to: format)]
    }
  }

  private static func adaptivePooling(_ function: PoolingFunction) -> OperationRule {
    OperationRule(["inputs"], settings: ["output_size", "data_format"]) { context in
      let (image, format) = try context.image("inputs")
      let rank = context.graph.shape(image).rank - 2
      guard let counts = try context.call.lengths("output_size", count: rank) else {
        throw PhospheneError.invalidArgument("setting 'output_size' is missing")
      }
      let value = try context.graph.adaptivePooling(image, to: counts, function: function)
      return [try context.graph.channelsLast(value, to: format)]
    }
  }
}

/// Where windows lie on an image.
struct Placement: Sendable {
  let strides: [Int]
  let dilations: [Int]
  let padding: Padding

  init(strides: [Int], dilations: [Int], padding: Padding) {
    (self.strides, self.dilations, self.padding) = (strides, dilations, padding)
  }

  /// Reads `strides`, `padding` and `dilation_rate` of a call for a number of spatial axes.
  init(_ call: BoundCall, rank: Int, standardStrides: [Int]?) throws(PhospheneError) {
    let ones = [Int](repeating: 1, count: rank)
    strides = try call.lengths("strides", count: rank) ?? standardStrides ?? ones
    dilations = try call.lengths("dilation_rate", count: rank) ?? ones
    let name = try call.text("padding") ?? "valid"
    guard let padding = Padding(rawValue: name.lowercased()) else {
      throw .unsupported("padding must be 'valid' or 'same', received '\(name)'")
    }
    self.padding = padding
  }

  /// The windows on an image whose channels are last.
  func geometry(window: [Int], on image: Shape) -> WindowGeometry {
    .keras(
      window: window, strides: strides, dilations: dilations, padding: padding,
      spatial: Array(image.axes[1...strides.count]))
  }
}

extension BoundCall {
  /// A positive length for each of `count` axes, or one for all.
  func lengths(_ name: String, count: Int) throws(PhospheneError) -> [Int]? {
    guard let values = try wholes(name) else { return nil }
    let all = values.count == 1 ? [Int](repeating: values[0], count: count) : values
    guard all.count == count, all.allSatisfy({ (1...1 << 20).contains($0) }) else {
      throw .invalidArgument("\(name) needs \(count) positive numbers, received \(values)")
    }
    return all
  }
}

extension LoweringContext {
  /// An image among the arguments, with its channels last, and where they were.
  mutating func image(_ name: String) throws(PhospheneError) -> (Value, DataFormat) {
    let image = try requiredValue(name)
    let format = try dataFormat()
    let rank = graph.shape(image).rank
    guard (3...5).contains(rank) else {
      throw .invalidArgument(
        "images have a batch, 1 to 3 spatial axes and channels, received \(graph.shape(image))")
    }
    return (try graph.channelsLast(image, from: format), format)
  }

  /// The setting `data_format`; Keras' default is `channels_last`.
  func dataFormat() throws(PhospheneError) -> DataFormat {
    let name = try call.text("data_format") ?? DataFormat.channelsLast.rawValue
    guard let format = DataFormat(rawValue: name) else {
      throw .invalidArgument(
        "data_format must be 'channels_last' or 'channels_first', received '\(name)'")
    }
    return format
  }
}

extension Graph {
  /// Appends a convolution with weights (window..., channels / groups, filters).
  mutating func convolution(
    _ image: Value, weights: Value, _ placement: Placement
  ) throws(PhospheneError) -> Value {
    let (input, kernel) = (shape(image), shape(weights))
    guard kernel.rank == input.rank, kernel[kernel.rank - 2] > 0 else {
      throw .invalidArgument("a kernel of shape \(kernel) doesn't fit an input of shape \(input)")
    }
    let geometry = placement.geometry(window: Array(kernel.axes.dropLast(2)), on: input)
    return try convolution(
      image, weights: weights, geometry: geometry,
      groups: input[input.rank - 1] / kernel[kernel.rank - 2])
  }

  /// Appends a convolution of each channel by itself, with weights (window..., channels, multiplier).
  mutating func depthwiseConvolution(
    _ image: Value, weights: Value, _ placement: Placement
  ) throws(PhospheneError) -> Value {
    let (input, kernel) = (shape(image), shape(weights))
    guard kernel.rank == input.rank, kernel[kernel.rank - 2] == input[input.rank - 1] else {
      throw .invalidArgument("a kernel of shape \(kernel) doesn't fit an input of shape \(input)")
    }
    // The same numbers in the same order are the weights of a convolution in groups.
    let filters = kernel[kernel.rank - 2] * kernel[kernel.rank - 1]
    let grouped = try reshape(weights, to: Shape(kernel.axes.dropLast(2) + [1, filters]))
    return try convolution(image, weights: grouped, placement)
  }
}
