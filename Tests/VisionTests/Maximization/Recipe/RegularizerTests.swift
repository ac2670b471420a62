import Glibc
import Graphs
import Tensors
import TestSupport
import Testing
@testable import Vision

@Suite struct RegularizerTests {
  // By hand on [[0, 0.5], [1, 1]] and on a flat picture of 0.75: differences 1 and 0.5 down, 0.5 and
  // 0 to the right; distances from grey 1, 0, 1, 1 and everywhere 0.5.
  @Test(
    arguments: [
      (.totalVariation(weight: 2, power: 1), [2, 0]),
      (.totalVariation(weight: 1, power: 2), [0.75, 0]),
      (.lp(weight: 1, p: 1), [0.75, 0.5]), (.lp(weight: 4, p: 2), [3.464_101_6, 2]),
      (.lp(weight: 1, p: 6), [0.953_184_3, 0.5]),
    ] as [(Regularizer, [Float])])
  func valuesByHand(regularizer: Regularizer, expected: [Float]) throws {
    let images = try Tensor([2, 2, 2, 1], [0, 0.5, 1, 1, 0.75, 0.75, 0.75, 0.75])
    let values = try compute([images]) { [try regularizer.value(of: $1[0], in: &$0)] }[0]
    #expect(values.shape == [2])
    #expect(relativeError(values.elements, expected) < 1e-5)
  }

  // One white pixel keeps a quarter of itself, in a column half; what has no neighbours stays.
  @Test(
    arguments: [([1, 3, 3, 1], 1.125), ([1, 3, 1, 1], 0.5), ([1, 1, 1, 1], 0)] as [(Shape, Float)])
  func blurTakesGrainAway(shape: Shape, expected: Float) throws {
    var pixels = [Float](repeating: 0, count: shape.elementCount)
    pixels[pixels.count / 2] = 1
    let values = try compute([Tensor(shape, pixels)]) {
      [try Regularizer.blur(weight: 2).value(of: $1[0], in: &$0)]
    }[0]
    #expect(relativeError(values.elements, [expected]) < 1e-6)
  }

  // Opacities 0, 0.5, 1, 1 and everywhere 0.5, objectives of -3 and 8.
  @Test(
    arguments: [
      (.alpha(weight: 2, power: 1, isRelative: false), [1.25, 1]),
      (.alpha(weight: 2, power: 2, isRelative: false), [1.125, 0.5]),
      (.alpha(weight: 0.5, power: 1, isRelative: true), [0, 2]),
      (.alpha(weight: 0.5, power: 2, isRelative: true), [0, 1]),
    ] as [(Regularizer, [Float])])
  func opacityByHand(regularizer: Regularizer, expected: [Float]) throws {
    let alphas = try Tensor([2, 2, 2, 1], [0, 0.5, 1, 1, 0.5, 0.5, 0.5, 0.5])
    let scores = try Tensor([2], [-3, 8])
    func value(_ graph: inout Graph, _ values: [Value]) throws -> Value {
      try regularizer.value(of: values[0], alpha: values[0], scores: values[1], in: &graph)
    }
    let values = try compute([alphas, scores]) { [try value(&$0, $1)] }[0]
    #expect(relativeError(values.elements, expected) < 1e-6)
    // The objective's own slope is none of its business.
    let gradients = try gradient(at: [alphas, scores], build: value)
    #expect(gradients[1].elements == [0, 0])
    guard case .alpha(let weight, let power, let isRelative) = regularizer else { return }
    let slopes = alphas.elements.enumerated().map { index, alpha in
      (isRelative ? [0, 8][index / 4] : 1) * weight * (power == 1 ? 1 : 2 * alpha) / 4
    }
    #expect(relativeError(gradients[0].elements, slopes) < 1e-6)
  }

  @Test func opacityNeedsATransparency() throws {
    let images = try Tensor([1, 2, 2, 1], repeating: 0.5)
    let penalty = Regularizer.alpha(weight: 1, power: 1, isRelative: false)
    let sentence = refusal {
      _ = try compute([images]) { [try penalty.value(of: $1[0], in: &$0)] }
    }
    #expect(sentence?.contains("transparency \"optimized\"") == true)
  }

  @Test(
    arguments: [
      .blur(weight: 3), .totalVariation(weight: 2, power: 1), .totalVariation(weight: 3, power: 2),
      .lp(weight: 1, p: 2),
      .lp(weight: 1, p: 3.5),
    ] as [Regularizer])
  func gradients(_ regularizer: Regularizer) throws {
    let images = try spread([2, 3, 4, 2], from: 0.1, to: 0.9)
    let error = try gradientError(at: [images], step: 1 / 512) {
      try regularizer.value(of: $1[0], in: &$0)
    }
    #expect(error < 5 * Tolerance.differences)
  }

  // Mid-grey, where the root isn't smooth, and a single row, which has no neighbours below.
  @Test(
    arguments: [
      .lp(weight: 1, p: 2), .lp(weight: 1, p: 6), .totalVariation(weight: 1, power: 1),
    ] as [Regularizer], [[1, 2, 2, 1], [1, 1, 3, 1], [1, 1, 1, 1]] as [Shape])
  func flatPicturesHaveFiniteGradients(regularizer: Regularizer, shape: Shape) throws {
    let grey = try Tensor(shape, repeating: 0.5)
    let gradients = try gradient(at: [grey]) { try regularizer.value(of: $1[0], in: &$0) }
    #expect(gradients[0].floats.allAreFinite)
  }

  // Two pictures of two views each, of two positions and two channels; the second channel hardly varied
  // in training and doesn't count.
  private static func distance(
    _ values: Value, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let known = Graph.Statistics(value: values, mean: [0.5, 0], deviation: [2, 1e-3])
    return try graph.statisticalDistance(count: 2, input: [2, 1, 2, 3], known: [known])
  }

  @Test func statisticsAreThoseOfAllViewsOfAPicture() throws {
    let values = try spread([4, 1, 2, 2], from: -2, to: 3)
    let received = try compute([values]) { [try Self.distance($1[0], in: &$0)] }[0]
    let expected = (0..<2).map { picture -> Float in
      let channel = (0..<4).map { values.elements[picture * 8 + 2 * $0] }
      let mean = channel.reduce(0, +) / 4
      let deviation = (channel.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 4).squareRoot()
      let (shift, stretch) = ((mean - 0.5) / 2, deviation / 2 - 1)
      return (shift * shift + stretch * stretch) / 2
    }
    #expect(relativeError(received.elements, expected) < 1e-5)
    let error = try gradientError(at: [values], step: 1 / 256) {
      try Self.distance($1[0], in: &$0)
    }
    #expect(error < 5 * Tolerance.differences)
  }

  @Test func flatValuesHaveFiniteStatisticalGradients() throws {
    let flat = try Tensor([4, 1, 2, 2], repeating: 0)
    let gradients = try gradient(at: [flat]) { try Self.distance($1[0], in: &$0) }
    #expect(gradients[0].floats.allAreFinite)
  }

  // A layer of 3 positions for 60 pixels a side counts, one of 2 (30 pixels a position) doesn't, but
  // where it is the only one.
  @Test func coarseLayersDoNotCount() throws {
    let fine = try spread([1, 3, 3, 2], from: -2, to: 3)
    let coarse = try spread([1, 2, 2, 2], from: 4, to: 9)
    func distance(_ layers: [Tensor]) throws -> Float {
      try compute(layers) { graph, values in
        let known = values.map {
          Graph.Statistics(value: $0, mean: [0.5, 0], deviation: [2, 1])
        }
        return [try graph.statisticalDistance(count: 1, input: [1, 60, 60, 3], known: known)]
      }[0].elements[0]
    }
    #expect(try distance([fine, coarse]) == distance([fine]))
    #expect(try distance([coarse]) > distance([fine]))
  }
}
