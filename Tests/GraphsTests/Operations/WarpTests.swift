import Graphs
import Tensors
import TestSupport
import Testing

@Suite struct WarpTests {
  /// Views of a 3 by 4 image with quarter steps: every weight is a sum of products of quarters, so
  /// that all arithmetic is exact.
  static let maps: [[Float]] = [
    [1, 0, 0, 0, 1, 0], [1, 0, 1, 0, 1, -2], [0.5, 0, 0.25, 0, 0.5, 0.75],
    [0.75, -0.5, 1, 0.5, 0.75, 0.25], [2, 0, -5, 0, 2, -5],
  ]

  private func warp(_ graph: inout Graph, _ image: Value, _ maps: [[Float]]) throws -> Value {
    let matrices = graph.constant(try Tensor([maps.count, 6], maps.flatMap(\.self)))
    return try graph.warp(image, matrices: matrices, height: 3, width: 5, fill: 0)
  }

  // By hand: half a pixel to the right mixes neighbours, a whole pixel beyond the edge is fill.
  @Test func valuesByHand() throws {
    let image = try Tensor([1, 1, 3, 1], [2, 4, 8])
    let matrices = try Tensor([2, 6], [1, 0, 0, 0, 1, 0.5, 1, 0, 0, 0, 1, -1])
    let views = try compute([image, matrices]) {
      [try $0.warp($1[0], matrices: $1[1], height: 1, width: 3, fill: 10)]
    }[0]
    #expect(views.shape == [2, 1, 3, 1])
    #expect(views.elements == [3, 6, 9, 10, 2, 4])
  }

  @Test(arguments: maps) func gradients(map: [Float]) throws {
    let error = try gradientError(at: [integers([1, 3, 4, 2])], step: 1) {
      try warp(&$0, $1[0], [map])
    }
    #expect(error == 0)
  }

  // One image in several views collects the cotangents of all; several images keep theirs apart.
  @Test(arguments: [1, 5]) func gradientIsTheAdjoint(count: Int) throws {
    let sides = try adjointSides(at: [integers([count, 3, 4, 2])]) {
      try warp(&$0, $1[0], Self.maps)
    }
    #expect(sides.0 == sides.1)
  }

  @Test func fillHasNoGradient() throws {
    let image = try Tensor([1, 1, 2, 1], [1, 2])
    let gradients = try gradient(at: [image]) { graph, values in
      let matrices = graph.constant(try Tensor([1, 6], [1, 0, 0, 0, 1, 1]))
      return try graph.warp(values[0], matrices: matrices, height: 1, width: 2, fill: 7)
    }
    #expect(gradients[0].elements == [0, 1])
  }

  @Test(
    arguments: [([3, 4, 2], [1, 6]), ([1, 3, 4, 2], [1, 5]), ([2, 3, 4, 2], [3, 6])]
      as [(Shape, Shape)])
  func unfitShapesAreRefused(image: Shape, matrices: Shape) {
    var graph = Graph()
    let (x, m) = (graph.input(TensorType(image)), graph.input(TensorType(matrices)))
    let sentence = refusal { _ = try graph.warp(x, matrices: m, height: 2, width: 2, fill: 0) }
    #expect(sentence?.hasSuffix("received \(image) and \(matrices)") == true, "\(sentence ?? "")")
  }
}
