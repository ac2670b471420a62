import Graphs
import KerasModels
import Tensors

/// A parametrization for pictures of one size.
struct ParametrizedImage {
  var parametrization: Parametrization
  let count: Int
  let height: Int
  let width: Int
  let channels: Int
  /// The brightness of what lies around the canvas, from 0 to 1.
  let background: Float
  /// What the input is.
  var form = InputForm.picture
  /// How many slices a volume has, one below the other.
  var depth = 1
  /// Whether one more channel says how opaque each pixel is.
  var hasAlpha = false

  /// All frequencies of a picture.
  var spectrum: Spectrum { Spectrum(height: height, width: width) }

  /// The shape of the numbers that the optimizer changes.
  var parameterShape: Shape {
    let opacity = hasAlpha ? 1 : 0
    return switch parametrization.kind {
    case .pixel where form == .row && parametrization.prior != nil:
      [count, 1, parametrization.prior?.axes.count ?? 0, 1]
    case .pixel: [count, height, width, channels + opacity]
    case .maco where depth > 1: [count, channels, depth, height / depth, width / 2 + 1]
    case _ where depth > 1: [count, channels, depth, height / depth, width]
    // Real parts above, imaginary parts below.
    case .fourier, .natural: [count, channels + opacity, 2 * height, spectrum.half]
    // Phases, but real and imaginary parts of the opacity.
    case .maco: [count, channels + 2 * opacity, height, spectrum.half]
    }
  }

  /// Appends the pictures, (count, height, width, channels) between 0 and 1.
  func image(of parameters: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
    if form == .row, let prior = parametrization.prior {
      return try rows(of: parameters, by: prior, in: &graph)
    }
    var value = try unmixed(parameters, in: &graph)
    if let mixing {
      value = try graph.matrixProduct(
        value, graph.constant(try Tensor([channels, channels], mixing)))
    }
    if parametrization.prior != nil {
      value = try graph.add(value, graph.constant(try Tensor([channels], middles)))
      return try graph.unary(.sigmoid, value)
    }
    return try graph.unary(.sigmoid, graph.linear(value, scale: 1, offset: middles[0]))
  }

  /// Appends the pictures before their channels are mixed, without bounds.
  private func unmixed(
    _ parameters: Value, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let kind = parametrization.kind
    if kind == .pixel {
      return try graph.slice(parameters, axis: 3, start: 0, length: channels)
    }
    let numbers = try graph.slice(parameters, axis: 1, start: 0, length: channels)
    if kind == .maco {
      return depth > 1
        ? try standardized(volume(ofPhases: numbers, in: &graph), in: &graph)
        : try imageOfPhases(numbers, in: &graph)
    }
    let value =
      depth > 1
      ? try volume(of: numbers, in: &graph)
      : try spectrum.pictures(of: graph.multiply(numbers, allWeights(in: &graph)), in: &graph)
    guard kind == .natural else { return value }
    return try graph.linear(
      standardized(value, in: &graph), scale: parametrization.contrast)
  }

  /// Appends the pictures that phases make, (count, height, width, channels) of mean 0 and variance 1.
  ///
  /// Source: Fel et al. 2023 and its code (xplique, `features_visualizations/maco.py`): phases are
  /// standardized, the magnitudes are fixed, the picture is standardized over all pixels and channels.
  private func imageOfPhases(
    _ phases: Value, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let angles = try standardized(phases, in: &graph)
    let magnitudes = graph.constant(
      try Tensor([channels, height, spectrum.half], (0..<channels).flatMap(magnitudes(ofChannel:))))
    let real = try graph.multiply(graph.unary(.cosine, angles), magnitudes)
    let imaginary = try graph.multiply(graph.unary(.sine, angles), magnitudes)
    let waves = try graph.concatenate([real, imaginary], axis: 2)
    return try standardized(spectrum.pictures(of: waves, in: &graph), in: &graph)
  }

  /// Appends `(value - mean) / (standard deviation + 1e-5)` of each picture.
  func standardized(
    _ value: Value, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let single = Shape([count] + graph.shape(value).axes.dropFirst().map { _ in 1 })
    let mean = try graph.reshape(graph.mean(value), to: single)
    let centred = try graph.subtract(value, mean)
    // Where all numbers are alike, the root is not smooth.
    let variance = try graph.linear(
      graph.mean(graph.unary(.square, centred)), scale: 1, offset: 1e-20)
    let deviation = try graph.linear(
      graph.reshape(graph.unary(.squareRoot, variance), to: single), scale: 1, offset: 1e-5)
    return try graph.divide(centred, deviation)
  }
}
