import Kernels
import Tensors

/// Times single kernels and says how close each comes to what the machine can do.
///
///     python python/build_engine.py --benchmark [--peak | WORD...]
///
/// Without words all kernels are timed, with words those whose names contain one of them. `--peak`
/// prints two numbers alone: the most floating-point operations and the most bytes a second.
///
/// The shortest of many runs counts, in rounds over all kernels, because whatever else the machine
/// does only adds time. On a machine that does much else it says little all the same.
@main struct Benchmark {
  private static let rounds = 3

  static func main() {
    let arguments = CommandLine.arguments.dropFirst()
    do throws(PhospheneError) {
      try Threads.with(Threads.available) { () throws(PhospheneError) in
        if arguments == ["--peak"] {
          try printPeak()
        } else {
          try printTable(try allCases().filter { $0.isNamed(arguments) })
        }
      }
    } catch {
      print("error: \(error.message)")
    }
  }

  private static func printPeak() throws(PhospheneError) {
    var peak = Peak()
    for _ in 0..<4 * rounds { try peak.measure(footprints: [Peak.largest]) }
    print(peak.operations, peak.bytes(footprint: Peak.largest))
  }

  private static func printTable(_ cases: [Case]) throws(PhospheneError) {
    var peak = Peak()
    var times = [Double](repeating: .infinity, count: cases.count)
    for _ in 0..<rounds {
      try peak.measure(footprints: Peak.footprints)
      for (index, each) in cases.enumerated() {
        times[index] = min(times[index], try each.seconds())
      }
    }
    print(
      "\(EngineInformation.instructionSet), \(Threads.current) threads: at most"
        + " \(rounded(peak.operations / 1e9)) GFLOP/s")
    for footprint in Peak.footprints {
      print(
        "\(rounded(peak.bytes(footprint: footprint) / 1e9)) GB/s out of"
          + " \(rounded(Double(footprint) / 1e6)) MB")
    }
    print("\n" + line(["kernel", "µs", "GFLOP/s", "GB/s", "of the peak"]))
    for (each, seconds) in zip(cases, times) {
      // What takes longer at best, arithmetic or memory, is what it is bound by.
      let share = max(
        each.operations / peak.operations, each.bytes / peak.bytes(footprint: Int(each.bytes)))
      print(
        line([
          each.name, rounded(seconds * 1e6),
          each.operations > 0 ? rounded(each.operations / seconds / 1e9) : "",
          rounded(each.bytes / seconds / 1e9), "\(rounded(100 * share / seconds)) %",
        ]))
    }
  }

  /// A line of the table, its columns below each other.
  private static func line(_ cells: [String]) -> String {
    let widths = [50, 9, 9, 8, 12]
    return zip(cells, widths).map { cell, width in
      let space = String(repeating: " ", count: max(0, width - cell.count))
      return width == widths[0] ? cell + space : space + cell
    }.joined(separator: " ")
  }

  /// Three digits, or all before the point.
  private static func rounded(_ number: Double) -> String {
    guard number.isFinite else { return "-" }
    let decimals = number < 10 ? 100.0 : number < 100 ? 10.0 : 1.0
    let value = (number * decimals).rounded() / decimals
    return decimals == 1 ? "\(Int(value))" : "\(value)"
  }
}
