import Glibc
import Tensors

// What a picture begins with: random numbers, or those that make a given one.

extension ParametrizedImage {
  /// Random parameters to start from; picture `k` of every objective draws the same numbers.
  ///
  /// - Parameters:
  ///   - seed: The recipe's.
  ///   - replicates: The number of pictures of each objective.
  ///   - starts: For each picture, which of the seed's starts; `nil` for the first.
  /// - Returns: An array of ``parameterShape``.
  /// - Throws: `outOfMemory` if there is none.
  func randomParameters(
    seed: UInt64, replicates: Int, starts: [Int]? = nil
  ) throws(PhospheneError) -> Tensor {
    let size = parameterShape.elementCount / count
    var elements: [Float] = []
    elements.reserveCapacity(parameterShape.elementCount)
    for picture in 0..<count {
      var random = Random(
        seed: seed,
        stream: RandomStream.parameters.number(
          replicate: picture % replicates, step: starts?[picture] ?? 0))
      elements += random.normals(size).map { $0 * parametrization.standardDeviation }
    }
    return try Tensor(parameterShape, elements)
  }

  /// The parameters of given pictures, (count, height, width, channels) between 0 and 1.
  func parameters(of image: Tensor) throws(PhospheneError) -> Tensor {
    guard parametrization.prior == nil else {
      throw .invalidArgument("a start picture has colours of its own: leave out start or the prior")
    }
    // The sigmoid never reaches its ends.
    let middle = middles[0]
    var values = image.elements.map { (pixel: Float) -> Float in
      let clipped = min(max(pixel, 1e-3), 1 - 1e-3)
      return logf(clipped / (1 - clipped)) - middle
    }
    if parametrization.decorrelate, channels == 3 { values = ColorAxes.unmixed(values) }
    guard ![.maco, .natural].contains(parametrization.kind) else {
      throw .invalidArgument(
        "a start picture can't be kept by the parametrization '\(parametrization.kind.rawValue)', "
          + "whose pictures have a contrast of their own: leave start out, or choose the "
          + "parametrization 'fourier' or 'pixel'")
    }
    guard parametrization.kind == .fourier else { return try Tensor(parameterShape, values) }
    return try Tensor(parameterShape, depth > 1 ? waves(of: values) : transformed(values))
  }

  /// The spectrum divided by the scale: what ``inverseTransform(of:in:)`` undoes.
  private func transformed(_ image: [Float]) -> [Float] {
    let half = width / 2 + 1
    let scale = scale
    var spectrum = [Float](repeating: 0, count: parameterShape.elementCount)
    let (across, down) = (UnitCircle(width), UnitCircle(height))
    for picture in 0..<count {
      for channel in 0..<channels {
        var (real, imaginary) = (
          [Double](repeating: 0, count: height * half), [Double](repeating: 0, count: height * half)
        )
        for row in 0..<height {
          for frequency in 0..<half {
            for column in 0..<width {
              let turn = column * frequency % width
              let pixel = Double(
                image[((picture * height + row) * width + column) * channels + channel])
              real[row * half + frequency] += pixel * across.cosines[turn]
              imaginary[row * half + frequency] -= pixel * across.sines[turn]
            }
          }
        }
        let start = (picture * channels + channel) * 2 * height * half
        for frequencyY in 0..<height {
          for frequency in 0..<half {
            var (a, b) = (0.0, 0.0)
            for row in 0..<height {
              let turn = row * frequencyY % height
              let (cosine, sine) = (down.cosines[turn], -down.sines[turn])
              let (re, im) = (real[row * half + frequency], imaginary[row * half + frequency])
              a += re * cosine - im * sine
              b += re * sine + im * cosine
            }
            let weight = Double(scale[frequencyY * half + frequency])
            spectrum[start + frequencyY * half + frequency] = Float(a / weight)
            spectrum[start + (height + frequencyY) * half + frequency] = Float(b / weight)
          }
        }
      }
    }
    return spectrum
  }
}

/// Cosines and sines of the angles that divide a circle into equal parts.
private struct UnitCircle {
  let cosines: [Double]
  let sines: [Double]

  init(_ count: Int) {
    let angles = (0..<count).map { 2 * Double.pi * Double($0) / Double(count) }
    cosines = angles.map { cos($0) }
    sines = angles.map { sin($0) }
  }
}

/// The random streams of a maximization, one a purpose.
enum RandomStream: UInt64 {
  case parameters = 1
  case transforms = 2
  case noise = 3

  func number(replicate: Int, step: Int = 0) -> UInt64 {
    rawValue << 56 | UInt64(replicate) << 32 | UInt64(step)
  }
}
