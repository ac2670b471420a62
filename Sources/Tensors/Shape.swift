/// The lengths of a tensor's axes, outermost first.
public struct Shape: Hashable, Sendable {
  /// Axis lengths, every one at least zero.
  public let axes: [Int]

  /// The largest number of axes that the engine works with.
  public static let maximumRank = 8

  /// Creates a shape from axis lengths.
  ///
  /// - Precondition: no length is negative and their product fits in `Int`.
  public init(_ axes: [Int]) {
    precondition(axes.allSatisfy { $0 >= 0 }, "axis lengths must not be negative: \(axes)")
    self.axes = axes
  }

  /// Creates a shape from lengths that somebody else chose.
  ///
  /// - Throws: `invalidArgument` for a negative length, a rank above ``maximumRank``, or a size
  ///   whose bytes can't be counted.
  public init(checking axes: [Int], of what: String) throws(PhospheneError) {
    guard axes.count <= Shape.maximumRank else {
      throw .invalidArgument(
        "\(what): at most \(Shape.maximumRank) axes are possible, received \(axes.count)")
    }
    var bytes = 8
    for length in axes {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: max(length, 1))
      guard length >= 0, !overflow, product < 1 << 48 else {
        throw .invalidArgument("\(what): axis lengths are negative or too large: \(axes)")
      }
      bytes = product
    }
    self.axes = axes
  }

  /// The number of axes.
  public var rank: Int { axes.count }

  /// The number of elements.
  public var elementCount: Int { axes.reduce(1, *) }

  /// The distance, in elements, between neighbours along each axis of a dense row-major array.
  public var strides: [Int] {
    var strides = [Int](repeating: 1, count: rank)
    for axis in stride(from: rank - 2, through: 0, by: -1) {
      strides[axis] = strides[axis + 1] * axes[axis + 1]
    }
    return strides
  }

  /// The length of one axis.
  public subscript(axis: Int) -> Int { axes[axis] }
}

extension Int {
  /// The product, or the largest number where that would be larger.
  public func multipliedClamping(by other: Int) -> Int {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? .max : product
  }
}

extension Shape: ExpressibleByArrayLiteral {
  /// Creates a shape from literal axis lengths.
  public init(arrayLiteral axes: Int...) { self.init(axes) }
}

extension Shape: CustomStringConvertible {
  /// The axis lengths as Python writes a tuple.
  public var description: String {
    rank == 1 ? "(\(axes[0]),)" : "(\(axes.map(String.init).joined(separator: ", ")))"
  }
}
