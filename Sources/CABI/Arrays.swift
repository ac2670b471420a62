import CPhosphene
import Tensors

/// Returns the type that a C array describes, checking everything that the engine would trap on.
func type(of array: ph_array, _ name: String) throws(PhospheneError) -> TensorType {
  guard let dataType = DataType(rawValue: array.dtype) else {
    throw .invalidArgument("\(name): dtype \(array.dtype) doesn't exist")
  }
  guard (0...Int32(PH_MAX_RANK)).contains(array.rank) else {
    throw .invalidArgument("\(name): rank must lie between 0 and 8, received \(array.rank)")
  }
  guard array.rank > 0 else { return TensorType([], dataType) }
  let lengths = try required(array.shape, "\(name): shape")
  let axes = (0..<Int(array.rank)).map { Int(lengths[$0]) }
  return TensorType(try Shape(checking: axes, of: name), dataType)
}

/// Returns the types of `count` C arrays.
func types(
  of arrays: UnsafePointer<ph_array>?, count: Int, _ name: String
) throws(PhospheneError) -> [TensorType] {
  guard (0...(1 << 20)).contains(count) else {
    throw .invalidArgument("\(name): \(count) arrays are too many")
  }
  guard count > 0 else { return [] }
  let arrays = try required(arrays, name)
  var result: [TensorType] = []
  for index in 0..<count { result.append(try type(of: arrays[index], "\(name)[\(index)]")) }
  return result
}

/// Returns the data of C arrays that have to be of given types.
func pointers(
  to arrays: UnsafePointer<ph_array>?, count: Int, ofTypes expected: [TensorType], _ name: String
) throws(PhospheneError) -> [UnsafeMutableRawPointer] {
  guard count == expected.count else {
    throw .invalidArgument("\(name): \(expected.count) arrays are needed, received \(count)")
  }
  guard count > 0 else { return [] }
  let arrays = try required(arrays, name)
  var result: [UnsafeMutableRawPointer] = []
  result.reserveCapacity(count)
  for (index, expected) in expected.enumerated() {
    let array = arrays[index]
    guard matches(array, expected) else {
      let received = try type(of: array, "\(name)[\(index)]")
      throw .invalidArgument("\(name)[\(index)]: expected \(expected), received \(received)")
    }
    guard let data = array.data else {
      throw .invalidArgument("\(name)[\(index)]: data is NULL")
    }
    result.append(data)
  }
  return result
}

/// Whether a C array has a type; without allocating, because each run asks.
private func matches(_ array: ph_array, _ type: TensorType) -> Bool {
  guard array.dtype == type.dataType.rawValue, Int(array.rank) == type.shape.rank else {
    return false
  }
  guard array.rank > 0 else { return true }
  guard let lengths = array.shape else { return false }
  for axis in 0..<Int(array.rank) where lengths[axis] != Int64(type.shape[axis]) { return false }
  return true
}

/// Returns a copy of a C array of floats.
func copy(of array: ph_array, _ name: String) throws(PhospheneError) -> Tensor {
  let type = try type(of: array, name)
  guard type.dataType == .float32 else {
    throw .invalidArgument("\(name) must be float32, received \(type)")
  }
  let data = try required(array.data, "\(name): data")
  let storage = try Storage(byteCount: type.byteCount)
  storage.start.copyMemory(from: data, byteCount: type.byteCount)
  return Tensor(type, storage: storage)
}

extension DataType {
  /// Whether callers may hand over inputs of this type.
  var isReadable: Bool { [.float32, .int32, .uint8, .bool].contains(self) }
}

/// Returns whole numbers as floats, which hold those up to 2^24 exactly.
func floats(
  _ data: UnsafeMutableRawPointer, _ type: TensorType, _ name: String
) throws(PhospheneError) -> Tensor {
  let count = type.shape.elementCount
  var isExact = true
  let tensor = try Tensor(type.shape) { elements in
    switch type.dataType {
    case .int32:
      let numbers = UnsafeBufferPointer(
        start: data.assumingMemoryBound(to: Int32.self), count: count)
      for (index, number) in numbers.enumerated() {
        elements[index] = Float(number)
        isExact = isExact && abs(Int(number)) <= 1 << 24
      }
    case .bool:
      let bytes = UnsafeRawBufferPointer(start: data, count: count)
      for (index, byte) in bytes.enumerated() { elements[index] = byte == 0 ? 0 : 1 }
    default:
      let bytes = UnsafeRawBufferPointer(start: data, count: count)
      for (index, byte) in bytes.enumerated() { elements[index] = Float(byte) }
    }
  }
  guard isExact else {
    throw .invalidArgument("\(name): whole numbers must lie between -2^24 and 2^24")
  }
  return tensor
}
