// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation, AlwaysUseLowerCamelCase
// The functions below are documented in phosphene.h, which the compiler checks them against.

public import CPhosphene
import FoundationEssentials
import KerasModels
import Kernels
import Tensors
import Vision

/// A picture with what C callers ask about it.
final class PictureBox: Sendable {
  let json: CText
  let input: Tensor
  let inputShape: CShape
  let image: Tensor
  let imageShape: CShape

  private struct Description: Encodable {
    let scores: [Float]
    let history: [[Float]]
    let diagnoses: [String?]
    let recipe: Recipe
    let engine: [String: String]
  }

  init(_ picture: Picture, threads: Int) throws(PhospheneError) {
    let description = Description(
      scores: picture.scores, history: picture.history, diagnoses: picture.diagnoses,
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
    image = try PictureBox.bytes(of: picture.image)
    imageShape = CShape(image.shape)
  }

  /// Pixels from 0 to 255 of pixels from 0 to 1, rounded.
  private static func bytes(of image: Tensor) throws(PhospheneError) -> Tensor {
    let storage = try Storage(byteCount: image.shape.elementCount)
    let bytes = storage.start.assumingMemoryBound(to: UInt8.self)
    for (index, pixel) in image.floats.enumerated() {
      bytes[index] = UInt8(min(max(pixel, 0), 1) * 255 + 0.5)
    }
    return Tensor(TensorType(image.shape, .uint8), storage: storage)
  }
}

typealias PictureHandle = Handle<PictureBox>

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
        var report = ph_progress(
          struct_size: MemoryLayout<ph_progress>.size, step: Int32(clamping: state.step),
          steps: Int32(clamping: state.steps), score: Double(state.score))
        return progress(userData, &report) == 0
      }
    }
    pictureOut.pointee = PictureHandle.create(try PictureBox(picture, threads: threads))
    if picture.isCancelled { throw .cancelled }
  }
}

@c @implementation
public func ph_picture_destroy(_ picture: OpaquePointer?) { PictureHandle.destroy(picture) }

@c @implementation
public func ph_picture_json(_ picture: OpaquePointer?) -> UnsafePointer<CChar>? {
  try? PictureHandle.value(picture, "picture").json.pointer
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
    imageOut.pointee = ph_array(
      data: box.image.start, dtype: DataType.uint8.rawValue, rank: Int32(box.image.shape.rank),
      shape: box.imageShape.pointer)
  }
}
