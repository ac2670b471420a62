import Glibc
import Graphs
import Tensors

// What a picture begins with: random numbers, or those that make a given one.

extension ParametrizedImage {
  /// Random parameters to start from; picture `k` of every objective draws the same numbers.
  ///
  /// - Parameters:
  ///   - seed: The recipe's.
  ///   - replicates: The number of pictures of each objective.
  ///   - starts: For each picture, which of the seed's starts; `nil` for the first.
  /// - Returns: An array of ``parameterShape``.
  /// - Throws: `outOfMemory` if there is none.
  func randomParameters(
    seed: UInt64, replicates: Int, starts: [Int]? = nil
  ) throws(PhospheneError) -> Tensor {
    let size = parameterShape.elementCount / count
    var elements: [Float] = []
    elements.reserveCapacity(parameterShape.elementCount)
    for picture in 0..<count {
      var random = Random(
        seed: seed,
        stream: RandomStream.parameters.number(
          replicate: picture % replicates, step: starts?[picture] ?? 0))
      elements += random.normals(size).map { $0 * parametrization.standardDeviation }
    }
    return try Tensor(parameterShape, elements)
  }

  /// The parameters of given pictures, (count, height, width, channels) between 0 and 1; the opacity of
  /// all pixels, if there is one, is that of parameters of zero.
  func parameters(of image: Tensor) throws(PhospheneError) -> Tensor {
    guard parametrization.prior == nil else {
      throw .invalidArgument("a start picture has colours of its own: leave out start or the prior")
    }
    guard ![.maco, .natural].contains(parametrization.kind) else {
      throw .invalidArgument(
        "a start picture can't be kept by the parametrization '\(parametrization.kind.rawValue)', "
          + "whose pictures have a contrast of their own: leave start out, or choose the "
          + "parametrization 'fourier' or 'pixel'")
    }
    // The sigmoid never reaches its ends.
    let middle = middles[0]
    let values = try Tensor(image.shape) { values in
      for (index, pixel) in image.floats.enumerated() {
        let clipped = min(max(pixel, 1e-3), 1 - 1e-3)
        values[index] = logf(clipped / (1 - clipped)) - middle
      }
    }
    let isMixed = parametrization.decorrelate && channels == 3
    guard parametrization.kind != .pixel || isMixed || hasAlpha else {
      return values.reshaped(to: parameterShape)
    }
    var graph = Graph()
    let given = graph.input(values.type)
    var numbers = given
    if isMixed {
      numbers = try graph.matrixProduct(
        given, graph.constant(try Tensor([3, 3], ColorAxes.unmixing)))
    }
    numbers = try spectra(of: numbers, in: &graph)
    // There is one channel more for the opacity.
    let axis = parametrization.kind == .pixel ? 3 : 1
    var more = graph.shape(numbers).axes.map { _ in 0 }
    more[axis] = parameterShape[axis] - channels
    let all = try graph.pad(numbers, low: more.map { _ in 0 }, high: more)
    return try Plan(graph, outputs: [all], pool: ConstantPool(weights: [])).run([values])[0]
  }

  /// Appends the numbers that make pictures whose channels aren't mixed.
  private func spectra(
    of pictures: Value, in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    if parametrization.kind == .pixel { return pictures }
    if depth > 1 { return try waves(of: pictures, in: &graph) }
    return try graph.divide(spectrum.spectra(of: pictures, in: &graph), allWeights(in: &graph))
  }
}

/// The random streams of a maximization, one a purpose.
enum RandomStream: UInt64 {
  case parameters = 1
  case transforms = 2
  case noise = 3
  case ground = 4
  case leaves = 5

  func number(replicate: Int, step: Int = 0) -> UInt64 {
    rawValue << 56 | UInt64(replicate) << 32 | UInt64(step)
  }
}
