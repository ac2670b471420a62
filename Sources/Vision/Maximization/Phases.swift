import Graphs
import Tensors

extension ParametrizedImage {
  /// Appends the pictures that phases make, (count, height, width, channels) of mean 0 and variance 1.
  ///
  /// Source: Fel et al. 2023 and its code (xplique, `features_visualizations/maco.py`): phases are
  /// standardized, the magnitudes are fixed, the picture is standardized over all pixels and channels.
  func imageOfPhases(_ phases: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
    let angles = try standardized(phases, in: &graph)
    let magnitudes = graph.constant(
      try Tensor([channels, height, width / 2 + 1], magnitudes))
    let real = try graph.multiply(graph.unary(.cosine, angles), magnitudes)
    let imaginary = try graph.multiply(graph.unary(.sine, angles), magnitudes)
    let spectrum = try graph.concatenate([real, imaginary], axis: 2)
    return try standardized(inverseTransform(of: spectrum, in: &graph), in: &graph)
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

  /// The magnitude of each frequency, (channels, height, width / 2 + 1).
  private var magnitudes: [Float] { (0..<channels).flatMap(magnitudes(ofChannel:)) }

  /// The magnitude of each frequency, (height, width / 2 + 1): along the axes of natural colours where
  /// there are three, that of brightness for all channels otherwise.
  private func magnitudes(ofChannel channel: Int) -> [Float] {
    let half = width / 2 + 1
    let axis = mixing != nil ? channel : 0
    var magnitudes: [Float] = []
    magnitudes.reserveCapacity(height * half)
    for row in 0..<height {
      let fy = Double(row <= (height - 1) / 2 ? row : row - height) / Double(height)
      for column in 0..<half {
        let magnitude = magnitude(axis: axis, fy: fy, fx: Double(column) / Double(width))
        magnitudes.append(Float(magnitude))
      }
    }
    return magnitudes
  }

  /// What the numbers of a spectrum are multiplied with, (height, width / 2 + 1).
  func weights(ofChannel channel: Int) -> [Float] {
    guard parametrization.kind == .natural || parametrization.prior != nil else { return scale }
    var weights = magnitudes(ofChannel: channel)
    if parametrization.kind == .fourier {
      // As strong as Lucid's at the lowest frequency.
      let gain = scale[0] / weights[0]
      return weights.map { $0 * gain }
    }
    // The mean of a photo's channel is far stronger than its shapes. Here it would use up the
    // contrast: a picture of one colour, as the standardization is over all channels.
    if weights.count > 1 { weights[0] = weights[1] }
    return weights
  }
}
