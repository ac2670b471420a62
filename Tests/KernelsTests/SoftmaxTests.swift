@testable import Kernels
import Tensors
import Testing

@Suite struct SoftmaxTests {
  // By hand: equal numbers share equally; log 1, log 3 are one quarter and three.
  @Test func valuesByHand() throws {
    let kernel = try softmaxKernel(input: [2, 2], axis: 1)
    let y = try run(kernel, [[5, 5, 0, 1.0986123]], output: 4)
    #expect(relativeError(y, [0.5, 0.5, 0.25, 0.75]) < 2e-7)
  }

  @Test(arguments: [([3, 50], 1), ([3, 50], 0), ([2, 7, 5], 1), ([1000], 0)] as [(Shape, Int)])
  func matchesThePlainLoops(input: Shape, axis: Int) throws {
    let x = spread(input.elementCount).map { $0 * 100 }
    let expected = try run(Reference.softmax(input: input, axis: axis), [x], output: x.count)
    // Sums of up to a thousand terms, and exponentials within two units in the last place.
    let y = try run(softmaxKernel(input: input, axis: axis), [x], output: x.count)
    #expect(relativeError(y, expected) < 1e-6)
  }

  @Test func nanTakesItsWholeAxis() throws {
    let kernel = try softmaxKernel(input: [2, 3, 2], axis: 1)
    var x = ramp(12)
    x[3] = .nan
    let y = try run(kernel, [x], output: 12)
    for index in y.indices { #expect(y[index].isNaN == [1, 3, 5].contains(index), "\(index)") }
  }

  @Test func axisIsChecked() {
    #expect(refusal { _ = try softmaxKernel(input: [2], axis: 1) }?.contains("received 1") == true)
  }
}
