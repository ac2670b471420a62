import Graphs
public import Tensors

/// A length for each spatial axis, which Keras writes as a list or as one number for all.
struct Lengths: Decodable, Sendable {
  let values: [Int]

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(Int.self) {
      values = [number]
    } else {
      guard let lengths = try? container.decode([Int].self) else {
        throw UnexpectedValue(in: decoder, expected: "a whole number or a list of them")
      }
      values = lengths
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

/// How Keras pads windows.
extension Padding: NamedOption {}

/// One axis or a list of them, negative ones counted from the end.
struct Axes: Decodable, Sendable {
  let values: [Int]

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let axis = try? container.decode(Int.self) {
      values = [axis]
    } else {
      guard let axes = try? container.decode([Int].self) else {
        throw UnexpectedValue(in: decoder, expected: "a whole number or a list of them")
      }
      values = axes
    }
  }
}

/// A number, which old versions of Keras may have written as an array without axes.
struct Scalar: Decodable, Sendable {
  let value: Float

  private enum CodingKeys: String, CodingKey { case value }

  init(from decoder: any Decoder) throws {
    if let number = try? decoder.singleValueContainer().decode(Float.self) {
      value = number
    } else {
      guard let array = try? decoder.container(keyedBy: CodingKeys.self) else {
        throw UnexpectedValue(in: decoder, expected: "a number")
      }
      value = try array.decode(Float.self, forKey: .value)
    }
  }
}
