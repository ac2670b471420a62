import Graphs
import KerasModels
import Tensors
import TestSupport
import Testing
@testable import Vision

@Suite struct MeasuredStatisticsTests {
  /// A network whose only activation reads what the convolution gives.
  private static func network() throws -> Model {
    try VisionTests.network(
      "66, 70, 3",
      [
        ("Conv2D", "conv", #", "filters": 4, "kernel_size": 3, "strides": 2"#),
        ("ReLU", "relu", ""), ("GlobalAveragePooling2D", "mean", ""),
        ("Dense", "classes", #", "units": 3, "activation": "softmax""#),
      ])
  }

  private static func recipe(_ options: String = "") throws -> Recipe {
    try Recipe(
      json: #"{"objectives": [{"terms": [{"kind": "logit", "index": 1}]}], "steps": 2\#(options)}"#)
  }

  // A plain twin: all positions of the layer's output over all pictures.
  @Test func theyAreThoseOfTheLayerOverAllPictures() throws {
    let model = try Self.network()
    var rendering = try Rendering(Self.recipe(), of: model)
    try rendering.measureLayers()
    let measured = try #require(rendering.measured)
    #expect(measured.count == 1)
    let leaves = try DeadLeaves(height: 66, width: 70, channels: 3)
    var channels = [[Double]](repeating: [], count: 4)
    for number in 0..<32 {
      let picture = try Tensor([1, 66, 70, 3], leaves.picture(number))
      let output = try model.run(#"{"outputs": ["conv"]}"#, [picture])[0].elements
      for (index, value) in output.enumerated() { channels[index % 4].append(Double(value)) }
    }
    for (channel, values) in channels.enumerated() {
      let mean = values.reduce(0, +) / Double(values.count)
      let square = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
      #expect(abs(Double(measured[0].mean[channel]) - mean) < 1e-4)
      #expect(abs(Double(measured[0].deviation[channel]) - square.squareRoot()) < 1e-4)
    }
  }

  // What was measured once is what another measurement finds, for other sizes too.
  @Test func theyAreRememberedForEachNetwork() throws {
    let model = try Self.network()
    func measured(_ options: String) throws -> [Float] {
      var rendering = try Rendering(Self.recipe(options), of: model)
      try rendering.measureLayers()
      return try #require(rendering.measured?.first).mean
    }
    let first = try measured("")
    #expect(try measured(#", "count": 2"#) == first)
    let brighter = #", "input": {"scale": [0.01], "offset": [0]}"#
    #expect(try measured(brighter) != first)
    #expect(try measured("") == first)
  }

  @Test func defaultsMeasureWhatNothingIsKnownOf() throws {
    let picture = try Self.network().maximize(Self.recipe())
    #expect(picture.recipe.regularizers?.contains { $0.source == .deadLeaves } == true)
  }

  @Test func layersThatAreMaximizedNeedNoStatistics() throws {
    let recipe = try Recipe(
      json:
        #"{"objectives": [{"terms": [{"kind": "channel", "layer": "relu", "index": 1}]}], "steps": 2}"#
    )
    let picture = try Self.network().maximize(recipe)
    #expect(picture.recipe.regularizers?.isEmpty == true)
  }

  @Test(arguments: [(4, 5, 1), (1, 64, 3), (33, 8, 3)])
  func leavesOfAnySize(height: Int, width: Int, channels: Int) throws {
    let leaves = try DeadLeaves(height: height, width: width, channels: channels)
    let picture = leaves.picture(3)
    #expect(picture.count == height * width * channels)
    #expect(picture.allSatisfy { (0...1).contains($0) })
    #expect(picture == leaves.picture(3))
    #expect(picture != leaves.picture(4))
  }
}
