import Tensors
import TestSupport
import Testing
@testable import Vision

@Suite struct TransformTests {
  private func map(
    _ transforms: [Transform], canvas: (Int, Int) = (5, 9), view: (Int, Int) = (5, 9),
    seed: UInt64 = 1
  ) -> AffineMap {
    var random = Random(seed: seed, stream: 0)
    var map = AffineMap(canvas: canvas, view: view)
    for transform in transforms { map.apply(transform, canvas: canvas, random: &random) }
    return map
  }

  // By hand: pixel centres lie at whole numbers, so that a view of half the size begins between the
  // first two pixels.
  @Test func mapsWithoutTransforms() {
    #expect(map([]).elements == [1, 0, 0, 0, 1, 0])
    #expect(map([], canvas: (8, 8), view: (4, 4)).elements == [2, 0, 0.5, 0, 2, 0.5])
    #expect(map([], canvas: (4, 8), view: (8, 8)).elements == [0.5, 0, -0.25, 0, 1, 0])
  }

  // By hand around the middle (2, 4): twice as large means half as far from it.
  @Test func scalesAreComposed() {
    let double = Transform.scale(low: 2, high: 2)
    #expect(map([double]).elements == [0.5, 0, 1, 0, 0.5, 2])
    #expect(map([double, double]).elements == [0.25, 0, 1.5, 0, 0.25, 3])
    #expect(map([double, .scale(low: 0.5, high: 0.5)]).elements == [1, 0, 0, 0, 1, 0])
  }

  @Test func laterTransformsActOnTheCanvas() {
    var random = Random(seed: 1, stream: 0)
    let (dy, dx) = (Float(random.integer(in: -3...3)), Float(random.integer(in: -3...3)))
    #expect(map([.jitter(pixels: 3)]).elements == [1, 0, dy, 0, 1, dx])
    let both = map([.jitter(pixels: 3), .scale(low: 2, high: 2)]).elements
    #expect(both == [0.5, 0, 1 + dy / 2, 0, 0.5, 2 + dx / 2])
  }

  @Test(arguments: 0..<20) func rotationsKeepTheMiddleAndAllLengths(seed: UInt64) {
    let turned = map([.rotate(degrees: 30)], seed: seed)
    let (m, o) = (turned.matrix, turned.offset)
    #expect(abs(m[0] * 2 + m[1] * 4 + o[0] - 2) < 1e-12)
    #expect(abs(m[2] * 2 + m[3] * 4 + o[1] - 4) < 1e-12)
    #expect(abs(m[0] * m[3] - m[1] * m[2] - 1) < 1e-12)
    #expect(m[0] == m[3] && m[1] == -m[2])
    // cos 30°
    #expect(m[0] >= 0.866_025_403_784)
  }

  @Test(arguments: [Transform.jitter(pixels: 0), .scale(low: 1, high: 1), .rotate(degrees: 0)])
  func transformsOfNothingChangeNothing(_ transform: Transform) {
    #expect(map([transform]).elements == [1, 0, 0, 0, 1, 0])
  }

  @Test func randomNumbersFillTheirRange() {
    let shifts = (0..<200).map { map([.jitter(pixels: 2)], seed: UInt64($0)).elements[2] }
    #expect(Set(shifts) == [-2, -1, 0, 1, 2])
    let factors = (0..<200).map { 1 / map([.scale(low: 0.5, high: 2)], seed: UInt64($0)).matrix[0] }
    #expect(factors.allSatisfy { (0.5...2).contains($0) })
    #expect((factors.min() ?? 2) < 0.6 && (factors.max() ?? 0) > 1.9)
  }

  // The views of a step depend on seed, step and replicate, and on nothing else.
  @Test func viewsAreDeterministic() throws {
    func matrices(seed: Int = 0, step: Int = 1, objectives: Int = 1, count: Int = 2) throws
      -> [[Float]]
    {
      let objective = #"{"terms": [{"kind": "energy", "layer": "conv"}]}"#
      let list = [String](repeating: objective, count: objectives).joined(separator: ", ")
      let recipe = try Recipe(
        json: #"{"objectives": [\#(list)], "count": \#(count), "seed": \#(seed)}"#)
      let elements = try Rendering(recipe, of: smoothNetwork()).matrices(step: step)
      return stride(from: 0, to: elements.count, by: 6).map { Array(elements[$0..<$0 + 6]) }
    }
    let base = try matrices()
    #expect(try matrices() == base)
    #expect(base[0] != base[1])
    #expect(try matrices(step: 2)[0] != base[0])
    #expect(try matrices(seed: 1)[0] != base[0])
    #expect(try matrices(objectives: 2) == base + base)
    #expect(try matrices(count: 1) == [base[0]])
  }
}
