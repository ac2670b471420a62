import Tensors

/// Returns the smallest and the largest number of one of Keras' types, if it has whole numbers only.
func elementRange(ofWholeType name: String) -> ClosedRange<Float>? {
  switch name {
  case "uint8": 0...255
  case "int8": -128...127
  case "uint16": 0...65535
  case "int16": -32768...32767
  case "uint32", "uint64": 0 ... .greatestFiniteMagnitude
  case "int32", "int64": -.greatestFiniteMagnitude ... .greatestFiniteMagnitude
  default: nil
  }
}

/// What an `InputLayer` says.
struct InputConfig: Decodable, Sendable {
  /// The lengths of the axes, batch included; `nil` for one that is free.
  let shape: [Int?]
  let dataType: String

  /// The smallest and the largest number of the type, if it has whole numbers only.
  var wholeNumbers: ClosedRange<Float>? { elementRange(ofWholeType: dataType) }

  private enum CodingKeys: String, CodingKey {
    case dtype
    case batchShape = "batch_shape"
    case batchInputShape = "batch_input_shape"
  }

  init(shape: [Int?], dataType: String = "float32") throws(PhospheneError) {
    guard (1...Shape.maximumRank).contains(shape.count),
      shape.allSatisfy({ $0.map { (1...(1 << 31)).contains($0) } ?? true })
    else {
      throw .invalidArgument(
        "an input needs 1 to \(Shape.maximumRank) positive lengths, received "
          + "(\(shape.map { $0.map(String.init) ?? "None" }.joined(separator: ", ")))")
    }
    (self.shape, self.dataType) = (shape, dataType)
  }

  init(from decoder: any Decoder) throws {
    let settings = try decoder.container(keyedBy: CodingKeys.self)
    let shape =
      try settings.decodeIfPresent(WrittenShape.self, forKey: .batchShape)
      ?? settings.decode(WrittenShape.self, forKey: .batchInputShape)
    let dataType = try? settings.decodeIfPresent(String.self, forKey: .dtype)
    try self.init(shape: shape.lengths, dataType: dataType ?? "float32")
  }
}

/// The lengths of an array's axes: a list, which Keras 2 wraps if it was a tuple or a `TensorShape`.
struct WrittenShape: Decodable {
  let lengths: [Int?]

  private enum CodingKeys: String, CodingKey { case items }

  init(from decoder: any Decoder) throws {
    if let wrapped = try? decoder.container(keyedBy: CodingKeys.self) {
      lengths = try wrapped.decode([Int?].self, forKey: .items)
    } else {
      lengths = try decoder.singleValueContainer().decode([Int?].self)
    }
  }
}
