// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation, AlwaysUseLowerCamelCase
// The functions below are documented in phosphene.h, which the compiler checks them against.

public import CPhosphene
import FoundationEssentials
import Glibc
import KerasModels
import Kernels
import Tensors
import Vision

/// A picture with what C callers ask about it.
final class PictureBox: CObject {
  static let cName = "a picture"

  let json: CText
  let input: Tensor
  let inputShape: CShape
  let image: Tensor
  let imageShape: CShape
  let attention: (values: Tensor, shape: CShape)?
  let alpha: (values: Tensor, shape: CShape)?
  let frames: [(image: Tensor, shape: CShape)]

  private struct FrameDescription: Encodable {
    let step: Int
    let scores: [Float]
  }

  private struct Description: Encodable {
    let scores: [Float]
    let steps: [Int]
    let history: [[Float]]
    let diagnoses: [String?]
    let frames: [FrameDescription]
    let recipe: Recipe
    let engine: [String: String]
  }

  init(_ picture: Picture, threads: Int) throws(PhospheneError) {
    let description = Description(
      scores: picture.scores, steps: picture.steps, history: picture.history,
      diagnoses: picture.diagnoses,
      frames: picture.frames.map { FrameDescription(step: $0.step, scores: $0.scores) },
      recipe: picture.recipe,
      engine: [
        "version": libraryVersion, "onednn": EngineInformation.oneDNNVersion,
        "isa": EngineInformation.instructionSet, "threads": String(threads),
      ])
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      json = CText(String(decoding: try encoder.encode(description), as: UTF8.self))
    } catch {
      throw .internalFailure("the picture can't be described: \(error)")
    }
    input = picture.input
    inputShape = CShape(input.shape)
    image = try picture.image.asPixels()
    imageShape = CShape(image.shape)
    attention = picture.attention.map { ($0, CShape($0.shape)) }
    alpha = picture.alpha.map { ($0, CShape($0.shape)) }
    // Frames of a coarse stage are smaller.
    frames = picture.frames.map { ($0.image, CShape($0.image.shape)) }
  }

  /// Pixels as C callers know them.
  static func described(_ pixels: Tensor, _ shape: CShape) -> ph_array {
    ph_array(
      data: pixels.start, dtype: DataType.uint8.rawValue, rank: Int32(pixels.shape.rank),
      shape: shape.pointer)
  }
}

typealias PictureHandle = Handle<PictureBox>

/// What a progress callback may ask about the pictures; it lives as long as the callback runs.
private final class PresentPicture: CObject, @unchecked Sendable {
  // Sendable: asked by the thread that made it alone, which is checked.
  static let cName = "a running progress callback"

  private let make: () throws(PhospheneError) -> PictureBox
  private let thread = pthread_self()

  init(_ make: @escaping () throws(PhospheneError) -> PictureBox) { self.make = make }

  func picture() throws(PhospheneError) -> PictureBox {
    guard pthread_equal(thread, pthread_self()) != 0 else {
      throw .invalidArgument("progress belongs to another thread, whose callback is running")
    }
    return try make()
  }
}

private typealias ProgressHandle = Handle<PresentPicture>

@c @implementation
public func ph_maximize(
  _ model: OpaquePointer?, _ recipeJSON: UnsafePointer<CChar>?, _ start: UnsafePointer<ph_array>?,
  _ progress: ph_progress_fn?, _ userData: UnsafeMutableRawPointer?,
  _ pictureOut: UnsafeMutablePointer<OpaquePointer?>?
) -> ph_status {
  status { () throws(PhospheneError) in
    let pictureOut = try required(pictureOut, "picture_out")
    try EngineInformation.check()
    let model = try ModelHandle.value(model, "model").model
    let recipe = try Recipe(json: text(recipeJSON, "recipe_json"))
    var startTensor: Tensor?
    if let start { startTensor = try copy(of: start.pointee, "start") }
    let threads = ThreadSetting.count
    let picture = try Threads.with(threads) { () throws(PhospheneError) in
      try model.maximize(recipe, start: startTensor) { state in
        guard let progress else { return true }
        let present = PresentPicture { () throws(PhospheneError) in
          try PictureBox(state.picture(), threads: threads)
        }
        let pictures = ProgressHandle.create(present)
        defer { ProgressHandle.destroy(pictures, "progress") }
        var report = ph_progress(
          struct_size: MemoryLayout<ph_progress>.size, step: Int32(clamping: state.step),
          steps: Int32(clamping: state.steps), score: Double(state.score),
          pictures: UnsafeMutableRawPointer(pictures))
        return progress(userData, &report) == 0
      }
    }
    pictureOut.pointee = PictureHandle.create(try PictureBox(picture, threads: threads))
    if picture.isCancelled { throw .cancelled }
  }
}

@c @implementation
public func ph_progress_picture(
  _ progress: UnsafePointer<ph_progress>?, _ pictureOut: UnsafeMutablePointer<OpaquePointer?>?
) -> ph_status {
  status { () throws(PhospheneError) in
    let pictureOut = try required(pictureOut, "picture_out")
    let pictures = try required(
      required(progress, "progress").pointee.pictures, "progress.pictures")
    let present = try ProgressHandle.value(OpaquePointer(pictures), "progress.pictures")
    pictureOut.pointee = PictureHandle.create(try present.picture())
  }
}

@c @implementation
public func ph_picture_destroy(_ picture: OpaquePointer?) {
  PictureHandle.destroy(picture, "picture")
}

@c @implementation
public func ph_picture_json(_ picture: OpaquePointer?) -> UnsafePointer<CChar>? {
  answer { () throws(PhospheneError) in
    try PictureHandle.value(picture, "picture").json.pointer
  }
}

@c @implementation
public func ph_picture_input(
  _ picture: OpaquePointer?, _ inputOut: UnsafeMutablePointer<ph_array>?
) -> ph_status {
  status { () throws(PhospheneError) in
    let inputOut = try required(inputOut, "input_out")
    let box = try PictureHandle.value(picture, "picture")
    inputOut.pointee = ph_array(
      data: box.input.start, dtype: DataType.float32.rawValue, rank: Int32(box.input.shape.rank),
      shape: box.inputShape.pointer)
  }
}

@c @implementation
public func ph_picture_image(
  _ picture: OpaquePointer?, _ imageOut: UnsafeMutablePointer<ph_array>?
) -> ph_status {
  status { () throws(PhospheneError) in
    let imageOut = try required(imageOut, "image_out")
    let box = try PictureHandle.value(picture, "picture")
    imageOut.pointee = PictureBox.described(box.image, box.imageShape)
  }
}

@c @implementation
public func ph_picture_attention(
  _ picture: OpaquePointer?, _ attentionOut: UnsafeMutablePointer<ph_array>?
) -> ph_status {
  status { () throws(PhospheneError) in
    let attentionOut = try required(attentionOut, "attention_out")
    let box = try PictureHandle.value(picture, "picture")
    guard let attention = box.attention else {
      throw .invalidArgument(
        "nothing was summed up of how much each pixel mattered: the recipe needs \"transparency\": true"
      )
    }
    attentionOut.pointee = ph_array(
      data: attention.values.start, dtype: DataType.float32.rawValue,
      rank: Int32(attention.values.shape.rank), shape: attention.shape.pointer)
  }
}

@c @implementation
public func ph_picture_alpha(
  _ picture: OpaquePointer?, _ alphaOut: UnsafeMutablePointer<ph_array>?
) -> ph_status {
  status { () throws(PhospheneError) in
    let alphaOut = try required(alphaOut, "alpha_out")
    let box = try PictureHandle.value(picture, "picture")
    guard let alpha = box.alpha else {
      throw .invalidArgument(
        "the picture has no optimized transparency: the recipe needs \"transparency\": \"optimized\""
      )
    }
    alphaOut.pointee = ph_array(
      data: alpha.values.start, dtype: DataType.float32.rawValue,
      rank: Int32(alpha.values.shape.rank), shape: alpha.shape.pointer)
  }
}

@c @implementation
public func ph_picture_frame(
  _ picture: OpaquePointer?, _ index: Int32, _ imageOut: UnsafeMutablePointer<ph_array>?
) -> ph_status {
  status { () throws(PhospheneError) in
    let imageOut = try required(imageOut, "image_out")
    let box = try PictureHandle.value(picture, "picture")
    guard box.frames.indices.contains(Int(index)) else {
      throw .invalidArgument(
        "the picture has \(box.frames.count) frames, counted from 0; received \(index)")
    }
    let frame = box.frames[Int(index)]
    imageOut.pointee = PictureBox.described(frame.image, frame.shape)
  }
}
