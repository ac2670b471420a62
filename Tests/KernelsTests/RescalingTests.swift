@testable import Kernels
import Tensors
import Testing

@Suite struct RescalingTests {
  private static let levels: [VectorKernels?] =
    ["avx2", "avx512"].compactMap(VectorKernels.open) + [nil]

  private static let shapes: [Shape] = [
    [3], [5, 1], [7, 3], [2, 9, 24], [3, 40], [700, 16], [11, 1001], [1300, 96], [2, 0, 4],
  ]

  /// Runs a kernel and returns its two outputs, of which the second may be missing.
  private func outputs(
    _ kernel: RescalingKernel, _ inputs: [[Float]], count: Int, of number: Int
  ) throws -> [[Float]] {
    var arrays: [Tensor] = []
    for (index, input) in inputs.enumerated() {
      let dense = try Tensor([input.count], input)
      guard case .packed(_, let byteCount) = kernel.layout(ofInput: index) else {
        arrays.append(dense)
        continue
      }
      let storage = try Storage(byteCount: byteCount)
      try kernel.pack(input: index, from: dense.start, into: storage.start)
      arrays.append(Tensor(TensorType([byteCount / 4]), storage: storage))
    }
    let results = try (0..<number).map { _ in try Tensor([count], repeating: 12345) }
    try (arrays + results).map(\.start).withUnsafeBufferPointer { pointers in
      let first = try #require(pointers.baseAddress)
      try Threads.with(2) { () throws(PhospheneError) in
        try kernel.run(Arguments(first), scratch: arrays[0].start)
      }
    }
    return withExtendedLifetime(arrays) { results.map(\.elements) }
  }

  @Test(arguments: levels.indices, shapes)
  func resultsAreThoseOfThePlainFormula(level: Int, shape: Shape) throws {
    let (count, channels) = (shape.elementCount, shape.axes.last ?? 1)
    guard count > 0 else { return }
    var x = spread(count)
    x[count / 2] = .nan
    let (scale, offset) = (spread(channels, seed: 2), spread(channels, seed: 3))
    let addend = spread(count, seed: 4)
    for rescaling in [Rescaling.scaleAndShift, .sum] {
      let isScaled = rescaling == .scaleAndShift
      let expected = x.indices.map {
        isScaled
          ? x[$0] * scale[$0 % channels] + offset[$0 % channels] : x[$0] + addend[$0]
      }
      let limited = expected.map { $0 < -0.25 ? -0.25 : ($0 > 0.5 ? 0.5 : $0) }
      for (range, keepsResult, isStreaming, wanted) in [
        (nil, true, false, [expected]), ((-0.25, 0.5), false, false, [limited]),
        ((-0.25, 0.5), true, false, [expected, limited]),
        ((-0.25, 0.5), true, true, [expected, limited]),
      ] as [((Float, Float)?, Bool, Bool, [[Float]])] {
        let kernel = RescalingKernel(
          rescaling: rescaling, count: count, channels: channels, range: range,
          keepsResult: keepsResult, isStreaming: isStreaming, vectors: Self.levels[level])
        let received = try outputs(
          kernel, isScaled ? [x, scale, offset] : [x, addend], count: count, of: wanted.count)
        // To the bit, NaN included.
        #expect(received.map { $0.map(\.bitPattern) } == wanted.map { $0.map(\.bitPattern) })
      }
    }
  }

  @Test func onlyFunctionsThatLimitAreClamps() {
    #expect(UnaryFunction.relu(negativeSlope: 0).isClamp)
    #expect(UnaryFunction.clip(low: 0, high: 6).isClamp)
    #expect(!UnaryFunction.relu(negativeSlope: 0.1).isClamp)
    #expect(!UnaryFunction.silu.isClamp)
  }
}
