import Kernels
import Tensors
import Testing

/// Runs a kernel on arrays and returns its output; constant inputs are packed as it asks.
func run(
  _ kernel: any Kernel, _ inputs: [[Float]], output count: Int, threads: Int = 2
) throws -> [Float] {
  var arrays: [Tensor] = []
  for (index, input) in inputs.enumerated() {
    let dense = try Tensor([input.count], input)
    switch kernel.layout(ofInput: index) {
    case .dense: arrays.append(dense)
    case .halves: arrays.append(try dense.roundedToHalves())
    case .packed(_, let byteCount):
      let storage = try Storage(byteCount: byteCount)
      try kernel.pack(input: index, from: dense.start, into: storage.start)
      arrays.append(Tensor(TensorType([byteCount / 4]), storage: storage))
    }
  }
  // Whatever a kernel forgets to write is seen.
  let output = try Tensor([count], repeating: 12345)
  let scratch = try Storage(byteCount: kernel.scratchByteCount)
  try (arrays + [output]).map(\.start).withUnsafeBufferPointer { pointers in
    let first = try #require(pointers.baseAddress)
    try Threads.with(threads) { () throws(PhospheneError) in
      try kernel.run(Arguments(first), scratch: scratch.start)
    }
  }
  return withExtendedLifetime(arrays) { output.elements }
}

/// 0, 1, 2, ...
func ramp(_ count: Int) -> [Float] { (0..<count).map(Float.init) }

/// Small distinct-looking integers in a scrambled order, some negative: sums of their products are
/// exact.
func integers(_ count: Int, seed: Int = 1) -> [Float] {
  (0..<count).map { Float(($0 * 7919 + seed * 104_729) % 13 - 6) }
}

/// Numbers between -1 and 1 without ties.
func spread(_ count: Int, seed: Int = 1) -> [Float] {
  (0..<count).map { index in
    let mixed = (UInt32(truncatingIfNeeded: index + 1 + seed * 7919) &* 2_654_435_761) >> 8
    return Float(mixed) / Float(1 << 23) - 1
  }
}

/// The sum of products, in double precision.
func dot(_ a: [Float], _ b: [Float]) -> Double {
  zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
}

/// The largest difference, relative to the largest number.
func relativeError(_ a: [Float], _ b: [Float]) -> Float {
  let scale = b.reduce(1e-30) { max($0, abs($1)) }
  return zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } / scale
}

/// The sentence of the error that `body` throws.
func refusal(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch {
    return (error as? PhospheneError)?.message
  }
}
