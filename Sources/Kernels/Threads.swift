internal import COneDNN
import Glibc
import Synchronization
public import Tensors

/// The threads that kernels compute with: those of the OpenMP runtime that oneDNN uses.
///
/// Our own loops run on the same ones, because a second pool would compete with OpenMP's workers,
/// which keep spinning for a while after each piece of work.
public enum Threads {
  /// Whether worker threads were ever started, here or in a process that this one was forked from.
  private static let hasWorkers = Atomic<Bool>(false)
  private static let hasForked = Atomic<Bool>(false)

  /// Whether this process is the child of one that had started workers.
  ///
  /// They don't exist here, and OpenMP would wait for them forever.
  public static var isForked: Bool { hasForked.load(ordering: .relaxed) }

  /// The number of CPUs that this process may use, from its affinity and its control group.
  ///
  /// It is one in a child that was forked after worker threads were started.
  public static var available: Int {
    isForked ? 1 : usable
  }

  /// Looked up once: the system's answer costs more than a small network.
  private static let usable = max(1, min(affinityCount(), ControlGroup.cpuLimit() ?? Int.max))

  /// The number of threads that kernels use when they run on the calling thread.
  public static var current: Int { isForked ? 1 : Int(omp_get_max_threads()) }

  /// Runs `body` with another number of threads and sets the former number again.
  ///
  /// The number belongs to the calling thread; others keep theirs. In a child that was forked
  /// after worker threads were started it is always one.
  ///
  /// - Throws: `invalidArgument` if `count` isn't positive, and what `body` throws.
  public static func with<R>(
    _ count: Int, _ body: () throws(PhospheneError) -> R
  ) throws(PhospheneError) -> R {
    guard count > 0, count <= 1 << 16 else {
      throw .invalidArgument("the number of threads has to be from 1 to 65536, received \(count)")
    }
    let before = omp_get_max_threads()
    let count = isForked ? 1 : count
    if count > 1 { noteUse() }
    omp_set_num_threads(Int32(count))
    defer { omp_set_num_threads(before) }
    return try body()
  }

  /// Sets the number of threads for what follows inside ``with(_:_:)``, which sets the former
  /// number again.
  public static func use(_ count: Int) { omp_set_num_threads(Int32(clamping: count)) }

  /// Calls `body` once with every number below `count`, on all threads.
  ///
  /// Each thread takes one run of neighbouring numbers, so the same number of threads always
  /// divides the work in the same way.
  static func parallel(_ count: Int, _ body: (Int) -> Void) {
    let threads = count > 1 ? min(count, current) : 1
    guard threads > 1 else {
      for index in 0..<max(count, 0) { body(index) }
      return
    }
    noteUse()
    withoutActuallyEscaping(body) { body in
      var work = Work(count: count, body: body)
      withUnsafeMutablePointer(to: &work) {
        GOMP_parallel(
          { data in data?.assumingMemoryBound(to: Work.self).pointee.runShare() },
          $0, UInt32(threads), 0)
      }
    }
  }

  /// Calls `body` with every number below `count` and the number of the thread that does it; each
  /// thread takes the next one when it is done with the last.
  ///
  /// A thread that a busy machine holds up takes fewer. Results may not depend on who does what.
  static func distribute(_ count: Int, threads limit: Int, _ body: (Int, Int) -> Void) {
    let threads = min(count, current, limit)
    guard threads > 1 else {
      for index in 0..<max(count, 0) { body(index, 0) }
      return
    }
    noteUse()
    withoutActuallyEscaping(body) { body in
      let queue = Queue(count: count, body: body)
      withExtendedLifetime(queue) {
        GOMP_parallel(
          { data in
            guard let data else { return }
            Unmanaged<Queue>.fromOpaque(data).takeUnretainedValue().work()
          }, Unmanaged.passUnretained(queue).toOpaque(), UInt32(threads), 0)
      }
    }
  }

  /// Pieces of work that a team of threads takes from one after the other.
  private final class Queue {
    private let count: Int
    private let body: (Int, Int) -> Void
    private let next = Atomic<Int>(0)

    init(count: Int, body: @escaping (Int, Int) -> Void) {
      (self.count, self.body) = (count, body)
    }

    func work() {
      let thread = Int(omp_get_thread_num())
      while true {
        let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard index < count else { return }
        body(index, thread)
      }
    }
  }

  /// Calls `body` with ranges that together cover `0..<length`, each with at least `grain` numbers
  /// unless there is only one, on all threads.
  static func split(_ length: Int, grain: Int, _ body: (Range<Int>) -> Void) {
    let parts = length < 2 * grain ? 1 : min(current, length / max(grain, 1))
    guard length > 0 else { return }
    withoutActuallyEscaping(body) { body in
      // One thread takes the same way as many: where there are two ways to a loop, the compiler
      // makes vector instructions for one of them only.
      var division = Division(length: length, parts: parts, body: body)
      withUnsafeMutablePointer(to: &division) { division in
        guard parts > 1 else { return division.pointee.run(0..<1) }
        noteUse()
        GOMP_parallel(
          { data in data?.assumingMemoryBound(to: Division.self).pointee.runShare() },
          division, UInt32(parts), 0)
      }
    }
  }

  /// A range that is divided among the threads of a team.
  private struct Division {
    let length: Int
    let parts: Int
    let body: (Range<Int>) -> Void

    func runShare() {
      let (thread, team) = (Int(omp_get_thread_num()), Int(omp_get_num_threads()))
      run(parts * thread / team..<parts * (thread + 1) / team)
    }

    func run(_ share: Range<Int>) {
      for part in share { body(length * part / parts..<length * (part + 1) / parts) }
    }
  }

  /// A loop that is divided among the threads of a team.
  private struct Work {
    let count: Int
    let body: (Int) -> Void

    func runShare() {
      let (thread, team) = (Int(omp_get_thread_num()), Int(omp_get_num_threads()))
      for index in count * thread / team..<count * (thread + 1) / team { body(index) }
    }
  }

  /// Remembers that this process has, from now on, worker threads.
  static func noteUse() {
    // Every kernel asks whether it runs in a child: a flag that fork sets costs less than asking the
    // system for the process's number.
    guard !hasWorkers.load(ordering: .relaxed),
      hasWorkers.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged
    else { return }
    pthread_atfork(nil, nil) { Threads.hasForked.store(true, ordering: .relaxed) }
  }

  /// Source: Linux, `proc_pid_status(5)`, `Cpus_allowed`: a mask in hexadecimal digits.
  private static func affinityCount() -> Int {
    let lines = textFile("/proc/thread-self/status")?.split(separator: "\n") ?? []
    guard let line = lines.first(where: { $0.hasPrefix("Cpus_allowed:") }) else {
      return max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    }
    return line.dropFirst("Cpus_allowed:".count).reduce(0) {
      $0 + ($1.hexDigitValue?.nonzeroBitCount ?? 0)
    }
  }
}

/// A small file of the system; `nil` if it can't be read.
private func textFile(_ path: String) -> String? {
  guard let file = fopen(path, "r") else { return nil }
  defer { fclose(file) }
  var bytes = [UInt8](repeating: 0, count: 16384)
  let count = fread(&bytes, 1, bytes.count, file)
  return String(decoding: bytes[..<count], as: UTF8.self)
}

/// The limit that a container or a service manager sets.
private enum ControlGroup {
  /// The number of CPUs' worth of time, rounded up, or `nil` without a limit.
  ///
  /// Source: Linux, `Documentation/admin-guide/cgroup-v2.rst`, `cpu.max`.
  static func cpuLimit() -> Int? {
    let limits = folders().compactMap { folder -> Int? in
      guard let words = textFile("\(folder)/cpu.max")?.split(whereSeparator: \.isWhitespace),
        words.count == 2, let quota = Double(words[0]), let period = Double(words[1]), period > 0
      else { return nil }
      return max(1, Int((quota / period).rounded(.up)))
    }
    return limits.min()
  }

  /// The process's own group and all above it.
  private static func folders() -> [String] {
    var folder = "/sys/fs/cgroup"
    var folders = [folder]
    let lines = textFile("/proc/self/cgroup")?.split(separator: "\n") ?? []
    guard let line = lines.first(where: { $0.hasPrefix("0::/") }) else { return folders }
    for part in line.dropFirst(4).split(separator: "/") where part != ".." {
      folder += "/\(part)"
      folders.append(folder)
    }
    return folders
  }
}
