import Glibc
import KerasModels
import Tensors
import TestSupport
import Testing
@testable import Vision

@Suite struct MaximizationTests {
  private static let channel =
    #"{"kind": "channel", "layer": "conv", "index": 1, "pre_activation": false}"#

  private func recipe(
    _ terms: [String] = [channel], _ options: String = "", steps: Int = 12
  ) throws -> Recipe {
    let objectives = terms.map { #"{"terms": [\#($0)]}"# }.joined(separator: ", ")
    return try Recipe(json: #"{"objectives": [\#(objectives)], "steps": \#(steps)\#(options)}"#)
  }

  /// What the network itself says of a picture.
  private func score(_ term: String, of picture: Tensor, _ model: Model) throws -> [Float] {
    try model.run(#"{"gradient": {"objective": {"terms": [\#(term)]}}}"#, [picture])[0].elements
  }

  @Test(
    arguments: [
      "", #", "parametrization": {"kind": "pixel"}"#,
      #", "optimizer": {"kind": "rmsprop", "learning_rate": 0.05}"#, #", "size": [16, 12]"#,
      #", "optimizer": {"kind": "sgd", "learning_rate": 20}"#,
      #", "parametrization": {"kind": "maco"}"#,
      #", "views": 3, "transforms": [{"kind": "crop", "first": 1, "last": 0.5}, {"kind": "flip"}, "#
        + #"{"kind": "pad", "pixels": 1}, {"kind": "noise", "first": 0.1, "last": 0}, "#
        + #"{"kind": "blur", "first": 1, "last": 0}]"#,
      #", "transforms": [], "regularizers": [{"kind": "total_variation", "weight": 0.01}]"#,
    ],
    [
      channel, #"{"kind": "logit", "index": 2}"#,
      #"{"kind": "neuron", "layer": "conv", "index": 0, "pre_activation": false}"#,
    ])
  func scoresRise(options: String, term: String) throws {
    let model = try smoothNetwork("12, 12, 3")
    let picture = try model.maximize(recipe([term], options, steps: 40))
    let history = try #require(picture.history.first)
    #expect(history.count == 40)
    let first = history[0]
    #expect(picture.scores[0] > first + 0.02, "\(first) to \(picture.scores[0])")
    // The score is the network's own number for the input that comes with it.
    let own = try score(term, of: picture.input, model)
    #expect(abs(own[0] - picture.scores[0]) < 1e-5)
    #expect(picture.image.elements.allSatisfy { (0...1).contains($0) })
  }

  @Test(arguments: ["", #", "parametrization": {"kind": "maco"}"#, #", "count": 2, "seed": 7"#])
  func framesChangeNothingElse(options: String) throws {
    let model = try smoothNetwork()
    let without = try model.maximize(recipe([Self.channel], options))
    let picture = try model.maximize(recipe([Self.channel], options + #", "frames": 5"#))
    #expect(picture.image.elements == without.image.elements)
    #expect(picture.scores == without.scores)
    #expect(without.frames.isEmpty)
    #expect(picture.frames.map(\.step) == [0, 3, 6, 9, 12])
    for frame in picture.frames { #expect(frame.image.shape == picture.image.shape) }
    // A frame is what a shorter climb arrives at, seen without transforms.
    var seen: [Frame] = []
    _ = try model.maximize(recipe([Self.channel], options)) { progress in
      if [3, 6, 9, 12].contains(progress.step), let present = try? progress.picture() {
        let image = try? present.image.asPixels()
        seen.append(
          Frame(step: progress.step, scores: present.scores, image: image ?? present.image))
      }
      return true
    }
    #expect(seen.map(\.scores) == picture.frames.dropFirst().map(\.scores))
    for (one, other) in zip(seen, picture.frames.dropFirst()) {
      #expect(memcmp(one.image.start, other.image.start, one.image.type.byteCount) == 0)
    }
  }

  @Test func tooManyFramesAreRefused() throws {
    let model = try smoothNetwork("12, 12, 3")
    let tooMany = try recipe(
      [Self.channel], #", "frames": 10000, "size": [512, 512]"#, steps: 20_000)
    let error = #expect(throws: PhospheneError.self) { try model.maximize(tooMany) }
    #expect("\(error, default: "")".contains("ask for fewer frames or pictures at once"))
  }

  @Test(
    arguments: [
      "", #", "parametrization": {"kind": "maco"}"#,
      #", "count": 2, "views": 2, "transforms": [{"kind": "noise", "first": 0.1}, {"kind": "flip"}]"#,
    ])
  func oneSeedIsOnePicture(options: String) throws {
    let model = try smoothNetwork()
    let picture = try model.maximize(recipe([Self.channel], options))
    let again = try model.maximize(recipe([Self.channel], options))
    #expect(again.image.elements == picture.image.elements)
    #expect(again.history == picture.history)
    let other = try model.maximize(recipe([Self.channel], options + #", "seed": 1"#))
    #expect(other.image.elements != picture.image.elements)
  }

  // Pictures of a batch don't know of each other. Kernels sum in an order that depends on the batch,
  // and twelve steps carry the last bits along.
  @Test func manyPicturesAreTheSingleOnes() throws {
    let model = try smoothNetwork()
    let terms = [
      Self.channel, #"{"kind": "logit", "index": 0}"#, #"{"kind": "energy", "layer": "conv"}"#,
    ]
    // A mixture has the defaults of layers; what follows is the same for all.
    let stated =
      #", "count": 2, "parametrization": {"kind": "natural", "contrast": 2}, "regularizers": []"#
    let all = try model.maximize(recipe(terms, stated))
    #expect(all.image.shape == [6, 6, 6, 3])
    let size = 6 * 6 * 3
    for (index, term) in terms.enumerated() {
      let single = try model.maximize(recipe([term], stated))
      let part = Array(all.image.elements[2 * index * size..<2 * (index + 1) * size])
      #expect(relativeError(part, single.image.elements) < 1e-4)
      #expect(relativeError(Array(all.scores[2 * index..<2 * index + 2]), single.scores) < 1e-4)
    }
    let first = try model.maximize(
      recipe([Self.channel], #", "parametrization": {"kind": "natural", "contrast": 2}"#))
    #expect(relativeError(Array(all.image.elements[..<size]), first.image.elements) < 1e-4)
  }

  @Test func cancellingKeepsTheBestSoFar() throws {
    let model = try smoothNetwork()
    var steps: [Int] = []
    let picture = try model.maximize(recipe()) { progress in
      steps.append(progress.step)
      return progress.step < 5
    }
    #expect(picture.isCancelled)
    #expect(steps == [1, 2, 3, 4, 5])
    #expect(picture.history.map(\.count) == [5])
    #expect(abs(try score(Self.channel, of: picture.input, model)[0] - picture.scores[0]) < 1e-6)
    let whole = try model.maximize(recipe())
    #expect(!whole.isCancelled)
    #expect(Array(whole.history[0][..<5]) == picture.history[0])
  }

  @Test func progressTellsStepAndScore() throws {
    let model = try smoothNetwork()
    var scores: [Float] = []
    let picture = try model.maximize(recipe()) { progress in
      scores.append(progress.score)
      return progress.steps == 12
    }
    #expect(scores == picture.history[0])
  }

  // relu(x - 2) is off for every picture between 0 and 1: before it there is a slope.
  @Test func unitsThatAreOffAreMaximizedBeforeTheirActivation() throws {
    let config = #", "filters": 1, "kernel_size": 1, "activation": "relu""#
    let plain = try network("8, 8, 1", [("Conv2D", "conv", config)])
    let model = try Model(
      architecture: plain.architecture,
      weights: ["conv/kernel": Tensor([1, 1, 1, 1], [1]), "conv/bias": Tensor([1], [-2])])
    let picture = try model.maximize(
      recipe([#"{"kind": "channel", "layer": "conv", "index": 0}"#], steps: 60))
    let mean = picture.image.elements.reduce(0, +) / 64
    #expect(mean > 0.6)
    #expect(picture.recipe.objectives[0].terms[0].preActivation == .yes)
    // The score is that of the target before the activation: the mean minus two.
    #expect(abs(picture.scores[0] - (mean - 2)) < 1e-4)
  }

  @Test(arguments: [Float.nan, .infinity]) func notANumberIsRefused(number: Float) throws {
    let good = try smoothNetwork()
    var weights: [String: Tensor] = [:]
    for (key, _) in good.architecture.weightShapes { weights[key] = good.weight(key) }
    weights["conv/bias"] = try Tensor([4], repeating: number)
    let model = try Model(architecture: good.architecture, weights: weights)
    let term = #"{"kind": "channel", "layer": "conv", "index": 1, "pre_activation": true}"#
    let sentence = refusal { _ = try model.maximize(recipe([term])) }
    #expect(
      sentence?.contains("layer 'conv' is the first that isn't finite: its weights hold NaN")
        == true,
      "\(sentence ?? "")")
  }

  // With no step to speak of, the picture is the one to start from.
  @Test(arguments: [[1, 6, 6, 3], [2, 6, 6, 3]]) func picturesMayBeGiven(axes: [Int]) throws {
    let model = try smoothNetwork()
    let options = """
      , "count": 2, "optimizer": {"kind": "adam", "learning_rate": 0}, "transforms": [],
      "input": {"scale": [0.5, 1, 2], "offset": [10, 20, 30], "reverse_channels": true}
      """
    let pixels = try spread(Shape(axes), from: 0.1, to: 0.9)
    // The network's channels are blue, green, red: scale * 255 * pixel + offset for each.
    let start = try Tensor(
      Shape(axes),
      pixels.elements.indices.map { index in
        let channel = index % 3
        let pixel = pixels.elements[index - channel + 2 - channel]
        return [0.5, 1, 2][channel] * 255 * pixel + [10, 20, 30][channel]
      })
    let term = #"{"kind": "channel", "layer": "conv", "index": 1, "pre_activation": true}"#
    let picture = try model.maximize(recipe([term], options, steps: 1), start: start)
    let repeated = axes[0] == 1 ? pixels.elements + pixels.elements : pixels.elements
    #expect(relativeError(picture.image.elements, repeated) < 1e-4)
    let inputs = axes[0] == 1 ? start.elements + start.elements : start.elements
    #expect(relativeError(picture.input.elements, inputs) < 1e-4)
  }

  @Test func startsAreChecked() throws {
    let model = try smoothNetwork()
    #expect(
      refusal { _ = try model.maximize(recipe(), start: Tensor([1, 5, 6, 3], repeating: 0)) }
        == "start must have shape (1, 6, 6, 3), received (1, 5, 6, 3)")
    #expect(
      refusal {
        _ = try model.maximize(recipe(), start: Tensor([1, 6, 6, 3], repeating: .nan))
      }
        == "start holds NaN or infinity")
  }

  @Test func rowsOfNumbersAreMaximizedToo() throws {
    let model = try network("7", [("Dense", "classes", #", "units": 3, "activation": "softmax""#)])
    let term = #"{"kind": "logit", "index": 1}"#
    let picture = try model.maximize(recipe([term], steps: 30))
    #expect(picture.input.shape == [1, 7])
    // A sum is largest where each number has the sign of its weight: 1 or 0.
    let kernel = try #require(model.weight("classes/kernel")).elements
    for index in 0..<7 {
      let (weight, number) = (kernel[3 * index + 1], picture.input.elements[index])
      #expect(weight > 0 ? number > 0.6 : number < 0.4, "\(weight): \(number)")
    }
  }

  @Test func whatCannotBePicturedIsRefused() throws {
    let model = try smoothNetwork()
    let wrong = refusal {
      _ = try model.maximize(recipe([#"{"kind": "channel", "layer": "conv", "index": 4}"#]))
    }
    #expect(wrong == "index 4 doesn't exist: layer 'conv' has 4 channels, 0 to 3")
    let scaling = refusal {
      _ = try model.maximize(recipe([Self.channel], #", "input": {"scale": [1, 2]}"#))
    }
    #expect(scaling == "input scale needs 1 number or 3, one for each channel, received 2")
    let vector = try classifier()
    let size = refusal {
      _ = try vector.maximize(recipe([#"{"kind": "logit", "index": 0}"#], #", "size": [8, 8]"#))
    }
    #expect(size == "size applies to pictures, this network takes inputs of shape (4)")
  }
}
