import FoundationEssentials
import Graphs
import Tensors

// Objectives that compare a layer's output with something else: a vector, activations, other samples.

extension Objective {
  /// What a layer's output is compared with, for one sample.
  struct Activations: Codable, Hashable, Sendable {
    /// The shape, without batch.
    let shape: [Int]
    /// The numbers, little-endian float32; base64 in JSON.
    let float32: Data

    private enum CodingKeys: CodingKey, CaseIterable { case shape, float32 }

    init(from decoder: any Decoder) throws {
      let array = try decoder.options(CodingKeys.self)
      shape = try array.decode([Int].self, forKey: .shape)
      float32 = try array.decode(Data.self, forKey: .float32)
    }

    /// The numbers; an error calls them `what`.
    func elements(_ what: String = "activations") throws(PhospheneError) -> [Float] {
      let count = try Shape(checking: shape, of: what).elementCount
      guard float32.count == 4 * count else {
        throw .invalidArgument(
          "\(what) of shape \(Shape(shape)) need \(4 * count) bytes, received \(float32.count)")
      }
      return (0..<count).map { index in
        var bits: UInt32 = 0
        for byte in 0..<4 {
          bits |= UInt32(float32[float32.startIndex + 4 * index + byte]) << (8 * UInt32(byte))
        }
        return Float(bitPattern: bits)
      }
    }
  }
}

extension Objective.Term {
  /// The mean over all positions of `dot * max(0.1, cosine) ** power`, with the dot product of channels
  /// and vector and the cosine of the angle between them.
  ///
  /// Source: lucid, `optvis/objectives.py`, `direction`.
  func direction(
    of value: Value, _ what: String, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    guard let vector else { throw .invalidArgument("objective 'direction' needs a vector") }
    let shape = graph.shape(value)
    let channels = shape.rank >= 2 ? shape[shape.rank - 1] : 0
    guard channels > 0, vector.count == channels else {
      throw .invalidArgument(
        "a vector of length \(vector.count) doesn't fit: \(what) has "
          + "\(counted(channels, "channel")), and one number for each of them is needed")
    }
    return try graph.mean(alike(value, vector, [vector.count], axes: [shape.rank - 1], in: &graph))
  }

  /// `mean(product) * max(0.1, cosine) ** power` of a layer's output and given activations.
  ///
  /// Source: lucid's caricatures (`optvis/objectives.py`, `dot_compare` of its recipes).
  func match(
    of value: Value, _ what: String, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    guard let activations else { throw .invalidArgument("objective 'match' needs activations") }
    let single = Array(graph.shape(value).axes.dropFirst())
    let received = try Shape(checking: activations.shape, of: "the activations")
    guard received.axes == single else {
      throw .invalidArgument(
        "the activations have shape \(received), \(what) has \(Shape(single)) for "
          + "each sample")
    }
    let sum = try alike(
      value, activations.elements(), Shape(single), axes: Array(1..<single.count + 1),
      in: &graph)
    return try graph.linear(sum, scale: 1 / Float(max(Shape(single).elementCount, 1)))
  }

  /// `dot * max(0.1, cosine) ** power` of a value and constants, where dot products are sums over some
  /// axes.
  private func alike(
    _ value: Value, _ numbers: [Float], _ shape: Shape, axes: [Int], in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    guard numbers.allSatisfy(\.isFinite) else {
      throw .invalidArgument("objective '\(kind.rawValue)' got NaN or infinity to compare with")
    }
    let power = cosinePower ?? 0
    try require(0...16, power, "cosine_power")
    let constant = graph.constant(try Tensor(shape, numbers))
    let dot = try graph.reduce(.sum, graph.multiply(value, constant), axes: axes)
    guard power > 0 else { return dot }
    let length = numbers.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    // Where all channels are off, the root is not smooth.
    let square = try graph.linear(
      graph.reduce(.sum, graph.unary(.square, value), axes: axes), scale: 1, offset: 1e-12)
    let scale = try graph.linear(graph.unary(.squareRoot, square), scale: 1, offset: 1e-4)
    let cosine = try graph.linear(graph.divide(dot, scale), scale: Float(1 / (length + 1e-4)))
    let floored = try graph.unary(.clip(low: 0.1, high: .greatestFiniteMagnitude), cosine)
    return try graph.multiply(dot, power == 1 ? floored : graph.unary(.power(power), floored))
  }

  /// The negative mean, over the other samples of the group, of the dot product of the normalized Gram
  /// matrices of channels: zero is as different as can be, -1 the same.
  ///
  /// Source: lucid, `optvis/objectives.py`, `diversity`, as one number for each sample.
  func diversity(
    of value: Value, _ what: String, grouping: Objective.Grouping?, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let shape = graph.shape(value)
    let batch = shape[0]
    guard shape.rank >= 2 else {
      throw .invalidArgument("\(what) has no channels: its shape is \(shape)")
    }
    let grouping = grouping ?? Objective.Grouping(count: batch, views: 1)
    guard grouping.count > 1 else {
      throw .invalidArgument(
        "objective 'diversity' compares pictures of one objective: two or more of each are needed "
          + "(count, in Python n), received 1")
    }
    let channels = shape[shape.rank - 1]
    let positions = shape.elementCount / (batch * channels)
    let flat = try graph.reshape(value, to: [batch, positions, channels])
    let gram = try graph.reshape(
      graph.matrixProduct(flat, flat, transposeA: true), to: [batch, channels * channels])
    let square = try graph.reduce(.sum, graph.unary(.square, gram), axes: [1])
    let length = try graph.unary(.squareRoot, graph.linear(square, scale: 1, offset: 1e-10))
    let normal = try graph.divide(gram, graph.reshape(length, to: [batch, 1]))
    // Each sample has the gradient of its own number.
    let others = try graph.stopGradient(normal)
    let products = try graph.matrixProduct(normal, others, transposeB: true)
    var weights = [Float](repeating: 0, count: batch * batch)
    for a in 0..<batch {
      for b in 0..<batch where grouping.areSiblings(a, b) {
        weights[a * batch + b] = -1 / Float(grouping.count - 1)
      }
    }
    let chosen = try graph.multiply(products, graph.constant(Tensor([batch, batch], weights)))
    return try graph.reduce(.sum, chosen, axes: [1])
  }
}
