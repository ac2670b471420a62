import Graphs
import Tensors

extension OperationRule {
  /// TensorFlow's functions of shapes and windows, and others with a form of their own.
  static let tensorFlowArrays: [String: OperationRule] = [
    "argsort": OperationRule(["values", "axis", "direction", "stable"]) { context in
      [try context.order("values").positions]
    },
    "compat.v1.gather_nd": OperationRule(
      ["params", "indices", "batch_dims", "bad_indices_policy"], gatherPlaces),
    "compat.v1.math.scalar_mul": binary(
      { graph, scalar, x in try graph.multiply(scalar, x) }, of: ["scalar", "x"]),
    "compat.v1.nn.conv2d": OperationRule(
      ["input", "filter", "strides", "padding", "use_cudnn_on_gpu", "data_format", "dilations"]
    ) { context in
      try context.renameWindows([
        "input": "inputs", "filter": "kernel", "strides": "strides", "padding": "padding",
        "dilations": "dilation_rate",
      ])
      return try lower("Conv", in: &context)
    },
    "compat.v1.norm": OperationRule(["tensor", "ord", "axis", "keepdims"]) { context in
      var names = KeyValuePairs(
        dictionaryLiteral: ("tensor", "x"), ("axis", "axis"), ("keepdims", "keepdims"))
      if case .number = context.call["ord"] {
        names = ["tensor": "x", "ord": "ord", "axis": "axis", "keepdims": "keepdims"]
      } else {
        let order = try context.call.text("ord") ?? "euclidean"
        guard ["euclidean", "fro"].contains(order) else {
          throw context.call.mismatch("ord", "'euclidean', 'fro' or a number")
        }
      }
      context.call.rename(names)
      return try lower("Norm", in: &context)
    },
    "compat.v1.shape": shapes { graph, shape in
      graph.constant(try Tensor([shape.rank], shape.axes.map(Float.init)))
    },
    "compat.v1.size": shapes { graph, shape in try graph.constant(Float(shape.elementCount)) },
    "fill": OperationRule(["dims", "value"]) { context in
      let value = try context.requiredValue("value")
      return [try context.graph.broadcast(value, to: context.lengths("dims"))]
    },
    "linalg.band_part": OperationRule(["input", "num_lower", "num_upper"], band),
    "math.add_n": OperationRule(["inputs"]) { context in
      let inputs = try context.values("inputs")
      guard var sum = inputs.first else {
        throw PhospheneError.invalidArgument("math.add_n needs one tensor at least")
      }
      for input in inputs.dropFirst() { sum = try context.graph.add(sum, input) }
      return [sum]
    },
    "math.argmin": renamed(
      "Argmin", ["input": "x", "axis": "axis", "output_type": "dtype"], ["axis": .number(0)]),
    "math.count_nonzero": renamed(
      "CountNonzero", ["input": "x", "axis": "axis", "keepdims": "keepdims"]),
    "math.cumprod": running(.product),
    "math.cumsum": running(.sum),
    "math.reduce_euclidean_norm": renamed(
      "Norm", ["input_tensor": "x", "axis": "axis", "keepdims": "keepdims"]),
    "math.top_k": renamed("TopK", ["input": "x", "k": "k", "sorted": "sorted"]),
    "math.xlogy": binary(
      { graph, x, y in
        let isZero = try graph.binary(.equal, x, graph.constant(0))
        let product = try graph.multiply(x, graph.unary(.logarithm, y))
        return try graph.select(isZero, graph.constant(0), product)
      }, of: ["x", "y"]),
    "nn.avg_pool": pool("AveragePool"), "nn.avg_pool2d": pool("AveragePool"),
    "nn.bias_add": OperationRule(["value", "bias", "data_format"]) { context in
      guard try context.call.text("data_format")?.hasPrefix("NC") != true else {
        throw PhospheneError.unsupported("data_format must be 'NHWC'")
      }
      let (value, bias) = (try context.requiredValue("value"), try context.requiredValue("bias"))
      return [try context.graph.add(value, bias)]
    },
    "nn.depth_to_space": blocks("DepthToSpace"), "nn.space_to_depth": blocks("SpaceToDepth"),
    "nn.max_pool": pool("MaxPool"), "nn.max_pool2d": pool("MaxPool"),
    "one_hot": OperationRule(["indices", "depth", "on_value", "off_value", "axis", "dtype"]) {
      context in
      guard try context.call.number("on_value") ?? 1 == 1,
        try context.call.number("off_value") ?? 0 == 0
      else { throw PhospheneError.unsupported("on_value must be 1 and off_value 0") }
      context.call.rename([
        "indices": "x", "depth": "num_classes", "axis": "axis", "dtype": "dtype",
      ])
      return try lower("OneHot", in: &context)
    },
    "ones": filled(with: 1),
    "range": OperationRule(["start", "limit", "delta", "dtype"], range),
    "rank": shapes { graph, shape in try graph.constant(Float(shape.rank)) },
    "roll": renamed("Roll", ["input": "x", "shift": "shift", "axis": "axis"]),
    "slice": renamed(
      "Slice", ["input_": "inputs", "begin": "start_indices", "size": "shape"]),
    "sort": OperationRule(["values", "axis", "direction"]) { context in
      let order = try context.order("values")
      return [try context.graph.gatherElements(order.values, order.positions, axis: order.axis)]
    },
    "tensordot": renamed("Tensordot", ["a": "x1", "b": "x2", "axes": "axes"]),
    "zeros": filled(with: 0),
  ]

  /// What a shape says, which is known when a graph is built.
  private static func shapes(
    _ body: @escaping @Sendable (inout Graph, Shape) throws -> Value
  ) -> OperationRule {
    OperationRule(["input", "out_type"]) { context in
      let input = try context.requiredValue("input")
      return [try body(&context.graph, context.graph.shape(input))]
    }
  }

  private static func filled(with element: Float) -> OperationRule {
    OperationRule(["shape", "dtype"]) { context in
      [try context.graph.filled(context.lengths("shape"), with: element)]
    }
  }

  private static func running(_ function: CumulativeFunction) -> OperationRule {
    OperationRule(["x", "axis", "exclusive", "reverse"]) { context in
      guard !context.call.flag("exclusive") else {
        throw PhospheneError.unsupported("exclusive must be False")
      }
      let x = try context.requiredValue("x")
      return [
        try context.graph.cumulative(
          function, x, axis: context.call.whole("axis") ?? 0,
          isReversed: context.call.flag("reverse"))
      ]
    }
  }

  private static func pool(_ function: String) -> OperationRule {
    OperationRule(["input", "ksize", "strides", "padding", "data_format"]) { context in
      try context.renameWindows([
        "input": "inputs", "ksize": "pool_size", "strides": "strides", "padding": "padding",
      ])
      return try lower(function, in: &context)
    }
  }

  private static func blocks(_ function: String) -> OperationRule {
    OperationRule(["input", "block_size", "data_format"]) { context in
      try context.renameWindows(["input": "x", "block_size": "block_size"])
      return try lower(function, in: &context)
    }
  }
}

extension LoweringContext {
  /// Lengths that an argument states in full.
  fileprivate func lengths(_ name: String) throws(PhospheneError) -> Shape {
    guard let lengths = try call.wholes(name) else { throw call.mismatch(name, "lengths") }
    return try Shape(checking: lengths, of: name)
  }

  /// Gives arguments of windows the names that Keras has for them, and the lengths of the spatial
  /// axes only, where TensorFlow has a one for batch and channels too.
  fileprivate mutating func renameWindows(
    _ names: KeyValuePairs<String, String>
  ) throws(PhospheneError) {
    guard try call.text("data_format")?.hasPrefix("NC") != true else {
      throw .unsupported("data_format must be 'NHWC'")
    }
    var spatial: [String: Argument<MaskedValue>] = [:]
    for (name, keras) in names {
      guard case .list(let lengths) = call[name], lengths.count > 3 else { continue }
      let ends = [lengths[0], lengths[lengths.count - 1]].map { $0.plainNumbers ?? [] }
      guard ends == [[1], [1]] else {
        throw .unsupported("\(name) must be 1 for batch and channels")
      }
      spatial[keras] = .list(Array(lengths.dropFirst().dropLast()))
    }
    call.rename(names)
    let written = call
    call.rename([:])
    call.add(spatial)
    call.add(
      Dictionary(
        names.compactMap { entry in written[entry.value].map { (entry.value, $0) } },
        uniquingKeysWith: { first, _ in first }))
  }

  /// Values in the order that `axis` and `direction` say.
  fileprivate mutating func order(
    _ name: String
  ) throws(PhospheneError) -> (values: Value, positions: Value, axis: Int) {
    let values = try requiredValue(name)
    let given = try call.whole("axis")
    let axis = try graph.shape(values).axis(given ?? -1, of: "sort")
    let direction = try call.text("direction") ?? "ASCENDING"
    guard ["ASCENDING", "DESCENDING"].contains(direction) else {
      throw call.mismatch("direction", "'ASCENDING' or 'DESCENDING'")
    }
    let positions = try graph.argSort(
      values, axis: axis, isDescending: direction == "DESCENDING")
    return (values, positions, axis)
  }
}

/// Slices by the position in each of the first axes, which the last axis of `indices` holds.
private func gatherPlaces(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let params = try context.requiredValue("params")
  let indices = try context.requiredValue("indices")
  let (shape, places) = (context.graph.shape(params), context.graph.shape(indices))
  guard let depth = places.axes.last, (1...max(shape.rank, 1)).contains(depth),
    try context.call.whole("batch_dims") ?? 0 == 0
  else {
    throw .unsupported("indices of shape \(places) don't fit, or batch_dims isn't 0")
  }
  let outer = Shape(places.axes.dropLast())
  var positions = try context.graph.filled(outer, with: 0)
  for axis in 0..<depth {
    let column = try context.graph.slice(indices, axis: places.rank - 1, start: axis, length: 1)
    positions = try context.graph.add(
      context.graph.linear(positions, scale: Float(shape[axis])),
      context.graph.reshape(column, to: outer))
  }
  let merged = [shape.axes[..<depth].reduce(1, *)] + shape.axes[depth...]
  let flat = try context.graph.reshape(params, to: Shape(merged))
  return [try context.graph.gather(flat, positions, axis: 0)]
}

/// The diagonals of matrices around the first one, all of a side where a number is negative.
private func band(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  let input = try context.requiredValue("input")
  let lengths = context.graph.shape(input).axes
  let lower = try context.call.whole("num_lower") ?? -1
  let upper = try context.call.whole("num_upper") ?? -1
  guard lengths.count >= 2 else {
    throw .invalidArgument("a band needs a matrix, received \(Shape(lengths))")
  }
  let (rows, columns) = (lengths[lengths.count - 2], lengths[lengths.count - 1])
  let flags = (0..<rows).flatMap { row in
    (0..<columns).map { column in
      (lower < 0 || row - column <= lower) && (upper < 0 || column - row <= upper) ? Float(1) : 0
    }
  }
  let mask = context.graph.constant(try Tensor([rows, columns], flags))
  return [try context.graph.select(mask, input, context.graph.constant(0))]
}

/// Numbers from `start` to before `limit`; with one argument from zero to before that.
private func range(_ context: inout LoweringContext) throws(PhospheneError) -> [Value] {
  guard let first = try context.call.number("start") else {
    throw context.call.mismatch("start", "a number")
  }
  let second = try context.call.number("limit")
  let (start, limit) = (second == nil ? 0 : first, second ?? first)
  let step = try context.call.number("delta") ?? 1
  guard step != 0, ((limit - start) / step).isFinite, (limit - start) / step <= 16_777_216 else {
    throw .invalidArgument("a range from \(start) to \(limit) by \(step) can't be made")
  }
  let count = max(0, Int(((limit - start) / step).rounded(.up)))
  let numbers = (0..<count).map { Float(start + Double($0) * step) }
  return [context.graph.constant(try Tensor([count], numbers))]
}
