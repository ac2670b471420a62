import Kernels
import Tensors

/// The kernels that are timed, with the shapes that networks have.
func allCases() throws(PhospheneError) -> [Case] {
  let squares = [(224, 64), (112, 128), (56, 256), (28, 512), (14, 512)]
  let narrow = [(56, 64), (28, 128), (14, 256), (7, 512), (112, 32), (56, 32), (35, 96), (17, 192)]
  var cases: [Case] = []
  for (side, channels) in squares + narrow {
    for isExact in [true, false] {
      cases.append(try convolution(side, 3, channels, channels, isExact: isExact))
    }
  }
  for (side, channels) in squares.prefix(4) {
    for isExact in [true, false] {
      cases.append(try inputGradient(side, 3, channels, channels, isExact: isExact))
    }
  }
  cases.append(try convolution(224, 3, 3, 64))
  cases.append(try inputGradient(224, 3, 3, 64))
  cases.append(try convolution(224, 7, 3, 64, stride: 2))
  cases.append(try inputGradient(224, 7, 3, 64, stride: 2))
  for (side, channels, filters) in [
    (112, 32, 16), (112, 16, 96), (56, 96, 24), (56, 24, 144), (28, 144, 32), (28, 32, 192),
    (14, 64, 384), (14, 384, 64), (7, 160, 960), (7, 960, 160), (7, 320, 1280), (56, 64, 256),
    (56, 256, 64), (28, 512, 128), (14, 1024, 256), (7, 2048, 512),
  ] {
    cases.append(try convolution(side, 1, channels, filters))
  }
  for (side, channels, stride) in [
    (112, 32, 1), (112, 96, 2), (56, 144, 1), (56, 144, 2), (28, 192, 1), (14, 384, 1),
    (14, 576, 1), (7, 960, 1),
  ] {
    cases.append(try depthwise(side, channels, stride: stride))
    cases.append(try depthwiseGradient(side, channels, stride: stride))
  }
  for (rows, columns) in [(25088, 4096), (4096, 4096), (4096, 1000), (1280, 1000)] {
    cases.append(matrixVector(rows, columns))
    cases.append(matrixVector(rows, columns, isTransposed: true))
  }
  for batch in [2, 8, 32] { cases.append(matrixVector(25088, 4096, batch: batch)) }
  for (side, channels) in squares.prefix(3) {
    cases.append(try pooling(side, channels))
    cases.append(try poolingGradient(side, channels))
  }
  let (large, small) = (224 * 224 * 64, 28 * 28 * 192)
  for count in [large, small] {
    let name = "\(count) elements"
    cases.append(
      Case(
        "rectifier, \(name)", kernel: try unaryKernel(.relu(negativeSlope: 0), count: count),
        inputs: [count], output: count, operations: count))
    cases.append(
      Case(
        "sum of two, \(name)",
        kernel: try binaryKernel(.add, a: Shape([count]), b: Shape([count])),
        inputs: [count, count], output: count, operations: count))
    cases.append(copy(count))
  }
  cases.append(sum(1 << 26))
  return cases
}

// MARK: - Convolutions

private func convolution(
  _ side: Int, _ window: Int, _ channels: Int, _ filters: Int, stride: Int = 1,
  isExact: Bool = false
) throws(PhospheneError) -> Case {
  let shape = try ConvolutionShape(side, window, channels, filters, stride: stride)
  return Case(
    "convolution \(shape)\(isExact ? ", exact" : "")",
    kernel: try convolutionKernel(
      input: shape.input, weights: shape.weights, geometry: shape.geometry, groups: 1,
      hasBias: true, activation: .relu(negativeSlope: 0), constantWeights: true, isExact: isExact),
    inputs: [shape.input.elementCount, shape.weights.elementCount, filters],
    output: shape.output.elementCount, operations: shape.operations)
}

private func inputGradient(
  _ side: Int, _ window: Int, _ channels: Int, _ filters: Int, stride: Int = 1,
  isExact: Bool = false
) throws(PhospheneError) -> Case {
  let shape = try ConvolutionShape(side, window, channels, filters, stride: stride)
  return Case(
    "input gradient \(shape)\(isExact ? ", exact" : "")",
    kernel: try convolutionInputGradientKernel(
      input: shape.input, weights: shape.weights, geometry: shape.geometry, groups: 1,
      constantWeights: true, isExact: isExact),
    inputs: [shape.output.elementCount, shape.weights.elementCount],
    output: shape.input.elementCount, operations: shape.operations)
}

private func depthwise(
  _ side: Int, _ channels: Int, stride: Int
) throws(PhospheneError) -> Case {
  let shape = try ConvolutionShape(side, 3, channels, 1, stride: stride, isDepthwise: true)
  return Case(
    "depthwise \(shape)",
    kernel: try convolutionKernel(
      input: shape.input, weights: shape.weights, geometry: shape.geometry, groups: channels,
      hasBias: true, activation: .clip(low: 0, high: 6), constantWeights: true),
    inputs: [shape.input.elementCount, shape.weights.elementCount, channels],
    output: shape.output.elementCount, operations: shape.operations)
}

private func depthwiseGradient(
  _ side: Int, _ channels: Int, stride: Int
) throws(PhospheneError) -> Case {
  let shape = try ConvolutionShape(side, 3, channels, 1, stride: stride, isDepthwise: true)
  return Case(
    "depthwise input gradient \(shape)",
    kernel: try convolutionInputGradientKernel(
      input: shape.input, weights: shape.weights, geometry: shape.geometry, groups: channels,
      constantWeights: true),
    inputs: [shape.output.elementCount, shape.weights.elementCount],
    output: shape.input.elementCount, operations: shape.operations)
}

/// A convolution of a square image, padded as Keras' `"same"`.
private struct ConvolutionShape: CustomStringConvertible {
  let input: Shape
  let weights: Shape
  let output: Shape
  let geometry: WindowGeometry
  let stride: Int
  let isDepthwise: Bool

  init(
    _ side: Int, _ window: Int, _ channels: Int, _ filters: Int, stride: Int,
    isDepthwise: Bool = false
  ) throws(PhospheneError) {
    input = [1, side, side, channels]
    // A depthwise convolution's weights are (window..., 1, channels) for as many groups.
    weights = isDepthwise ? [window, window, 1, channels] : [window, window, channels, filters]
    geometry = .keras(
      window: [window, window], strides: [stride, stride], dilations: [1, 1], padding: .same,
      spatial: [side, side])
    let lengths = try geometry.outputLengths([side, side])
    output = [1, lengths[0], lengths[1], isDepthwise ? channels : filters]
    self.stride = stride
    self.isDepthwise = isDepthwise
  }

  /// Two for each weight and position.
  var operations: Int { 2 * weights.elementCount * output[1] * output[2] }

  var description: String {
    let step = stride == 1 ? "" : " / \(stride)"
    let ends = isDepthwise ? "\(input[3])" : "\(weights[2]) -> \(weights[3])"
    return "\(weights[0])x\(weights[1])\(step), \(input[1])x\(input[2]), \(ends)"
  }
}

// MARK: - The rest

/// A dense layer, or the gradient of one.
func matrixVector(_ rows: Int, _ columns: Int, batch: Int = 1, isTransposed: Bool = false) -> Case {
  let (inputs, outputs) = isTransposed ? (columns, rows) : (rows, columns)
  return Case(
    "matrix \(rows)x\(columns)\(isTransposed ? ", transposed" : ""), batch \(batch)",
    kernel: try matrixProductKernel(
      a: [batch, inputs], b: [rows, columns], transposeA: false, transposeB: isTransposed,
      hasBias: false, activation: nil),
    inputs: [batch * inputs, rows * columns], output: batch * outputs,
    operations: 2 * batch * rows * columns)
}

/// Reading and writing.
func copy(_ count: Int) -> Case {
  Case(
    "copy, \(count) elements", kernel: try copyKernel(byteCount: 4 * count), inputs: [count],
    output: count)
}

/// The sum of all elements: reading alone.
func sum(_ count: Int) -> Case {
  Case(
    "sum, \(count) elements",
    kernel: try reductionKernel(.sum, input: [64, count / 64], axes: [1]), inputs: [count],
    output: 64, operations: count)
}

private func pooling(_ side: Int, _ channels: Int) throws(PhospheneError) -> Case {
  let count = side * side * channels
  return Case(
    "maximum of 2x2, \(side)x\(side)x\(channels)",
    kernel: try poolingKernel(
      input: [1, side, side, channels], geometry: halves(side), function: .maximum),
    inputs: [count], output: count / 4, operations: count)
}

private func poolingGradient(_ side: Int, _ channels: Int) throws(PhospheneError) -> Case {
  let count = side * side * channels
  return Case(
    "gradient of maximum of 2x2, \(side)x\(side)x\(channels)",
    kernel: try maximumPoolingInputGradientKernel(
      input: [1, side, side, channels], geometry: halves(side)),
    inputs: [count / 4, count, count / 4], output: count)
}

private func halves(_ side: Int) -> WindowGeometry {
  .keras(
    window: [2, 2], strides: [2, 2], dilations: [1, 1], padding: .valid, spatial: [side, side])
}
