import Graphs
import Tensors
import TestSupport
import Testing

@Suite struct ElementwiseTests {
  struct Case: CustomTestStringConvertible {
    let function: UnaryFunction
    var low: Float = -2, high: Float = 2
    var step: Float = 1 / 128
    var testDescription: String { "\(function)" }
  }

  // Kinks lie at numbers that the golden ratio's multiples avoid by more than the step.
  static let cases = [
    Case(function: .relu(negativeSlope: 0)), Case(function: .relu(negativeSlope: 0.25)),
    Case(function: .relu(negativeSlope: -0.5)), Case(function: .clip(low: -1, high: 0.5)),
    Case(function: .sigmoid), Case(function: .tanh), Case(function: .exponential),
    Case(function: .logarithm, low: 0.5), Case(function: .squareRoot, low: 0.5),
    Case(function: .square), Case(function: .absolute),
    Case(function: .linear(scale: -2, offset: 3)), Case(function: .power(3), low: 0.5),
    Case(function: .power(-1.5), low: 0.75), Case(function: .step), Case(function: .sign),
    Case(function: .softplus), Case(function: .elu(alpha: 1)), Case(function: .elu(alpha: 0.5)),
    Case(function: .reciprocal, low: 0.75), Case(function: .silu), Case(function: .gelu),
    Case(function: .geluTanh), Case(function: .mish), Case(function: .hardSigmoid),
    Case(function: .hardSwish), Case(function: .softsign), Case(function: .exponentialMinusOne),
    Case(function: .logarithmPlusOne, low: -0.25), Case(function: .cubeRoot, low: 0.5),
    Case(function: .erf), Case(function: .erfInverse, low: -0.75, high: 0.75),
    Case(function: .sine), Case(function: .cosine), Case(function: .tangent, low: -1, high: 1),
    Case(function: .arcsine, low: -0.75, high: 0.75),
    Case(function: .arccosine, low: -0.75, high: 0.75), Case(function: .arctangent),
    Case(function: .hyperbolicSine), Case(function: .hyperbolicCosine),
    Case(function: .inverseHyperbolicSine), Case(function: .inverseHyperbolicCosine, low: 1.5),
    Case(function: .inverseHyperbolicTangent, low: -0.75, high: 0.75), Case(function: .floor),
    Case(function: .ceiling), Case(function: .round), Case(function: .truncate),
    Case(function: .isNaN), Case(function: .isInfinite), Case(function: .isFinite),
  ]

  @Test(arguments: cases) func unaryGradients(_ test: Case) throws {
    let x = try spread([3, 4], from: test.low, to: test.high)
    let error = try gradientError(at: [x], step: test.step) { try $0.unary(test.function, $1[0]) }
    #expect(error < Tolerance.differences)
  }

  // By hand.
  @Test func unaryGradientsByHand() throws {
    func slopes(_ function: UnaryFunction, _ x: [Float]) throws -> [Float] {
      try gradient(at: [Tensor([x.count], x)]) { try $0.unary(function, $1[0]) }[0].elements
    }
    #expect(try slopes(.square, [-3, 0, 2]) == [-6, 0, 4])
    #expect(try slopes(.sigmoid, [0]) == [0.25])
    #expect(try slopes(.tanh, [0]) == [1])
    #expect(try slopes(.reciprocal, [2, -4]) == [-0.25, -0.0625])
    #expect(try slopes(.absolute, [-5, 5]) == [-1, 1])
    #expect(try slopes(.relu(negativeSlope: 0), [-1, 0, 3]) == [0, 0, 1])
    #expect(try slopes(.clip(low: 0, high: 6), [0, 3, 6]) == [0, 1, 0])
  }

  static let shapes: [(Shape, Shape)] = [
    ([2, 3], [2, 3]), ([2, 3], [3]), ([3], [2, 3]), ([2, 1], [1, 3]), ([2, 3, 4], []),
    ([], [2, 3]), ([2, 1, 4], [3, 1]), ([1, 1, 3], [2, 2, 1]),
  ]

  @Test(
    arguments: [.add, .subtract, .multiply, .divide, .maximum, .minimum, .power, .arctangent2]
      as [BinaryFunction], shapes)
  func binaryGradients(_ function: BinaryFunction, shapes: (Shape, Shape)) throws {
    let a = try spread(shapes.0, from: 0.75, to: 2)
    let b = try spread(shapes.1, from: 0.75, to: 2, seed: 2)
    let error = try gradientError(at: [a, b], step: 1 / 256) {
      try $0.binary(function, $1[0], $1[1])
    }
    #expect(error < Tolerance.differences)
  }

  // By hand: a column and a row.
  @Test(
    arguments: [
      (.add, [11, 21, 12, 22]), (.subtract, [-9, -19, -8, -18]), (.multiply, [10, 20, 20, 40]),
      (.divide, [0.1, 0.05, 0.2, 0.1]), (.maximum, [10, 20, 10, 20]), (.minimum, [1, 1, 2, 2]),
      (.greater, [0, 0, 0, 0]), (.power, [1, 1, 1024, 1_048_576]),
      (.greaterOrEqual, [0, 0, 0, 0]), (.equal, [0, 0, 0, 0]), (.notEqual, [1, 1, 1, 1]),
      (.remainder, [1, 1, 2, 2]), (.floorDivide, [0, 0, 0, 0]),
      (.arctangent2, [0.0996686525, 0.0499583957, 0.19739556, 0.0996686525]),
    ] as [(BinaryFunction, [Float])])
  func binaryValues(function: BinaryFunction, expected: [Float]) throws {
    let (column, row) = (try Tensor([2, 1], [1, 2]), try Tensor([2], [10, 20]))
    let result = try compute([column, row]) { [try $0.binary(function, $1[0], $1[1])] }
    #expect(result[0].shape == [2, 2])
    #expect(relativeError(result[0].elements, expected) <= Tolerance.rounding)
  }

  // By hand: 7 = 2 * 3 + 1 and -7 = -3 * 3 + 2, so that b counts -2 and 3 times.
  @Test func remaindersFollowBothNumbers() throws {
    let (a, b) = (try Tensor([2], [7, -7]), try Tensor([2], [3, 3]))
    let gradients = try gradient(at: [a, b]) { try $0.binary(.remainder, $1[0], $1[1]) }
    #expect(gradients.map(\.elements) == [[1, 1], [-2, 3]])
  }

  @Test(
    arguments: [.greater, .greaterOrEqual, .equal, .notEqual, .floorDivide] as [BinaryFunction])
  func stepsHaveNoGradient(_ function: BinaryFunction) throws {
    var graph = Graph()
    let (a, b) = (graph.input(TensorType([2])), graph.input(TensorType([2])))
    let result = try graph.binary(function, a, b)
    #expect(try graph.gradient(of: result, withRespectTo: [a, b]) == [nil, nil])
  }

  // Equal elements: the first of the two takes all, so that nothing is counted twice.
  @Test(arguments: [.maximum, .minimum] as [BinaryFunction])
  func tiesGoToTheFirst(_ function: BinaryFunction) throws {
    let x = try Tensor([1], [3])
    let gradients = try gradient(at: [x, x]) { try $0.binary(function, $1[0], $1[1]) }
    #expect(gradients.map(\.elements) == [[1], [0]])
  }

  @Test(arguments: [([2, 3], [2]), ([2, 3], [3, 2]), ([4], [3])] as [(Shape, Shape)])
  func shapesThatDoNotFitAreRefused(a: Shape, b: Shape) throws {
    var graph = Graph()
    let (x, y) = (graph.input(TensorType(a)), graph.input(TensorType(b)))
    let sentence = refusal { _ = try graph.multiply(x, y) }
    #expect(sentence == "shapes \(a) and \(b) can't be broadcast against each other")
  }

  @Test func valuesBeforeActivationsAreFound() throws {
    var graph = Graph()
    let x = graph.input(TensorType([2, 6]))
    let rectified = try graph.unary(.relu(negativeSlope: 0), x)
    let reshaped = try graph.reshape(graph.softmax(x), to: [2, 2, 3])
    let probability = try graph.unary(.sigmoid, x)
    let sum = try graph.add(x, x)
    #expect(try graph.preActivation(of: rectified) == x)
    #expect(try graph.preActivation(of: sum) == sum)
    #expect(try graph.preActivation(of: x) == x)
    #expect(try graph.preActivation(of: reshaped) == graph.reshape(x, to: [2, 2, 3]))
    let moved = try graph.transpose(rectified, [1, 0])
    #expect(try graph.preActivation(of: moved) == graph.transpose(x, [1, 0]))
    let movedProbability = try graph.transpose(probability, [1, 0])
    #expect(try graph.logits(of: movedProbability) == graph.transpose(x, [1, 0]))
    #expect(try graph.logits(of: rectified) == rectified)
    #expect(try graph.logits(of: probability) == x)
    #expect(try graph.logits(of: reshaped) == graph.reshape(x, to: [2, 2, 3]))
  }

  @Test func notedActivationsAreFound() throws {
    var graph = Graph()
    let x = graph.input(TensorType([2, 6]))
    let gated = try graph.multiply(
      graph.slice(x, axis: 1, start: 0, length: 3), graph.slice(x, axis: 1, start: 3, length: 3))
    graph.noteActivation(gated, of: x)
    let shrunk = try graph.subtract(x, graph.unary(.tanh, x))
    graph.noteActivation(shrunk, of: x, isProbability: true)
    graph.noteActivation(x, of: x)
    #expect(try graph.preActivation(of: gated) == x)
    #expect(try graph.logits(of: gated) == gated)
    #expect(try graph.preActivation(of: shrunk) == x)
    #expect(try graph.logits(of: shrunk) == x)
    #expect(try graph.preActivation(of: x) == x)
    // What goes in has more elements than what comes out, so that no view of one fits the other.
    let view = try graph.reshape(gated, to: [6])
    #expect(try graph.preActivation(of: view) == view)
    #expect(try graph.preActivation(of: graph.cut(shrunk, name: "layer")) == x)
  }
}
