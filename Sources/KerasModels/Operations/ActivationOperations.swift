import Graphs
import Tensors

extension OperationRule {
  /// The functions of `keras.activations`, under the names that they have as operations.
  static let activations: [String: OperationRule] =
    plainActivations
    .mapValues { function in unary { graph, x in try graph.activation(function, x) } }
    .merging(parametricActivations, uniquingKeysWith: { first, _ in first })

  private static let plainActivations: [String: ActivationFunction] = [
    "HardSigmoid": .unary(.hardSigmoid), "HardSilu": .unary(.hardSwish),
    "HardTanh": .unary(.clip(low: -1, high: 1)), "LogSigmoid": .logSigmoid, "Mish": .unary(.mish),
    "Relu": .relu(), "Relu6": .relu(maximum: 6), "Selu": .selu, "Sigmoid": .unary(.sigmoid),
    "Silu": .unary(.silu), "Softplus": .unary(.softplus), "Softsign": .unary(.softsign),
    "SparsePlus": .sparsePlus, "SparseSigmoid": .sparseSigmoid, "TanhShrink": .tanhShrink,
  ]

  private static let parametricActivations: [String: OperationRule] = [
    "Celu": activation(["alpha"]) { graph, call, x in
      let alpha = try call.positive("alpha", default: 1)
      return try graph.linear(
        graph.unary(.elu(alpha: 1), graph.linear(x, scale: 1 / alpha)), scale: alpha)
    },
    "Elu": activation(["alpha"]) { graph, call, x in
      try graph.unary(.elu(alpha: call.float("alpha", default: 1)), x)
    },
    "Gelu": activation(["approximate"]) { graph, call, x in
      try graph.unary(call.flag("approximate", default: true) ? .geluTanh : .gelu, x)
    },
    "Glu": alongLastAxis { graph, x in try graph.activation(.glu, x) },
    "HardShrink": activation(["threshold"]) { graph, call, x in
      let threshold = try call.float("threshold", default: 0.5)
      let distance = try graph.linear(graph.unary(.absolute, x), scale: 1, offset: -threshold)
      return try graph.select(graph.unary(.step, distance), x, graph.constant(0))
    },
    "LeakyRelu": activation(["negative_slope"]) { graph, call, x in
      try graph.unary(.relu(negativeSlope: call.float("negative_slope", default: 0.2)), x)
    },
    "LogSoftmax": OperationRule(["x"], settings: ["axis"]) { context in
      let x = try context.requiredValue("x")
      let axes = try context.axes("axis", of: context.graph.shape(x))
      let result = try context.graph.logSoftmax(x, axes: axes)
      context.graph.noteActivation(result, of: x)
      return [result]
    },
    "ReLU": activation(["negative_slope", "max_value", "threshold"]) { graph, call, x in
      let maximum = try call.number("max_value").map { Float($0) }
      return try graph.activation(
        .relu(
          slope: call.float("negative_slope", default: 0), maximum: maximum,
          threshold: call.float("threshold", default: 0)), x)
    },
    "SoftShrink": activation(["threshold"]) { graph, call, x in
      let threshold = try call.positive("threshold", default: 0.5)
      return try graph.subtract(x, graph.unary(.clip(low: -threshold, high: threshold), x))
    },
    "Softmax": OperationRule(["x"], settings: ["axis"]) { context in
      let x = try context.requiredValue("x")
      let axes = try context.axes("axis", of: context.graph.shape(x))
      let result = try context.graph.softmax(x, axes: axes)
      context.graph.noteActivation(result, of: x, isProbability: true)
      return [result]
    },
    "Sparsemax": alongLastAxis { graph, x in try graph.activation(.sparsemax, x) },
    "Squareplus": activation(["b"]) { graph, call, x in
      let square = try graph.linear(
        graph.unary(.square, x), scale: 1, offset: call.float("b", default: 4))
      return try graph.linear(graph.add(x, graph.unary(.squareRoot, square)), scale: 0.5)
    },
    "Threshold": activation(["threshold", "default_value"]) { graph, call, x in
      let threshold = try graph.constant(call.float("threshold", default: 0))
      let standard = try graph.constant(call.float("default_value", default: 0))
      return try graph.select(graph.binary(.greater, x, threshold), x, standard)
    },
  ]

  /// A function of each element with settings.
  private static func activation(
    _ settings: [String],
    _ body: @escaping @Sendable (inout Graph, BoundCall, Value) throws -> Value
  ) -> OperationRule {
    OperationRule(["x"], settings: settings) { context in
      let x = try context.requiredValue("x")
      let result = try body(&context.graph, context.call, x)
      context.graph.noteActivation(result, of: x)
      return [result]
    }
  }

  /// A function along the last axis, or along the one that a setting names.
  private static func alongLastAxis(
    _ body: @escaping @Sendable (inout Graph, Value) throws -> Value
  ) -> OperationRule {
    OperationRule(["x"], settings: ["axis"]) { context in
      let x = try context.requiredValue("x")
      let shape = context.graph.shape(x)
      let axis = try context.axis("axis", of: shape) ?? shape.rank - 1
      var order = Array(shape.axes.indices)
      guard axis >= 0 else {
        throw PhospheneError.invalidArgument("the function needs an axis, received shape \(shape)")
      }
      order.swapAt(axis, shape.rank - 1)
      let result = try body(&context.graph, context.graph.transpose(x, order))
      return [try context.graph.transpose(result, order)]
    }
  }
}

extension BoundCall {
  /// A number above zero.
  fileprivate func positive(
    _ name: String, default standard: Float
  ) throws(PhospheneError) -> Float {
    let value = try float(name, default: standard)
    guard value > 0 else {
      throw .unsupported("setting '\(name)' must be positive, received \(value)")
    }
    return value
  }
}
