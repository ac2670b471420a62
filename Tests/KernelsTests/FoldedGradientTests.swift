@testable import Kernels
import Tensors
import Testing

/// Input gradients of images with few channels against the plain loops, at every level that this
/// processor runs.
@Suite struct FoldedGradientTests {
  struct Case: CustomTestStringConvertible {
    var batch = 1
    var height: Int, width: Int, channels = 3, filters = 32
    var window: [Int], strides: [Int], padLow: [Int], padHigh: [Int]
    var testDescription: String {
      "\(batch)x\(height)x\(width)x\(channels) \(window)/\(strides) pad \(padLow) \(padHigh)"
    }
    var problem: Convolution {
      get throws {
        try Convolution(
          Shape([batch, height, width, channels]), Shape(window + [channels, filters]),
          WindowGeometry(
            window: window, strides: strides, dilations: [1, 1], padLow: padLow,
            padHigh: padHigh), 1)
      }
    }
  }

  static let cases = [
    // VGG's, MobileNet's, ResNet's and ConvNeXt's first layers in small.
    Case(
      height: 30, width: 29, window: [3, 3], strides: [1, 1], padLow: [1, 1], padHigh: [1, 1]),
    Case(
      batch: 2, height: 32, width: 26, window: [3, 3], strides: [2, 2], padLow: [0, 0],
      padHigh: [1, 1]),
    Case(
      height: 70, width: 35, filters: 64, window: [7, 7], strides: [2, 2], padLow: [3, 3],
      padHigh: [3, 3]),
    Case(
      height: 24, width: 20, filters: 96, window: [4, 4], strides: [4, 4], padLow: [0, 0],
      padHigh: [0, 0]),
    // Grey and more than colour; windows that leave pixels out; a number of filters that fills no
    // register; the smallest number of windows.
    Case(
      height: 28, width: 28, channels: 1, window: [5, 5], strides: [1, 1], padLow: [2, 2],
      padHigh: [2, 2]),
    Case(
      height: 19, width: 23, channels: 5, filters: 17, window: [2, 3], strides: [3, 4],
      padLow: [0, 1], padHigh: [0, 0]),
    // Images of fewer windows than are multiplied together.
    Case(
      batch: 3, height: 4, width: 6, filters: 16, window: [3, 3], strides: [2, 2],
      padLow: [0, 0], padHigh: [1, 1]),
    Case(
      height: 4, width: 3, channels: 4, filters: 16, window: [1, 1], strides: [1, 1],
      padLow: [0, 0], padHigh: [0, 0]),
  ]
  static let levels = ["avx2", "avx512"].compactMap(VectorKernels.open)

  @Test(arguments: cases, levels.indices)
  func valuesAreThoseOfThePlainLoops(_ test: Case, level: Int) throws {
    let problem = try test.problem
    let inputs = [
      spread(problem.outputShape.elementCount), spread(problem.weights.elementCount, seed: 2),
    ]
    let kernel = try #require(FoldedGradient(problem, vectors: Self.levels[level]))
    let count = problem.image.inputShape.elementCount
    let received = try run(kernel, inputs, output: count)
    let plain = try run(Reference.convolutionInputGradient(problem), inputs, output: count)
    #expect(relativeError(received, plain) < 4e-6)
    #expect(try run(kernel, inputs, output: count, threads: 1) == received)
  }

  @Test func otherConvolutionsAreLeftToOneDNN() throws {
    func kernel(channels: Int = 3, groups: Int = 1, dilation: Int = 1, side: Int = 9) throws
      -> FoldedGradient?
    {
      let problem = try Convolution(
        [1, side, side, channels], Shape([3, 3, channels / groups, 32]),
        WindowGeometry(
          window: [3, 3], strides: [1, 1], dilations: [dilation, dilation], padLow: [1, 1],
          padHigh: [1, 1]), groups)
      return FoldedGradient(problem)
    }
    #expect(try kernel() != nil)
    #expect(try kernel(channels: 6) == nil)
    #expect(try kernel(channels: 4, groups: 2) == nil)
    #expect(try kernel(dilation: 2) == nil)
    #expect(try kernel(side: 3) == nil)
  }
}
