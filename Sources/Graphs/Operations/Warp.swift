import Kernels
public import Tensors

/// Views of an image under affine maps, sampled bilinearly.
///
/// Inputs are images (count, height, width, channels) and one matrix of six numbers for each view;
/// a single image may be seen through several matrices. Outside the image lies `fill`.
struct Warp: Operation {
  let height: Int
  let width: Int
  let fill: Float

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    let (image, matrices) = (inputs[0].shape, inputs[1].shape)
    guard image.rank == 4, matrices.rank == 2, matrices[1] == 6,
      image[0] == 1 || image[0] == matrices[0]
    else {
      throw .invalidArgument(
        "a warp needs images (count, height, width, channels) and matrices (count, 6), received "
          + "\(image) and \(matrices)")
    }
    return TensorType([matrices[0], height, width, image[3]])
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    let adjoint = WarpAdjoint(image: graph.shape(pullback.inputs[0]))
    return [try graph.apply(adjoint, to: [pullback.cotangent, pullback.inputs[1]]), nil]
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try warpKernel(input: request.shape(0), output: request.output.shape, fill: fill)
  }
}

/// The adjoint of a ``Warp``'s linear part: each pixel of a view goes back to the four that it was
/// mixed from.
///
/// Inputs are the cotangent and the matrices.
struct WarpAdjoint: Operation {
  let image: Shape

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    TensorType(image)
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    let view = graph.shape(pullback.inputs[0])
    let forward = Warp(height: view[1], width: view[2], fill: 0)
    return [try graph.apply(forward, to: [pullback.cotangent, pullback.inputs[1]]), nil]
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try warpInputGradientKernel(input: image, output: request.shape(0))
  }
}

extension Graph {
  /// Appends views of images under affine maps.
  ///
  /// Pixel (i, j) of a view shows the point (m0 i + m1 j + m2, m3 i + m4 j + m5) of its image.
  public mutating func warp(
    _ images: Value, matrices: Value, height: Int, width: Int, fill: Float
  ) throws(PhospheneError) -> Value {
    try apply(Warp(height: height, width: width, fill: fill), to: [images, matrices])
  }
}
