@testable import CABI
import CPhosphene
import Testing

@Suite struct MaximizationABITests {
  private static let recipe = """
    {"objectives": [{"terms": [{"kind": "logit", "index": 1}]}], "steps": 5}
    """

  /// A network over pictures of 4 by 4 pixels: the mean of its three channels.
  private func makeModel() -> OpaquePointer? {
    let config = """
      {"class_name": "Sequential", "config": {"name": "model", "layers": [
      {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [null, 4, 4, 3]}},
      {"class_name": "GlobalAveragePooling2D", "config": {"name": "mean"}}]}}
      """
    var architecture: OpaquePointer?
    guard ph_architecture_create(config, &architecture) == ok else { return nil }
    defer { ph_architecture_destroy(architecture) }
    var model: OpaquePointer?
    #expect(ph_model_create(architecture, nil, nil, 0, nil, &model) == ok)
    return model
  }

  // What the callback gets through its pointer comes from the call.
  private struct Calls {
    var steps: [Int32] = []
    var stopAt: Int32 = .max
  }

  private static let note: ph_progress_fn = { userData, progress in
    guard let calls = userData?.assumingMemoryBound(to: Calls.self), let progress else { return 1 }
    guard progress.pointee.struct_size == MemoryLayout<ph_progress>.size else { return 1 }
    calls.pointee.steps.append(progress.pointee.step)
    return progress.pointee.step >= calls.pointee.stopAt ? 1 : 0
  }

  @Test func picturesOutliveTheModel() {
    let model = makeModel()
    var (picture, calls) = (OpaquePointer?.none, Calls())
    let status = withUnsafeMutablePointer(to: &calls) {
      ph_maximize(model, Self.recipe, nil, Self.note, UnsafeMutableRawPointer($0), &picture)
    }
    #expect(status == ok)
    ph_model_destroy(model)
    defer { ph_picture_destroy(picture) }
    #expect(calls.steps == [1, 2, 3, 4, 5])
    var (input, image) = (ph_array(), ph_array())
    #expect(ph_picture_input(picture, &input) == ok)
    #expect(ph_picture_image(picture, &image) == ok)
    #expect(input.dtype == Int32(PH_FLOAT32))
    #expect(image.dtype == Int32(PH_UINT8))
    for array in [input, image] {
      let shape = UnsafeBufferPointer(start: array.shape, count: Int(array.rank))
      #expect(shape.map { $0 } == [1, 4, 4, 3])
    }
    // The bytes are the input's pixels times 255, rounded; the network takes them from 0 to 1.
    let floats = UnsafeBufferPointer(
      start: input.data?.assumingMemoryBound(to: Float.self), count: 48)
    let bytes = UnsafeBufferPointer(
      start: image.data?.assumingMemoryBound(to: UInt8.self), count: 48)
    for (pixel, byte) in zip(floats, bytes) { #expect(abs(pixel * 255 - Float(byte)) < 0.501) }
    let json = ph_picture_json(picture).map { String(cString: $0) } ?? ""
    for key in ["scores", "steps", "history", "frames", "recipe", "engine"] {
      #expect(json.contains("\"\(key)\":"))
    }
  }

  // The middle of the picture at the second step, and what asking for it came to.
  private struct Looks {
    var statuses: [ph_status] = []
    var pictures: [OpaquePointer?] = []
  }

  @Test func callbacksSeeThePicture() {
    let model = makeModel()
    defer { ph_model_destroy(model) }
    let look: ph_progress_fn = { userData, progress in
      guard let looks = userData?.assumingMemoryBound(to: Looks.self) else { return 1 }
      var picture: OpaquePointer?
      looks.pointee.statuses.append(ph_progress_picture(progress, &picture))
      looks.pointee.pictures.append(picture)
      return 0
    }
    var (picture, looks) = (OpaquePointer?.none, Looks())
    let status = withUnsafeMutablePointer(to: &looks) {
      ph_maximize(model, Self.recipe, nil, look, UnsafeMutableRawPointer($0), &picture)
    }
    #expect(status == ok)
    #expect(looks.statuses == [ok, ok, ok, ok, ok])
    // This climb only rises, so what was there at the end is the result.
    let images = [looks.pictures[0], looks.pictures[4], picture].map { handle -> [UInt8] in
      var image = ph_array()
      #expect(ph_picture_image(handle, &image) == ok)
      let start = image.data?.assumingMemoryBound(to: UInt8.self)
      return UnsafeBufferPointer(start: start, count: 48).map { $0 }
    }
    #expect(images[1] == images[2])
    #expect(images[0] != images[2])
    for each in looks.pictures + [picture] { ph_picture_destroy(each) }
  }

  @Test func framesAreCounted() {
    let model = makeModel()
    defer { ph_model_destroy(model) }
    let recipe = Self.recipe.dropLast() + #", "frames": 3}"#
    var picture: OpaquePointer?
    #expect(ph_maximize(model, String(recipe), nil, nil, nil, &picture) == ok)
    defer { ph_picture_destroy(picture) }
    let json = ph_picture_json(picture).map { String(cString: $0) } ?? ""
    for step in [0, 3, 5] { #expect(json.contains("\"step\":\(step)}")) }
    var image = ph_array()
    for index in 0..<3 as Range<Int32> {
      #expect(ph_picture_frame(picture, index, &image) == ok)
      #expect(image.rank == 4)
      #expect(image.dtype == Int32(PH_UINT8))
    }
    for index in [-1, 3] as [Int32] {
      #expect(ph_picture_frame(picture, index, &image) == invalid)
      #expect(lastMessage == "the picture has 3 frames, counted from 0; received \(index)")
    }
  }

  @Test func cancellingGivesThePictureSoFar() {
    let model = makeModel()
    defer { ph_model_destroy(model) }
    var (picture, calls) = (OpaquePointer?.none, Calls(stopAt: 2))
    let status = withUnsafeMutablePointer(to: &calls) {
      ph_maximize(model, Self.recipe, nil, Self.note, UnsafeMutableRawPointer($0), &picture)
    }
    #expect(status == ph_status(PH_CANCELLED))
    #expect(calls.steps == [1, 2])
    #expect(picture != nil)
    ph_picture_destroy(picture)
  }

  @Test func nullIsRefusedAndNamed() {
    let model = makeModel()
    defer { ph_model_destroy(model) }
    var picture: OpaquePointer?
    var array = ph_array()
    let checks: [(() -> ph_status, String)] = [
      ({ ph_maximize(nil, Self.recipe, nil, nil, nil, &picture) }, "model is NULL"),
      ({ ph_maximize(model, nil, nil, nil, nil, &picture) }, "recipe_json is NULL"),
      ({ ph_maximize(model, Self.recipe, nil, nil, nil, nil) }, "picture_out is NULL"),
      ({ ph_picture_input(nil, &array) }, "picture is NULL"),
      ({ ph_picture_image(nil, &array) }, "picture is NULL"),
      ({ ph_picture_attention(nil, &array) }, "picture is NULL"),
      ({ ph_picture_alpha(nil, &array) }, "picture is NULL"),
      ({ ph_picture_frame(nil, 0, &array) }, "picture is NULL"),
      ({ ph_progress_picture(nil, &picture) }, "progress is NULL"),
    ]
    for (call, sentence) in checks {
      #expect(call() == invalid)
      #expect(lastMessage == sentence)
    }
    #expect(picture == nil)
    #expect(ph_picture_json(nil) == nil)
    ph_picture_destroy(nil)
  }

  @Test func startsAreChecked() {
    let model = makeModel()
    defer { ph_model_destroy(model) }
    var picture: OpaquePointer?
    withArray([1, 4, 4, 3], [], dtype: Int32(PH_INT32)) { start in
      #expect(ph_maximize(model, Self.recipe, &start, nil, nil, &picture) == invalid)
      #expect(lastMessage == "start must be float32, received int32 (1, 4, 4, 3)")
    }
    withArray([7], [Float](repeating: 0, count: 7)) { start in
      #expect(ph_maximize(model, Self.recipe, &start, nil, nil, &picture) == invalid)
      #expect(lastMessage.hasSuffix("received (7,)"))
    }
    withArray([0, 4, 4, 3], [0]) { start in
      #expect(ph_maximize(model, Self.recipe, &start, nil, nil, &picture) == invalid)
    }
    #expect(ph_maximize(model, "{}", nil, nil, nil, &picture) == invalid)
    #expect(picture == nil)
  }
}
