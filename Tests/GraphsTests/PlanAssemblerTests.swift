@testable import Graphs
import Tensors
import Testing

@Suite struct ArenaLayoutTests {
  private struct Buffer {
    let byteCount: Int
    let first: Int, last: Int
  }

  private func place(_ buffers: [Buffer]) -> (offsets: [Int: Int], byteCount: Int) {
    var layout = ArenaLayout()
    for (node, buffer) in buffers.enumerated() {
      layout.add(node: node, byteCount: buffer.byteCount, from: buffer.first, to: buffer.last)
    }
    let placed = layout.place()
    return (Dictionary(uniqueKeysWithValues: placed.map { ($0.node, $0.offset) }), layout.byteCount)
  }

  // By hand: two that never meet share, a third beside both doesn't.
  @Test func buffersShareWhenTheyNeverMeet() {
    let result = place([
      Buffer(byteCount: 128, first: 0, last: 1), Buffer(byteCount: 128, first: 2, last: 3),
      Buffer(byteCount: 64, first: 1, last: 2),
    ])
    #expect(result.offsets == [0: 0, 1: 0, 2: 128])
    #expect(result.byteCount == 192)
  }

  // A result is written while the inputs of that step are still read.
  @Test func aBufferMeetsTheOneThatIsReadLastWhenItIsWritten() {
    let result = place([
      Buffer(byteCount: 64, first: 0, last: 1), Buffer(byteCount: 64, first: 1, last: 2),
    ])
    #expect(result.offsets[0] != result.offsets[1])
  }

  @Test(arguments: 0..<40) func noTwoLiveBuffersOverlap(seed: Int) {
    var random = Random(seed: UInt64(seed), stream: 0)
    let buffers = (0..<random.integer(in: 1...60)).map { _ in
      let first = random.integer(in: 0...30)
      return Buffer(
        byteCount: random.integer(in: 0...2000), first: first,
        last: first + random.integer(in: 0...10))
    }
    let (offsets, byteCount) = place(buffers)
    #expect(offsets.count == buffers.count)
    for (i, a) in buffers.enumerated() {
      let start = offsets[i] ?? -1
      #expect(start >= 0 && start % 64 == 0 && start + a.byteCount <= byteCount)
      for (j, b) in buffers.enumerated() where j > i && a.first <= b.last && b.first <= a.last {
        let other = offsets[j] ?? -1
        let isApart = start + max(a.byteCount, 1) <= other || other + max(b.byteCount, 1) <= start
        #expect(isApart, "\(a) at \(start), \(b) at \(other)")
      }
    }
    // No placement is smaller than what lives at one time, none needs more than all together.
    let most =
      (0...40).map { time in
        buffers.reduce(0) { $0 + ($1.first <= time && time <= $1.last ? $1.byteCount : 0) }
      }.max() ?? 0
    #expect(byteCount >= most)
    #expect(byteCount <= buffers.reduce(0) { $0 + ($1.byteCount + 64) & ~63 + 64 })
  }
}
