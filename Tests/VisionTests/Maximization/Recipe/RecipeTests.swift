import Tensors
import TestSupport
import Testing
@testable import Vision

@Suite struct RecipeTests {
  private static let objective = #"{"terms": [{"kind": "channel", "layer": "conv", "index": 0}]}"#

  private func recipe(_ options: String = "") throws -> Recipe {
    try Recipe(json: #"{"objectives": [\#(Self.objective)]\#(options)}"#)
  }

  // The defaults of the documentation.
  @Test func defaultsAreWrittenOut() throws {
    let json = try Rendering(recipe(), of: smoothNetwork()).recipe.json()
    for part in [
      #""format":"phosphene-recipe/1""#, #""steps":128"#, #""seed":0"#, #""count":1"#,
      #""kind":"natural""#, #""contrast":2.5"#, #""decorrelate":true"#, #""kind":"adam""#,
      #""regularizers":[]"#, #""reverse_channels":false"#, #""background":0.5"#, #""views":1"#,
    ] { #expect(json.contains(part), "\(part) in \(json)") }
  }

  // By size, colours and objective: what suits photos doesn't suit drawings.
  @Test(
    arguments: [
      (
        "72, 72, 3", false,
        [#""steps":192"#, #""size":[96,96]"#, #""views":2"#, "uniform", "total", "dead_leaves"]
      ),
      ("72, 72, 3", true, [#""steps":128"#, #""size":[72,72]"#, #""degrees":10"#, "[]"]),
      ("20, 20, 3", false, [#""kind":"natural""#, #""degrees":5"#, #""contrast":1.5"#]),
      ("20, 20, 1", false, [#""kind":"fourier""#, #""steps":256"#, #""learning_rate":0.1"#]),
    ])
  func defaultsSuitTheNetwork(input: String, isLayer: Bool, parts: [String]) throws {
    let objective = isLayer ? Self.objective : #"{"terms": [{"kind": "logit", "index": 0}]}"#
    let recipe = try Recipe(json: #"{"objectives": [\#(objective)]}"#)
    let json = try Rendering(recipe, of: smoothNetwork(input)).recipe.json()
    for part in parts { #expect(json.contains(part), "\(part) in \(json)") }
    #expect(json.contains("statistics") == parts.contains("dead_leaves"))
  }

  // What suits phases differs from what suits spectra.
  @Test func macoHasDefaultsOfItsOwn() throws {
    let maco = #", "parametrization": {"kind": "maco"}"#
    let json = try Rendering(recipe(maco), of: smoothNetwork("14, 21, 3")).recipe.json()
    for part in [
      #""kind":"maco""#, #""standard_deviation":1"#, #""kind":"nadam""#, #""learning_rate":1"#,
      #""views":4"#, #""size":[24,36]"#, #""first":0.95"#, #""kind":"noise""#,
    ] { #expect(json.contains(part), "\(part) in \(json)") }
  }

  @Test func whatIsWrittenIsReadAlike() throws {
    let options = """
      , "steps": 7, "last_step": 5, "early_stop": 0.25, "redirected_steps": 3, "starts": [0, 2],
      "stages": [{"size": [8, 6], "steps": 3}, {"size": [16, 12], "steps": 4}],
      "mask": {"shape": [1, 1, 1], "float32": "AACAPw=="},
      "given": {"other": {"shape": [1], "float32": "AACAPw=="}}, "seed": 18446744073709551615, "count": 2, "size": [16, 12],
      "parametrization": {"kind": "pixel", "standard_deviation": 0.5},
      "transforms": [{"kind": "jitter", "pixels": 3}, {"kind": "scale", "low": 0.5, "high": 2},
      {"kind": "rotate", "degrees": 12.5}, {"kind": "pad", "pixels": 2}, {"kind": "flip"},
      {"kind": "crop", "first": 1, "last": 0.5}, {"kind": "noise", "first": 0.25},
      {"kind": "blur", "first": 2, "last": 0}], "views": 3,
      "regularizers": [{"kind": "total_variation", "weight": 0.5, "power": 2},
      {"kind": "lp", "weight": 0.25, "p": 6}, {"kind": "distance", "weight": 2},
      {"kind": "alpha", "weight": 0.5, "power": 2, "relative": true}], "transparency": "optimized",
      "optimizer": {"kind": "rmsprop", "learning_rate": 1, "rho": 0.75, "epsilon": 0.5},
      "input": {"scale": [1, 2, 3], "offset": [0.5], "reverse_channels": true}, "background": 0.25
      """
    let json = try recipe(options).json()
    #expect(try Recipe(json: json).json() == json)
    #expect(json.contains(#""seed":18446744073709551615"#))
    #expect(
      json.contains(#"{"kind":"scale","low":0.5,"high":2}"#)
        || json.contains(#""high":2,"kind":"scale","low":0.5"#))
  }

  @Test(arguments: [("false", "false"), ("true", "true"), (#""optimized""#, #""optimized""#)])
  func transparencies(stated: String, written: String) throws {
    let json = try recipe(#", "transparency": \#(stated)"#).json()
    #expect(json.contains(#""transparency":\#(written)"#))
  }

  // A prior alone doesn't decide what it is the prior of.
  @Test(arguments: [("72, 72, 3", "natural"), ("20, 20, 3", "natural"), ("20, 20, 1", "fourier")])
  func aKindIsFoundForAPrior(input: String, kind: String) throws {
    let channels = input.last == "3" ? 3 : 1
    func list(_ item: String) -> String {
      "[" + [String](repeating: item, count: channels).joined(separator: ", ") + "]"
    }
    let prior =
      #"{"mean": \#(list("0.25")), "axes": \#(list(list("0.5"))), "#
      + #""spectrum": \#(list("[0, -1, 0, 0, 0]"))}"#
    let recipe = try recipe(#", "parametrization": {"prior": \#(prior)}"#)
    let whole = try Rendering(recipe, of: smoothNetwork(input)).recipe
    #expect(whole.parametrization?.kind?.rawValue == kind)
    #expect(whole.parametrization?.prior?.mean == [Float](repeating: 0.25, count: channels))
    #expect(whole.parametrization?.contrast == (kind == "natural" ? 2.5 : 1))
  }

  @Test(
    arguments: [
      (
        #", "format": "phosphene-recipe/2""#,
        "the recipe has format 'phosphene-recipe/2', this version"
      ),
      (#", "steps": 0"#, "steps must lie between 1 and 1000000, received 0"),
      (#", "count": -1"#, "count must lie between 1 and 1024, received -1"),
      (#", "seed": -1"#, "recipe"), (#", "size": [16]"#, "size must be two lengths from 4 to"),
      (#", "size": [3, 100000]"#, "size must be two lengths from 4 to"),
      (#", "parametrization": {"kind": "wish"}"#, "wish"),
      (
        #", "parametrization": {"kind": "fourier", "decay_power": 9}"#,
        "decay_power must lie between 0.0 and 4.0, received 9.0"
      ),
      (#", "transforms": [{"kind": "jitter", "pixels": -1}]"#, "jitter pixels must lie between 0"),
      (#", "transforms": [{"kind": "scale", "low": 2, "high": 1}]"#, "scale high must lie between"),
      (
        #", "transforms": [{"kind": "scale", "low": 30, "high": 31}]"#, "scale low must lie between"
      ),
      (#", "transforms": [{"kind": "rotate", "degrees": 1e9}]"#, "rotate degrees must lie between"),
      (
        #", "transforms": [{"kind": "crop", "first": 0, "last": 1}]"#, "crop first must lie between"
      ),
      (#", "transforms": [{"kind": "noise", "first": -1}]"#, "noise first must lie between"),
      (#", "transforms": [{"kind": "blur", "first": 1e9}]"#, "blur first must lie between"),
      (#", "transforms": [{"kind": "pad", "pixels": -1}]"#, "pad pixels must lie between"),
      (#", "views": 0"#, "views must lie between 1 and 256, received 0"),
      (#", "transforms": [{"kind": "rotate"}]"#, "'transforms[0]' has no 'degrees'"),
      (
        #", "regularizers": [{"kind": "total_variation", "weight": 1, "power": 3}]"#,
        "total variation power must lie between 1 and 2, received 3"
      ),
      (#", "regularizers": [{"kind": "lp", "weight": -1}]"#, "lp weight must lie between"),
      (#", "optimizer": {"kind": "adam", "beta1": 1}"#, "beta1 must lie between"),
      (#", "optimizer": {"kind": "adam", "learning_rate": -1}"#, "learning_rate must lie between"),
      (#", "optimizer": {"kind": "lbfgs"}"#, "lbfgs"),
      (#", "optimizer": {"kind": "sgd", "momentum": 1}"#, "momentum must lie between"),
      (#", "input": {"scale": [0]}"#, "input scale must be finite and not zero"),
      (#", "input": {"scale": []}"#, "input scale must be finite and not zero"),
      (#", "transparency": "some""#, "expected false, true or 'optimized'"),
      (#", "transparency": 1"#, "transparency"),
      (#", "regularizers": [{"kind": "alpha", "weight": -1}]"#, "alpha weight must lie between"),
      (
        #", "regularizers": [{"kind": "alpha", "weight": 1, "power": 3}]"#,
        "alpha power must lie between 1 and 2, received 3"
      ),
      (
        #", "parametrization": {"prior": {"mean": [0.5], "axes": [[1], [1]]}}"#,
        "a prior needs for each channel a mean"
      ),
      (#", "background": 2"#, "background must lie between 0.0 and 1.0, received 2.0"),
    ])
  func numbersFromOutsideAreChecked(options: String, sentence: String) {
    let received = refusal { _ = try recipe(options) }
    #expect(received?.contains(sentence) == true, "\(received ?? "accepted")")
  }

  @Test(
    arguments: [
      (#", "stepz": 3"#, "recipe: there is no option 'stepz'; the nearest is 'steps'"),
      (
        #", "optimizer": {"kind": "sgd", "momentun": 0.5}"#,
        "there is no option 'momentun' in optimizer of kind 'sgd'; the nearest is 'momentum'"
      ),
      (
        #", "optimizer": {"kind": "rmsprop", "momentum": 0.5}"#,
        "in optimizer of kind 'rmsprop'; there are 'kind', 'learning_rate', 'rho', 'epsilon'"
      ),
      (
        #", "transforms": [{"kind": "flip"}, {"kind": "jitter", "pixels": 1, "pixel": 2}]"#,
        "no option 'pixel' in transforms[1] of kind 'jitter'; the nearest is 'pixels'"
      ),
      (
        #", "regularizers": [{"kind": "lp", "weight": 1, "power": 2}]"#,
        "no option 'power' in regularizers[0] of kind 'lp'"
      ),
      (
        #", "parametrization": {"kind": "maco", "prior": {"mean": [], "axis": []}}"#,
        "no option 'axis' in parametrization.prior; the nearest is 'axes'"
      ),
      (
        #", "stages": [{"size": [8, 8], "step": 3}]"#,
        "no option 'step' in stages[0]; the nearest is 'steps'"
      ),
      (#", "input": {"offsets": [1]}"#, "no option 'offsets' in input; the nearest is 'offset'"),
      (
        #", "mask": {"shape": [1], "float64": ""}"#,
        "no option 'float64' in mask; the nearest is 'float32'"
      ),
      (
        #", "given": {"a": {"shapes": [1], "float32": ""}}"#,
        "no option 'shapes' in given.a; the nearest is 'shape'"
      ),
    ])
  func namesThatArentKnownAreRefused(options: String, sentence: String) {
    let received = refusal { _ = try recipe(options) }
    #expect(received?.contains(sentence) == true, "\(received ?? "accepted")")
  }

  @Test func namesOfTermsDependOnTheirKind() {
    func refused(_ terms: String) -> String? {
      refusal { _ = try Recipe(json: #"{"objectives": [{"terms": [\#(terms)]}]}"#) }
    }
    let place = "in objectives[0].terms[0] of kind 'channel'; "
    let term = #"{"kind": "channel", "layer": "conv", "index": 0, "position": [1, 1]}"#
    #expect(
      refused(term)?.hasSuffix(
        "option 'position' \(place)there are 'kind', 'weight', "
          + "'pre_activation', 'layer', 'index'") == true)
    let misspelt = #"{"kind": "channel", "layer": "conv", "indices": 0}"#
    #expect(refused(misspelt)?.hasSuffix("'indices' \(place)the nearest is 'index'") == true)
  }

  // What a saved picture says of itself beside its recipe.
  @Test func whatPicturesCarryIsLeftAlone() throws {
    let carried =
      #", "engine": {"isa": "x"}, "start": {}, "labels": ["a"], "scores": [1], "shown": [0]"#
    #expect(try recipe(carried).json() == recipe().json())
  }

  // By hand.
  @Test(
    arguments: [
      ("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("abc", "abc", 0),
      ("steps", "stepz", 1), ("ab", "ba", 2),
    ])
  func wordsLieApart(a: String, b: String, distance: Int) {
    #expect(editDistance(a, b) == distance)
  }

  @Test func objectivesAreCounted() {
    #expect(
      refusal { _ = try Recipe(json: #"{"objectives": []}"#) }
        == "1 to 1024 objectives are needed, received 0")
    #expect(refusal { _ = try Recipe(json: "{}") }?.contains("no 'objectives'") == true)
  }
}
