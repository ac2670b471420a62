public import Kernels
public import Tensors

/// A kind of node: a pure function of arrays with its settings.
///
/// The members stand in the order of a node's life: the shape rule refuses what can't be computed,
/// the gradient rule says how a cotangent passes, the kernel computes. What a gradient needs beyond
/// inputs and output it computes from them: nothing is remembered between the two.
public protocol Operation: Hashable, Sendable {
  /// Returns the type of the result.
  ///
  /// - Throws: `invalidArgument`; this is the only place where inputs are refused.
  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType

  /// Appends what turns the cotangent of the result into the cotangents of the inputs.
  ///
  /// - Returns: A value for each input, or `nil` where the result doesn't depend on it smoothly or
  ///   nobody asked.
  func cotangents(of pullback: Pullback, in graph: inout Graph) throws(PhospheneError) -> [Value?]

  /// Prepares the computation.
  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel

  /// About how many multiplications the computation takes, or elements it moves.
  func work(for request: KernelRequest) -> Int

  /// Returns where the result lies in the memory of the only input, in bytes from its start, if it is
  /// a part of it as it stands; `nil` if it has to be computed.
  func viewOffset(in input: TensorType) -> Int?

  /// Returns how the operation is computed before its inputs are transposed instead of after.
  ///
  /// Applied to inputs that are all transposed by `permutation`, this operation gives what the
  /// returned one gives for the inputs as they were, transposed by the returned permutation.
  ///
  /// - Returns: `nil` if there is no such operation.
  func beforeTransposition(
    by permutation: [Int]
  ) -> (operation: any Operation, permutation: [Int])?
}

extension Operation {
  /// Most operations touch each element a few times, which takes as long as some multiplications
  /// in a kernel that does nothing else.
  public func work(for request: KernelRequest) -> Int {
    let elements = request.inputs.reduce(request.output.shape.elementCount) {
      $0 + $1.shape.elementCount
    }
    return 8 * elements
  }

  /// Most operations compute something.
  public func viewOffset(in input: TensorType) -> Int? { nil }

  /// Most operations give their axes a meaning.
  public func beforeTransposition(
    by permutation: [Int]
  ) -> (operation: any Operation, permutation: [Int])? { nil }
}

/// One operation in a gradient walk: where it stands and what is asked of it.
public struct Pullback: Sendable {
  /// The values that the operation reads.
  public let inputs: [Value]
  /// The value that it computes.
  public let output: Value
  /// The gradient of the target with respect to `output`, of the same shape.
  public let cotangent: Value
  /// For each input, whether its cotangent is needed.
  public let wanted: [Bool]
  /// How rectifiers pass it.
  public let rule: GradientRule
}

/// How a gradient walk treats rectifiers.
///
/// The plain rule is the derivative; the others are those of the attribution methods that carry
/// their names.
public enum GradientRule: String, Hashable, Sendable, CaseIterable {
  /// The derivative.
  case plain
  /// Only positive cotangents pass, where the input was positive (Springenberg et al. 2014).
  case guided
  /// Only positive cotangents pass, wherever the input was (Zeiler and Fergus 2013).
  case deconvolution
  /// The derivative; but where a rectifier would let nothing of a sample's cotangent through, all of
  /// it passes that doesn't drive its input further to where the rectifier is flat (lucid).
  case redirected
}

/// What a kernel is prepared for.
public struct KernelRequest: Sendable {
  /// The types of the inputs.
  public let inputs: [TensorType]
  /// The type of the result.
  public let output: TensorType
  /// For each input, whether it is the same at each run.
  public let isConstant: [Bool]
  /// For each input, whether it is constant and known to hold neither NaN nor infinities.
  public let isFinite: [Bool]
  /// For each input, whether it is constant and stored in halves, which a kernel may read.
  public let isHalf: [Bool]
  /// Whether methods that lose digits for speed are out of the question.
  public var isExact = false

  /// The shape of input number `index`.
  public func shape(_ index: Int) -> Shape { inputs[index].shape }
}
