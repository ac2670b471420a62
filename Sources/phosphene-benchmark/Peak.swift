import Kernels
import Tensors

/// What the machine does at most, measured.
struct Peak {
  /// From what stays in the innermost caches to what only memory holds.
  static let footprints = [1 << 18, 1 << 20, 1 << 22, 1 << 24, largest]
  static let largest = 1 << 28

  /// Floating-point operations a second.
  private(set) var operations = 0.0
  private var bandwidths: [Int: Double] = [:]

  /// Measures once more; the best of all measurements counts.
  mutating func measure(footprints: [Int]) throws(PhospheneError) {
    if let kernel = PeakKernel(threads: Threads.current) {
      let seconds = try Case("peak", kernel: kernel, inputs: [], output: 0).seconds()
      operations = max(operations, Double(kernel.operations) / seconds)
    } else {
      operations = .nan
    }
    for footprint in footprints {
      for each in [copy(footprint / 8), sum(footprint / 4)] {
        let bandwidth = each.bytes / (try each.seconds())
        bandwidths[footprint] = max(bandwidths[footprint] ?? 0, bandwidth)
      }
    }
  }

  /// The bytes a second, read and written, of arrays that take so many bytes together.
  func bytes(footprint: Int) -> Double {
    let measured = bandwidths.keys.sorted()
    guard let place = measured.first(where: { footprint <= $0 }) ?? measured.last else {
      return .nan
    }
    return bandwidths[place] ?? .nan
  }
}
