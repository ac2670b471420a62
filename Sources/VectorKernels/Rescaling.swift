// Functions of elements that are bound by memory: everything that shares an input in one passage.

import CVectorKernels

/// See `vector_kernels.h`.
@c @implementation
public func ph_rescale(_ problem: UnsafePointer<ph_rescaling>?, _ first: Int64, _ end: Int64) {
  guard let problem = problem?.pointee, let x = problem.x else { return }
  if let scale = problem.scale, let offset = problem.offset {
    write(
      problem, Int(first)..<Int(end), { x.lanes($0) * scale.lanes($1) + offset.lanes($1) },
      { x[$0] * scale[$1] + offset[$1] })
  } else if let addend = problem.addend {
    write(
      problem, Int(first)..<Int(end), { index, _ in x.lanes(index) + addend.lanes(index) },
      { index, _ in x[index] + addend[index] })
  }
}

/// Writes what is wanted of a function of an element's index and its place in the period.
@inline(__always) private func write(
  _ problem: ph_rescaling, _ range: Range<Int>, _ lanes: (Int, Int) -> Lanes,
  _ element: (Int, Int) -> Float
) {
  let (low, high) = (problem.low, problem.high)
  if let result = problem.result, let clamped = problem.clamped {
    let isAligned = (Int(bitPattern: result) | Int(problem.period) << 2) & 63 == 0
    if problem.is_streaming != 0, isAligned {
      forEach(problem, range) { index, place in
        let value = lanes(index, place)
        ph_stream(result + index, value)
        clamped.store(value.clamped(low, high), index)
      } element: { index, place in
        result[index] = element(index, place)
        clamped[index] = result[index].clamped(low, high)
      }
      ph_end_stream()
    } else {
      forEach(problem, range) { index, place in
        let value = lanes(index, place)
        result.store(value, index)
        clamped.store(value.clamped(low, high), index)
      } element: { index, place in
        result[index] = element(index, place)
        clamped[index] = result[index].clamped(low, high)
      }
    }
  } else if let result = problem.result {
    forEach(problem, range) {
      result.store(lanes($0, $1), $0)
    } element: {
      result[$0] = element($0, $1)
    }
  } else if let clamped = problem.clamped {
    forEach(problem, range) {
      clamped.store(lanes($0, $1).clamped(low, high), $0)
    } element: {
      clamped[$0] = element($0, $1).clamped(low, high)
    }
  }
}

/// Calls `lanes` for each sixteen elements of a period and `element` for what is left of it.
@inline(__always) private func forEach(
  _ problem: ph_rescaling, _ range: Range<Int>, _ lanes: (Int, Int) -> Void,
  element: (Int, Int) -> Void
) {
  let period = Int(problem.period)
  var start = range.lowerBound
  while start < range.upperBound {
    let count = min(period, range.upperBound - start)
    var place = 0
    while place + 16 <= count {
      lanes(start + place, place)
      place += 16
    }
    while place < count {
      element(start + place, place)
      place += 1
    }
    start += count
  }
}

extension Lanes {
  /// The nearest numbers of a range; NaN stays NaN.
  @inline(__always) fileprivate func clamped(_ low: Float, _ high: Float) -> Lanes {
    replacing(with: low, where: self .< low).replacing(with: high, where: self .> high)
  }
}

extension Float {
  @inline(__always) fileprivate func clamped(_ low: Float, _ high: Float) -> Float {
    self < low ? low : (self > high ? high : self)
  }
}
