import KerasModels
import Tensors

/// What a recipe leaves out, by what the network takes and what is asked of it.
///
/// The numbers were chosen by looking at pictures of classes and channels of seven networks;
/// `python/docs/maximization.md` shows some of them.
struct Defaults {
  /// The side from which on a picture is a scene, in which things have surroundings and crops show
  /// parts; below it each pixel matters.
  static let smallestScene = 64

  let kind: Parametrization.Kind
  /// Whether the network's answer is maximized, not what a layer sees everywhere.
  private let isAnswer: Bool
  private let isScene: Bool
  private let form: InputForm
  /// Where it is known from what the layers before the objective are like, if it is.
  let statistics: StatisticsSource?
  /// Whether it is optimized what is transparent.
  private let hasAlpha: Bool

  /// The defaults of a parametrization, or of the one that suits.
  ///
  /// - Parameters:
  ///   - stated: The parametrization, if the recipe states one.
  ///   - recipe: What is maximized.
  ///   - form: What the network's input is.
  ///   - view: What the network takes.
  ///   - depth: How many slices a volume has.
  ///   - channels: Their number.
  ///   - startsFromImage: Whether there is a picture to start from.
  ///   - statistics: Where it is known from what the network's layers are like, if it is.
  init(
    _ stated: Parametrization.Kind?, _ recipe: Recipe, form: InputForm,
    view: (height: Int, width: Int), depth: Int, channels: Int, startsFromImage: Bool,
    statistics: StatisticsSource?
  ) {
    self.form = form
    isScene = form == .picture && min(view.height, view.width) >= Defaults.smallestScene
    isAnswer = recipe.objectives.allSatisfy { $0.readsOutputs && $0.layers.isEmpty }
    let isColored = form == .picture && channels == 3
    // Signals end at the ends of their range, as square waves, unless their contrast is known.
    let isKnownSignal = form == .signal && recipe.parametrization?.prior != nil
    // Small drawings are black and white; only photos are as natural images are.
    let isNatural = isScene || isColored || form == .volume || isKnownSignal
    let suitable: Parametrization.Kind = startsFromImage || !isNatural ? .fourier : .natural
    // The waves of a spectrum are a matrix of the square of their length.
    let isLong = form != .picture && max(view.height, view.width, depth) > 4096
    kind = stated ?? (isLong ? .pixel : suitable)
    self.statistics = statistics
    hasAlpha = recipe.transparency == .optimized
  }

  private var isDrawing: Bool { kind == .fourier && form == .picture && !isScene }

  var steps: Int {
    guard kind == .natural else { return 256 }
    // Without statistics less is known of what a picture looks like, and it takes longer; so does it to
    // find out what is ground.
    return isScene && isAnswer ? (statistics == .training && !hasAlpha ? 96 : 192) : 128
  }

  /// How many times as large as the network's input the canvas is: crops are resized to the input, so
  /// that a larger canvas shows more.
  var enlargement: (numerator: Int, denominator: Int) {
    switch kind {
    case .maco where form != .volume: (12, 7)
    case .natural where isScene && isAnswer: (4, 3)
    default: (1, 1)
    }
  }

  var views: Int {
    switch kind {
    case .maco where form != .volume: 4
    case .natural where isScene && isAnswer: 2
    default: 1
    }
  }

  var parametrization: Parametrization {
    var standard = Parametrization.standard(kind)
    // What a layer sees everywhere is a texture, which is clearer in strong colours.
    if kind == .natural, !isAnswer { standard.contrast = 2.5 }
    return standard
  }

  func transforms(canvasSide: Int) -> [Transform] {
    switch kind {
    case .maco where form != .volume: Transform.crops
    case .natural where isScene && isAnswer: Transform.scenes
    case _ where form == .volume: Transform.slight
    case .natural where form == .picture && !isScene: Transform.slight
    default: isDrawing ? Transform.slight : Transform.standard(side: canvasSide)
    }
  }

  var regularizers: [Regularizer] {
    // Lucid's recipe multiplies the objective with 1 - mean(alpha), which is about as much.
    ofColors + (hasAlpha ? [.alpha(weight: 1, power: 1, isRelative: true)] : [])
  }

  /// How strong the objective's first gradient is beside that of the penalties that suit, at least; where
  /// it is weaker, they are lowered until it is four times as much.
  ///
  /// Of seven networks it was 0.4 to 100 times as strong on scenes, and 1.6 to 33 times on small
  /// pictures.
  var leastShare: Float { isScene ? 0.1 : 0.5 }

  private var ofColors: [Regularizer] {
    guard isAnswer, form == .picture else { return [] }
    // In training things had surroundings, which are to be left out of what is cut out.
    let isCutOut = hasAlpha && isScene
    let known: [Regularizer] =
      statistics != nil && !isCutOut
      ? [.statistics(weight: isScene ? 80 : 15, of: statistics)] : []
    switch kind {
    case .natural: return (isScene ? [.totalVariation(weight: 20, power: 1)] : []) + known
    case .fourier where isDrawing:
      // What is transparent varies least: with 10 nothing is left of some drawings.
      return [.totalVariation(weight: hasAlpha ? 3 : 10, power: 1)] + (hasAlpha ? [] : known)
    case .fourier: return []
    case .pixel, .maco: return []
    }
  }

  var optimizer: Optimizer {
    completed(
      kind == .maco
        ? .nadam(learningRate: nil) : .adam(learningRate: nil))
  }

  /// An optimizer with a learning rate that suits the parametrization, if it states none.
  func completed(_ optimizer: Optimizer) -> Optimizer {
    guard optimizer.learningRate == nil else { return optimizer }
    var whole = optimizer
    whole.learningRate = rate(of: optimizer)
    return whole
  }

  /// What suits an optimizer; of SGD how far the mean gradient of the first step moves a parameter.
  func rate(of optimizer: Optimizer) -> Float {
    let ofAdam: Float =
      switch kind {
      case .natural: 0.02
      case .maco: 1
      case .fourier, .pixel: isDrawing ? 0.1 : 0.05
      }
    return switch (optimizer, kind) {
    case (.adam, .maco), (.rmsprop, .maco): 0.5
    case (.adam, _), (.nadam, _), (.rmsprop, _): ofAdam
    // A gradient is strongest along the coarsest waves, which would be all there is at larger rates.
    case (.sgd, .natural): 0.01 * ofAdam
    case (.sgd, .fourier): 0.03 * ofAdam
    case (.sgd, .pixel): 0.05 * ofAdam
    case (.sgd, .maco): 1
    }
  }
}
