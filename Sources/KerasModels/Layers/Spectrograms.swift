import Glibc
import Graphs
import Tensors

/// Keras' `STFTSpectrogram`: the short-time Fourier transform of (batch, time, channels), as a
/// convolution with weights that begin as windowed cosines and sines.
struct STFTSpectrogram: Layer {
  static let classNames = ["STFTSpectrogram"]

  private enum Mode: String, CaseIterable {
    case log, magnitude, psd, real, imag, angle, stft
  }

  private enum Edges: String, CaseIterable { case valid, same }

  private enum CodingKeys: String, CodingKey {
    case mode, padding
    case frameLength = "frame_length"
    case frameStep = "frame_step"
    case transformLength = "fft_length"
    case keepsChannels = "expand_dims"
  }

  /// Keras' `epsilon()`.
  private static let smallest: Float = 1e-7

  private let mode: Mode
  private let edges: Edges
  private let format: DataFormat
  private let frameLength: Int
  private let frameStep: Int
  /// The number of frequencies.
  private let binCount: Int
  private let keepsChannels: Bool

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    mode = try settings.choice(Mode.self, forKey: .mode, default: .log)
    edges = try settings.choice(Edges.self, forKey: .padding, default: .valid)
    format = try config.dataFormat()
    frameLength = try settings.positive(.frameLength, default: 256)
    frameStep = try settings.positive(.frameStep, default: max(frameLength / 2, 1))
    var power = 1
    while power < frameLength { power *= 2 }
    let transformLength = try settings.positive(.transformLength, default: power)
    guard frameStep <= frameLength, frameLength <= transformLength else {
      throw PhospheneError.invalidArgument(
        "frame_step \(frameStep), frame_length \(frameLength) and fft_length \(transformLength) "
          + "must not fall")
    }
    binCount = transformLength / 2 + 1
    keepsChannels = try settings.decodeIfPresent(Bool.self, forKey: .keepsChannels) ?? false
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("STFTSpectrogram")
    try context.graph.requireImage(input, rank: 1, format, "STFTSpectrogram")
    // Each channel by itself.
    let signals =
      format == .channelsLast ? try context.graph.transpose(input, [0, 2, 1]) : input
    let shape = context.graph.shape(signals)
    let column = try context.graph.reshape(signals, to: [shape[0] * shape[1], shape[2], 1])
    let geometry = WindowGeometry.keras(
      window: [frameLength], strides: [frameStep], dilations: [1],
      padding: edges == .same ? .same : .valid, spatial: [shape[2]])

    func part(_ name: String) throws(PhospheneError) -> Value {
      let kernel = try context.weight(name, [frameLength, 1, binCount])
      let frames = try context.graph.convolution(column, weights: kernel, geometry: geometry)
      let count = context.graph.shape(frames)[1]
      return try context.graph.reshape(frames, to: [shape[0], shape[1], count, binCount])
    }
    let real = mode == .imag ? nil : try part("real_kernel")
    let imaginary = mode == .real ? nil : try part("imag_kernel")
    guard let real else { return [try arranged(imaginary ?? column, in: &context.graph)] }
    guard let imaginary else { return [try arranged(real, in: &context.graph)] }
    let values = try combine(real, imaginary, in: &context.graph)
    return [try arranged(values, in: &context.graph)]
  }

  /// Appends what the mode makes of both parts of (batch, channels, time, frequencies).
  private func combine(
    _ real: Value, _ imaginary: Value, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    if mode == .stft { return try graph.concatenate([real, imaginary], axis: 3) }
    if mode == .angle { return try graph.binary(.arctangent2, imaginary, real) }
    let power = try graph.add(graph.unary(.square, real), graph.unary(.square, imaginary))
    if mode == .psd {
      // Those between the first and the last frequency stand for the negative ones too.
      let factors = (0..<binCount).map { Float($0 == 0 || $0 == binCount - 1 ? 1 : 2) }
      return try graph.multiply(power, graph.constant(Tensor([binCount], factors)))
    }
    let magnitude = try graph.unary(
      .squareRoot,
      graph.unary(.clip(low: STFTSpectrogram.smallest, high: .infinity), power))
    guard mode == .log else { return magnitude }
    return try graph.unary(
      .logarithm, graph.unary(.clip(low: STFTSpectrogram.smallest, high: .infinity), magnitude))
  }

  /// Appends (batch, channels, time, frequencies) as the settings want it.
  private func arranged(
    _ values: Value, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let shape = graph.shape(values)
    switch (format, keepsChannels) {
    case (.channelsLast, true): return try graph.transpose(values, [0, 2, 3, 1])
    case (.channelsFirst, true): return values
    case (.channelsLast, false):
      return try graph.reshape(
        graph.transpose(values, [0, 2, 1, 3]), to: [shape[0], shape[2], shape[1] * shape[3]])
    case (.channelsFirst, false):
      return try graph.reshape(
        graph.transpose(values, [0, 1, 3, 2]), to: [shape[0], shape[1] * shape[3], shape[2]])
    }
  }
}

/// Keras' `MelSpectrogram` of (batch, samples): the power of a sound in bands that are as wide as
/// the ear hears them, (batch, bands, time).
struct MelSpectrogram: Layer {
  static let classNames = ["MelSpectrogram"]

  private enum CodingKeys: String, CodingKey {
    case window
    case transformLength = "fft_length"
    case stride = "sequence_stride"
    case frameLength = "sequence_length"
    case samplingRate = "sampling_rate"
    case bandCount = "num_mel_bins"
    case lowest = "min_freq"
    case highest = "max_freq"
    case usesDecibels = "power_to_db"
    case range = "top_db"
    case exponent = "mag_exp"
    case smallestPower = "min_power"
    case referencePower = "ref_power"
  }

  private let transform: FourierTransform
  private let stride: Int
  private let samplingRate: Float
  private let bandCount: Int
  private let lowest: Float
  private let highest: Float
  private let exponent: Float
  /// Smallest and reference power and the range in decibels, `nil` for plain power.
  private let decibels: (smallest: Float, reference: Float, range: Float)?

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    let length = try settings.positive(.transformLength, default: 2048)
    transform = try FourierTransform(
      length: length, frameLength: try settings.positive(.frameLength, default: length),
      window: settings.contains(.window)
        ? try settings.decodeIfPresent(FourierTransform.Window.self, forKey: .window) : .hann)
    stride = try settings.positive(.stride, default: 512)
    bandCount = try settings.positive(.bandCount, default: 128)
    samplingRate = try settings.decodeIfPresent(Float.self, forKey: .samplingRate) ?? 16000
    lowest = try settings.decodeIfPresent(Float.self, forKey: .lowest) ?? 20
    let highest = try settings.decodeIfPresent(Float.self, forKey: .highest) ?? 0
    self.highest = highest == 0 ? (samplingRate / 2).rounded(.down) : highest
    exponent = try settings.decodeIfPresent(Float.self, forKey: .exponent) ?? 2
    let usesDecibels = try settings.decodeIfPresent(Bool.self, forKey: .usesDecibels) ?? true
    let smallest = try settings.decodeIfPresent(Float.self, forKey: .smallestPower) ?? 1e-10
    let reference = try settings.decodeIfPresent(Float.self, forKey: .referencePower) ?? 1
    let range = try settings.decodeIfPresent(Float.self, forKey: .range) ?? 80
    decibels = usesDecibels ? (smallest, reference, range) : nil
    guard samplingRate > 0, lowest >= 0, self.highest > lowest, bandCount <= 1 << 14 else {
      throw PhospheneError.invalidArgument(
        "max_freq must lie above min_freq and neither below 0, received \(self.highest) and "
          + "\(lowest)")
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    let input = try inputs.only("MelSpectrogram")
    // Moved, not copied.
    var graph = context.graph
    context.graph = Graph()
    defer { context.graph = graph }
    let (real, imaginary) = try transform.apply(to: input, stride: stride, in: &graph)
    let magnitude = try graph.unary(
      .squareRoot, graph.add(graph.unary(.square, real), graph.unary(.square, imaginary)))
    let power = try graph.unary(.power(exponent), magnitude)
    let shape = graph.shape(power)
    let rows = try graph.reshape(
      power, to: [shape.elementCount / transform.binCount, transform.binCount])
    let bands = graph.constant(try Tensor([transform.binCount, bandCount], bandWeights()))
    var values = try graph.reshape(
      graph.matrixProduct(rows, bands), to: Shape(shape.axes.dropLast() + [bandCount]))
    if let decibels {
      let scale = 10 / logf(10)
      let offset = -10 * log10f(max(abs(decibels.reference), decibels.smallest))
      let clipped = try graph.unary(
        .clip(low: decibels.smallest, high: .infinity), values)
      values = try graph.linear(
        graph.unary(.logarithm, clipped), scale: scale, offset: offset)
      // Of everything that is computed together, as in Keras.
      let loudest = try graph.reduce(
        .maximum, values, axes: Array(graph.shape(values).axes.indices))
      values = try graph.binary(
        .maximum, values, graph.linear(loudest, scale: 1, offset: -decibels.range))
    }
    let last = shape.rank - 1
    return [try graph.transpose(values, Array(0..<last - 1) + [last, last - 1])]
  }

  /// The share of each frequency in each band: triangles that overlap by half.
  ///
  /// Source: Keras, `linear_to_mel_weight_matrix`.
  private func bandWeights() -> [Float] {
    let (low, high) = (mel(lowest), mel(highest))
    let step = (high - low) / Float(bandCount + 1)
    let edges = (0..<bandCount + 2).map { low + step * Float($0) }
    var weights = [Float](repeating: 0, count: transform.binCount * bandCount)
    // The first frequency, zero, belongs to no band.
    for bin in 1..<max(transform.binCount, 1) {
      let frequency = samplingRate / 2 * Float(bin) / Float(transform.binCount - 1)
      let position = mel(frequency)
      for band in 0..<bandCount {
        let rising = (position - edges[band]) / (edges[band + 1] - edges[band])
        let falling = (edges[band + 2] - position) / (edges[band + 2] - edges[band + 1])
        weights[bin * bandCount + band] = max(0, min(rising, falling))
      }
    }
    return weights
  }

  /// A frequency in hertz as the ear hears it.
  private func mel(_ frequency: Float) -> Float { 1127 * logf(1 + frequency / 700) }
}
