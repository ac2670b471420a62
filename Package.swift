// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("ExistentialAny"),
]

/// Arrays are bounds-checked everywhere but in the kernels, whose loops run on raw pointers that
/// the plan has sized; `-Ounchecked` lets the compiler vectorize them.
let kernelSettings =
  strict + [.unsafeFlags(["-Ounchecked"], .when(configuration: .release))]

let package = Package(
  name: "phosphene",
  products: [
    .library(name: "phosphene", type: .dynamic, targets: ["CABI"])
  ],
  targets: [
    // MARK: - Floor 0: C interfaces
    .target(name: "CPhosphene"),
    .systemLibrary(name: "COneDNN", pkgConfig: "dnnl"),
    // VectorKernels, which it declares, is compiled apart: once for each level of the
    // instruction set.
    .target(name: "CVectorKernels", exclude: ["exports.map"]),

    // MARK: - Floors 1 to 5: the engine, each module may import only those above it in this list
    .target(name: "Tensors", swiftSettings: strict),
    .target(
      name: "Kernels", dependencies: ["COneDNN", "CVectorKernels", "Tensors"],
      swiftSettings: kernelSettings),
    .target(name: "Graphs", dependencies: ["Kernels", "Tensors"], swiftSettings: strict),
    .target(name: "KerasModels", dependencies: ["Graphs", "Tensors"], swiftSettings: strict),
    .target(
      name: "Vision", dependencies: ["Graphs", "KerasModels", "Tensors"], swiftSettings: strict),

    // MARK: - Floor 6: the C ABI
    .target(
      name: "CABI",
      dependencies: ["CPhosphene", "Graphs", "KerasModels", "Kernels", "Tensors", "Vision"],
      exclude: ["exports.map"],
      swiftSettings: strict),

    // MARK: - Beside the library: built only when its name is given
    .executableTarget(
      name: "phosphene-benchmark", dependencies: ["Kernels", "Tensors"], swiftSettings: strict),

    // MARK: - Tests
    .target(
      name: "TestSupport", dependencies: ["Graphs", "Tensors"], path: "Tests/TestSupport",
      swiftSettings: strict),
    .testTarget(name: "TensorsTests", dependencies: ["Tensors"], swiftSettings: strict),
    .testTarget(
      name: "KernelsTests", dependencies: ["Kernels", "Tensors"], swiftSettings: strict),
    .testTarget(
      name: "GraphsTests", dependencies: ["Graphs", "Tensors", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "KerasModelsTests", dependencies: ["Graphs", "KerasModels", "Tensors", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "VisionTests",
      dependencies: ["Graphs", "KerasModels", "Tensors", "TestSupport", "Vision"],
      swiftSettings: strict),
    .testTarget(
      name: "CABITests", dependencies: ["CABI", "CPhosphene", "Tensors"], swiftSettings: strict),
  ]
)
