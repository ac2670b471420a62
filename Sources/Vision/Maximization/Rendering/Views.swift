import Glibc
import Graphs
import KerasModels
import Tensors

// What the network is shown of the pictures at each step.

extension Rendering {
  /// Appends the views of pictures, picture by picture, and the inputs that they need, in the order of
  /// ``stepInputs(_:)``.
  func views(of picture: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
    // The slices of a volume are moved alike, each in itself.
    let (height, width) = (sizes.view.height / sizes.depth, sizes.view.width)
    let count = sizes.count * sizes.views * sizes.depth
    let matrices = graph.input(TensorType([count, 6]))
    guard sizes.form != .row else { return picture }
    var view: Value
    if sizes.depth > 1 {
      let slices = try graph.reshape(picture, to: [count, height, width, sizes.channels])
      view = try graph.warp(
        slices, matrices: matrices, height: height, width: width, fill: recipe.background)
    } else if sizes.views == 1 || sizes.count == 1 {
      view = try graph.warp(
        picture, matrices: matrices, height: height, width: width, fill: recipe.background)
    } else {
      var parts: [Value] = []
      for index in 0..<sizes.count {
        parts.append(
          try graph.warp(
            graph.slice(picture, axis: 0, start: index, length: 1),
            matrices: graph.slice(
              matrices, axis: 0, start: index * sizes.views, length: sizes.views),
            height: height, width: width, fill: recipe.background))
      }
      view = try graph.concatenate(parts, axis: 0)
    }
    if blurs {
      let down = graph.input(TensorType([height, height]))
      let across = graph.input(TensorType([width, width]))
      let columns = try graph.reshape(view, to: [count, height, width * sizes.channels])
      let rows = try graph.reshape(
        graph.matrixProduct(down, columns), to: [count * height, width, sizes.channels])
      view = try graph.reshape(
        graph.matrixProduct(across, rows), to: [count, height, width, sizes.channels])
    }
    let shape: Shape = [
      sizes.count * sizes.views, sizes.view.height, sizes.view.width, sizes.channels,
    ]
    view = try graph.reshape(view, to: shape)
    guard isNoisy else { return view }
    return try graph.add(view, graph.input(TensorType(shape)))
  }

  /// The numbers that one step of the plan needs besides the parameters and the optimizer's state:
  /// the optimizer's corrections, what lies behind transparent pictures, the matrices of the views, and
  /// what blurs and disturbs them.
  ///
  /// - Parameters:
  ///   - step: Counted from 1 over all stages.
  ///   - momenta: What an earlier step of this optimizer came to, which saves doing it again.
  /// - Returns: One array for each input.
  /// - Throws: `outOfMemory` if there is none.
  func stepInputs(
    _ step: Int, momenta: MomentumProduct = MomentumProduct()
  ) throws(PhospheneError) -> [Tensor] {
    var inputs = [
      try Tensor([3], optimizer.corrections(step: step - stepsBefore, momenta: momenta))
    ]
    if let numbers = try groundParameters(step: step) { inputs.append(numbers) }
    inputs.append(
      try Tensor([sizes.count * sizes.views * sizes.depth, 6], matrices(step: step)))
    let (height, width) = (sizes.view.height / sizes.depth, sizes.view.width)
    if blurs {
      let deviation = Float(
        total(at: step) { if case .blur(let a, let b) = $0 { (a, b) } else { nil } })
      inputs.append(try Tensor([height, height], blurMatrix(height, deviation)))
      inputs.append(try Tensor([width, width], blurMatrix(width, deviation)))
    }
    if isNoisy {
      inputs.append(
        try Tensor(
          [sizes.count * sizes.views, sizes.view.height, width, sizes.channels],
          noise(step: step)))
    }
    return inputs
  }

  /// The matrices of the views of one step.
  func matrices(step: Int) -> [Float] {
    var elements: [Float] = []
    for picture in 0..<sizes.count {
      var random = Random(
        seed: recipe.seed,
        stream: RandomStream.transforms.number(replicate: picture % recipe.count, step: step))
      for _ in 0..<sizes.views {
        let canvas = (height: sizes.canvas.height / sizes.depth, width: sizes.canvas.width)
        let view = (height: sizes.view.height / sizes.depth, width: sizes.view.width)
        var map = AffineMap(canvas: canvas, view: view)
        // The map leads from the view back to the canvas, so what acts last comes first.
        for transform in transforms.reversed() {
          map.apply(
            transform, canvas: canvas, progress: progress(step), random: &random)
        }
        // A signal has nothing to its left and right.
        if sizes.form == .signal { map.stayInColumn() }
        for _ in 0..<sizes.depth { elements += map.elements }
      }
    }
    return elements
  }

  /// What is added to the views of one step.
  func noise(step: Int) -> [Float] {
    let deviation = Float(
      total(at: step) { if case .noise(let a, let b) = $0 { (a, b) } else { nil } })
    let size = sizes.views * sizes.view.height * sizes.view.width * sizes.channels
    guard deviation > 0 else { return [Float](repeating: 0, count: sizes.count * size) }
    var numbers: [Float] = []
    numbers.reserveCapacity(sizes.count * size)
    for picture in 0..<sizes.count {
      var random = Random(
        seed: recipe.seed,
        stream: RandomStream.noise.number(replicate: picture % recipe.count, step: step))
      numbers += random.manyNormals(size, deviation: deviation)
    }
    return numbers
  }

  private var blurs: Bool {
    (recipe.transforms ?? []).contains { if case .blur = $0 { true } else { false } }
  }

  private var isNoisy: Bool {
    (recipe.transforms ?? []).contains { if case .noise = $0 { true } else { false } }
  }

  /// The share of all steps that is done: 0 at the first, 1 at the last.
  private func progress(_ step: Int) -> Double {
    recipe.steps > 1 ? min(Double(step - 1) / Double(recipe.steps - 1), 1) : 0
  }

  /// The deviation that several transforms of a kind have together: squares add up.
  private func total(
    at step: Int, _ range: (Transform) -> (first: Double, last: Double)?
  ) -> Double {
    var square = 0.0
    for case let (first, last)? in (recipe.transforms ?? []).map(range) {
      let deviation = first + (last - first) * progress(step)
      square += deviation * deviation
    }
    return square.squareRoot()
  }
}

/// The matrix that replaces each of `length` numbers by the Gaussian mean of those around it; what
/// lies outside doesn't count.
func blurMatrix(_ length: Int, _ deviation: Float) -> [Float] {
  var matrix = [Float](repeating: 0, count: length * length)
  // The square of a tiny deviation vanishes; nothing reaches a neighbour long before.
  let isNone = deviation < 1e-3
  for row in 0..<length {
    var sum: Float = 0
    for column in 0..<length {
      let distance = Float(row - column)
      let weight =
        isNone
        ? (row == column ? 1 : 0) : expf(-distance * distance / (2 * deviation * deviation))
      matrix[row * length + column] = weight
      sum += weight
    }
    for column in 0..<length { matrix[row * length + column] /= sum }
  }
  return matrix
}
