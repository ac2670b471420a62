public import Tensors

/// A prepared computation on raw memory: everything is decided but where the arrays lie.
///
/// Kernels are immutable, so any number of threads may run one at the same time, each with
/// arguments and scratch memory of its own. A plan makes them once and runs them many times.
public protocol Kernel: Sendable {
  /// The bytes of scratch memory that ``run(_:scratch:)`` may overwrite.
  var scratchByteCount: Int { get }

  /// How input number `index` has to lie in memory.
  ///
  /// Anything but ``Layout/dense`` is asked only of inputs that were announced as constant.
  func layout(ofInput index: Int) -> Layout

  /// Writes a dense array in the order that ``layout(ofInput:)`` asks for.
  func pack(
    input index: Int, from dense: UnsafeRawPointer, into packed: UnsafeMutableRawPointer
  ) throws(PhospheneError)

  /// Computes the outputs.
  ///
  /// - Parameters:
  ///   - arguments: The inputs' first bytes in order, then the outputs'. Outputs don't overlap
  ///     inputs.
  ///   - scratch: `scratchByteCount` bytes aligned to 64, or anything if that is zero.
  /// - Throws: `internalFailure` or `outOfMemory` if oneDNN fails.
  func run(_ arguments: Arguments, scratch: UnsafeMutableRawPointer) throws(PhospheneError)
}

extension Kernel {
  /// Most kernels need no scratch memory.
  public var scratchByteCount: Int { 0 }

  /// Most kernels read dense arrays.
  public func layout(ofInput index: Int) -> Layout { .dense }

  /// Kernels that read dense arrays pack nothing.
  public func pack(
    input index: Int, from dense: UnsafeRawPointer, into packed: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    preconditionFailure("input \(index) is read as it is")
  }
}

/// Where a kernel's arrays lie: its inputs, then its outputs.
public struct Arguments {
  private let pointers: UnsafePointer<UnsafeMutableRawPointer>

  /// Wraps a table of pointers that outlives the call.
  public init(_ pointers: UnsafePointer<UnsafeMutableRawPointer>) { self.pointers = pointers }

  /// The floats of argument number `index`.
  public subscript(index: Int) -> UnsafeMutablePointer<Float> {
    pointers[index].assumingMemoryBound(to: Float.self)
  }

  /// The bytes of argument number `index`.
  public func bytes(_ index: Int) -> UnsafeMutableRawPointer { pointers[index] }
}

/// A kernel made of one loop that needs neither preparation nor scratch memory.
public struct LoopKernel: Kernel {
  private let body: @Sendable (Arguments) -> Void

  /// Wraps a loop.
  public init(_ body: @escaping @Sendable (Arguments) -> Void) { self.body = body }

  /// Runs the loop.
  public func run(
    _ arguments: Arguments, scratch: UnsafeMutableRawPointer
  ) throws(PhospheneError) {
    body(arguments)
  }
}
