import Tensors

/// Plain loops written from the formulas: the explanation of the fast kernels, what tests compare
/// them with, and what runs where oneDNN has no implementation.
enum Reference {}
