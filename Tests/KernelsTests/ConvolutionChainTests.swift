@testable import Kernels
import Tensors
import Testing

/// Chains of convolutions, by strips of rows, against one convolution after the other.
@Suite struct ConvolutionChainTests {
  struct Case: CustomTestStringConvertible {
    var batch = 1
    var height = 12, width = 9, channels = 8, wide = 16, filters = 6
    var window = [3, 3], strides = [1, 1], padLow = [1, 1], padHigh = [1, 1]
    var hasBefore = true, hasBehind = true, hasBias = true, hasAddend = false
    var activation: UnaryFunction? = .clip(low: 0, high: 6)
    var testDescription: String {
      "\(batch)x\(height)x\(width) \(hasBefore ? "\(channels) to " : "")\(wide)"
        + "\(hasBehind ? " to \(filters)" : "") \(window)/\(strides) pad \(padLow) \(padHigh)"
    }

    var chain: ConvolutionChain {
      get throws {
        let depthwise = WindowGeometry(
          window: window, strides: strides, dilations: [1, 1], padLow: padLow, padHigh: padHigh)
        let pixel = WindowGeometry(
          window: [1, 1], strides: [1, 1], dilations: [1, 1], padLow: [0, 0], padHigh: [0, 0])
        func stage(
          _ weights: Shape, _ geometry: WindowGeometry, _ groups: Int = 1
        ) -> ConvolutionStage {
          ConvolutionStage(
            weights: weights, geometry: geometry, groups: groups, hasBias: hasBias,
            activation: activation)
        }
        let stages =
          (hasBefore ? [stage([1, 1, channels, wide], pixel)] : [])
          + [stage(Shape(window + [1, wide]), depthwise, wide)]
          + (hasBehind ? [stage([1, 1, wide, filters], pixel)] : [])
        return try ConvolutionChain(
          input: [batch, height, width, hasBefore ? channels : wide], stages: stages,
          hasAddend: hasAddend)
      }
    }
  }

  static let cases = [
    Case(),
    Case(batch: 3, hasAddend: true),
    Case(height: 13, strides: [2, 2], padLow: [1, 1], padHigh: [0, 0]),
    Case(height: 14, strides: [2, 2], padLow: [0, 0], padHigh: [1, 1], hasBias: false),
    Case(height: 17, window: [5, 5], padLow: [2, 2], padHigh: [2, 2], activation: .silu),
    Case(height: 16, window: [2, 3], strides: [2, 1], padLow: [0, 1], padHigh: [0, 1]),
    Case(height: 15, padLow: [0, 0], padHigh: [0, 0], activation: nil),
    Case(batch: 2, hasBefore: false, hasAddend: true),
    Case(height: 21, strides: [2, 2], padLow: [0, 0], padHigh: [0, 0], hasBefore: false),
    Case(hasBehind: false, hasAddend: true),
  ]

  private func inputs(of chain: ConvolutionChain) -> [[Float]] {
    var arrays = [spread(chain.shapes[0].elementCount)]
    for (index, stage) in chain.stages.enumerated() {
      arrays.append(spread(stage.weights.elementCount, seed: 2 + index))
      if stage.hasBias { arrays.append(spread(stage.weights[3], seed: 7 + index)) }
    }
    let last = chain.shapes[chain.stages.count]
    return arrays + (chain.hasAddend ? [spread(last.elementCount, seed: 11)] : [])
  }

  @Test(arguments: cases, [1, 2, 3])
  func stripsGiveWhatWholeImagesGive(_ test: Case, threads: Int) throws {
    let chain = try test.chain
    let arrays = inputs(of: chain)
    let count = chain.shapes[chain.stages.count].elementCount
    let expected = try run(SequentialChain(chain), arrays, output: count)
    for strips in [1, 2, 3, 5] {
      let kernel = try Threads.with(threads) { () throws(PhospheneError) in
        try StripChain(chain, strips: strips)
      }
      let strip = try #require(kernel)
      let values = try run(strip, arrays, output: count, threads: threads)
      #expect(relativeError(values, expected) < 1e-6)
    }
  }

  /// The stages one after the other by the plain loops.
  @Test(arguments: cases)
  func stagesFollowEachOther(_ test: Case) throws {
    let chain = try test.chain
    let arrays = inputs(of: chain)
    var (values, next) = (arrays[0], 1)
    for (index, stage) in chain.stages.enumerated() {
      let isLast = index == chain.stages.count - 1
      let epilogue = Epilogue(
        hasBias: stage.hasBias, hasAddend: isLast && chain.hasAddend, activation: stage.activation)
      let plain = Reference.convolution(
        try Convolution(chain.shapes[index], stage.weights, stage.geometry, stage.groups),
        epilogue: epilogue)
      let used = [values] + arrays[next..<next + epilogue.output - 1]
      values = try run(plain, used, output: chain.shapes[index + 1].elementCount)
      next += stage.hasBias ? 2 : 1
    }
    let kernel = try convolutionChainKernel(
      input: chain.shapes[0], stages: chain.stages, hasAddend: chain.hasAddend)
    #expect(relativeError(try run(kernel, arrays, output: values.count), values) < 1e-5)
  }

  // Images of fewer rows than a window has, of which a chain may be a batch of many.
  @Test(arguments: [1, 2, 3, 4], [3, 5, 7])
  func lowImagesAreComputedToo(height: Int, window: Int) throws {
    for (hasBefore, stride) in [(true, 1), (false, 1), (true, 2), (false, 2)] {
      let pad = window / 2
      let low = Case(
        batch: 4, height: height, width: height, window: [window, window],
        strides: [stride, stride], padLow: [pad, pad], padHigh: [pad, pad], hasBefore: hasBefore)
      try stagesFollowEachOther(low)
      let chain = try low.chain
      let arrays = inputs(of: chain)
      let count = chain.shapes[chain.stages.count].elementCount
      let expected = try run(SequentialChain(chain), arrays, output: count)
      for threads in [1, 2] {
        let kernel = try Threads.with(threads) { () throws(PhospheneError) in
          try convolutionChainKernel(
            input: chain.shapes[0], stages: chain.stages, hasAddend: chain.hasAddend)
        }
        let values = try run(kernel, arrays, output: count, threads: threads)
        #expect(relativeError(values, expected) < 1e-6)
      }
    }
  }

  // Strips of fewer rows than windows that overhang see nothing of the image, dilated windows and
  // steps over rows are no chains.
  @Test func whatIsNoChainOfStripsIsRefused() throws {
    let low = try Case(height: 4, window: [5, 3], padLow: [2, 1], padHigh: [2, 1]).chain
    #expect(try StripChain(low, strips: 4) == nil)
    var stages = try Case().chain.stages
    stages.swapAt(1, 2)
    #expect(stages.depthwiseStage == nil)
    let sparse = try Case(window: [1, 1], strides: [2, 2], padLow: [0, 0], padHigh: [0, 0]).chain
    #expect(sparse.stages.depthwiseStage == nil)
  }
}
