import Tensors
import Testing

@Suite struct BFloat16Tests {
  // By hand: the upper half of 1 is 0x3f80, and a step of its last bit is 2^-7.
  @Test(
    arguments: [
      (1, 0x3f80), (1 + 0x1p-7, 0x3f81), (1 + 0x1p-9, 0x3f80), (1 + 0x1p-8, 0x3f80),
      (1 + 0x3p-8, 0x3f82), (1 + 0x1.8p-8, 0x3f81), (-2, 0xc000), (0, 0), (-0.0, 0x8000),
      (.infinity, 0x7f80), (3.4e38, 0x7f80), (0x1p-133, 1), (0x1p-134, 0),
    ] as [(Float, UInt16)])
  func roundsToTheNearest(number: Float, half: UInt16) throws {
    // Once among eight that are rounded together, once behind them.
    for count in [1, 9] {
      let rounded = try Tensor([count], repeating: number).roundedToHalves()
      #expect(rounded.isHalf && rounded.valueType == TensorType([count]))
      for index in 0..<count {
        let bits = rounded.start.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
        #expect(bits == half, "\(number) at \(index) of \(count)")
      }
      let expected = Float(bitPattern: UInt32(half) << 16)
      #expect(try rounded.widened().elements == [Float](repeating: expected, count: count))
    }
  }

  @Test func nanStaysNaN() throws {
    let hidden = Float(bitPattern: 0x7f80_0001)
    let rounded = try Tensor([2], [hidden, -.nan]).roundedToHalves()
    #expect(try rounded.widened().elements.allSatisfy(\.isNaN))
  }

  @Test(arguments: [0, 15, 16, 40], [Float.nan, .infinity, -.infinity])
  func whatIsntFiniteIsFound(place: Int, number: Float) throws {
    var elements = [Float](repeating: -3.3e38, count: 41)
    #expect(try Tensor([41], elements).roundedToHalves().isFinite)
    elements[place] = number
    #expect(try !Tensor([41], elements).roundedToHalves().isFinite)
    #expect(try !Tensor([41], elements).isFinite)
  }

  @Test func wholeFloatsStayAsTheyAre() throws {
    let tensor = try Tensor([2], [1, 2])
    #expect(!tensor.isHalf && tensor.valueType == tensor.type)
    #expect(try tensor.widened().start == tensor.start)
    let copy = try tensor.copied()
    #expect(copy.elements == [1, 2] && copy.start != tensor.start)
  }
}
