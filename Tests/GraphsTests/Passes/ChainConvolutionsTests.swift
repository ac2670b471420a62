import Graphs
import Tensors
import TestSupport
import Testing

@Suite struct ChainConvolutionsTests {
  /// A MobileNet block on an image of `side`: 4 channels, 32, 8; the values after each convolution.
  private func block(
    _ graph: inout Graph, _ x: Value, side: Int
  ) throws -> [Value] {
    let (pixel, window) = ([1, 1], [3, 3])
    func geometry(_ window: [Int]) -> WindowGeometry {
      .keras(
        window: window, strides: [1, 1], dilations: [1, 1], padding: .same, spatial: [side, side])
    }
    var values: [Value] = []
    var value = x
    let weights = try [
      (integers([1, 1, 4, 32], seed: 2), geometry(pixel), 1),
      (integers([3, 3, 1, 32], seed: 3), geometry(window), 32),
      (integers([1, 1, 32, 8], seed: 4), geometry(pixel), 1),
    ]
    for (weights, geometry, groups) in weights {
      value = try graph.convolution(
        value, weights: graph.constant(weights), geometry: geometry, groups: groups)
      if groups > 1 { value = try graph.unary(.relu(negativeSlope: 0), value) }
      values.append(value)
    }
    return values
  }

  private func result(side: Int, wanting: Range<Int> = 2..<3) throws -> (names: [String], Tensor) {
    let image = try integers([1, side, side, 4])
    let plan = try plan(on: [image]) { Array(try block(&$0, $1[0], side: side)[wanting]) }
    let names = plan.operationNames.map { String($0.prefix { $0 != "(" }) }
    return (names, try #require(try plan.run([image]).last))
  }

  // 96 * 96 * 32 floats are more than a megabyte. The integers' sums are exact.
  @Test func largeBlocksAreComputedByStrips() throws {
    let (chained, whole) = (try result(side: 96), try result(side: 96, wanting: 0..<3))
    #expect(chained.names == ["ConvolutionChain"])
    #expect(whole.names.contains("Convolution") && !whole.names.contains("ConvolutionChain"))
    #expect(chained.1.elements == whole.1.elements)
  }

  @Test func smallBlocksAndWhatOthersReadStay() throws {
    #expect(try result(side: 12).names == ["Convolution", "Convolution", "Convolution"])
    let read = try result(side: 96, wanting: 1..<3).names
    #expect(read == ["ConvolutionChain", "Convolution"])
  }
}
