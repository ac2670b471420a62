@testable import CABI
import CPhosphene
import Testing

@Suite struct PlanABITests {
  /// A plan of ``makeModel()`` for two samples.
  private func makePlan(_ request: String = "{}") -> OpaquePointer? {
    let model = makeModel()
    // The plan keeps what it needs of the model.
    defer { ph_model_destroy(model) }
    var plan: OpaquePointer?
    withArray([2, 3], []) { type in
      type.data = nil
      #expect(ph_plan_create(model, request, [type], 1, &plan) == ok, "\(lastMessage)")
    }
    return plan
  }

  // By hand: [1, 1, 1] and [1, 0, -1] times [[1, 2], [3, 4], [5, 6]] plus [10, 20].
  @Test func runsAfterTheModelIsGone() {
    let plan = makePlan()
    defer { ph_plan_destroy(plan) }
    #expect(ph_plan_output_count(plan) == 1)
    withArray([2, 3], [1, 1, 1, 1, 0, -1]) { input in
      withArray([2, 2], [0, 0, 0, 0]) { output in
        #expect(ph_plan_run(plan, [input], 1, [output], 1) == ok)
        let floats = UnsafeBufferPointer(
          start: output.data?.assumingMemoryBound(to: Float.self), count: 4)
        #expect(Array(floats) == [19, 32, 6, 16])
      }
    }
  }

  // The numbers of `runsAfterTheModelIsGone`, as whole numbers and as flags.
  @Test(arguments: [Int32(PH_INT32), Int32(PH_UINT8), Int32(PH_BOOL)])
  func wholeNumbersAreRead(dtype: Int32) {
    let model = makeModel()
    defer { ph_model_destroy(model) }
    var plan: OpaquePointer?
    defer { ph_plan_destroy(plan) }
    var (integers, bytes): ([Int32], [UInt8]) = ([1, 1, 0], [1, 1, 0])
    withArray([1, 3], []) { input in
      input.dtype = dtype
      integers.withUnsafeMutableBytes { integers in
        bytes.withUnsafeMutableBytes { bytes in
          input.data = dtype == Int32(PH_INT32) ? integers.baseAddress : bytes.baseAddress
          #expect(ph_plan_create(model, "{}", [input], 1, &plan) == ok, "\(lastMessage)")
          withArray([1, 2], [0, 0]) { output in
            #expect(ph_plan_run(plan, [input], 1, [output], 1) == ok, "\(lastMessage)")
            let floats = UnsafeBufferPointer(
              start: output.data?.assumingMemoryBound(to: Float.self), count: 2)
            #expect(Array(floats) == [14, 26])
          }
        }
      }
    }
  }

  @Test func wholeNumbersThatFloatsDoNotHoldAreRefused() {
    let model = makeModel()
    defer { ph_model_destroy(model) }
    var plan: OpaquePointer?
    defer { ph_plan_destroy(plan) }
    var integers: [Int32] = [0, 1 << 24 + 1, 0]
    withArray([1, 3], []) { input in
      input.dtype = Int32(PH_INT32)
      #expect(ph_plan_create(model, "{}", [input], 1, &plan) == ok)
      integers.withUnsafeMutableBytes { integers in
        input.data = integers.baseAddress
        withArray([1, 2], [7, 7]) { output in
          #expect(ph_plan_run(plan, [input], 1, [output], 1) == invalid)
          #expect(lastMessage == "inputs[0]: whole numbers must lie between -2^24 and 2^24")
          #expect(output.data?.load(as: Float.self) == 7)
        }
      }
    }
  }

  // The row with a NaN loses its numbers, the other keeps them.
  @Test func nanTakesTheCarefulPlan() {
    let plan = makePlan()
    defer { ph_plan_destroy(plan) }
    withArray([2, 3], [1, .nan, 1, 1, 0, -1]) { input in
      withArray([2, 2], [0, 0, 0, 0]) { output in
        #expect(ph_plan_run(plan, [input], 1, [output], 1) == ok)
        let floats = UnsafeBufferPointer(
          start: output.data?.assumingMemoryBound(to: Float.self), count: 4)
        #expect(floats.map(\.isNaN) == [true, true, false, false])
        #expect(Array(floats.suffix(2)) == [6, 16])
      }
    }
  }

  @Test func nullIsRefusedAndNamed() {
    let (model, plan) = (makeModel(), makePlan())
    defer {
      ph_model_destroy(model)
      ph_plan_destroy(plan)
    }
    var out: OpaquePointer?
    var array = ph_array()
    withArray([2, 3], [0, 0, 0, 0, 0, 0]) { input in
      withArray([2, 2], [7, 7, 7, 7]) { output in
        let (input, output) = (input, output)
        var empty = output
        empty.data = nil
        let noData = empty
        let checks: [(() -> ph_status, String)] = [
          ({ ph_plan_create(nil, "{}", [input], 1, &out) }, "model is NULL"),
          ({ ph_plan_create(model, nil, [input], 1, &out) }, "request_json is NULL"),
          ({ ph_plan_create(model, "{}", nil, 1, &out) }, "input_types is NULL"),
          ({ ph_plan_create(model, "{}", [input], 1, nil) }, "plan_out is NULL"),
          ({ ph_plan_output_type(nil, 0, &array) }, "plan is NULL"),
          ({ ph_plan_output_type(plan, 0, nil) }, "type_out is NULL"),
          ({ ph_plan_output_type(plan, 1, &array) }, "output 1 doesn't exist: the plan has 1"),
          ({ ph_plan_output_type(plan, -1, &array) }, "output -1 doesn't exist: the plan has 1"),
          ({ ph_plan_run(nil, [input], 1, [output], 1) }, "plan is NULL"),
          ({ ph_plan_run(plan, nil, 1, [output], 1) }, "inputs is NULL"),
          ({ ph_plan_run(plan, [input], 1, nil, 1) }, "outputs is NULL"),
          ({ ph_plan_run(plan, [input], 1, [noData], 1) }, "outputs[0]: data is NULL"),
        ]
        for (call, sentence) in checks {
          #expect(call() == invalid)
          #expect(lastMessage == sentence)
        }
        #expect(output.data?.load(as: Float.self) == 7)
      }
    }
    #expect(out == nil)
    #expect(ph_plan_output_count(nil) == 0)
    #expect(ph_plan_json(nil) == nil)
    ph_plan_destroy(nil)
  }

  @Test(
    arguments: [
      ([2, 4], Int32(PH_FLOAT32), nil, "expected float32 (2, 3), received float32 (2, 4)"),
      ([3], Int32(PH_FLOAT32), nil, "expected float32 (2, 3), received float32 (3,)"),
      ([2, 3], Int32(PH_INT32), nil, "expected float32 (2, 3), received int32 (2, 3)"),
      ([2, 3], 99, nil, "dtype 99 doesn't exist"), ([2, 3], Int32(PH_FLOAT32), -5, "received -5"),
      ([.max, .max], Int32(PH_FLOAT32), nil, "axis lengths are negative or too large"),
    ] as [([Int64], Int32, Int32?, String)])
  func otherInputsThanPlannedAreRefused(
    shape: [Int64], dtype: Int32, rank: Int32?, sentence: String
  ) {
    let plan = makePlan()
    defer { ph_plan_destroy(plan) }
    withArray(shape, [0], dtype: dtype, rank: rank) { input in
      withArray([2, 2], [7, 7, 7, 7]) { output in
        #expect(ph_plan_run(plan, [input], 1, [output], 1) == invalid)
        #expect(lastMessage.hasPrefix("inputs[0]: "))
        #expect(lastMessage.contains(sentence), "\(lastMessage)")
        #expect(output.data?.load(as: Float.self) == 7)
      }
    }
  }

  @Test func wrongCountsAreRefused() {
    let plan = makePlan()
    defer { ph_plan_destroy(plan) }
    withArray([2, 3], [0, 0, 0, 0, 0, 0]) { input in
      for count in [0, 2, -1, Int.max] {
        #expect(ph_plan_run(plan, [input, input], count, [input], 1) == invalid)
        #expect(lastMessage == "inputs: 1 arrays are needed, received \(count)")
        #expect(ph_plan_run(plan, [input], 1, [input, input], count) == invalid)
        #expect(lastMessage == "outputs: 1 arrays are needed, received \(count)")
      }
    }
  }

  @Test func typesAreChecked() {
    let model = makeModel()
    defer { ph_model_destroy(model) }
    var plan: OpaquePointer?
    withArray([2, 3], [], dtype: Int32(PH_FLOAT16)) { type in
      #expect(ph_plan_create(model, "{}", [type], 1, &plan) == invalid)
      #expect(
        lastMessage
          == "input_types[0] must be float32, int32, uint8 or bool, received float16 (2, 3)")
    }
    // No machine has this batch; the answer is a sentence, not the end of the process.
    withArray([1 << 40, 3], []) { type in
      #expect(ph_plan_create(model, "{}", [type], 1, &plan) != ok)
      #expect(!lastMessage.isEmpty)
    }
    #expect(plan == nil)
  }

  @Test func planDescribesItself() {
    let plan = makePlan()
    defer { ph_plan_destroy(plan) }
    var type = ph_array()
    #expect(ph_plan_output_type(plan, 0, &type) == ok)
    #expect(type.data == nil)
    #expect(type.dtype == Int32(PH_FLOAT32))
    #expect(UnsafeBufferPointer(start: type.shape, count: Int(type.rank)).map { $0 } == [2, 2])
    let json = ph_plan_json(plan).map { String(cString: $0) } ?? ""
    #expect(json.hasPrefix(#"{"operations": ["MatrixProduct("#))
  }
}
