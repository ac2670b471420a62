internal import COneDNN
import Tensors

/// oneDNN's CPU engine, the only object of the library that all kernels share.
final class Engine: @unchecked Sendable {
  // Sendable: the handle never changes, oneDNN allows any number of threads to use one engine, and
  // it lives as long as the process.

  let handle: dnnl_engine_t

  /// The engine, created when it is first asked for.
  static func shared() throws(PhospheneError) -> Engine { try result.get() }

  private static let result: Result<Engine, PhospheneError> = make()

  private init(_ handle: dnnl_engine_t) { self.handle = handle }

  private static func make() -> Result<Engine, PhospheneError> {
    do throws(PhospheneError) {
      try EngineInformation.check()
      var handle: dnnl_engine_t?
      try Kernels.check(dnnl_engine_create(&handle, dnnl_cpu, 0), "create an engine")
      guard let handle else { return .failure(.internalFailure("oneDNN gave no engine")) }
      return .success(Engine(handle))
    } catch {
      return .failure(error)
    }
  }
}
