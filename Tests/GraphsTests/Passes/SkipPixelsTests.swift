@testable import Graphs
import Tensors
import TestSupport
import Testing

/// Pixels over which all readers step are not computed; the numbers stay.
@Suite struct SkipPixelsTests {
  private static func convolution(
    _ graph: inout Graph, _ x: Value, window: [Int], strides: [Int] = [1, 1], seed: Int
  ) throws -> Value {
    let axes = graph.shape(x).axes
    let geometry = WindowGeometry.keras(
      window: window, strides: strides, dilations: [1, 1], padding: .same,
      spatial: Array(axes[1...2]))
    let weights = try integers(Shape(window + [axes[3], 2]), seed: seed)
    return try graph.convolution(x, weights: graph.constant(weights), geometry: geometry)
  }

  /// The end of one of ResNet's stages and the beginning of the next: the values after the first
  /// sum's rectifier and after the last convolutions' sum.
  private static func stages(_ graph: inout Graph, _ x: Value) throws -> [Value] {
    let relu = UnaryFunction.relu(negativeSlope: 0)
    let start = try graph.unary(relu, convolution(&graph, x, window: [3, 3], seed: 2))
    var branch = try graph.unary(relu, convolution(&graph, start, window: [3, 3], seed: 3))
    branch = try convolution(&graph, branch, window: [1, 1], seed: 4)
    let bias = try graph.constant(integers([2], seed: 5))
    let end = try graph.unary(relu, graph.add(graph.add(branch, bias), start))
    let left = try convolution(&graph, end, window: [1, 1], strides: [2, 2], seed: 6)
    let right = try convolution(&graph, end, window: [1, 1], strides: [2, 2], seed: 7)
    return [end, try graph.add(left, right)]
  }

  @Test(arguments: [[8, 6], [7, 9]])
  func whatIsReadStays(_ sides: [Int]) throws {
    let x = try integers([2, sides[0], sides[1], 2])
    func gradient(_ graph: inout Graph, _ x: Value, reduced: Bool) throws -> [Value] {
      var (end, x) = (try Self.stages(&graph, x)[1], x)
      if reduced {
        let part = try graph.skippingPixels(for: [end, x])
        (graph, end, x) = (part.graph, part.values[0], part.values[1])
      }
      let square = try graph.unary(.square, end)
      return [end] + (try graph.gradient(of: square, withRespectTo: [x]).compactMap { $0 })
    }
    let whole = try compute([x]) { try gradient(&$0, $1[0], reduced: false) }
    let part = try compute([x]) { try gradient(&$0, $1[0], reduced: true) }
    #expect(part[0].elements == whole[0].elements)
    #expect(part[1].elements == whole[1].elements)
  }

  @Test func lessIsComputed() throws {
    let x = try integers([1, 8, 6, 2])
    var graph = Graph()
    let values = try Self.stages(&graph, graph.input(x.type))
    let reduced = try graph.skippingPixels(for: [values[1]]).graph
    let pixels = reduced.nodes.compactMap {
      $0.operation is Convolution ? $0.type.shape[1] * $0.type.shape[2] : nil
    }
    // The first one is read by the second one's windows.
    #expect(pixels == [48, 12, 12, 12, 12])
    let kept = try graph.skippingPixels(for: values).graph
    #expect(kept.nodes.count == graph.nodes.count)
  }

  @Test func windowsOfSeveralPixelsReadAll() throws {
    let x = try integers([1, 8, 6, 2])
    var graph = Graph()
    let input = graph.input(x.type)
    let first = try graph.unary(.tanh, input)
    let second = try Self.convolution(&graph, first, window: [3, 3], strides: [2, 2], seed: 2)
    #expect(try graph.skippingPixels(for: [second]).graph.nodes.count == graph.nodes.count)
    // An input is given as it is.
    let third = try Self.convolution(&graph, input, window: [1, 1], strides: [2, 2], seed: 2)
    #expect(try graph.skippingPixels(for: [third]).values.count == 1)
  }
}
