import Tensors

/// A part of an array: a range of positions along each axis.
struct Region: Hashable, Sendable {
  var ranges: [Range<Int>]

  /// All of an array.
  init(whole shape: Shape) { ranges = shape.axes.map { 0..<$0 } }

  init(_ ranges: [Range<Int>]) { self.ranges = ranges }

  /// The lengths of the part.
  var shape: Shape { Shape(ranges.map(\.count)) }

  /// The smallest region with both in it.
  func union(_ other: Region) -> Region {
    Region(
      zip(ranges, other.ranges).map {
        min($0.lowerBound, $1.lowerBound)..<max($0.upperBound, $1.upperBound)
      })
  }

  /// The part as it lies in an array that begins where `outer` does.
  func relative(to outer: Region) -> Slice {
    Slice(
      starts: zip(ranges, outer.ranges).map { $0.lowerBound - $1.lowerBound },
      lengths: ranges.map(\.count), steps: ranges.map { _ in 1 })
  }
}

/// How a part of an operation's result is computed.
struct Part {
  /// What is computed, at least what was asked for.
  let region: Region
  /// What that takes of each input, `nil` for nothing.
  let inputs: [Region?]
  /// What computes it from these parts, of those inputs that it takes.
  let operation: any Operation
}

/// An operation of whose result a part takes only parts of the inputs.
protocol PartialOperation: Operation {
  /// Returns how a part is computed; `nil` if that takes everything.
  func part(_ region: Region, of inputs: [Shape]) -> Part?
}
