import Glibc
import Tensors

/// Reading and writing whole files through the system's own calls.
enum FileBytes {
  /// Returns the bytes of a file, mapped or read.
  ///
  /// - Throws: `modelFile` with the system's reason.
  static func load(_ path: String, map: Bool) throws(PhospheneError) -> Storage {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw failure("can't open", path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure("can't look at", path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw .modelFile("'\(path)' is not a file")
    }
    let size = Int(status.st_size)
    if map, size > 0 {
      guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0),
        start != MAP_FAILED
      else { throw failure("can't map", path) }
      return Storage(mapping: start, byteCount: size)
    }
    let storage = try Storage(byteCount: size)
    var done = 0
    while done < size {
      let count = read(descriptor, storage.start + done, size - done)
      guard count > 0 else { throw failure("can't read", path) }
      done += count
    }
    return storage
  }

  /// Writes pieces of bytes into a file beside the final place, then renames it.
  ///
  /// - Throws: `modelFile` with the system's reason; then nothing is left behind.
  static func write(
    _ pieces: [UnsafeRawBufferPointer], to path: String
  ) throws(PhospheneError) {
    // A name of its own, because several threads may save to one place.
    var name = Array("\(path).XXXXXX".utf8CString)
    let descriptor = name.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.map { mkstemp($0) } ?? -1
    }
    guard descriptor >= 0 else { throw failure("can't write", path) }
    let temporary = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    fchmod(descriptor, 0o644)
    var problem: PhospheneError?
    for piece in pieces where problem == nil {
      var done = 0
      while done < piece.count, let start = piece.baseAddress {
        let count = Glibc.write(descriptor, start + done, min(piece.count - done, 1 << 30))
        if count <= 0 {
          problem = failure("can't write", path)
          break
        }
        done += count
      }
    }
    if problem == nil, fsync(descriptor) != 0, errno != EINVAL {
      problem = failure("can't write", path)
    }
    if close(descriptor) != 0, problem == nil { problem = failure("can't write", path) }
    if problem == nil, rename(temporary, path) != 0 { problem = failure("can't rename", path) }
    if let problem {
      unlink(temporary)
      throw problem
    }
  }

  private static func failure(_ what: String, _ path: String) -> PhospheneError {
    .modelFile("\(what) '\(path)': \(String(cString: strerror(errno)))")
  }
}
