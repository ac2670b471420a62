extension OperationRule {
  /// Why functions of `keras.ops` can't be computed, by class name; others are merely not known.
  static let refusals: [String: String] = {
    var refusals: [String: String] = [:]
    for (reason, names) in [
      "it calls a Python function, which a configuration doesn't hold": [
        "AssociativeScan", "Cond", "ForiLoop", "JVP", "Map", "Scan", "Switch", "VectorizedMap",
        "WhileLoop",
      ],
      "the shape of its result depends on values": ["Arange", "Bincount", "Nonzero", "Unique"],
      "matrices aren't decomposed or inverted": [
        "Cholesky", "CholeskyInverse", "Det", "Eig", "Eigh", "Inv", "Logdet", "Lstsq", "LuFactor",
        "MatrixRank", "PerspectiveTransform", "Pinv", "Qr", "SVD", "Slogdet", "Solve",
        "SolveTriangular",
      ],
      "complex numbers aren't computed, only pairs of real arrays as in FFT": [
        "Polar", "ViewAsComplex", "ViewAsReal",
      ],
      "the bits of numbers aren't computed with, only the numbers": [
        "BitwiseAnd", "BitwiseInvert", "BitwiseNot", "BitwiseOr", "BitwiseXor", "Nextafter", "View",
      ],
      "its result is random": ["ElasticTransform"],
    ] {
      for name in names { refusals[name] = reason }
    }
    return refusals
  }()
}
