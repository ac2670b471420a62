import Graphs
import Tensors

/// An equation of Einstein's summation, such as `ab...,bc->ac...`, as NumPy's `einsum` reads it.
///
/// Each letter names an axis of the operands; those that the result doesn't name are summed over.
/// `...` stands for any number of further axes, which are broadcast.
struct EinsumEquation: Hashable, Sendable {
  /// The letters of one array, with the place of `...` among them.
  struct Term: Hashable, Sendable {
    let letters: [Character]
    /// How many letters stand before `...`, `nil` without one.
    let ellipsis: Int?

    init(_ text: Substring, of equation: String) throws(PhospheneError) {
      var (letters, ellipsis): ([Character], Int?) = ([], nil)
      var rest = text.drop { $0 == " " }
      while let character = rest.first {
        if rest.hasPrefix("..."), ellipsis == nil {
          ellipsis = letters.count
          rest = rest.dropFirst(3)
        } else if character.isASCII, character.isLetter {
          letters.append(character)
          rest = rest.dropFirst()
        } else {
          throw .invalidArgument(
            "equation '\(equation)' must be written in letters, ',', '->' and at most one '...' an "
              + "array, received '\(character)'")
        }
        rest = rest.drop { $0 == " " }
      }
      (self.letters, self.ellipsis) = (letters, ellipsis)
    }

    init(letters: [Character], ellipsis: Int?) {
      (self.letters, self.ellipsis) = (letters, ellipsis)
    }
  }

  let text: String
  let operands: [Term]
  let result: Term

  /// Reads an equation; without `->` the result has the letters that occur once, in order.
  init(_ text: String) throws(PhospheneError) {
    let sides = text.split(separator: "->", omittingEmptySubsequences: false)
    guard sides.count <= 2 else {
      throw .invalidArgument("equation '\(text)' must have one '->' at most")
    }
    self.text = text
    var operands: [Term] = []
    for part in sides[0].split(separator: ",", omittingEmptySubsequences: false) {
      operands.append(try Term(part, of: text))
    }
    self.operands = operands
    let all = operands.flatMap(\.letters)
    if sides.count == 2 {
      result = try Term(sides[1], of: text)
    } else {
      let once = Set(all).filter { letter in all.count { $0 == letter } == 1 }
      result = Term(
        letters: once.sorted(), ellipsis: operands.contains { $0.ellipsis != nil } ? 0 : nil)
    }
    guard Set(result.letters).count == result.letters.count,
      Set(result.letters).isSubset(of: all)
    else {
      throw .invalidArgument(
        "equation '\(text)' must have each letter of its result once, and in an operand")
    }
  }
}

extension Graph {
  /// Appends Einstein's summation over arrays: transpositions, matrix products, sums and products,
  /// two arrays at a time from the left.
  mutating func einsum(
    _ equation: EinsumEquation, _ operands: [Value]
  ) throws(PhospheneError) -> Value {
    guard operands.count == equation.operands.count else {
      throw .invalidArgument(
        "equation '\(equation.text)' takes \(equation.operands.count) arrays, received "
          + "\(operands.count)")
    }
    var summation = try EinsumSummation(equation, operands, in: &self)
    return try summation.lower(in: &self)
  }
}

/// An array whose axes have names.
private struct LabeledValue {
  var value: Value
  var labels: [Int]
}

/// One summation on its way: what is left of the operands.
private struct EinsumSummation {
  private var operands: [LabeledValue] = []
  private let result: [Int]
  private var lengths: [Int: Int] = [:]

  /// Names the axes: letters by their code, those under `...` by negative numbers, -1 the last.
  init(
    _ equation: EinsumEquation, _ values: [Value], in graph: inout Graph
  ) throws(PhospheneError) {
    func labels(_ term: EinsumEquation.Term, hidden: Int) -> [Int] {
      let letters = term.letters.map { Int($0.asciiValue ?? 0) }
      guard let place = term.ellipsis else { return letters }
      return letters[..<place] + (0..<hidden).map { $0 - hidden } + letters[place...]
    }
    var widest = 0
    for (term, value) in zip(equation.operands, values) {
      let shape = graph.shape(value)
      let hidden = shape.rank - term.letters.count
      guard term.ellipsis == nil ? hidden == 0 : hidden >= 0 else {
        throw .invalidArgument(
          "equation '\(equation.text)' names \(term.letters.count) axes of an array of shape "
            + "\(shape)")
      }
      widest = max(widest, hidden)
      operands.append(LabeledValue(value: value, labels: labels(term, hidden: hidden)))
    }
    result = labels(equation.result, hidden: widest)
    for operand in operands {
      for (label, length) in zip(operand.labels, graph.shape(operand.value).axes) {
        let known = lengths[label] ?? 1
        guard known == length || known == 1 || length == 1 else {
          throw .invalidArgument(
            "equation '\(equation.text)' names axes of different lengths by one letter: \(known) "
              + "and \(length)")
        }
        lengths[label] = max(known, length)
      }
    }
    for index in operands.indices { try simplify(&operands[index], in: &graph) }
  }

  /// Leaves each name once, and none on an axis of length one that is broadcast.
  private func simplify(
    _ operand: inout LabeledValue, in graph: inout Graph
  ) throws(PhospheneError) {
    let shape = graph.shape(operand.value)
    let kept = shape.axes.indices.filter { shape[$0] == lengths[operand.labels[$0]] }
    operand.value = try graph.reshape(operand.value, to: Shape(kept.map { shape[$0] }))
    operand.labels = kept.map { operand.labels[$0] }
    while let (first, second) = repetition(operand.labels) {
      // A diagonal: of the two axes together, every (length + 1)-th element.
      let length = lengths[operand.labels[first]] ?? 1
      let others = operand.labels.indices.filter { $0 != first && $0 != second }
      let moved = try graph.transpose(operand.value, others + [first, second])
      let lead = graph.shape(moved).axes.dropLast(2)
      let flat = try graph.reshape(moved, to: Shape(lead + [length * length]))
      operand.value = try graph.slice(
        flat, starts: lead.map { _ in 0 } + [0], lengths: lead + [length],
        steps: lead.map { _ in 1 } + [length + 1])
      operand.labels = others.map { operand.labels[$0] } + [operand.labels[first]]
    }
  }

  private func repetition(_ labels: [Int]) -> (Int, Int)? {
    for second in labels.indices {
      if let first = labels[..<second].firstIndex(of: labels[second]) { return (first, second) }
    }
    return nil
  }

  mutating func lower(in graph: inout Graph) throws(PhospheneError) -> Value {
    var sum = operands.removeFirst()
    try reduce(&sum, in: &graph)
    while !operands.isEmpty {
      var next = operands.removeFirst()
      let needed = Set(result).union(operands.flatMap(\.labels))
      // What only one of the two has and nobody needs afterwards is summed before the product.
      try reduce(&next, keeping: needed.union(sum.labels), in: &graph)
      try reduce(&sum, keeping: needed.union(next.labels), in: &graph)
      sum = try product(of: sum, and: next, needed: needed, in: &graph)
    }
    // Axes of the result that every operand broadcasts have length one.
    let present = result.filter(sum.labels.contains)
    let value = try transposed(sum, to: present, in: &graph)
    return try graph.reshape(value, to: Shape(result.map { lengths[$0] ?? 1 }))
  }

  private func reduce(
    _ operand: inout LabeledValue, in graph: inout Graph
  ) throws(PhospheneError) {
    try reduce(&operand, keeping: Set(result).union(operands.flatMap(\.labels)), in: &graph)
  }

  /// Sums over the axes that aren't kept.
  private func reduce(
    _ operand: inout LabeledValue, keeping kept: Set<Int>, in graph: inout Graph
  ) throws(PhospheneError) {
    let axes = operand.labels.indices.filter { !kept.contains(operand.labels[$0]) }
    operand.value = try graph.reduce(.sum, operand.value, axes: axes)
    operand.labels.removeAll { !kept.contains($0) }
  }

  private func transposed(
    _ operand: LabeledValue, to labels: [Int], in graph: inout Graph
  ) throws(PhospheneError) -> Value {
    let order = labels.compactMap { operand.labels.firstIndex(of: $0) }
    return try graph.transpose(operand.value, order)
  }

  /// The product of two arrays, summed over what both have and nobody needs.
  private func product(
    of a: LabeledValue, and b: LabeledValue, needed: Set<Int>, in graph: inout Graph
  ) throws(PhospheneError) -> LabeledValue {
    let common = a.labels.filter(b.labels.contains)
    let (batch, inner) = (common.filter(needed.contains), common.filter { !needed.contains($0) })
    let rows = a.labels.filter { !common.contains($0) }
    let columns = b.labels.filter { !common.contains($0) }
    let labels = batch + rows + columns
    func shape(_ groups: [Int]...) -> Shape {
      Shape(groups.flatMap { $0.map { lengths[$0] ?? 1 } })
    }
    func count(_ labels: [Int]) -> Int { shape(labels).elementCount }

    if inner.isEmpty {
      let ones = columns.map { _ in 1 }
      let left = try graph.reshape(
        transposed(a, to: batch + rows, in: &graph), to: Shape(shape(batch, rows).axes + ones))
      let right = try graph.reshape(
        transposed(b, to: batch + columns, in: &graph),
        to: Shape(shape(batch).axes + rows.map { _ in 1 } + shape(columns).axes))
      return LabeledValue(value: try graph.multiply(left, right), labels: labels)
    }
    // Matrices lie as they come where the product can take them so.
    let transposeA = a.labels == batch + inner + rows && !rows.isEmpty
    let transposeB = b.labels == batch + columns + inner
    let lead = batch.isEmpty ? [] : [count(batch)]
    let left = try graph.reshape(
      transposed(a, to: transposeA ? a.labels : batch + rows + inner, in: &graph),
      to: Shape(lead + (transposeA ? [count(inner), count(rows)] : [count(rows), count(inner)])))
    let right = try graph.reshape(
      transposed(b, to: transposeB ? b.labels : batch + inner + columns, in: &graph),
      to: Shape(
        lead + (transposeB ? [count(columns), count(inner)] : [count(inner), count(columns)])))
    let value = try graph.matrixProduct(
      left, right, transposeA: transposeA, transposeB: transposeB)
    return LabeledValue(
      value: try graph.reshape(value, to: shape(batch, rows, columns)), labels: labels)
  }
}
