import Kernels
import Tensors

/// A depthwise convolution with the pointwise ones before and behind it: MobileNet's blocks.
///
/// Passes make it of convolutions between which nobody else reads. Inputs are an image, each stage's
/// constant weights and bias, and the array that the last stage adds.
struct ConvolutionChain: Operation {
  let stages: [Convolution]

  func outputType(for inputs: [TensorType]) throws(PhospheneError) -> TensorType {
    var (type, next) = (inputs[0], 1)
    for stage in stages {
      type = try stage.outputType(for: [type, inputs[next]])
      next += stage.hasBias ? 2 : 1
    }
    return type
  }

  func cotangents(
    of pullback: Pullback, in graph: inout Graph
  ) throws(PhospheneError) -> [Value?] {
    preconditionFailure("gradients are taken before convolutions are chained")
  }

  func kernel(for request: KernelRequest) throws(PhospheneError) -> any Kernel {
    try convolutionChainKernel(
      input: request.shape(0), stages: kinds(of: request.inputs.map(\.shape)),
      hasAddend: stages.last?.hasAddend == true)
  }

  /// Only chains of large arrays are made.
  func work(for request: KernelRequest) -> Int { .max }

  /// The stages with the shapes of their weights, for inputs of shapes `shapes`.
  func kinds(of shapes: [Shape]) -> [ConvolutionStage] {
    var (kinds, next): ([ConvolutionStage], Int) = ([], 1)
    for stage in stages {
      kinds.append(
        ConvolutionStage(
          weights: shapes[next], geometry: stage.geometry, groups: stage.groups,
          hasBias: stage.hasBias, activation: stage.activation))
      next += stage.hasBias ? 2 : 1
    }
    return kinds
  }
}
