import Tensors

/// What a layer says about the axis that the channels of its outputs lie along.
enum ChannelRule: Hashable, Sendable {
  /// An axis as Keras counts it: from the first, or from the last if it is negative.
  case axis(Int)
  /// That of what the layer reads.
  case inherited
  /// That of what the layer reads, but for the axes that the layer sums up, or whatever else it makes
  /// one number of: all without a list. They are gone or have length one.
  case reduced(axes: [Int]?, keepsAxes: Bool)
  /// That of what the layer reads, whose axes come out in this order; without one in reverse.
  case transposed([Int]?)
  /// The layer makes features of its own, along the last axis.
  case last

  /// Layers whose outputs have the axes of what they read.
  private static let inheriting = Set(
    ([
      ActivationLayer.self, Augmentation.self, AutoContrast.self, Concatenate.self,
      CustomScale.self, Discretization.self, Dropout.self, LayerNormalization.self,
      LayerScale.self, Masking.self, Merge.self, Normalization.self, PReLU.self,
      ParametricActivation.self, RMSNormalization.self, Rescaling.self, SetMask.self,
      Softmax.self, UnitNormalization.self,
    ] as [any Layer.Type]).flatMap { $0.classNames })

  /// The functions of `keras.ops` of which the same is true.
  private static let inheritingOperations = Set(
    [OperationRule.elementwise, OperationRule.comparisons, OperationRule.activations]
      .flatMap(\.keys) + [
        "BatchNorm", "Cast", "Concatenate", "Cumprod", "Cumsum", "Flip", "LayerNorm", "Normalize",
        "Pad", "RMSNorm", "Roll", "Split", "StopGradient", "Tile",
      ])

  /// The functions of TensorFlow of which the same is true and that no function of `keras.ops` is.
  private static let inheritingTensorFlow: Set = [
    "compat.v1.math.scalar_mul", "compat.v1.pad", "math.add_n", "math.cumprod", "math.cumsum",
    "math.l2_normalize", "math.squared_difference", "math.xlogy", "pad", "split",
  ]

  private enum CodingKeys: String, CodingKey {
    case axis
    case dataFormat = "data_format"
  }

  /// Reads what the settings of a layer say, and for a function of TensorFlow its call.
  init(
    _ layer: any Layer, decoding config: LayerConfig, calls: [CallArguments<TensorReference>]
  ) throws {
    let settings = try config.container(keyedBy: CodingKeys.self)
    switch layer {
    case let wrapper as TimeDistributed: self = wrapper.inner.channels.withSteps
    case let wrapper as SpectralNormalization: self = wrapper.layer.channels
    case let function as TensorFlowFunction: self.init(function, calledWith: calls.first)
    case let permutation as Permute: self = .transposed([0] + permutation.order)
    case is Flatten: self = .last
    case is BatchNormalization, is GroupNormalization:
      // tf_keras writes a list.
      let axis =
        (try? settings.decodeIfPresent(Int.self, forKey: .axis))
        ?? (try? settings.decodeIfPresent([Int].self, forKey: .axis))?.first
      self = .axis(axis ?? -1)
    default:
      switch try? settings.decodeIfPresent(String.self, forKey: .dataFormat) {
      case DataFormat.channelsFirst.rawValue:
        // Sequences of images have an axis of steps before their channels.
        let spatial = (1...3).first { config.className.contains("\($0)D") }
        self = .axis(spatial.map { -1 - $0 } ?? 1)
      case DataFormat.channelsLast.rawValue: self = .axis(-1)
      default:
        if config.isOperation {
          let stated = try config.values()
          self.init(operation: config.className) { stated[$0] }
        } else {
          self = ChannelRule.inheriting.contains(config.className) ? .inherited : .last
        }
      }
    }
  }

  /// The rule for each step of a sequence, whose axis lies behind the batch.
  private var withSteps: ChannelRule {
    switch self {
    // No value has so many axes: what a file states isn't checked before.
    case .axis(let axis) where axis > 0: .axis(axis < 1 << 16 ? axis + 1 : axis)
    case .reduced, .transposed: .last
    default: self
    }
  }

  /// A function of `keras.ops`, given what it is told by name.
  private init(operation name: String, _ argument: (String) -> Argument<TensorReference>?) {
    let rule = OperationRule.reductions[name]
    if ChannelRule.inheritingOperations.contains(name) {
      self = .inherited
    } else if let rule, rule.settings.contains("axis"), rule.settings.contains("keepdims") {
      self = .reduced(
        axes: argument("axis")?.axes, keepsAxes: argument("keepdims")?.plainNumbers == [1])
    } else if name == "Squeeze", let axes = argument("axis")?.axes {
      self = .reduced(axes: axes, keepsAxes: false)
    } else if name == "Transpose" {
      self = .transposed(argument("axes")?.axes)
    } else {
      self = .last
    }
  }

  /// A function of TensorFlow.
  private init(
    _ function: TensorFlowFunction, calledWith call: CallArguments<TensorReference>?
  ) {
    let rule = function.rule
    if rule.arguments.contains("data_format") || function.name.hasPrefix("image.") {
      self = .axis(-1)  // any other format is refused
    } else if let original = rule.original {
      self.init(operation: original.name) { name in
        original.names[name].flatMap { call?.argument($0, of: rule.arguments) }
      }
    } else {
      self = ChannelRule.inheritingTensorFlow.contains(function.name) ? .inherited : .last
    }
  }
}

extension Argument {
  /// One axis or a list of them; `nil` for anything else.
  fileprivate var axes: [Int]? {
    guard let numbers = plainNumbers else { return nil }
    let axes = numbers.compactMap { Int(exactly: $0) }
    return axes.count == numbers.count ? axes : nil
  }
}
