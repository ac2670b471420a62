import Glibc
import KerasModels
import Tensors

/// What inputs of one kind have in common: the mean of each channel, how channels vary together, how
/// strong each frequency is; of a row the mean of each number, and how numbers vary together.
struct Prior: Codable, Sendable {
  /// The mean brightness of each channel (of a row, each number), from 0 to 1.
  var mean: [Float]
  /// For each axis along which channels vary independently what it is of each; the longest has length 1.
  var axes: [[Float]]
  /// For each axis the five coefficients of a ``SpectralLaw``; none for rows.
  var spectrum: [[Double]]

  private enum CodingKeys: CodingKey, CaseIterable { case mean, axes, spectrum }

  init(from decoder: any Decoder) throws {
    let prior = try decoder.options(CodingKeys.self)
    mean = try prior.decode([Float].self, forKey: .mean)
    axes = try prior.decode([[Float]].self, forKey: .axes)
    spectrum = try prior.decodeIfPresent([[Double]].self, forKey: .spectrum) ?? []
  }

  func check() throws(PhospheneError) {
    let count = mean.count
    guard count > 0, spectrum.isEmpty ? (1...count).contains(axes.count) : axes.count == count,
      axes.allSatisfy({ $0.count == count && $0.allSatisfy(\.isFinite) }),
      spectrum.isEmpty || spectrum.count == count,
      spectrum.allSatisfy({ $0.count == 5 && $0.allSatisfy(\.isFinite) })
    else {
      throw .invalidArgument(
        "a prior needs for each channel a mean, an axis of as many numbers as there are channels, and "
          + "five coefficients of its spectrum; that of a row a mean for each number and axes of as many, "
          + "and no spectrum")
    }
    for brightness in mean { try require(0...1, brightness, "a mean of the prior") }
    for number in axes.flatMap(\.self) { try require(-2...2, number, "an axis of the prior") }
    for number in spectrum.flatMap(\.self) {
      try require(-1e6...1e6, number, "a coefficient of the prior's spectrum")
    }
  }

  /// Refuses a prior of other inputs than those of a network, and parametrizations without any.
  func check(
    for parametrization: Parametrization, _ sizes: RenderingSizes
  ) throws(PhospheneError) {
    let isRow = sizes.form == .row
    let count = isRow ? sizes.canvas.width : sizes.channels
    guard mean.count == count, spectrum.isEmpty == isRow else {
      let what =
        spectrum.isEmpty
        ? "rows of \(counted(mean.count, "number"))"
        : "inputs of \(counted(mean.count, "channel")) with a spectrum"
      throw .invalidArgument(
        "the prior describes \(what), this network takes \(isRow ? "rows" : "inputs") of shape "
          + "\(Shape(sizes.input.axes.dropFirst().map(\.self)))")
    }
    guard isRow || parametrization.kind != .pixel && parametrization.decorrelate else {
      throw .invalidArgument(
        "a prior says how channels and frequencies go together, which 'pixel' and decorrelate false "
          + "leave out: choose 'natural', 'fourier' or 'maco', or leave the prior out")
    }
  }

  /// The magnitude of one frequency other than zero, in cycles a pixel through, down and across.
  func magnitude(axis: Int, fz: Double, fy: Double, fx: Double) -> Double {
    let power = SpectralLaw(spectrum[axis]).logarithm(fz: fz, fy: fy, fx: fx)
    // What a few pictures say about the corners of a spectrum must not end in infinity.
    return exp(min(max(power, -40), 40))
  }
}
