internal import COneDNN
import Tensors

/// Turns a status of oneDNN into an error; no other place reads one.
func check(_ status: dnnl_status_t, _ action: StaticString) throws(PhospheneError) {
  switch status {
  case dnnl_success: return
  case dnnl_out_of_memory: throw .outOfMemory("no memory left for oneDNN to \(action)")
  case dnnl_unimplemented: throw .unsupported("this build of oneDNN can't \(action)")
  default: throw .internalFailure("oneDNN could not \(action): status \(status.rawValue)")
  }
}

/// Whether oneDNN has an implementation of what was asked for; other failures are thrown.
func isImplemented(
  _ status: dnnl_status_t, _ action: StaticString
) throws(PhospheneError) -> Bool {
  if status == dnnl_unimplemented { return false }
  try check(status, action)
  return true
}
