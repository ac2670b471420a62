import Glibc

/// Random numbers that are a pure function of seed, stream and position: Philox4x32-10.
///
/// One stream for each purpose, so that drawing more for one changes nothing for another.
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
public struct Random: Sendable {
  private let key: (UInt32, UInt32)
  private let stream: UInt64
  private var block: UInt64 = 0
  private var ready: [UInt32] = []

  /// Creates a generator at the beginning of a stream.
  public init(seed: UInt64, stream: UInt64) {
    key = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    self.stream = stream
  }

  /// Returns the next 32 random bits.
  public mutating func bits() -> UInt32 {
    if ready.isEmpty {
      let four = nextBlock()
      ready = [four[3], four[2], four[1], four[0]]
    }
    return ready.removeLast()
  }

  /// The next four times 32 random bits.
  private mutating func nextBlock() -> SIMD4<UInt32> {
    let counter = SIMD4(
      UInt32(truncatingIfNeeded: block), UInt32(truncatingIfNeeded: block >> 32),
      UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32))
    block += 1
    return Random.philox(counter, key: key)
  }

  /// Returns a number that is evenly distributed in [0, 1).
  public mutating func uniform() -> Double { Double(bits()) * 0x1p-32 }

  /// Returns a number that is evenly distributed between two others.
  public mutating func uniform(_ low: Double, _ high: Double) -> Double {
    low + (high - low) * uniform()
  }

  /// Returns an integer that is evenly distributed in a range.
  public mutating func integer(in range: ClosedRange<Int>) -> Int {
    let count = Double(range.upperBound - range.lowerBound + 1)
    return min(range.lowerBound + Int(uniform() * count), range.upperBound)
  }

  /// Returns numbers of mean 0 and variance 1 (Box and Muller's transform).
  public mutating func normals(_ count: Int) -> [Float] {
    var numbers: [Float] = []
    numbers.reserveCapacity(count + 1)
    while numbers.count < count {
      let radius = sqrt(-2 * log(1 - uniform()))
      let angle = 2 * Double.pi * uniform()
      numbers.append(Float(radius * cos(angle)))
      numbers.append(Float(radius * sin(angle)))
    }
    return Array(numbers.prefix(count))
  }

  /// Returns many numbers of mean 0 and a standard deviation, each one of the 65,536 quantiles in the
  /// middles of as many equally likely parts: eight for one block of random bits.
  public mutating func manyNormals(_ count: Int, deviation: Float) -> [Float] {
    let quantiles = Random.quantiles
    return [Float](unsafeUninitializedCapacity: count) { numbers, filled in
      quantiles.withUnsafeBufferPointer { quantiles in
        var index = 0
        while index < count {
          let four = nextBlock()
          for part in 0..<min(8, count - index) {
            let sixteen = part & 1 == 0 ? four[part >> 1] & 0xFFFF : four[part >> 1] >> 16
            numbers[index + part] = deviation * quantiles[Int(sixteen)]
          }
          index += 8
        }
      }
      filled = count
    }
  }

  /// The quantiles `(k + 1/2) / 65536` of the normal distribution.
  private static let quantiles: [Float] = {
    let half = 32768
    var table = [Float](repeating: 0, count: 2 * half)
    var x = 0.0
    for k in 0..<half {
      let tail = (Double(half - k) - 0.5) / Double(2 * half)
      // Newton's method, from the left, where the tail is a convex function.
      for _ in 0..<16 {
        let density = exp(-x * x / 2) / (2 * Double.pi).squareRoot()
        let change = (erfc(x / 2.0.squareRoot()) / 2 - tail) / density
        x += change
        if abs(change) < 1e-12 { break }
      }
      table[half + k] = Float(x)
      table[half - 1 - k] = Float(-x)
    }
    return table
  }()

  /// Ten rounds of the Philox bijection.
  static func philox(_ counter: SIMD4<UInt32>, key: (UInt32, UInt32)) -> SIMD4<UInt32> {
    var (c, key) = (counter, key)
    for _ in 0..<10 {
      let first = UInt64(c[0]) * 0xD251_1F53
      let second = UInt64(c[2]) * 0xCD9E_8D57
      c = SIMD4(
        UInt32(second >> 32) ^ c[1] ^ key.0, UInt32(truncatingIfNeeded: second),
        UInt32(first >> 32) ^ c[3] ^ key.1, UInt32(truncatingIfNeeded: first))
      key = (key.0 &+ 0x9E37_79B9, key.1 &+ 0xBB67_AE85)
    }
    return c
  }
}
