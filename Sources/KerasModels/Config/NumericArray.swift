import Graphs
import Tensors

/// Numbers among a layer's settings: one, nested lists of them, or what Keras writes for a tuple or
/// an array.
struct NumericArray: Decodable, Sendable {
  let shape: Shape
  let elements: [Float]

  private enum ObjectKeys: String, CodingKey {
    case config
    case className = "class_name"
  }
  private enum ConfigKeys: String, CodingKey { case value }

  init(from decoder: any Decoder) throws {
    let numbers: NestedNumbers
    if let object = try? decoder.container(keyedBy: ObjectKeys.self) {
      switch try object.decode(String.self, forKey: .className) {
      case "__tuple__": numbers = try object.decode(NestedNumbers.self, forKey: .config)
      case "__numpy__", "__tensor__":
        numbers = try object.nestedContainer(keyedBy: ConfigKeys.self, forKey: .config)
          .decode(NestedNumbers.self, forKey: .value)
      case let className:
        throw PhospheneError.unsupported("numbers of class '\(className)' aren't supported")
      }
    } else {
      numbers = try NestedNumbers(from: decoder)
    }
    guard case .array(let shape, let elements) = try numbers.argument() as Argument<Never> else {
      preconditionFailure("nested numbers are an array")
    }
    (self.shape, self.elements) = (shape, elements)
  }

  /// Appends the numbers as a constant.
  func value(in graph: inout Graph) throws(PhospheneError) -> Value {
    graph.constant(try Tensor(shape, elements))
  }
}
