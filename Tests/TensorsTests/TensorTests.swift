import Synchronization
import Tensors
import Testing

@Suite struct TensorTests {
  @Test func holdsWhatItWasMadeFrom() throws {
    #expect(try Tensor([2, 2], [1, 2, 3, 4]).elements == [1, 2, 3, 4])
    #expect(try Tensor([3], repeating: 0.5).elements == [0.5, 0.5, 0.5])
    #expect(try Tensor(scalar: 7).shape == [])
    #expect(try Tensor(scalar: 7).elements == [7])
    #expect(try Tensor([0, 4], []).elements.isEmpty)
    #expect(try Tensor([2]) { $0[1] = 9 }.elements == [0, 9])
  }

  @Test func sharesStorageFromAnOffset() throws {
    let whole = try Tensor([4], [1, 2, 3, 4])
    let part = Tensor(TensorType([2]), storage: whole.storage, byteOffset: 8)
    #expect(part.elements == [3, 4])
    #expect(part.reshaped(to: [1, 2, 1]).start == part.start)
    #expect(part.reshaped(to: [1, 2, 1]).shape == [1, 2, 1])
  }

  @Test(arguments: [0, 1, 7, 8, 9, 64, 1001])
  func finiteIsFinite(count: Int) throws {
    let numbers = (0..<count).map { Float($0 % 2 == 0 ? 1 : -1) * .greatestFiniteMagnitude }
    #expect(try Tensor([count], numbers).floats.allAreFinite)
  }

  // Every place of a vector and of what is left behind the last whole one.
  @Test(arguments: [Float.nan, .infinity, -.infinity, .signalingNaN], 0..<19)
  func oneBadNumberIsFound(number: Float, place: Int) throws {
    let tensor = try Tensor([19]) { $0[place] = number }
    #expect(!tensor.floats.allAreFinite)
  }

  @Test func allAreFiniteReadsUnalignedViews() throws {
    let whole = try Tensor([20]) { $0[19] = .nan }
    let clean = Tensor(TensorType([18]), storage: whole.storage, byteOffset: 4)
    let bad = Tensor(TensorType([17]), storage: whole.storage, byteOffset: 12)
    #expect(clean.floats.allAreFinite)
    #expect(!bad.floats.allAreFinite)
  }
}
