@testable import Kernels
import Tensors
import Testing

/// Input gradients with a sum and a gate at their end, against the plain loops: Winograd's, oneDNN's
/// and those of few channels.
@Suite struct EpilogueTests {
  struct Case: CustomTestStringConvertible {
    var spatial: [Int], channels: Int, filters: Int
    var window = [3, 3], stride = 1, groups = 1
    var testDescription: String {
      "\(spatial) \(channels)->\(filters) \(window)/\(stride) groups \(groups)"
    }
    var problem: Convolution {
      get throws {
        let ones = window.map { _ in 1 }
        return try Convolution(
          Shape([2] + spatial + [channels]), Shape(window + [channels / groups, filters]),
          .keras(
            window: window, strides: ones.map { $0 * stride }, dilations: ones, padding: .same,
            spatial: spatial), groups)
      }
    }
  }

  static let cases = [
    Case(spatial: [13, 14], channels: 32, filters: 48),
    Case(spatial: [9, 8], channels: 24, filters: 40, window: [1, 1]),
    Case(spatial: [9, 8], channels: 16, filters: 16, stride: 2, groups: 16),
    Case(spatial: [12, 11], channels: 3, filters: 16, stride: 2),
    Case(spatial: [11], channels: 7, filters: 5, window: [4]),
  ]

  @Test(arguments: cases)
  func inputGradientsAreThoseOfThePlainLoops(_ test: Case) throws {
    let problem = try test.problem
    let count = problem.image.inputShape.elementCount
    let arrays = [
      spread(problem.outputShape.elementCount), spread(problem.weights.elementCount, seed: 2),
      spread(count, seed: 3), spread(count, seed: 4),
    ]
    let plain = try run(
      Reference.convolutionInputGradient(problem), Array(arrays[..<2]), output: count)
    for hasAddend in [false, true] {
      for gate in [nil, .relu(negativeSlope: 0), .clip(low: -0.5, high: 0.25)]
        as [UnaryFunction?]
      {
        let inputs =
          Array(arrays[..<2]) + (hasAddend ? [arrays[2]] : []) + (gate != nil ? [arrays[3]] : [])
        let kernel = try convolutionInputGradientKernel(
          input: problem.image.inputShape, weights: problem.weights, geometry: problem.geometry,
          groups: problem.groups, hasAddend: hasAddend, gate: gate, constantWeights: true)
        let received = try run(kernel, inputs, output: count)
        let expected = (0..<count).map { index in
          let sum = plain[index] + (hasAddend ? arrays[2][index] : 0)
          let passes =
            switch gate {
            case .relu: arrays[3][index] > 0
            case .clip(let low, let high): arrays[3][index] > low && arrays[3][index] < high
            default: true
            }
          return passes ? sum : 0
        }
        #expect(relativeError(received, expected) < 3e-5)
        #expect(try run(kernel, inputs, output: count, threads: 1) == received)
      }
    }
  }
}
