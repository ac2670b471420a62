internal import COneDNN
internal import CVectorKernels
import Glibc

/// The kernels that are compiled for one level of the instruction set, from a library of their own.
///
/// Swift compiles a module for one processor. What needs wide registers therefore lies in a small
/// library for each level beside this one, of which the best is opened that the processor runs;
/// without any, oneDNN's kernels do the work.
struct VectorKernels: Sendable {
  typealias WinogradInput =
    @convention(c) (
      UnsafePointer<ph_winograd>?, Int64, Int64, UnsafeMutablePointer<Float>?, Int64
    ) -> Void
  typealias WinogradMultiply =
    @convention(c) (
      Int64, UnsafePointer<Float>?, Int64, UnsafePointer<Float>?, Int64, Int64,
      UnsafeMutablePointer<Float>?
    ) -> Void
  typealias WinogradOutput =
    @convention(c) (
      UnsafePointer<ph_winograd>?, Int64, Int64, Int64, UnsafePointer<Float>?, Int64
    ) -> Void

  /// What the library was compiled for, as it stands in its name.
  let level: String
  let filterBlock: Int
  let winogradInput: WinogradInput
  let winogradMultiply: WinogradMultiply
  let winogradOutput: WinogradOutput

  /// The best level that the processor and `ONEDNN_MAX_CPU_ISA` allow.
  static let best = ["avx512", "avx2"].lazy.compactMap(open).first

  /// Opens the library of a level.
  ///
  /// - Returns: `nil` if the processor lacks the instructions, or there is no such library.
  static func open(_ level: String) -> VectorKernels? {
    guard isRunnable(level), let folder,
      let library = dlopen("\(folder)/libphosphene-\(level).so", RTLD_NOW | RTLD_LOCAL),
      let block = dlsym(library, "ph_winograd_filter_block"),
      let input = dlsym(library, "ph_winograd_input"),
      let multiply = dlsym(library, "ph_winograd_multiply"),
      let output = dlsym(library, "ph_winograd_output")
    else { return nil }
    typealias Count = @convention(c) () -> Int64
    return VectorKernels(
      level: level,
      filterBlock: Int(unsafeBitCast(block, to: Count.self)()),
      winogradInput: unsafeBitCast(input, to: WinogradInput.self),
      winogradMultiply: unsafeBitCast(multiply, to: WinogradMultiply.self),
      winogradOutput: unsafeBitCast(output, to: WinogradOutput.self))
  }

  private static func isRunnable(_ level: String) -> Bool {
    let isa = dnnl_get_effective_cpu_isa().rawValue
    let needed = level == "avx512" ? dnnl_cpu_isa_avx512_core : dnnl_cpu_isa_avx2
    // Later sets contain the bits of those that they extend.
    return isa & needed.rawValue == needed.rawValue
  }

  /// The folder that this library was loaded from; tests name another one.
  private static let folder: String? = {
    if let named = getenv("PHOSPHENE_VECTOR_KERNELS") { return String(cString: named) }
    guard let name = ph_library_path() else { return nil }
    let path = String(cString: name)
    return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  }()
}
