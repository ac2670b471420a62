import Glibc
import Graphs
import Tensors
import TestSupport
import Testing
@testable import Vision

/// The size and the ground of a picture.
struct CanvasSize: CustomTestStringConvertible, Sendable {
  let height: Int, width: Int, channels: Int
  var background: Float = 0.5
  var testDescription: String { "\(height) × \(width) × \(channels), \(background)" }

  static let several = [
    CanvasSize(height: 4, width: 6, channels: 3), CanvasSize(height: 5, width: 7, channels: 3),
    CanvasSize(height: 6, width: 4, channels: 1, background: 0.25),
    CanvasSize(height: 1, width: 8, channels: 2),
  ]
}

/// Returns a parametrization of a size.
func image(
  _ size: CanvasSize, _ parametrization: Parametrization, count: Int = 2
) -> ParametrizedImage {
  ParametrizedImage(
    parametrization: parametrization, count: count, height: size.height, width: size.width,
    channels: size.channels, background: size.background)
}

/// Returns what parameters make.
func pixels(of image: ParametrizedImage, _ parameters: Tensor) throws -> Tensor {
  try compute([parameters]) { [try image.image(of: $1[0], in: &$0)] }[0]
}

/// Pixels before colours: NumPy's `irfft2(scale * (real + 1j * imaginary)) / 4` as the sum over all
/// frequencies, of which half are the conjugates of others.
func naiveInverse(_ spectrum: [Float], _ size: CanvasSize, decay: Double) -> [Double] {
  let (height, width, half) = (size.height, size.width, size.width / 2 + 1)
  func frequency(_ index: Int, _ length: Int) -> Double {
    Double(index <= (length - 1) / 2 ? index : index - length) / Double(length)
  }
  func coefficient(_ ky: Int, _ kx: Int) -> (Double, Double) {
    let length =
      (frequency(ky, height) * frequency(ky, height)
      + Double(kx * kx) / Double(width * width)).squareRoot()
    let scale =
      Double(width * height).squareRoot()
      / pow(max(length, 1 / Double(max(width, height))), decay)
    return (
      scale * Double(spectrum[ky * half + kx]),
      scale * Double(spectrum[(height + ky) * half + kx])
    )
  }
  var pixels: [Double] = []
  for row in 0..<height {
    for column in 0..<width {
      var sum = 0.0
      for ky in 0..<height {
        for kx in 0..<width {
          let isMirrored = kx >= half
          let (re, im) =
            isMirrored
            ? coefficient((height - ky) % height, width - kx) : coefficient(ky, kx)
          let angle =
            2 * Double.pi
            * (Double(ky * row) / Double(height) + Double(kx * column) / Double(width))
          sum += re * cos(angle) - (isMirrored ? -im : im) * sin(angle)
        }
      }
      pixels.append(sum / Double(height * width) / 4)
    }
  }
  return pixels
}
