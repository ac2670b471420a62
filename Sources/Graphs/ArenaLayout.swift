/// Places buffers with known lifetimes in as few bytes as a simple rule finds: the largest first,
/// each at the lowest offset where it meets no buffer that lives at the same time.
struct ArenaLayout {
  private struct Buffer {
    let node: Int
    let byteCount: Int
    let times: ClosedRange<Int>
    var offset = 0
  }

  private var buffers: [Buffer] = []
  /// The bytes that all buffers need together, known after ``place()``.
  private(set) var byteCount = 0

  mutating func add(node: Int, byteCount: Int, from first: Int, to last: Int) {
    let rounded = (max(byteCount, 1) + 63) & ~63
    buffers.append(Buffer(node: node, byteCount: rounded, times: first...max(first, last)))
  }

  mutating func place() -> [(node: Int, offset: Int)] {
    var placed: [Buffer] = []
    for var buffer in buffers.sorted(by: { $0.byteCount > $1.byteCount }) {
      var offset = 0
      for other in placed where other.times.overlaps(buffer.times) {
        if offset + buffer.byteCount <= other.offset { break }
        offset = max(offset, other.offset + other.byteCount)
      }
      buffer.offset = offset
      byteCount = max(byteCount, offset + buffer.byteCount)
      let position = placed.firstIndex { $0.offset > offset } ?? placed.count
      placed.insert(buffer, at: position)
    }
    return placed.map { ($0.node, $0.offset) }
  }
}
