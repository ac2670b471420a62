import Graphs
import Tensors

/// Where lowering finds weights: one for each graph, shared by all who append to it.
protocol WeightSource: AnyObject {
  func value(
    of weight: WeightDescription, in graph: inout Graph
  ) throws(PhospheneError) -> Value

  /// Notes the order in which Keras lists the weights of some layers, which isn't always that of
  /// their calls.
  func arrange(by layerPaths: [String])
}

extension WeightSource {
  /// Most sources don't list anything.
  func arrange(by layerPaths: [String]) {}
}

/// One variable of a layer.
struct WeightDescription: Hashable, Sendable {
  /// The path of the layer or of the part of a layer that owns it; empty for the model itself.
  let path: String
  let name: String
  let shape: Shape
  let isTrainable: Bool

  /// What arrays and files call it.
  var key: String { path.isEmpty ? name : "\(path)/\(name)" }
}
