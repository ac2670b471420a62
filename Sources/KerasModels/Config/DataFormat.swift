import Graphs
import Tensors

/// Where the channels of an image stand among its axes.
enum DataFormat: String, Sendable, CaseIterable {
  /// (batch, spatial..., channels), which the engine computes with.
  case channelsLast = "channels_last"
  /// (batch, channels, spatial...).
  case channelsFirst = "channels_first"

  /// The axis that a number of spatial axes of images with a batch begin at.
  var firstSpatialAxis: Int { self == .channelsLast ? 1 : 2 }
}

extension LayerConfig {
  /// Reads the setting `data_format`; Keras' default is `channels_last`.
  func dataFormat() throws -> DataFormat {
    enum Keys: String, CodingKey { case dataFormat = "data_format" }
    return try container(keyedBy: Keys.self)
      .choice(DataFormat.self, forKey: .dataFormat, default: .channelsLast)
  }
}

extension LayerConfig {
  /// The number of spatial axes, which the class name says: `Conv2D`, `MaxPool1D`.
  var spatialRank: Int {
    for rank in 1...3 where className.contains("\(rank)D") { return rank }
    preconditionFailure("\(className) is registered, but its name says no number of axes")
  }
}

extension KeyedDecodingContainer {
  /// Reads a setting that is one of a few words.
  func choice<Choice>(
    _ type: Choice.Type, forKey key: Key, default standard: Choice
  ) throws -> Choice
  where Choice: RawRepresentable & CaseIterable, Choice.RawValue == String {
    guard let word = try decodeIfPresent(String.self, forKey: key) else { return standard }
    guard let choice = Choice(rawValue: word) else {
      let known = Choice.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
      throw PhospheneError.unsupported(
        "\(key.stringValue) must be one of \(known), received '\(word)'")
    }
    return choice
  }
}

extension Graph {
  /// Appends an image with its channels last.
  mutating func channelsLast(
    _ image: Value, from format: DataFormat
  ) throws(PhospheneError) -> Value {
    let rank = shape(image).rank
    guard format == .channelsFirst, rank > 2 else { return image }
    return try transpose(image, [0] + Array(2..<rank) + [1])
  }

  /// Appends an image whose channels are last with its channels where a format has them.
  mutating func channelsLast(
    _ image: Value, to format: DataFormat
  ) throws(PhospheneError) -> Value {
    let rank = shape(image).rank
    guard format == .channelsFirst, rank > 2 else { return image }
    return try transpose(image, [0, rank - 1] + Array(1..<rank - 1))
  }

  /// Refuses an input that isn't an image of a number of spatial axes.
  func requireImage(
    _ input: Value, rank: Int, _ format: DataFormat, _ className: String
  ) throws(PhospheneError) {
    let shape = shape(input)
    guard shape.rank == rank + 2 else {
      let axes = ["length", "height, width", "depth, height, width"][rank - 1]
      let wanted =
        format == .channelsLast ? "(batch, \(axes), channels)" : "(batch, channels, \(axes))"
      throw .invalidArgument("\(className) needs an input \(wanted), received shape \(shape)")
    }
  }

  /// Appends an image of a number of spatial axes with its channels last.
  mutating func image(
    _ input: Value, rank: Int, from format: DataFormat, _ className: String
  ) throws(PhospheneError) -> Value {
    try requireImage(input, rank: rank, format, className)
    return try channelsLast(input, from: format)
  }
}
