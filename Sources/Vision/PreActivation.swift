import Graphs
import KerasModels
import Tensors

/// What of a layer a term measures.
enum PreActivation: Codable, Hashable, Sendable {
  /// The layer's output.
  case no
  /// What goes into its activation.
  case yes
  /// What goes into its activation, where that is above zero: a rectifier without its ceiling.
  case rectified

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let isMeant = try? container.decode(Bool.self) {
      self = isMeant ? .yes : .no
    } else {
      guard (try? container.decode(String.self)) == "rectified" else {
        throw UnexpectedValue(in: decoder, expected: "true, false or \"rectified\"")
      }
      self = .rectified
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .no: try container.encode(false)
    case .yes: try container.encode(true)
    case .rectified: try container.encode("rectified")
    }
  }
}

extension Objective {
  /// Whether a term leaves open what of its layer is meant.
  var leavesActivationsOpen: Bool { terms.contains { $0.preActivation == nil } }

  /// The objective with that stated.
  ///
  /// A unit at its ceiling has no gradient: one whose activation is bounded above is measured where it
  /// isn't, and where that is a plain rectifier's, without its ceiling. Where a term is to be as small as
  /// possible, that is no matter of the ceiling.
  func statingPreActivations(in lowered: LoweredModel) throws(PhospheneError) -> Objective {
    var whole = self
    for index in whole.terms.indices where whole.terms[index].preActivation == nil {
      let term = whole.terms[index]
      whole.terms[index].preActivation = .no
      guard [.channel, .neuron, .direction].contains(term.kind), let layer = term.layer else {
        continue
      }
      let value = try lowered.value(layer)
      guard lowered.graph.isBoundedAbove(value) else { continue }
      let isRectifier = lowered.graph.activationCurve(of: value) == .rectifier
      if isRectifier, term.weight < 0 { continue }
      whole.terms[index].preActivation = isRectifier ? .rectified : .yes
    }
    return whole
  }
}
