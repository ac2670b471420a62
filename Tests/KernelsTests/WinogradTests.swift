@testable import Kernels
import Tensors
import Testing

/// Winograd's convolution against the plain loops, at every level that this processor runs.
@Suite struct WinogradTests {
  struct Case: CustomTestStringConvertible {
    var batch = 1
    var height: Int, width: Int, channels: Int, filters: Int
    var padLow = [1, 1], padHigh = [1, 1]
    var testDescription: String {
      "\(batch)x\(height)x\(width) \(channels)->\(filters) pad \(padLow) \(padHigh)"
    }
    var problem: Convolution {
      get throws {
        try Convolution(
          Shape([batch, height, width, channels]), Shape([3, 3, channels, filters]),
          WindowGeometry(
            window: [3, 3], strides: [1, 1], dilations: [1, 1], padLow: padLow, padHigh: padHigh),
          1)
      }
    }
  }

  static let cases = [
    // Whole tiles, and tiles that overhang; threads divide filters.
    Case(height: 16, width: 16, channels: 32, filters: 64),
    Case(height: 17, width: 14, channels: 48, filters: 80),
    Case(height: 21, width: 18, channels: 32, filters: 32, padLow: [0, 0], padHigh: [0, 0]),
    Case(height: 15, width: 15, channels: 32, filters: 48, padLow: [2, 0], padHigh: [1, 2]),
    Case(batch: 3, height: 13, width: 9, channels: 64, filters: 32),
    // So many tiles that threads divide them.
    Case(height: 90, width: 71, channels: 32, filters: 32),
  ]
  /// The transforms multiply by up to 8 and subtract what is nearly equal.
  static let tolerance: Float = 3e-5
  static let levels = ["avx2", "avx512"].compactMap(VectorKernels.open)

  @Test func theLibrariesLieWhereTheyAreLookedFor() {
    #expect(VectorKernels.best != nil || Self.levels.isEmpty)
    #if arch(x86_64)
      // Every x86 processor of the last ten years has AVX2.
      #expect(!Self.levels.isEmpty)
    #endif
  }

  @Test(arguments: cases, levels.indices)
  func valuesAreThoseOfThePlainLoops(_ test: Case, level: Int) throws {
    let problem = try test.problem
    let inputs = [
      spread(problem.image.inputShape.elementCount),
      spread(problem.weights.elementCount, seed: 2), spread(problem.filters, seed: 3),
    ]
    let count = problem.outputShape.elementCount
    let plain = Reference.convolution(problem, epilogue: Epilogue(hasBias: true))
    let expected = try run(plain, inputs, output: count)
    func result(_ activation: UnaryFunction?, threads: Int = 2) throws -> [Float] {
      let kernel = try #require(
        WinogradConvolution(
          problem, isTransposed: false,
          epilogue: Epilogue(hasBias: true, activation: activation), vectors: Self.levels[level]))
      return try run(kernel, inputs, output: count, threads: threads)
    }
    let received = try result(nil)
    #expect(relativeError(received, expected) < Self.tolerance)
    // Whoever computes it.
    #expect(try result(nil, threads: 1) == received)
    for activation in [.relu(negativeSlope: 0), .clip(low: 0, high: 2), .tanh]
      as [UnaryFunction]
    {
      #expect(relativeError(try result(activation), received.map { activation($0) }) < 1e-6)
    }
  }

  @Test(arguments: cases, levels.indices)
  func inputGradientIsThatOfThePlainLoops(_ test: Case, level: Int) throws {
    let problem = try test.problem
    let inputs = [
      spread(problem.outputShape.elementCount), spread(problem.weights.elementCount, seed: 2),
    ]
    let kernel = try #require(
      WinogradConvolution(
        problem, isTransposed: true, epilogue: Epilogue(),
        vectors: Self.levels[level]))
    let count = problem.image.inputShape.elementCount
    let plain = try run(Reference.convolutionInputGradient(problem), inputs, output: count)
    #expect(relativeError(try run(kernel, inputs, output: count), plain) < Self.tolerance)
  }

  @Test func nanStaysWhereItIsSeen() throws {
    let problem = try Self.cases[0].problem
    var image = spread(problem.image.inputShape.elementCount)
    image[0] = .nan
    let vectors = try #require(VectorKernels.best)
    let kernel = try #require(
      WinogradConvolution(
        problem, isTransposed: false, epilogue: Epilogue(activation: .relu(negativeSlope: 0)),
        vectors: vectors))
    let count = problem.outputShape.elementCount
    let values = try run(
      kernel, [image, spread(problem.weights.elementCount)], output: count)
    #expect(values[0].isNaN)
    #expect(!values[count - 1].isNaN)
  }

  @Test func otherConvolutionsAreLeftToOneDNN() throws {
    func kernel(
      window: [Int] = [3, 3], stride: Int = 1, dilation: Int = 1, channels: Int = 32,
      groups: Int = 1, pad: Int = 1, side: Int = 16
    ) throws -> WinogradConvolution? {
      let problem = try Convolution(
        [1, side, side, channels], Shape(window + [channels / groups, 32]),
        WindowGeometry(
          window: window, strides: [stride, stride], dilations: [dilation, dilation],
          padLow: [pad, pad], padHigh: [pad, pad]), groups)
      return WinogradConvolution(
        problem, isTransposed: false, epilogue: Epilogue(),
        vectors: VectorKernels.best)
    }
    #expect(try kernel() != nil)
    #expect(try kernel(window: [3, 1]) == nil)
    #expect(try kernel(stride: 2) == nil)
    #expect(try kernel(dilation: 2) == nil)
    #expect(try kernel(groups: 2) == nil)
    #expect(try kernel(channels: 20) == nil)
    #expect(try kernel(channels: 16) == nil)
    #expect(try kernel(pad: 3) == nil)
    #expect(try kernel(side: 7) == nil)
  }
}
