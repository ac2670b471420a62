import Graphs
import Tensors

/// A length for each spatial axis, which Keras writes as a list or as one number for all.
struct Lengths: Decodable, Sendable {
  let values: [Int]

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(Int.self) {
      values = [number]
    } else {
      values = try container.decode([Int].self)
    }
  }

  /// Returns one positive length for each of `count` axes.
  func expanded(to count: Int, _ setting: String) throws(PhospheneError) -> [Int] {
    let all = values.count == 1 ? [Int](repeating: values[0], count: count) : values
    guard all.count == count, all.allSatisfy({ (1...(1 << 20)).contains($0) }) else {
      throw .invalidArgument(
        "\(setting) needs \(count) positive numbers, received \(values)")
    }
    return all
  }
}

/// A named activation, which Keras writes as a string or as a serialized function.
struct ActivationSetting: Decodable, Sendable {
  let name: String

  private enum CodingKeys: String, CodingKey {
    case className = "class_name"
    case config
  }

  init(from decoder: any Decoder) throws {
    if let container = try? decoder.singleValueContainer(),
      let name = try? container.decode(String.self)
    {
      self.name = name
    } else {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      let className = try container.decode(String.self, forKey: .className)
      guard className == "function", let name = try? container.decode(String.self, forKey: .config)
      else {
        throw PhospheneError.unsupported("activation \(className) isn't supported")
      }
      self.name = name
    }
    guard ActivationSetting.names.contains(name) else {
      throw PhospheneError.unsupported(
        "activation '\(name)' isn't supported; known are "
          + ActivationSetting.names.sorted().joined(separator: ", "))
    }
  }

  /// The names that ``apply(to:in:)`` knows.
  static let names: Set<String> = ["linear", "relu", "relu6", "sigmoid", "softmax", "tanh"]

  /// Appends the activation.
  func apply(to value: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
    switch name {
    case "relu": try graph.unary(.relu(negativeSlope: 0), value)
    case "relu6": try graph.unary(.clip(low: 0, high: 6), value)
    case "sigmoid": try graph.unary(.sigmoid, value)
    case "tanh": try graph.unary(.tanh, value)
    case "softmax": try graph.softmax(value)
    default: value
    }
  }
}

/// How Keras pads windows.
extension Padding: Decodable {}

/// One axis or a list of them, negative ones counted from the end.
struct Axes: Decodable, Sendable {
  let values: [Int]

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let axis = try? container.decode(Int.self) {
      values = [axis]
    } else {
      values = try container.decode([Int].self)
    }
  }
}
