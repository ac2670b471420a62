@testable import Kernels
import Tensors
import Testing

@Suite struct WindowGeometryTests {
  struct Case {
    var length: Int, window: Int, stride: Int, dilation = 1, low: Int, high: Int, output: Int
  }

  // By hand from the formula in TensorFlow's "Notes on padding".
  @Test(arguments: [
    Case(length: 5, window: 3, stride: 1, low: 1, high: 1, output: 5),
    Case(length: 4, window: 3, stride: 2, low: 0, high: 1, output: 2),
    Case(length: 5, window: 3, stride: 2, low: 1, high: 1, output: 3),
    Case(length: 224, window: 7, stride: 2, low: 2, high: 3, output: 112),
    Case(length: 5, window: 2, stride: 1, low: 0, high: 1, output: 5),
    Case(length: 5, window: 1, stride: 3, low: 0, high: 0, output: 2),
    Case(length: 7, window: 3, stride: 1, dilation: 2, low: 2, high: 2, output: 7),
  ])
  func samePaddingFollowsTensorFlow(_ test: Case) throws {
    let geometry = WindowGeometry.keras(
      window: [test.window], strides: [test.stride], dilations: [test.dilation], padding: .same,
      spatial: [test.length])
    #expect(geometry.padLow == [test.low] && geometry.padHigh == [test.high])
    #expect(try geometry.outputLengths([test.length]) == [test.output])
  }

  @Test(arguments: 1...4, 1...3) func elementsAreThoseInsideTheImage(stride: Int, dilation: Int) {
    let axis = WindowAxis(
      inputLength: 5, outputLength: 6, window: 4, stride: stride, dilation: dilation, padLow: 3)
    for index in 0..<6 {
      let inside = (0..<4).filter { (0..<5).contains(axis.position(index, $0)) }
      #expect(Array(axis.elements(ofWindow: index)) == inside, "window \(index)")
      for element in 0..<4 {
        #expect(axis.window(at: axis.position(index, element), element: element) == index)
      }
    }
  }

  @Test func settingsOutOfRangeAreRefused() {
    var geometry = WindowGeometry(
      window: [3], strides: [0], dilations: [1], padLow: [0], padHigh: [0])
    #expect(refusal { _ = try geometry.outputLengths([5]) }?.contains("strides [0]") == true)
    geometry.strides = [1]
    #expect(refusal { _ = try geometry.outputLengths([5, 5]) }?.contains("[5, 5]") == true)
    #expect(refusal { _ = try geometry.outputLengths([2]) }?.contains("too small") == true)
  }
}
