import Glibc
import Graphs
import Tensors
import TestSupport
import Testing
@testable import Vision

@Suite struct TransparencyTests {
  // The colours of a picture don't know of its opacity, which is a spectrum that falls faster, but for
  // what is the same everywhere.
  @Test(arguments: [Parametrization.Kind.pixel, .fourier, .natural, .maco])
  func opacityIsOneMoreChannel(kind: Parametrization.Kind) throws {
    let size = CanvasSize(height: 6, width: 5, channels: 3)
    let opaque = image(size, .standard(kind))
    var both = opaque
    both.hasAlpha = true
    let parameters = try spread(both.parameterShape)
    let (plain, axis) = (opaque.parameterShape, kind == .pixel ? 3 : 1)
    let more = both.parameterShape[axis] - plain[axis]
    #expect(more == (kind == .maco ? 2 : 1))
    let results = try compute([parameters]) { graph, values in
      let colors = try graph.slice(values[0], axis: axis, start: 0, length: plain[axis])
      return [
        try both.image(of: values[0], in: &graph), try opaque.image(of: colors, in: &graph),
        try both.alpha(of: values[0], in: &graph),
        try graph.slice(values[0], axis: axis, start: plain[axis], length: more),
      ]
    }
    #expect(results[0].elements == results[1].elements)
    #expect(results[2].shape == [2, 6, 5, 1])
    let numbers = results[3].elements
    let gains: [Parametrization.Kind: Float] = [.fourier: 2, .natural: 4, .maco: 0.08]
    // As strong as Lucid's at the lowest frequency, a sixth.
    let gain = (gains[kind] ?? 0) / (6 as Float).squareRoot()
    let expected =
      kind == .pixel
      ? numbers.map { 1 / (1 + exp(-$0)) }
      : (0..<2).flatMap { picture in
        let own = numbers[picture * 36..<(picture + 1) * 36].enumerated().map {
          $1 * gain * ($0 == 0 || $0 == 18 ? 4 : 1)
        }
        return naiveInverse(own, size, decay: 1.5).map { Float(1 / (1 + exp(-$0))) }
      }
    #expect(relativeError(results[2].elements, expected) < 1e-5)
  }

  @Test(arguments: [Parametrization.Kind.pixel, .fourier])
  func aStartIsHalfTransparent(kind: Parametrization.Kind) throws {
    var image = image(CanvasSize.several[0], .standard(kind))
    image.hasAlpha = true
    let pictures = try spread([2, 4, 6, 3], from: 0.05, to: 0.95)
    let results = try compute([image.parameters(of: pictures)]) {
      [try image.image(of: $1[0], in: &$0), try image.alpha(of: $1[0], in: &$0)]
    }
    #expect(relativeError(results[0].elements, pictures.elements) < 1e-5)
    #expect(results[1].elements.allSatisfy { $0 == 0.5 })
  }

  // A ground shows through as far as the pixel is transparent.
  @Test func drawingsAreSeenBeforeAGround() throws {
    let inputs = [
      try Tensor([1, 1, 2, 2], [0.5, 1, 0.25, 0]), try Tensor([1, 1, 2, 1], [0.75, 0]),
      try Tensor([1, 1, 2, 2], [0.125, 0, 0.5, 1]),
    ]
    let seen = try compute(inputs) { graph, values in
      let drawing = Drawing(colors: values[0], alpha: values[1])
      return [
        try drawing.seen(before: values[2], in: &graph),
        try Drawing(colors: values[0], alpha: nil).seen(before: values[2], in: &graph),
      ]
    }
    #expect(seen[0].elements == [0.40625, 0.75, 0.5, 1])
    #expect(seen[1].elements == inputs[0].elements)
  }
}
