/// What the numbers of an input lie along.
public enum InputForm: String, Sendable {
  /// Height and width, with or without channels.
  case picture
  /// Steps and channels.
  case signal
  /// Depth, height, width and channels.
  case volume
  /// Nothing that is known: a row of numbers.
  case row
}

extension NetworkConfig {
  /// What an input of a number of axes, batch included, is to this network.
  func form(ofInputWithRank rank: Int) -> InputForm {
    switch rank {
    case 3: readsSequences ? .signal : .picture
    case 4: .picture
    case 5: .volume
    default: .row
    }
  }

  /// Whether the network reads sequences: it has layers for one dimension and none for two.
  var readsSequences: Bool {
    let names = allClassNames
    let recurrent: Set = ["LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional"]
    return names.contains { $0.hasSuffix("1D") || recurrent.contains($0) }
      && !names.contains { $0.hasSuffix("2D") }
  }
}

extension Model {
  /// What the numbers of an input, by its position, lie along.
  public func form(ofInput index: Int) -> InputForm {
    architecture.network.form(ofInputWithRank: inputShapes[index].count)
  }
}
