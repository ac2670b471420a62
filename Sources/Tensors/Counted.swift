/// A number of things as a sentence names them: "1 channel", "2 channels".
public func counted(_ count: Int, _ noun: String) -> String {
  "\(count) \(noun)\(count == 1 ? "" : "s")"
}
