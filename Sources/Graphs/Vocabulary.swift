// The values that describe an operation are defined where it is computed; whoever builds graphs sees
// these names, and nothing else of the kernels.

@_exported public import enum Kernels.BinaryFunction
@_exported public import enum Kernels.CumulativeFunction
@_exported public import enum Kernels.Padding
@_exported public import enum Kernels.PoolingFunction
@_exported public import enum Kernels.ReductionFunction
@_exported public import enum Kernels.UnaryFunction
@_exported public import struct Kernels.SparseMatrix
@_exported public import struct Kernels.WindowGeometry
