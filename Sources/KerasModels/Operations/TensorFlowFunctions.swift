import Graphs
import Tensors

/// A function of TensorFlow that a Functional model of Keras 2.4 to 2.15 contains like a layer.
///
/// Most do what a function of `keras.ops` does under another name.
struct TensorFlowFunction: Layer {
  static let classNames = ["SlicingOpLambda", "TFOpLambda"]

  private enum CodingKeys: String, CodingKey { case function }

  /// TensorFlow's name of it.
  let name: String
  let rule: OperationRule

  /// TensorFlow takes the name of a node with the arguments.
  var arguments: [String] { rule.arguments + ["name"] }

  init(decoding config: LayerConfig) throws {
    let function = try config.container(keyedBy: CodingKeys.self)
      .decode(String.self, forKey: .function)
    guard let rule = OperationRule.tensorFlow[function] else {
      throw PhospheneError.unsupported(
        "TensorFlow's function '\(function)' isn't supported; give a handler for it (handlers=)")
    }
    (name, self.rule) = (function, rule)
  }

  func lower(
    _ inputs: [Value], in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    // Shapes are tensors in TensorFlow, and known here.
    let graph = context.graph
    try context.call.resolve { (value) throws(PhospheneError) in
      try graph.knownTensor(of: value)
    }
    return try rule.lower(in: &context)
  }
}

extension OperationRule {
  /// TensorFlow's functions by the names that Keras 2 writes; the oldest of several.
  static let tensorFlow: [String: OperationRule] = {
    var rules = tensorFlowShapes
    for family in [tensorFlowArrays, tensorFlowImages] {
      rules.merge(family) { _, _ in preconditionFailure("two rules have the same name") }
    }
    for (names, function) in [
      (["math.add", "__operators__.add"], "Add"), (["math.subtract"], "Subtract"),
      (["math.multiply"], "Multiply"), (["math.truediv", "math.divide"], "TrueDivide"),
      (["math.floordiv", "compat.v1.floor_div"], "FloorDivide"),
      (["math.floormod", "math.mod"], "Mod"),
      (["math.pow"], "Power"), (["math.maximum"], "Maximum"), (["math.minimum"], "Minimum"),
      (["math.divide_no_nan"], "DivideNoNan"), (["math.atan2"], "Arctan2"),
      (["math.greater"], "Greater"), (["math.greater_equal"], "GreaterEqual"),
      (["math.less"], "Less"), (["math.less_equal"], "LessEqual"),
      (["math.equal", "__operators__.eq"], "Equal"),
      (["math.not_equal", "__operators__.ne"], "NotEqual"),
      (["math.logical_and"], "LogicalAnd"), (["math.logical_or"], "LogicalOr"),
      (["math.logical_xor"], "LogicalXor"),
    ] {
      for name in names { rules[name] = renamed(function, ["x": "x1", "y": "x2"]) }
    }
    for (names, function) in [
      (["math.abs"], "Absolute"), (["math.negative"], "Negative"), (["math.sqrt"], "Sqrt"),
      (["math.rsqrt"], "Rsqrt"), (["math.square"], "Square"), (["math.exp"], "Exp"),
      (["math.log"], "Log"), (["math.log1p"], "Log1p"), (["math.expm1"], "Expm1"),
      (["math.sign"], "Sign"), (["math.floor"], "Floor"), (["math.ceil"], "Ceil"),
      (["math.round"], "Round"), (["math.sin"], "Sin"), (["math.cos"], "Cos"),
      (["math.tan"], "Tan"), (["math.erf"], "Erf"), (["math.reciprocal"], "Reciprocal"),
      (["math.tanh", "nn.tanh"], "Tanh"), (["math.sigmoid", "nn.sigmoid"], "Sigmoid"),
      (["math.softplus", "nn.softplus"], "Softplus"), (["nn.softsign"], "Softsign"),
      (["nn.relu"], "Relu"), (["nn.relu6"], "Relu6"), (["nn.silu", "nn.swish"], "Silu"),
      (["nn.selu"], "Selu"), (["nn.elu"], "Elu"), (["math.logical_not"], "LogicalNot"),
      (["identity"], "Copy"), (["ones_like"], "OnesLike"), (["zeros_like"], "ZerosLike"),
      (["math.acos"], "Arccos"), (["math.acosh"], "Arccosh"), (["math.asin"], "Arcsin"),
      (["math.asinh"], "Arcsinh"), (["math.atan"], "Arctan"), (["math.atanh"], "Arctanh"),
      (["math.cosh"], "Cosh"), (["math.sinh"], "Sinh"), (["math.is_nan"], "Isnan"),
      (["math.is_inf"], "Isinf"), (["math.is_finite"], "Isfinite"),
      (["math.log_sigmoid"], "LogSigmoid"), (["math.rint"], "Round"),
    ] {
      for name in names { rules[name] = renamed(function, ["x": "x"]) }
    }
    for (name, function) in [
      "max": "Max", "mean": "Mean", "min": "Min", "prod": "Prod", "std": "Std", "sum": "Sum",
      "variance": "Var", "all": "All", "any": "Any", "logsumexp": "Logsumexp",
    ] {
      rules["math.reduce_\(name)"] = renamed(
        function, ["input_tensor": "x", "axis": "axis", "keepdims": "keepdims"])
    }
    return rules
  }()

  private static let tensorFlowShapes: [String: OperationRule] = [
    "__operators__.getitem": OperationRule(["tensor", "slice_spec"]) { context in
      let key = context.call["slice_spec"]?.readingSlices ?? .none
      let x = try context.requiredValue("tensor")
      return [try IndexingKey(key, of: context.graph.shape(x)).apply(to: x, in: &context)]
    },
    "broadcast_to": renamed("BroadcastTo", ["input": "x", "shape": "shape"]),
    "cast": renamed("Cast", ["x": "x", "dtype": "dtype"]),
    "clip_by_value": renamed(
      "Clip", ["t": "x", "clip_value_min": "x_min", "clip_value_max": "x_max"]),
    "compat.v1.gather": gather, "compat.v1.pad": pad, "compat.v1.squeeze": squeeze,
    "compat.v1.transpose": transpose,
    "concat": renamed("Concatenate", ["values": "xs", "axis": "axis"]),
    "expand_dims": renamed("ExpandDims", ["input": "x", "axis": "axis"]),
    "gather": gather,
    "image.resize": OperationRule(["images", "size", "method"], resizeImages),
    "linalg.matmul": OperationRule(["a", "b", "transpose_a", "transpose_b"]) { context in
      var factors: [Value] = []
      for name in ["a", "b"] {
        let factor = try context.requiredValue(name)
        var axes = Array(context.graph.shape(factor).axes.indices)
        if context.call.flag("transpose_\(name)") {
          guard axes.count > 1 else { throw context.call.mismatch(name, "a matrix") }
          axes.swapAt(axes.count - 2, axes.count - 1)
        }
        factors.append(try context.graph.transpose(factor, axes))
      }
      return [try context.graph.matrixMultiply(factors[0], factors[1])]
    },
    "math.argmax": renamed(
      "Argmax", ["input": "x", "axis": "axis", "output_type": "dtype"], ["axis": .number(0)]),
    "math.l2_normalize": OperationRule(["x", "axis", "epsilon"]) { context in
      let x = try context.requiredValue("x")
      let axes = try context.axes("axis", of: context.graph.shape(x))
      let squares = try context.graph.reshape(
        context.graph.reduce(.sum, context.graph.unary(.square, x), axes: axes),
        to: Shape(context.graph.shape(x).axes.enumerated().map { axes.contains($0) ? 1 : $1 }))
      let least = try context.graph.constant(Float(context.call.number("epsilon") ?? 1e-12))
      let sum = try context.graph.binary(.maximum, squares, least)
      return [try context.graph.divide(x, context.graph.unary(.squareRoot, sum))]
    },
    "math.squared_difference": binary(
      { graph, a, b in try graph.unary(.square, graph.subtract(a, b)) }, of: ["x", "y"]),
    // TensorFlow's default is the exact function, Keras' the approximation.
    "nn.gelu": renamed(
      "Gelu", ["features": "x", "approximate": "approximate"], ["approximate": .bool(false)]),
    "nn.leaky_relu": renamed("LeakyRelu", ["features": "x", "alpha": "negative_slope"]),
    "nn.log_softmax": renamed("LogSoftmax", ["logits": "x", "axis": "axis"], lastAxis),
    "nn.softmax": renamed("Softmax", ["logits": "x", "axis": "axis"], lastAxis),
    "pad": pad,
    "repeat": renamed("Repeat", ["input": "x", "repeats": "repeats", "axis": "axis"]),
    "reshape": renamed("Reshape", ["tensor": "x", "shape": "newshape"]),
    "reverse": renamed("Flip", ["tensor": "x", "axis": "axis"]),
    "split": OperationRule(["value", "num_or_size_splits", "axis"]) { context in
      let parts = try context.call.wholes("num_or_size_splits") ?? []
      context.call.rename(["value": "x", "axis": "axis"])
      // Keras takes the places between the parts, TensorFlow their lengths.
      let places = parts.indices.dropLast().map { parts[...$0].reduce(0, +) }
      context.call.add([
        "indices_or_sections": parts.count == 1
          ? .number(Double(parts[0])) : .list(places.map { .number(Double($0)) })
      ])
      return try lower("Split", in: &context)
    },
    "squeeze": squeeze,
    "stack": renamed("Stack", ["values": "x", "axis": "axis"]),
    "stop_gradient": renamed("StopGradient", ["input": "variable"]),
    "tile": renamed("Tile", ["input": "x", "multiples": "repeats"]),
    "transpose": transpose,
    "unstack": renamed("Unstack", ["value": "x", "num": "num", "axis": "axis"]),
    "where": renamed("Where", ["condition": "condition", "x": "x1", "y": "x2"]),
  ]

  private static let gather = OperationRule(
    ["params", "indices", "axis", "batch_dims", "validate_indices"]
  ) { context in
    guard try context.call.whole("batch_dims") ?? 0 == 0 else {
      throw PhospheneError.unsupported("batch_dims must be 0")
    }
    context.call.rename(["params": "x", "indices": "indices", "axis": "axis"])
    context.call.add(["axis": .number(0)])
    return try lower("Take", in: &context)
  }

  private static let pad = OperationRule(["tensor", "paddings", "mode", "constant_values"]) {
    context in
    var mode = "constant"
    if case .string(let written) = context.call["mode"] { mode = written.lowercased() }
    var names = KeyValuePairs(dictionaryLiteral: ("tensor", "x"), ("paddings", "pad_width"))
    if mode == "constant" {
      names = ["tensor": "x", "paddings": "pad_width", "constant_values": "constant_values"]
    }
    context.call.rename(names)
    context.call.add(["mode": .string(mode)])
    return try lower("Pad", in: &context)
  }

  private static let squeeze = renamed("Squeeze", ["input": "x", "axis": "axis"])

  /// Of real numbers, the conjugate is the same.
  private static let transpose = renamed(
    "Transpose", ["a": "x", "perm": "axes", "conjugate": "conjugate"])

  private static let lastAxis: [String: Argument<MaskedValue>] = ["axis": .number(-1)]

  @Sendable private static func resizeImages(
    _ context: inout LoweringContext
  ) throws -> [Value] {
    let size = try context.call.wholes("size") ?? []
    guard size.count == 2, size.allSatisfy({ (1...(1 << 20)).contains($0) }) else {
      throw context.call.mismatch("size", "two positive lengths")
    }
    var method = "bilinear"
    if case .string(let written) = context.call["method"] { method = written }
    guard let interpolation = Interpolation(rawValue: method) else {
      throw PhospheneError.unsupported("method '\(method)' isn't supported")
    }
    return [
      try context.graph.resize(
        context.requiredValue("images"),
        ImageResizing(
          height: size[0], width: size[1], format: .channelsLast, interpolation: interpolation))
    ]
  }

  /// A function of `keras.ops` whose parameters have other names.
  ///
  /// - Parameters:
  ///   - function: Keras' name of the class.
  ///   - names: For each parameter of TensorFlow's, in order, what Keras calls it.
  ///   - standard: What is different if it is left out.
  /// - Returns: The rule for TensorFlow's function.
  static func renamed(
    _ function: String, _ names: KeyValuePairs<String, String>,
    _ standard: [String: Argument<MaskedValue>] = [:]
  ) -> OperationRule {
    var rule = OperationRule(names.map(\.key)) { context in
      context.call.rename(names)
      context.call.add(standard)
      return try lower(function, in: &context)
    }
    let known = Dictionary(names.map { ($0.value, $0.key) }, uniquingKeysWith: { name, _ in name })
    rule.original = (function, known)
    return rule
  }

  static func lower(
    _ function: String, in context: inout LoweringContext
  ) throws(PhospheneError) -> [Value] {
    guard let rule = all[function] else {
      throw .internalFailure("keras.ops has no function \(function)")
    }
    return try rule.lower(in: &context)
  }
}

extension Argument {
  /// A key in which Keras 2 wrote slices as dictionaries.
  fileprivate var readingSlices: Argument {
    switch self {
    case .list(let elements): return .list(elements.map(\.readingSlices))
    case .dictionary(let entries):
      var values: [String: Argument] = [:]
      for entry in entries { values[entry.name] = entry.value }
      if case .string("__ellipsis__") = values["class_name"] { return .ellipsis }
      return .slice(
        start: values["start"] ?? .none, stop: values["stop"] ?? .none,
        step: values["step"] ?? .none)
    default: return self
    }
  }
}
