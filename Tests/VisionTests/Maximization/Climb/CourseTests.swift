import Tensors
import TestSupport
import Testing
@testable import Vision

@Suite struct CourseTests {
  // By hand: pixel centres, the edge repeated, a triangle as wide as the coarser pixel.
  @Test func picturesOfAnotherSize() {
    func row(_ values: [Float], to width: Int) -> [Float] {
      resampled(values, count: 1, channels: 1, from: (1, values.count), to: (1, width))
    }
    #expect(row([0, 1], to: 4) == [0, 0.25, 0.75, 1])
    #expect(row([0, 8, 16, 24], to: 2) == [5, 19])
    #expect(row([3, 3, 3], to: 7).allSatisfy { abs($0 - 3) < 1e-6 })
    let turned = resampled([0, 1], count: 1, channels: 1, from: (2, 1), to: (4, 1))
    #expect(turned == [0, 0.25, 0.75, 1])
    // Two pictures of two channels don't mix.
    let both = resampled(
      [0, 10, 1, 10, 5, 0, 5, 1], count: 2, channels: 2, from: (1, 2), to: (1, 4))
    #expect(both == [0, 10, 0.25, 10, 0.75, 10, 1, 10, 5, 0, 5, 0.25, 5, 0.75, 5, 1])
  }

  // The opacity is carried over as the colours are.
  @Test(arguments: [Parametrization.Kind.fourier, .maco])
  func theOpacityIsTheSameOnALargerCanvas(kind: Parametrization.Kind) throws {
    func image(_ height: Int, _ width: Int) -> ParametrizedImage {
      ParametrizedImage(
        parametrization: .standard(kind), count: 2, height: height, width: width, channels: 1,
        background: 0.5, hasAlpha: true)
    }
    func alpha(_ image: ParametrizedImage, _ parameters: [Float]) throws -> [Float] {
      let tensor = try Tensor(image.parameterShape, parameters)
      return try compute([tensor]) { [try image.alpha(of: $1[0], in: &$0)] }[0].elements
    }
    let (coarse, fine) = (image(5, 7), image(10, 14))
    let given = try spread(coarse.parameterShape, seed: 3).elements
    let zeros = [Float](repeating: 0, count: fine.parameterShape.elementCount)
    let old = try alpha(coarse, given)
    let new = try alpha(fine, fine.spectra(zeros, taking: given, of: coarse))
    var error: Float = 0
    for (picture, row, column) in (0..<2 * 5 * 7).map({ ($0 / 35, $0 / 7 % 5, $0 % 7) }) {
      let (a, b) = (
        old[(picture * 5 + row) * 7 + column], new[(picture * 10 + 2 * row) * 14 + 2 * column]
      )
      error = max(error, abs(a - b))
    }
    #expect(error < 1e-4)
    #expect((old.max() ?? 0) - (old.min() ?? 0) > 1e-3)
  }

  // A picture without the highest frequency goes through the same points on a grid twice as fine.
  @Test(arguments: [Float(0), 1, 1.5])
  func aSpectrumShowsTheSameOnALargerCanvas(decay: Float) throws {
    func image(_ height: Int, _ width: Int) -> ParametrizedImage {
      var parametrization = Parametrization.standard(.fourier)
      parametrization.decayPower = decay
      return ParametrizedImage(
        parametrization: parametrization, count: 2, height: height, width: width, channels: 3,
        background: 0.5)
    }
    func pixels(_ image: ParametrizedImage, _ parameters: Tensor) throws -> [Float] {
      try compute([parameters]) { [try image.image(of: $1[0], in: &$0)] }[0].elements
    }
    let (coarse, fine) = (image(6, 8), image(12, 16))
    let zeros = try Tensor(coarse.parameterShape, repeating: 0)
    var given = try spread(coarse.parameterShape, seed: 3).elements
    // What lies at half of the sampling rate is left out of both.
    let half = coarse.width / 2 + 1
    for index in given.indices {
      if index % half == half - 1 || index / half % coarse.height == coarse.height / 2 {
        given[index] = zeros.elements[index]
      }
    }
    let old = try pixels(coarse, Tensor(coarse.parameterShape, given))
    let carried = fine.spectra(
      [Float](repeating: 0, count: fine.parameterShape.elementCount), taking: given, of: coarse)
    let new = try pixels(fine, Tensor(fine.parameterShape, carried))
    var error: Float = 0
    for picture in 0..<2 {
      for (row, column, channel) in (0..<6 * 8 * 3).map({ ($0 / 24, $0 / 3 % 8, $0 % 3) }) {
        let a = old[((picture * 6 + row) * 8 + column) * 3 + channel]
        let b = new[((picture * 12 + 2 * row) * 16 + 2 * column) * 3 + channel]
        error = max(error, abs(a - b))
      }
    }
    #expect(error < 1e-4)
  }

  // By hand; fifteen of sixteen seconds are planned.
  @Test(
    arguments: [
      (16, 1, 0, 0, 15), (16, 1, 0.5, 2, 14), (16, 1, 7, 2, 1), (16, 1, 8, 2, 0), (16, 16, 0, 0, 0),
      (-1, 1, 0, 0, 0), (16, 0, 0, 0, 10_000_000),
    ] as [(Double, Double, Double, Int, Int)])
  func stepsFitIntoABudget(seconds: Double, step: Double, look: Double, looks: Int, count: Int) {
    #expect(Pace.fitting(seconds, step: step, look: look, looks: { _ in looks }) == count)
  }

  // Whatever a step and a look take: nothing overruns, and any step more would (of thousands, any few
  // more).
  @Test(arguments: [0, 1, 30, 500], [Float(0), 0.1])
  func budgetsAreUsedUp(frames: Int, earlyStop: Float) throws {
    let terms = #"{"terms": [{"kind": "logit", "index": 0}]}"#
    let recipe = try Recipe(
      json: #"{"objectives": [\#(terms)], "frames": \#(frames), "early_stop": \#(earlyStop)}"#)
    for (step, look) in [(0.01, 0.004), (0.3, 0.01), (0.05, 0.2), (1, 0)] {
      for seconds in [0.5, 3, 20, 700] {
        // In shares of what there is; where both are equal rounding decides.
        func use(_ count: Int) -> Double {
          let need = Double(count) * step + Double(recipe.looks(in: count)) * look
          return need / (seconds * 15 / 16)
        }
        let count = Pace.fitting(seconds, step: step, look: look) { recipe.looks(in: $0) }
        #expect(count == 0 || use(count) < 1 + 1e-9)
        let more = count + 1 + count / 4096
        #expect((more...more + 40).allSatisfy { use($0) > 1 - 1e-9 }, "\(count): \(step) \(look)")
      }
    }
  }

  // Each eighth of the steps and the last one, each step of a few; 32 of them to see a plateau.
  @Test(arguments: [(1, 1, 1), (7, 7, 7), (8, 8, 8), (17, 9, 17), (96, 8, 32), (100, 9, 34)])
  func picturesAreLookedAt(steps: Int, looks: Int, often: Int) throws {
    let terms = #"{"terms": [{"kind": "logit", "index": 0}]}"#
    let json = #"{"objectives": [\#(terms)]}"#
    let watched = #"{"objectives": [\#(terms)], "early_stop": 0.1, "frames": 0}"#
    #expect(try Recipe(json: json).looks(in: steps) == looks)
    #expect(try Recipe(json: watched).looks(in: steps) == often)
  }

  @Test(
    arguments: [
      (
        #""steps": 5, "stages": [{"size": [8, 8], "steps": 3}]"#,
        "size and steps must be the last stage's size [8, 8] and the sum 3"
      ),
      (
        #""steps": 3, "size": [4, 4], "stages": [{"size": [8, 8], "steps": 3}]"#,
        "size and steps must be the last stage's size [8, 8]"
      ),
      (
        #""steps": 3, "stages": [{"size": [8], "steps": 3}]"#,
        "the size of a stage must be two lengths from 4 to 4096, received [8]"
      ),
      (
        #""steps": 3, "budget_s": 1, "stages": [{"size": [8, 8], "steps": 3}]"#,
        "a budget plans the number of steps and stages state it"
      ),
      (#""budget_s": 0"#, "budget_s must lie between 0.001"),
      (#""early_stop": 2"#, "early_stop must lie between 0.0 and 1.0, received 2.0"),
      (#""steps": 3, "last_step": 4"#, "last_step must lie between 1 and 3, received 4"),
      (#""starts": [0, 0]"#, "starts must be a number from 0 to 1000000 for each of 1 pictures"),
    ])
  func whatDoesntFitIsRefused(options: String, sentence: String) {
    let objective = #"{"terms": [{"kind": "logit", "index": 0}]}"#
    let received = refusal {
      _ = try Recipe(json: #"{"objectives": [\#(objective)], \#(options)}"#)
    }
    #expect(received?.contains(sentence) == true, "\(received ?? "")")
  }
}
