public import Tensors

/// Takes slices of an array by their positions along an axis.
///
/// Inputs: `x` of shape `operand`, and `indexCount` whole numbers; negative ones count from the
/// end. Output: `x` with the axis as long as the indices are many; NaN where an index points
/// outside.
///
/// - Throws: `invalidArgument` if there is no such axis.
public func gatherKernel(
  operand: Shape, axis: Int, indexCount: Int
) throws(PhospheneError) -> any Kernel {
  let view = try AxisView(operand, axis: axis)
  let (length, inner) = (view.length, view.inner)
  return LoopKernel { arguments in
    let (x, indices, y) = (arguments[0], arguments[1], arguments[2])
    Threads.split(view.outer * indexCount, grain: max(1, loopGrain / max(inner, 1))) { range in
      var (outer, column) = range.lowerBound.quotientAndRemainder(dividingBy: indexCount)
      for row in range {
        let position = position(indices[column], length)
        if inner == 1 {
          y[row] = position.map { x[outer * length + $0] } ?? .nan
        } else if let position {
          (y + row * inner).update(from: x + (outer * length + position) * inner, count: inner)
        } else {
          (y + row * inner).update(repeating: .nan, count: inner)
        }
        column += 1
        if column == indexCount { (outer, column) = (outer + 1, 0) }
      }
    }
  }
}

/// Adds slices to the positions of an axis that they are meant for: the adjoint of
/// ``gatherKernel(operand:axis:indexCount:)``.
///
/// Inputs: slices in the shape that gathering gives, and `indexCount` whole numbers. Output:
/// `output`, the sum of the slices of each position, in the order of the indices; slices that
/// point outside are left out.
///
/// - Throws: `invalidArgument` if there is no such axis.
public func scatterAddKernel(
  output: Shape, axis: Int, indexCount: Int
) throws(PhospheneError) -> any Kernel {
  let view = try AxisView(output, axis: axis)
  let (length, inner) = (view.length, view.inner)
  return LoopKernel { arguments in
    let (x, indices, y) = (arguments[0], arguments[1], arguments[2])
    fillWithZeros(y, output.elementCount)
    view.forEachColumn(work: indexCount) { outer, columns in
      for index in 0..<indexCount {
        guard let position = position(indices[index], length) else { continue }
        let source = x + (outer * indexCount + index) * inner
        let target = y + (outer * length + position) * inner
        for column in columns { target[column] += source[column] }
      }
    }
  }
}

/// Takes elements of an array by their positions along an axis, others for each line.
///
/// Inputs: `x` of shape `operand`, and whole numbers in its shape but for the axis, which is
/// `count` long; negative ones count from the end. Output: the indices' shape; NaN where an index
/// points outside.
///
/// - Throws: `invalidArgument` if there is no such axis.
public func gatherElementsKernel(
  operand: Shape, axis: Int, count: Int
) throws(PhospheneError) -> any Kernel {
  let view = try AxisView(operand, axis: axis)
  let (length, inner) = (view.length, view.inner)
  return LoopKernel { arguments in
    let (x, indices, y) = (arguments[0], arguments[1], arguments[2])
    Threads.split(view.outer * count, grain: max(1, loopGrain / max(inner, 1))) { range in
      for row in range {
        let line = x + row / count * length * inner
        for index in row * inner..<(row + 1) * inner {
          let position = position(indices[index], length)
          y[index] = position.map { line[$0 * inner + index - row * inner] } ?? .nan
        }
      }
    }
  }
}

/// Adds elements to the positions along an axis that they are meant for: the adjoint of
/// ``gatherElementsKernel(operand:axis:count:)``.
///
/// Inputs: elements and whole numbers of the same shape, `count` long along the axis. Output:
/// `output`, the sum of the elements of each position, in the order of the indices; elements that
/// point outside are left out.
///
/// - Throws: `invalidArgument` if there is no such axis.
public func scatterAddElementsKernel(
  output: Shape, axis: Int, count: Int
) throws(PhospheneError) -> any Kernel {
  let view = try AxisView(output, axis: axis)
  let (length, inner) = (view.length, view.inner)
  return LoopKernel { arguments in
    let (x, indices, y) = (arguments[0], arguments[1], arguments[2])
    fillWithZeros(y, output.elementCount)
    view.forEachColumn(work: count) { outer, columns in
      let target = y + outer * length * inner
      for row in outer * count..<(outer + 1) * count {
        for column in columns {
          if let position = position(indices[row * inner + column], length) {
            target[position * inner + column] += x[row * inner + column]
          }
        }
      }
    }
  }
}

/// The position that an index means: counted from the end if it is negative, `nil` outside.
@inline(__always) private func position(_ index: Float, _ length: Int) -> Int? {
  // NaN fails both comparisons.
  guard index >= -Float(length), index < Float(length) else { return nil }
  let position = Int(index)
  return position < 0 ? position + length : position
}

private func fillWithZeros(_ y: UnsafeMutablePointer<Float>, _ count: Int) {
  Threads.split(count, grain: loopGrain) {
    (y + $0.lowerBound).update(repeating: 0, count: $0.count)
  }
}
