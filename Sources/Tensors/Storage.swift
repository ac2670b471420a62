import Glibc

/// The bytes behind one or more tensors, given back when the last of them goes.
///
/// Owned bytes come straight from the system in whole pages, so that running out of memory is an
/// error that can be reported: Swift's own allocator would end the process.
public final class Storage: @unchecked Sendable {
  // Sendable: the pointer never changes, and whoever shares a storage only reads its bytes. Writers
  // (a session's arena, a tensor under construction) hold the only reference.

  /// The first byte, aligned to at least 64 bytes when owned.
  public let start: UnsafeMutableRawPointer
  /// The number of bytes.
  public let byteCount: Int
  /// Whether the bytes are those of a file, which the system reads when they are needed.
  private let isMapped: Bool
  private let release: @Sendable () -> Void

  /// Allocates zeroed memory.
  ///
  /// - Throws: `outOfMemory` if the system has none left.
  public init(byteCount: Int) throws(PhospheneError) {
    let length = max(byteCount, 1)
    if length < Storage.pageThreshold {
      guard let memory = aligned_alloc(64, (length + 63) & ~63) else {
        throw .outOfMemory("no memory left for \(byteCount) bytes")
      }
      memset(memory, 0, (length + 63) & ~63)
      start = memory
      let address = UInt(bitPattern: memory)
      release = { free(UnsafeMutableRawPointer(bitPattern: address)) }
    } else {
      let memory = mmap(
        nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      guard let memory, memory != MAP_FAILED else {
        throw .outOfMemory("no memory left for \(byteCount) bytes")
      }
      madvise(memory, length, MADV_HUGEPAGE)
      start = memory
      let address = UInt(bitPattern: memory)
      release = { munmap(UnsafeMutableRawPointer(bitPattern: address), length) }
    }
    self.byteCount = byteCount
    isMapped = false
  }

  /// Borrows memory that somebody else keeps; `release` runs when the last tensor over it goes.
  public init(
    borrowing start: UnsafeMutableRawPointer, byteCount: Int,
    release: @escaping @Sendable () -> Void
  ) {
    self.start = start
    self.byteCount = byteCount
    self.release = release
    isMapped = false
  }

  /// Takes over a file that was mapped for reading, and unmaps it in the end.
  public init(mapping start: UnsafeMutableRawPointer, byteCount: Int) {
    self.start = start
    self.byteCount = byteCount
    let address = UInt(bitPattern: start)
    release = { munmap(UnsafeMutableRawPointer(bitPattern: address), byteCount) }
    isMapped = true
  }

  /// Gives back the memory of whole pages of a mapped file.
  ///
  /// Who reads them later reads the file again. Other bytes stay.
  public func releasePages(_ range: Range<Int>) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    guard isMapped, page > 0 else { return }
    let first = (range.lowerBound + page - 1) / page * page
    let end = range.upperBound / page * page
    if first < end { madvise(start + first, end - first, MADV_DONTNEED) }
  }

  deinit { release() }

  /// Below this size the ordinary heap is the better place.
  private static let pageThreshold = 1 << 16
}

// MADV_HUGEPAGE isn't imported by every Glibc overlay; the value is part of Linux's ABI.
private let MADV_HUGEPAGE: Int32 = 14
