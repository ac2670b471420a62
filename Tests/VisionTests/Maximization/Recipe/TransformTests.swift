import Tensors
import TestSupport
import Testing
@testable import Vision

@Suite struct TransformTests {
  private func map(
    _ transforms: [Transform], canvas: (Int, Int) = (5, 9), view: (Int, Int) = (5, 9),
    progress: Double = 0, seed: UInt64 = 1
  ) -> AffineMap {
    var random = Random(seed: seed, stream: 0)
    var map = AffineMap(canvas: canvas, view: view)
    for transform in transforms {
      map.apply(transform, canvas: canvas, progress: progress, random: &random)
    }
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

  // By hand: 5 by 9 pixels and a border of 2 are 9 by 13.
  @Test func bordersSurroundThePicture() {
    let elements = map([.pad(pixels: 2)]).elements
    let expected: [Float] = [9 / 5, 0, -1.6, 0, 13 / 9, -16 / 9]
    for (a, b) in zip(elements, expected) { #expect(abs(a - b) < 1e-6) }
  }

  @Test func mirrorsExchangeLeftAndRight() {
    let maps = (0..<40).map { map([.flip], seed: UInt64($0)).elements }
    #expect(Set(maps) == [[1, 0, 0, 0, 1, 0], [1, 0, 0, 0, -1, 8]])
  }

  // Wherever a crop lies, it shows nothing outside of the canvas, whose edges are half a pixel around
  // the centres of the first and the last pixels.
  @Test(arguments: 0..<50) func cropsLieInside(seed: UInt64) {
    let transform = Transform.crop(first: 1, last: 0.25, centre: .normal(deviation: 0.5))
    for progress in [0, 0.5, 1] {
      let crop = map([transform], progress: progress, seed: seed)
      let side = 1 - 0.75 * progress
      #expect(crop.matrix == [side, 0, 0, side])
      for (axis, length) in [5.0, 9.0].enumerated() {
        let first = crop.offset[axis] - side / 2
        let last = first + side * length
        #expect(first >= -0.5 - 1e-9 && last <= length - 0.5 + 1e-9)
      }
    }
  }

  // The corners are seen too.
  @Test func cropsFromAnywhereReachTheEdges() {
    let transform = Transform.crop(first: 0.5, last: 0.5, centre: .uniform)
    let shifts = (0..<200).map { seed in
      let crop = map([transform], seed: UInt64(seed))
      return crop.offset[1] - (9 - 1) / 2.0 * (1 - crop.matrix[3])
    }
    #expect(shifts.allSatisfy { abs($0) <= 0.25 * 9 + 1e-9 })
    #expect((shifts.min() ?? 0) < -0.24 * 9 && (shifts.max() ?? 0) > 0.24 * 9)
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

  private func rendering(_ options: String, count: Int = 1) throws -> Rendering {
    let objective = #"{"terms": [{"kind": "energy", "layer": "conv"}]}"#
    let recipe = try Recipe(
      json: #"{"objectives": [\#(objective)], "count": \#(count), "steps": 5\#(options)}"#)
    return try Rendering(recipe, of: smoothNetwork("12, 12, 3"))
  }

  // By hand: the squares 0.3² + 0.4² add up to 0.5², the deviation falls evenly to zero.
  @Test func noiseFades() throws {
    let noisy = try rendering(
      #", "views": 40, "transforms": [{"kind": "noise", "first": 0.3, "last": 0}, "#
        + #"{"kind": "noise", "first": 0.4, "last": 0}]"#)
    for (step, deviation) in [(1, 0.5), (3, 0.25), (5, 0)] as [(Int, Double)] {
      let noise = noisy.noise(step: step).map(Double.init)
      let square = noise.reduce(0) { $0 + $1 * $1 } / Double(noise.count)
      #expect(noise.count == 40 * 12 * 12 * 3)
      #expect(abs(square.squareRoot() - deviation) < 0.02 * deviation + 1e-9)
    }
    #expect(noisy.noise(step: 1) == noisy.noise(step: 1))
    #expect(noisy.noise(step: 2) != noisy.noise(step: 1))
  }

  // By hand: weights 1, e^-0.5 and e^-2 of distances 0, 1 and 2, divided by their sum.
  @Test func blurIsAMean() {
    let received = blurMatrix(3, 1)
    let (a, b) = (Float(0.606_530_66), Float(0.135_335_28))
    let expected = [
      1 / (1 + a + b), a / (1 + a + b), b / (1 + a + b), a / (1 + 2 * a), 1 / (1 + 2 * a),
      a / (1 + 2 * a), b / (1 + a + b), a / (1 + a + b), 1 / (1 + a + b),
    ]
    #expect(relativeError(received, expected) < 1e-6)
    #expect(blurMatrix(2, 0) == [1, 0, 0, 1])
  }
}
