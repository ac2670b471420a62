import Tensors
import Testing

@Suite struct DataTypeTests {
  // The widths in the types' names.
  @Test(
    arguments: [
      (.float32, 4), (.int32, 4), (.float16, 2), (.bfloat16, 2), (.bool, 1), (.int8, 1),
      (.uint8, 1),
    ] as [(DataType, Int)])
  func arraysAreDense(type: DataType, bytes: Int) {
    #expect(type.byteCount == bytes)
    #expect(TensorType([2, 3], type).byteCount == 6 * bytes)
    #expect(TensorType([], type).byteCount == bytes)
  }

  @Test func printsTypeAndShape() {
    #expect("\(TensorType([1, 2]))" == "float32 (1, 2)")
    #expect("\(TensorType([4], .uint8))" == "uint8 (4,)")
  }
}
