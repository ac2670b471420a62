import Glibc
import Kernels
import Tensors

/// A kernel with arrays to run it on, and what one run costs at least.
struct Case {
  let name: String
  /// Floating-point operations of the plain algorithm, two for a product and its addition.
  let operations: Double
  /// The bytes of inputs and output.
  let bytes: Double
  private let make: () throws(PhospheneError) -> any Kernel
  private let inputs: [Int]
  private let output: Int

  /// Describes a run; the kernel is made when it is timed.
  ///
  /// - Parameters:
  ///   - name: The kernel and its shape.
  ///   - kernel: Makes it.
  ///   - inputs: The number of elements of each input.
  ///   - output: The number of elements of the output.
  ///   - operations: Floating-point operations of one run.
  init(
    _ name: String, kernel: @escaping @autoclosure () throws(PhospheneError) -> any Kernel,
    inputs: [Int], output: Int, operations: Int = 0
  ) {
    self.name = name
    self.operations = Double(operations)
    bytes = 4 * Double(inputs.reduce(output, +))
    make = kernel
    self.inputs = inputs
    self.output = output
  }

  /// Whether its name contains one of `words`, or there are none.
  func isNamed(_ words: ArraySlice<String>) -> Bool {
    words.isEmpty || words.contains { name.contains($0) }
  }

  /// Returns the shortest of many runs, after two that fill the caches.
  ///
  /// Arrays that fit into the caches stay there from run to run, as between the layers of a network.
  func seconds() throws(PhospheneError) -> Double {
    let kernel = try make()
    var arrays: [Storage] = []
    for (index, count) in inputs.enumerated() {
      let dense = try Storage(byteCount: 4 * count)
      let floats = dense.start.assumingMemoryBound(to: Float.self)
      for element in 0..<count { floats[element] = mixed(element) }
      switch kernel.layout(ofInput: index) {
      case .dense, .halves: arrays.append(dense)
      case .packed(_, let byteCount):
        let packed = try Storage(byteCount: byteCount)
        try kernel.pack(input: index, from: dense.start, into: packed.start)
        arrays.append(packed)
      }
    }
    arrays.append(try Storage(byteCount: 4 * output))
    let scratch = try Storage(byteCount: kernel.scratchByteCount)
    let pointers = arrays.map(\.start)
    var shortest = Double.infinity
    var runs = 0
    let start = now()
    while runs < 5 || (now() - start < 0.1 && runs < 1000) {
      let before = now()
      try withExtendedLifetime(arrays) { () throws(PhospheneError) in
        try pointers.withUnsafeBufferPointer { (table) throws(PhospheneError) in
          guard let first = table.baseAddress else { return }
          try kernel.run(Arguments(first), scratch: scratch.start)
        }
      }
      runs += 1
      if runs > 2 { shortest = min(shortest, now() - before) }
    }
    return shortest
  }
}

/// A number from -1 to 1 that looks like chance.
private func mixed(_ index: Int) -> Float {
  let bits = (UInt32(truncatingIfNeeded: index) &+ 1) &* 2_654_435_761
  return Float(bits >> 8) / Float(1 << 23) - 1
}

/// Seconds since some moment.
private func now() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
