// What happens to sums on their way from registers to memory.

import CVectorKernels

extension ph_epilogue {
  /// Returns what becomes of sixteen neighbouring sums.
  ///
  /// `filter` is the number of the first one's filter, `position` its place in the output.
  @inline(__always) func applied(to sums: Lanes, filter: Int, position: Int) -> Lanes {
    var value = sums
    if let bias { value += bias.lanes(filter) }
    if let addend { value += addend.lanes(position) }
    if let gate {
      let gate = gate.lanes(position)
      // Written so that NaN is not inside.
      let isInside = (gate .> Lanes(repeating: low)) .& (gate .< Lanes(repeating: high))
      return Lanes().replacing(with: value, where: isInside)
    }
    value.replace(with: low, where: value .< low)
    value.replace(with: high, where: value .> high)
    return value
  }
}
