public import Tensors

extension Graph {
  /// Returns a graph that computes of each array only the part that the results depend on.
  ///
  /// One unit of a layer sees a part of the input, its receptive field; a sample whose objective
  /// lies in an early layer needs none of the later ones; a convolution may step over pixels. A
  /// gradient that is taken of the new graph passes through these parts only.
  ///
  /// - Parameter values: What is wanted, whole. Inputs keep their order.
  /// - Returns: The graph, and the values in it.
  /// - Throws: `outOfMemory` if there is none for a constant.
  public func computingRegions(
    for values: [Value]
  ) throws(PhospheneError) -> (graph: Graph, values: [Value]) {
    let read = try skippingPixels(for: values)
    return try read.graph.dividingArrays(for: read.values)
  }

  /// Returns a graph that computes of each array one range along each axis.
  private func dividingArrays(
    for values: [Value]
  ) throws(PhospheneError) -> (graph: Graph, values: [Value]) {
    var wanted = [Region?](repeating: nil, count: nodes.count)
    for value in values { wanted[value.index] = Region(whole: shape(value)) }
    var parts = [Part?](repeating: nil, count: nodes.count)
    var isReduced = false
    for index in nodes.indices.reversed() {
      guard let region = wanted[index],
        case .operation(let operation, let inputs) = nodes[index].source
      else { continue }
      let part = part(region, of: index, operation, inputs)
      parts[index] = part
      isReduced = isReduced || part.region != Region(whole: nodes[index].type.shape)
      for (input, region) in zip(inputs, part.inputs) {
        guard let region else { continue }
        wanted[input.index] = wanted[input.index]?.union(region) ?? region
      }
    }
    return isReduced ? try rebuilt(for: values, parts) : (self, values)
  }

  private func part(
    _ region: Region, of index: Int, _ operation: any Operation, _ inputs: [Value]
  ) -> Part {
    let (shape, shapes) = (nodes[index].type.shape, inputs.map { self.shape($0) })
    let whole = Region(whole: shape)
    // A part that is nearly all costs a copy and saves little.
    let isMost = region.shape.elementCount.multipliedClamping(by: 10) > 9 * shape.elementCount
    let partial = operation as? any PartialOperation
    return partial?.part(isMost ? whole : region, of: shapes)
      ?? Part(region: whole, inputs: shapes.map { Region(whole: $0) }, operation: operation)
  }

  private func rebuilt(
    for values: [Value], _ parts: [Part?]
  ) throws(PhospheneError) -> (graph: Graph, values: [Value]) {
    let isRead = Set(values.map(\.index)).union(
      nodes.indices.filter { parts[$0] != nil }.flatMap { nodes[$0].inputs.map(\.index) })
    var graph = Graph()
    var map = [Value?](repeating: nil, count: nodes.count)
    for (index, node) in nodes.enumerated() {
      switch node.source {
      case .input: map[index] = graph.input(node.type)
      case .constant(let tensor):
        if isRead.contains(index) { map[index] = graph.constant(tensor) }
      case .operation(_, let inputs):
        guard let part = parts[index] else { continue }
        var arguments: [Value] = []
        for (input, region) in zip(inputs, part.inputs) {
          guard let region, let value = map[input.index] else { continue }
          let given = parts[input.index]?.region ?? Region(whole: shape(input))
          arguments.append(try graph.apply(region.relative(to: given), toPartOf: value))
        }
        map[index] =
          if let slice = part.operation as? Slice {
            try graph.apply(slice, toPartOf: arguments[0])
          } else if part.operation is Concatenate, arguments.count == 1 {
            arguments[0]
          } else {
            try graph.apply(part.operation, to: arguments)
          }
      }
    }
    return (graph, values.compactMap { map[$0.index] })
  }

  /// Appends a slice unless it is all.
  private mutating func apply(
    _ slice: Slice, toPartOf value: Value
  ) throws(PhospheneError) -> Value {
    let isAll = slice.lengths == shape(value).axes && slice.steps.allSatisfy { $0 == 1 }
    return isAll ? value : try apply(slice, to: [value])
  }
}
