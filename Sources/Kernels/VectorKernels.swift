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

  typealias PanelColumns = @convention(c) (Int64) -> Int64
  typealias PanelPack =
    @convention(c) (
      Int64, Int64, UnsafePointer<Float>?, Int64, Int64, UnsafeMutablePointer<Float>?
    ) -> Void
  typealias FoldScratch = @convention(c) (UnsafePointer<ph_fold>?, Int64) -> Int64
  typealias FoldRows =
    @convention(c) (
      UnsafePointer<ph_fold>?, UnsafePointer<Float>?, UnsafePointer<Float>?,
      UnsafeMutablePointer<Float>?, Int64, Int64, Int64, UnsafeMutablePointer<Float>?
    ) -> Void

  typealias DenseCombine =
    @convention(c) (
      UnsafePointer<ph_dense>?, UnsafePointer<Int32>?, Int64, Int64, Int64,
      UnsafeMutablePointer<Float>?
    ) -> Void
  typealias DenseDot =
    @convention(c) (
      UnsafePointer<ph_dense>?, UnsafePointer<Int32>?, Int64, UnsafeMutablePointer<Float>?, Int64
    ) -> Void

  typealias Rescale = @convention(c) (UnsafePointer<ph_rescaling>?, Int64, Int64) -> Void

  /// What the library was compiled for, as it stands in its name.
  let level: String
  let filterBlock: Int
  let winogradInput: WinogradInput
  let winogradMultiply: WinogradMultiply
  let winogradOutput: WinogradOutput
  let panelColumns: PanelColumns
  let panelPack: PanelPack
  let foldScratch: FoldScratch
  let foldRows: FoldRows
  let denseCombine: DenseCombine
  let denseDot: DenseDot
  let rescale: Rescale

  /// The best level that the processor and `ONEDNN_MAX_CPU_ISA` allow.
  static let best = ["avx512", "avx2"].lazy.compactMap(open).first

  /// Opens the library of a level.
  ///
  /// - Returns: `nil` if the processor lacks the instructions, or there is no such library.
  static func open(_ level: String) -> VectorKernels? {
    guard isRunnable(level), let folder,
      let library = dlopen("\(folder)/libphosphene-\(level).so", RTLD_NOW | RTLD_LOCAL)
    else { return nil }
    func function<Function>(_ name: String) -> Function? {
      dlsym(library, "ph_\(name)").map { unsafeBitCast($0, to: Function.self) }
    }
    guard let filterBlock: @convention(c) () -> Int64 = function("winograd_filter_block"),
      let winogradInput: WinogradInput = function("winograd_input"),
      let winogradMultiply: WinogradMultiply = function("winograd_multiply"),
      let winogradOutput: WinogradOutput = function("winograd_output"),
      let panelColumns: PanelColumns = function("panel_columns"),
      let panelPack: PanelPack = function("panel_pack"),
      let foldScratch: FoldScratch = function("fold_scratch"),
      let foldRows: FoldRows = function("fold_rows"),
      let denseCombine: DenseCombine = function("dense_combine"),
      let denseDot: DenseDot = function("dense_dot"),
      let rescale: Rescale = function("rescale")
    else { return nil }
    return VectorKernels(
      level: level, filterBlock: Int(filterBlock()), winogradInput: winogradInput,
      winogradMultiply: winogradMultiply, winogradOutput: winogradOutput,
      panelColumns: panelColumns, panelPack: panelPack, foldScratch: foldScratch,
      foldRows: foldRows,
      denseCombine: denseCombine, denseDot: denseDot, rescale: rescale)
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
