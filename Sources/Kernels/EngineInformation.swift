internal import COneDNN
public import Tensors

/// What the engine computes with.
public enum EngineInformation {
  /// The version of oneDNN that is loaded, such as `3.2.0`.
  public static var oneDNNVersion: String {
    guard let version = dnnl_version()?.pointee else { return "unknown" }
    return "\(version.major).\(version.minor).\(version.patch)"
  }

  /// The instruction set that oneDNN generates code for, such as `avx512_core`.
  ///
  /// Source: oneDNN, `dnnl_cpu_isa_t` in `dnnl_types.h`.
  public static var instructionSet: String {
    let names: [(dnnl_cpu_isa_t, String)] = [
      (dnnl_cpu_isa_sse41, "sse41"), (dnnl_cpu_isa_avx, "avx"), (dnnl_cpu_isa_avx2, "avx2"),
      (dnnl_cpu_isa_avx2_vnni, "avx2_vnni"), (dnnl_cpu_isa_avx2_vnni_2, "avx2_vnni_2"),
      (dnnl_cpu_isa_avx512_core, "avx512_core"),
      (dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni"),
      (dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16"),
      (dnnl_cpu_isa_avx512_core_fp16, "avx512_core_fp16"),
      (dnnl_cpu_isa_avx512_core_amx, "avx512_core_amx"),
      (dnnl_cpu_isa_avx512_core_amx_fp16, "avx512_core_amx_fp16"),
    ]
    let effective = dnnl_get_effective_cpu_isa()
    return names.first { $0.0 == effective }?.1 ?? "isa \(effective.rawValue)"
  }

  /// Refuses a oneDNN of another major version, whose C interface is another one.
  ///
  /// - Throws: `internalFailure` that names the version found.
  public static func check() throws(PhospheneError) {
    guard dnnl_version()?.pointee.major == 3 else {
      throw .internalFailure(
        "the loaded oneDNN has version \(oneDNNVersion), expected 3: remove the other libdnnl from"
          + " the library path")
    }
  }
}
