import Kernels
import Tensors

/// A factor and a summand for each position of the last axis; passes make it where a
/// BatchNormalization has no neighbour that it could disappear into.
///
/// Inputs: an array, and both as constants of shape (channels).
struct ScaleAndShift: Operation {
  /// What limits the result to a range, if anything does.
  var activation: UnaryFunction?

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType { inputs[0] }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    preconditionFailure("gradients are taken before passes run")
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    rescalingKernel(
      .scaleAndShift, shape: request.output.shape, activation: activation, keepsResult: false,
      isStreaming: false)
  }
}
