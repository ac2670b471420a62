@testable import Tensors
import Testing

@Suite struct RandomTests {
  // Known answers of philox4x32-10: Random123 1.14, tests/kat_vectors. The last ones are the digits
  // of pi.
  @Test(
    arguments: [
      ([0, 0, 0, 0], [0, 0], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
      (
        [.max, .max, .max, .max], [.max, .max],
        [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
      ),
      (
        [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0],
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
      ),
    ] as [([UInt32], [UInt32], [UInt32])])
  func philoxGivesTheKnownAnswers(counter: [UInt32], key: [UInt32], expected: [UInt32]) {
    #expect(Random.philox(SIMD4(counter), key: (key[0], key[1])) == SIMD4(expected))
  }

  // The known answers again: the seed is the key, the stream the upper half of the counter.
  @Test func bitsComeInThePublishedOrder() {
    var zeros = Random(seed: 0, stream: 0)
    #expect(
      (0..<4).map { _ in zeros.bits() } == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
    var second = Random(seed: 0x299f_31d0_a409_3822, stream: 0x0370_7344_1319_8a2e)
    let block = Random.philox(
      SIMD4(1, 0, 0x1319_8a2e, 0x0370_7344), key: (0xa409_3822, 0x299f_31d0))
    #expect(SIMD4((0..<8).map { _ in second.bits() }.suffix(4)) == block)
  }

  // The standard error of the mean of n even numbers is 1 / sqrt(12 n), that of the variance
  // 1 / sqrt(180 n); five of them are allowed.
  @Test func uniformHasItsMoments() {
    var random = Random(seed: 7, stream: 3)
    let numbers = (0..<100_000).map { _ in random.uniform() }
    #expect(numbers.allSatisfy { (0..<1).contains($0) })
    #expect(abs(mean(numbers) - 0.5) < 5 / (12e5 as Double).squareRoot())
    #expect(abs(variance(numbers) - 1 / 12.0) < 5 / (180e5 as Double).squareRoot())
  }

  // The same for the normal distribution: 1 / sqrt(n), sqrt(2 / n), and the fourth moment is 3
  // with a standard error of sqrt(96 / n).
  @Test func normalsHaveTheirMoments() {
    var random = Random(seed: 7, stream: 4)
    let numbers = random.normals(100_001).map(Double.init)
    #expect(numbers.count == 100_001)
    #expect(abs(mean(numbers)) < 5 / (1e5 as Double).squareRoot())
    #expect(abs(variance(numbers) - 1) < 5 * (2e-5 as Double).squareRoot())
    #expect(abs(mean(numbers.map { $0 * $0 * $0 * $0 }) - 3) < 5 * (96e-5 as Double).squareRoot())
  }

  @Test func integersReachBothEnds() {
    var random = Random(seed: 1, stream: 1)
    var counts: [Int: Int] = [:]
    for _ in 0..<7000 { counts[random.integer(in: -3...3), default: 0] += 1 }
    #expect(counts.keys.sorted() == Array(-3...3))
    // Each of seven is drawn 1000 times with a standard deviation of sqrt(7000 * 6 / 49), 29.
    #expect(counts.values.allSatisfy { abs($0 - 1000) < 150 }, "\(counts)")
  }

  // The correlation of n independent pairs has the standard deviation 1 / sqrt(n).
  @Test(arguments: [(0, 1, 0, 0), (0, 0, 0, 1), (1, 2, 5, 5), (3, 3, 1 << 56, 1 << 57)])
  func seedsAndStreamsAreIndependent(seedA: Int, seedB: Int, streamA: Int, streamB: Int) {
    var a = Random(seed: UInt64(seedA), stream: UInt64(streamA))
    var b = Random(seed: UInt64(seedB), stream: UInt64(streamB))
    let products = (0..<20_000).map { _ in (a.uniform() - 0.5) * (b.uniform() - 0.5) * 12 }
    #expect(abs(mean(products)) < 5 / (20_000 as Double).squareRoot())
  }

  @Test func copiesGoOnAlike() {
    var a = Random(seed: 5, stream: 5)
    _ = a.bits()
    var b = a
    #expect((0..<9).map { _ in a.bits() } == (0..<9).map { _ in b.bits() })
  }

  // Quantiles of the normal distribution from tables: 0.5 ± 0.34134 lie within one deviation. The
  // standard error of the mean is 1 / sqrt(n), that of the variance sqrt(2 / n).
  @Test func manyNormalsHaveTheirMoments() {
    var random = Random(seed: 11, stream: 2)
    let numbers = random.manyNormals(100_003, deviation: 2).map { Double($0) / 2 }
    #expect(numbers.count == 100_003)
    #expect(abs(mean(numbers)) < 5 / (1e5 as Double).squareRoot())
    #expect(abs(variance(numbers) - 1) < 5 * (2 / 1e5 as Double).squareRoot())
    let within = Double(numbers.count { abs($0) < 1 }) / 100_003
    #expect(abs(within - 0.682_69) < 0.008)
    #expect(
      abs(mean(numbers.map { $0 * $0 * $0 * $0 }) - 3) < 5 * (96 / 1e5 as Double).squareRoot())
  }

  private func mean(_ numbers: [Double]) -> Double { numbers.reduce(0, +) / Double(numbers.count) }

  private func variance(_ numbers: [Double]) -> Double {
    let middle = mean(numbers)
    return mean(numbers.map { ($0 - middle) * ($0 - middle) })
  }
}
