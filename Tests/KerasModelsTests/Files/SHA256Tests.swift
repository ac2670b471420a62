@testable import KerasModels
import Testing

@Suite struct SHA256Tests {
  // FIPS 180-2, appendix B, and the digest of nothing.
  @Test(
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
      (
        String(repeating: "a", count: 1_000_000),
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
      ),
    ])
  func knownDigests(text: String, digest: String) {
    var hash = SHA256()
    hash.update(text)
    #expect(hash.hexadecimalDigest() == digest)
  }

  // However the message is cut: around the block of 64 bytes and the 56 that leave room for the
  // length.
  @Test(arguments: [1, 3, 55, 56, 63, 64, 65, 127, 128, 200]) func piecesMakeNoDifference(size: Int)
  {
    let message = (0..<300).map { UInt8(truncatingIfNeeded: $0 * 7) }
    var (whole, pieces) = (SHA256(), SHA256())
    message.withUnsafeBytes { bytes in
      whole.update(bytes)
      for start in stride(from: 0, to: bytes.count, by: size) {
        let piece = bytes[start..<min(start + size, bytes.count)]
        pieces.update(UnsafeRawBufferPointer(rebasing: piece))
      }
    }
    #expect(pieces.hexadecimalDigest() == whole.hexadecimalDigest())
  }
}
