import Glibc
import Graphs
import Tensors

extension Graph {
  /// Appends how far the channels of a network lie from what is known of them, for each of `count`
  /// pictures of which it sees several views.
  ///
  /// For each layer the means and standard deviations over views and positions are compared with
  /// those that are known, mostly of training, in units of the latter:
  /// `mean over channels of ((m - mean) / deviation)^2 + (d / deviation - 1)^2`; the result is the mean
  /// of the layers. Source: Yin et al. 2020, DeepInversion, who add up norms instead.
  ///
  /// Layers that aren't fine (``isFine(_:input:)``) don't count, unless there are no others: their
  /// channels answer to whole things, of which training showed all kinds and one picture shows few.
  ///
  /// - Parameters:
  ///   - count: The number of pictures.
  ///   - input: The shape of what the network takes, channels last.
  ///   - known: What is known of its layers.
  /// - Returns: The distances, `(count,)`.
  /// - Throws: `invalidArgument` if nothing is known of any layer.
  mutating func statisticalDistance(
    count: Int, input: Shape, known: [Statistics]
  ) throws(PhospheneError) -> Value {
    let notes = known.filter { shape($0.value).rank > 2 }
    let fine = notes.filter { isFine($0.value, input: input) }
    var terms: [Value] = []
    for note in fine.isEmpty ? notes : fine {
      terms.append(try distance(from: note, count: count))
    }
    guard let first = terms.first else {
      throw .invalidArgument(
        "the penalty 'statistics' needs batch normalizations with the averages of a training before "
          + "the layer that is maximized, and there are none: measure the layers instead, of "
          + "\"dead_leaves\", or leave it out")
    }
    var sum = first
    for term in terms.dropFirst() { sum = try add(sum, term) }
    return try linear(sum, scale: 1 / Float(terms.count))
  }

  /// Whether a position of a layer stands for 20 pixels a side or less.
  func isFine(_ layer: Value, input: Shape) -> Bool {
    pow(
      Double(input.positionCount) / Double(max(shape(layer).positionCount, 1)),
      1 / Double(max(shape(layer).rank - 2, 1))) <= 20
  }

  private mutating func distance(
    from note: Statistics, count: Int
  ) throws(PhospheneError) -> Value {
    let axes = shape(note.value).axes
    let largest = note.deviation.max() ?? 0
    // A channel that hardly ever changed would outweigh all others.
    let inverse = note.deviation.map { (deviation: Float) in
      deviation > 1e-2 * largest ? 1 / deviation : 0
    }
    let scale = constant(try Tensor([inverse.count], inverse))
    let mean = try pooled(note.value, axes, count: count)
    let square = try pooled(unary(.square, note.value), axes, count: count)
    // Rounding may leave a little less than nothing, and a root is not smooth at zero.
    let variance = try linear(
      unary(.relu(negativeSlope: 0), subtract(square, unary(.square, mean))), scale: 1,
      offset: 1e-6 * max(largest * largest, 1e-20))
    let expected = (
      mean: constant(try Tensor([inverse.count], note.mean)),
      deviation: constant(try Tensor([inverse.count], note.deviation))
    )
    let shift = try multiply(subtract(mean, expected.mean), scale)
    let stretch = try multiply(
      subtract(unary(.squareRoot, variance), expected.deviation), scale)
    return try self.mean(add(unary(.square, shift), unary(.square, stretch)))
  }

  /// The mean over views and positions, (count, channels).
  private mutating func pooled(
    _ value: Value, _ axes: [Int], count: Int
  ) throws(PhospheneError) -> Value {
    let views = try reduce(.mean, value, axes: Array(1..<axes.count - 1))
    let rows = try reshape(views, to: [count, axes[0] / count, axes[axes.count - 1]])
    return try reduce(.mean, rows, axes: [1])
  }
}

extension Shape {
  /// The number of positions of one sample, channels last.
  fileprivate var positionCount: Int { axes.dropFirst().dropLast().reduce(1, *) }
}
