import Graphs
import Tensors

/// The settings that the cells share.
struct CellSettings {
  /// The length of a state along its last axis.
  let units: Int
  let useBias: Bool
  let activation: CellActivation
  let recurrentActivation: CellActivation

  private enum CodingKeys: String, CodingKey {
    case units, filters, activation
    case useBias = "use_bias"
    case recurrentActivation = "recurrent_activation"
  }

  init(decoding config: LayerConfig) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    // Convolutional cells have filters.
    let key =
      settings.contains(.units) || !settings.contains(.filters) ? .units : CodingKeys.filters
    units = try settings.decode(Int.self, forKey: key)
    guard (1..<(1 << 24)).contains(units) else {
      throw PhospheneError.invalidArgument("\(key.rawValue) must be positive, received \(units)")
    }
    useBias = try settings.decodeIfPresent(Bool.self, forKey: .useBias) ?? true
    activation = try CellActivation(decoding: settings, .activation, default: .tanh)
    recurrentActivation = try CellActivation(
      decoding: settings, .recurrentActivation, default: .sigmoid)
  }

  /// Refuses anything but the features of one step.
  func features(of input: Shape) throws(PhospheneError) -> Int {
    guard input.rank == 2, input[1] > 0 else {
      throw .invalidArgument(
        "the cell needs inputs (batch, features) at each step, received shape \(input)")
    }
    return input[1]
  }
}

/// What a step needs of the inputs: their product with a kernel, and a bias if there is one.
struct InputProjection {
  let kernel: Value
  let bias: Value?

  func apply(to inputs: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
    let product = try graph.matrixProduct(inputs, kernel)
    guard let bias else { return product }
    return try graph.add(product, bias)
  }
}

/// An activation of a cell: Keras' default where a configuration leaves it out.
struct CellActivation: Sendable {
  private let setting: ActivationSetting?
  private let standard: UnaryFunction?

  init<Keys: CodingKey>(
    decoding settings: KeyedDecodingContainer<Keys>, _ key: Keys, default function: UnaryFunction
  ) throws {
    setting = try settings.decodeIfPresent(ActivationSetting.self, forKey: key)
    standard = settings.contains(key) ? nil : function
  }

  /// The function, if it is one that the steps of Keras' defaults have.
  var function: UnaryFunction? {
    switch setting?.name {
    case "tanh": .tanh
    case "sigmoid": .sigmoid
    default: standard
    }
  }

  func apply(to value: Value, in graph: inout Graph) throws(PhospheneError) -> Value {
    if let setting { return try setting.apply(to: value, in: &graph) }
    guard let standard else { return value }
    return try graph.unary(standard, value)
  }
}

extension Graph {
  /// Appends the parts of equal length of the last axis.
  mutating func parts(_ value: Value, _ count: Int) throws(PhospheneError) -> [Value] {
    let shape = shape(value)
    let length = shape[shape.rank - 1] / count
    var parts: [Value] = []
    for index in 0..<count {
      parts.append(
        try slice(value, axis: shape.rank - 1, start: index * length, length: length))
    }
    return parts
  }
}
