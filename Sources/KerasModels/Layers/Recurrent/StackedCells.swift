import Graphs
import Tensors

/// Keras' `StackedRNNCells`: cells one behind the other as a single one, with the states of all.
struct StackedCells: RecurrentCell {
  static let classNames = ["StackedRNNCells"]

  private enum CodingKeys: String, CodingKey { case cells }

  /// The cells with the names under which Keras saves them.
  private let cells: [(name: String, cell: any RecurrentCell)]

  init(decoding config: LayerConfig) throws {
    let entries = try config.container(keyedBy: CodingKeys.self)
      .decode([CellEntry].self, forKey: .cells)
    guard !entries.isEmpty else {
      throw PhospheneError.invalidArgument("cells needs at least one cell")
    }
    cells = zip(savedNames(of: entries.map(\.className)), entries)
      .map { (name: $0, cell: $1.cell) }
  }

  func prepared(
    for input: Shape, in context: inout LoweringContext
  ) throws(PhospheneError) -> any PreparedCell {
    var shape = input
    var prepared: [any PreparedCell] = []
    for (name, cell) in cells {
      let next = try context.scoped("cells") { (context) throws(PhospheneError) in
        try context.scoped(name) { (context) throws(PhospheneError) in
          try cell.prepared(for: shape, in: &context)
        }
      }
      prepared.append(next)
      shape = next.outputShape
    }
    return Prepared(cells: prepared, outputShape: shape)
  }

  private struct Prepared: PreparedCell {
    let cells: [any PreparedCell]
    let outputShape: Shape

    var stateShapes: [Shape] { cells.flatMap(\.stateShapes) }

    func project(_ inputs: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
      try cells[0].project(inputs, in: &graph)
    }

    func step(
      _ projection: Value, _ states: [Value], in graph: inout Graph
    ) throws(PhospheneError) -> (output: Value, states: [Value]) {
      var (value, remaining, changed) = (projection, states[...], [Value]())
      for (index, cell) in cells.enumerated() {
        if index > 0 { value = try cell.project(value, in: &graph) }
        let count = cell.stateShapes.count
        let step = try cell.step(value, Array(remaining.prefix(count)), in: &graph)
        remaining = remaining.dropFirst(count)
        value = step.output
        changed += step.states
      }
      return (value, changed)
    }
  }
}

/// The entry of a cell in the configuration of what is around it.
struct CellEntry: Decodable {
  let className: String
  let cell: any RecurrentCell

  private enum CodingKeys: String, CodingKey { case className = "class_name" }

  init(from decoder: any Decoder) throws {
    className = try decoder.container(keyedBy: CodingKeys.self)
      .decode(String.self, forKey: .className)
    let known = ["GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"]
    guard known.contains(className),
      case .layer(let layer) = try LayerEntry(from: decoder).kind,
      let cell = layer as? any RecurrentCell
    else {
      throw PhospheneError.unsupported(
        "a cell of class '\(className)' isn't supported; known are "
          + known.joined(separator: ", "))
    }
    self.cell = cell
  }
}

/// Returns the names under which Keras saves the layers in a list, by their classes.
func savedNames(of classNames: [String]) -> [String] {
  var used: [String: Int] = [:]
  return classNames.map { className in
    let name = snakeCase(className)
    let count = used[name, default: 0]
    used[name] = count + 1
    return count == 0 ? name : "\(name)_\(count)"
  }
}

/// Returns a class name as Keras writes it in names: `GRUCell` becomes `gru_cell`.
private func snakeCase(_ name: String) -> String {
  let letters = Array(name)
  var result = ""
  for (index, letter) in letters.enumerated() {
    if index > 0, letter.isUppercase {
      let followsWord = letters[index - 1].isLowercase
      let beginsWord = index + 1 < letters.count && letters[index + 1].isLowercase
      if followsWord || beginsWord { result += "_" }
    }
    result += letter.lowercased()
  }
  return result
}
