import Tensors

extension Reference {
  /// The twin of
  /// ``convolutionKernel(input:weights:geometry:groups:hasBias:activation:constantWeights:)``.
  static func convolution(
    _ problem: Convolution, epilogue: Epilogue = Epilogue()
  ) -> any Kernel {
    LoopKernel { arguments in
      let (x, w, y) = (arguments[0], arguments[1], arguments[epilogue.output])
      let filters = problem.filters
      for pixel in 0..<problem.outputShape.elementCount / filters {
        for filter in 0..<filters {
          y[pixel * filters + filter] = epilogue.hasBias ? arguments[2][filter] : 0
        }
      }
      forEachTerm(of: problem) { y[$0] += x[$1] * w[$2] }
      if let addend = epilogue.addend {
        for index in 0..<problem.outputShape.elementCount { y[index] += arguments[addend][index] }
      }
      if let activation = epilogue.activation {
        for index in 0..<problem.outputShape.elementCount { y[index] = activation(y[index]) }
      }
    }
  }

  /// The twin of ``convolutionInputGradientKernel(input:weights:geometry:groups:constantWeights:)``.
  static func convolutionInputGradient(_ problem: Convolution) -> any Kernel {
    LoopKernel { arguments in
      let (cotangent, w, gradient) = (arguments[0], arguments[1], arguments[2])
      for index in 0..<problem.image.inputShape.elementCount { gradient[index] = 0 }
      forEachTerm(of: problem) { gradient[$1] += cotangent[$0] * w[$2] }
    }
  }

  /// Calls `body` with the numbers of the output element, the input element and the weight of every
  /// product that a convolution adds up.
  private static func forEachTerm(
    of problem: Convolution, _ body: (_ output: Int, _ input: Int, _ weight: Int) -> Void
  ) {
    let (image, filters) = (problem.image, problem.filters)
    for batch in 0..<image.batch {
      image.forEachElement { window, pixel, element in
        for filter in 0..<filters {
          let group = filter / problem.groupFilters
          for channel in 0..<problem.groupChannels {
            let source = group * problem.groupChannels + channel
            body(
              (batch * image.outputPixels + window) * filters + filter,
              (batch * image.inputPixels + pixel) * problem.channels + source,
              (element * problem.groupChannels + channel) * filters + filter)
          }
        }
      }
    }
  }
}

extension WindowedImage {
  /// Calls `body` for every element of every window that lies inside the image, with the numbers of
  /// the window, of the pixel and of the element.
  func forEachElement(_ body: (_ window: Int, _ pixel: Int, _ element: Int) -> Void) {
    let (first, second, third) = (axes[0], axes[1], axes[2])
    for a in 0..<first.outputLength {
      for b in 0..<second.outputLength {
        for c in 0..<third.outputLength {
          for i in first.elements(ofWindow: a) {
            for j in second.elements(ofWindow: b) {
              for k in third.elements(ofWindow: c) {
                body(
                  outputPixel(a, b, c),
                  inputPixel(first.position(a, i), second.position(b, j), third.position(c, k)),
                  (i * second.window + j) * third.window + k)
              }
            }
          }
        }
      }
    }
  }
}
