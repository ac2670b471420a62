import CABI
import CPhosphene

let ok = ph_status(PH_OK)
let invalid = ph_status(PH_INVALID_ARGUMENT)

/// The message of this thread's latest failure.
var lastMessage: String { ph_last_error_message().map { String(cString: $0) } ?? "" }

/// A network with one layer, `dense`: two outputs of three inputs.
let denseConfig = """
  {"class_name": "Sequential", "config": {"name": "model", "layers": [
  {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [null, 3]}},
  {"class_name": "Dense", "config": {"name": "dense", "units": 2}}]}}
  """

/// Calls `body` with a C array of floats.
func withArray<Result>(
  _ shape: [Int64], _ elements: [Float], dtype: Int32 = Int32(PH_FLOAT32), rank: Int32? = nil,
  _ body: (inout ph_array) throws -> Result
) rethrows -> Result {
  var elements = elements
  return try shape.withUnsafeBufferPointer { shape in
    try elements.withUnsafeMutableBytes { bytes in
      var array = ph_array(
        data: bytes.baseAddress, dtype: dtype, rank: rank ?? Int32(shape.count),
        shape: shape.baseAddress)
      return try body(&array)
    }
  }
}

/// Calls `body` with keys as C strings.
func withKeys<Result>(
  _ keys: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Result
) -> Result {
  func next(_ rest: ArraySlice<String>, _ pointers: [UnsafePointer<CChar>?]) -> Result {
    guard let key = rest.first else {
      return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
    }
    return key.withCString { next(rest.dropFirst(), pointers + [$0]) }
  }
  return next(keys[...], [])
}

/// Returns the model of ``denseConfig`` with kernel [[1, 2], [3, 4], [5, 6]] and bias [10, 20].
func makeModel() -> OpaquePointer? {
  var architecture: OpaquePointer?
  guard ph_architecture_create(denseConfig, &architecture) == ok else { return nil }
  defer { ph_architecture_destroy(architecture) }
  var model: OpaquePointer?
  withArray([3, 2], [1, 2, 3, 4, 5, 6]) { kernel in
    withArray([2], [10, 20]) { bias in
      _ = withKeys(["dense/kernel", "dense/bias"]) { keys in
        [kernel, bias].withUnsafeBufferPointer {
          ph_model_create(architecture, keys, $0.baseAddress, 2, nil, &model)
        }
      }
    }
  }
  return model
}
