import Graphs
import Tensors

/// Keras' `Dense`: input (batch, ..., features), kernel (features, units), output (batch, ...,
/// units).
struct Dense: ActivatedLayer {
  static let classNames = ["Dense"]

  private enum CodingKeys: String, CodingKey {
    case units, activation
    case useBias = "use_bias"
    case loraRank = "lora_rank"
  }

  private let units: Int
  private let useBias: Bool
  private let activation: ActivationSetting?
  private let quantization: Quantization?

  var activationName: String? { activation?.name }

  let passesMask = true

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    units = try settings.decode(Int.self, forKey: .units)
    guard (1..<(1 << 24)).contains(units) else {
      throw PhospheneError.invalidArgument("units must be positive, received \(units)")
    }
    useBias = try settings.decodeIfPresent(Bool.self, forKey: .useBias) ?? true
    activation = try settings.decodeIfPresent(ActivationSetting.self, forKey: .activation)
    quantization = try Quantization(decoding: config)
    guard try settings.decodeIfPresent(Int.self, forKey: .loraRank) == nil else {
      throw PhospheneError.unsupported("lora_rank isn't supported: merge the weights first")
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    var input = try inputs.only("Dense")
    let shape = context.graph.shape(input)
    guard shape.rank >= 2, let features = shape.axes.last, features > 0 else {
      throw .invalidArgument(
        "Dense needs an input (batch, ..., features), received shape \(shape)")
    }
    if let quantization {
      input = try quantization.rounded(input, axes: [shape.rank - 1], in: &context.graph)
    }
    let kernel = try context.weight("kernel", [features, units])
    // One product of two matrices, whatever the number of leading axes.
    let rows = try context.graph.reshape(
      input, to: [shape.elementCount / features, features])
    var value = try context.graph.matrixProduct(rows, kernel)
    if useBias {
      value = try context.graph.add(value, context.weight("bias", [units]))
    }
    // Before the reshape, where the product's kernel can do it on its way out.
    if let activation, activation.isElementwise {
      value = try activation.apply(to: value, in: &context)
    }
    value = try context.graph.reshape(value, to: Shape(shape.axes.dropLast() + [units]))
    if let activation, !activation.isElementwise {
      value = try activation.apply(to: value, in: &context)
    }
    return [value]
  }
}

/// Keras' `EinsumDense`: an equation of Einstein's summation over the input and a kernel.
struct EinsumDense: ActivatedLayer {
  static let classNames = ["EinsumDense"]

  private enum CodingKeys: String, CodingKey {
    case equation, activation
    case outputShape = "output_shape"
    case biasAxes = "bias_axes"
    case loraRank = "lora_rank"
  }

  private let equation: EinsumEquation
  /// The lengths of the result's axes, the batch and those under `...` left out.
  private let outputShape: [Int?]
  private let biasAxes: [Character]?
  private let activation: ActivationSetting?
  private let quantization: Quantization?

  var activationName: String? { activation?.name }

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    let text = try settings.decode(String.self, forKey: .equation)
    equation = try EinsumEquation(text)
    let ellipses = (equation.operands + [equation.result]).map(\.ellipsis)
    let first = equation.operands[0].letters
    guard equation.operands.count == 2, text.contains("->"), ellipses[1] == nil,
      (ellipses[0] == nil) == (ellipses[2] == nil),
      ellipses[0] == nil || (ellipses[0] == 0 && ellipses[2] == 0)
        || (ellipses[0] == first.count && ellipses[2] == equation.result.letters.count)
    else {
      throw PhospheneError.unsupported(
        "equation must be of the form 'X,Y->Z', '...X,Y->...Z' or 'X...,Y->Z...', received "
          + "'\(text)'")
    }
    if let length = try? settings.decode(Int.self, forKey: .outputShape) {
      outputShape = [length]
    } else {
      outputShape = try settings.decode([Int?].self, forKey: .outputShape)
    }
    guard outputShape.allSatisfy({ $0.map { (1..<(1 << 31)).contains($0) } ?? true }) else {
      throw PhospheneError.invalidArgument(
        "output_shape needs positive lengths, received \(written(outputShape))")
    }
    biasAxes = try settings.decodeIfPresent(String.self, forKey: .biasAxes).map(Array.init)
    guard (biasAxes ?? []).allSatisfy(equation.result.letters.contains) else {
      throw PhospheneError.invalidArgument(
        "bias_axes must be letters of the result of '\(text)', received "
          + "'\(String(biasAxes ?? []))'")
    }
    activation = try settings.decodeIfPresent(ActivationSetting.self, forKey: .activation)
    quantization = try Quantization(decoding: config)
    guard try settings.decodeIfPresent(Int.self, forKey: .loraRank) == nil else {
      throw PhospheneError.unsupported("lora_rank isn't supported: merge the weights first")
    }
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    var input = try inputs.only("EinsumDense")
    let lengths = try lengths(for: context.graph.shape(input))
    func shape(_ letters: [Character]) throws(PhospheneError) -> Shape {
      var axes: [Int] = []
      for letter in letters {
        guard let length = lengths[letter] else {
          throw .invalidArgument(
            "output_shape \(written(outputShape)) doesn't say how long axis '\(letter)' of "
              + "'\(equation.text)' is")
        }
        axes.append(length)
      }
      return Shape(axes)
    }
    if let quantization {
      let (source, hidden) = (equation.operands[0], context.graph.shape(input).rank)
      let lead = source.ellipsis == 0 ? hidden - source.letters.count : 0
      let summed = source.letters.indices.filter {
        !equation.result.letters.contains(source.letters[$0])
      }
      input = try quantization.rounded(input, axes: summed.map { $0 + lead }, in: &context.graph)
    }
    let kernel = try context.weight("kernel", shape(equation.operands[1].letters))
    var value = try context.graph.einsum(equation, [input, kernel])
    let letters = equation.result.letters
    if let biasAxes, let first = letters.firstIndex(where: biasAxes.contains) {
      // From its first axis on the bias has all axes of the result, of length one where it has none.
      var axes: [Int] = []
      for letter in letters[first...] {
        axes.append(biasAxes.contains(letter) ? try shape([letter])[0] : 1)
      }
      let behind = context.graph.shape(value).rank - letters.count
      if (equation.result.ellipsis ?? 0) > 0 { axes += [Int](repeating: 1, count: behind) }
      value = try context.graph.add(value, context.weight("bias", Shape(axes)))
    }
    return [try activation?.apply(to: value, in: &context) ?? value]
  }

  /// What each letter of the equation stands for, the batch's left out.
  private func lengths(for shape: Shape) throws(PhospheneError) -> [Character: Int] {
    let (source, result) = (equation.operands[0], equation.result)
    let hidden = shape.rank - source.letters.count
    guard source.ellipsis == nil ? hidden == 0 : hidden >= 0 else {
      throw .invalidArgument(
        "EinsumDense with equation '\(equation.text)' can't take an input of shape \(shape)")
    }
    let isLeading = source.ellipsis == 0 && hidden > 0
    var lengths: [Character: Int] = [:]
    for (index, letter) in source.letters.enumerated() {
      // The first axis of all is the batch.
      let axis = source.ellipsis == 0 ? index + hidden : index
      if axis > 0 { lengths[letter] = shape[axis] }
    }
    for (index, letter) in result.letters.enumerated() {
      let place = isLeading ? index : index - 1
      guard place >= 0, place < outputShape.count, let length = outputShape[place] else { continue }
      guard (lengths[letter] ?? length) == length else {
        throw .invalidArgument(
          "output_shape \(written(outputShape)) doesn't fit an input of shape \(shape) by "
            + "'\(equation.text)'")
      }
      lengths[letter] = length
    }
    return lengths
  }
}

/// Lengths as Python writes them.
private func written(_ lengths: [Int?]) -> String {
  "(\(lengths.map { $0.map(String.init) ?? "None" }.joined(separator: ", ")))"
}
