// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation, AlwaysUseLowerCamelCase
// The functions below are documented in phosphene.h, which the compiler checks them against.

public import CPhosphene
import Graphs
import KerasModels
import Kernels
import Synchronization
import Tensors
import Vision

/// A plan with what C callers ask about it.
final class PlanBox: CObject {
  static let cName = "a plan"

  let plan: Plan
  /// What callers hand over; the plan computes with floats.
  let inputTypes: [TensorType]
  let json: CText
  let outputShapes: [CShape]
  private let model: Model
  private let request: RequestGraph
  private let isExact: Bool
  private let careful = Mutex<Plan?>(nil)

  init(
    _ request: RequestGraph, of model: Model, on inputTypes: [TensorType], isExact: Bool
  ) throws(PhospheneError) {
    self.model = model
    self.inputTypes = inputTypes
    self.isExact = isExact
    self.request = request
    plan = try Threads.with(ThreadSetting.count) { () throws(PhospheneError) in
      try Plan(
        request.graph, outputs: request.outputs, pool: model.constants, isExact: isExact)
    }
    outputShapes = plan.outputTypes.map { CShape($0.shape) }
    let shared = plan.sharedOutputs.map { "[\($0.output), \($0.source)]" }
    let names = plan.operationNames.map { "\"\($0.filter { $0 != "\"" && $0 != "\\" })\"" }
    json = CText(
      """
      {"operations": [\(names.joined(separator: ", "))], "session_bytes": \(plan.sessionByteCount), \
      "packed_bytes": \(model.constants.byteCount), "threads": \(plan.threadCount), \
      "shared_outputs": [\(shared.joined(separator: ", "))]}
      """)
  }

  /// The plan for inputs with a NaN or an infinity among them: activations stay apart from the
  /// kernels before them, which would turn NaN into zero, and people look for where it comes from.
  func carefulPlan() throws(PhospheneError) -> Plan {
    if let plan = careful.withLock({ $0 }) { return plan }
    let made = try Threads.with(plan.threadCount) { () throws(PhospheneError) in
      try Plan(
        request.graph, outputs: request.outputs, pool: model.constants, fusesActivations: false,
        isExact: isExact)
    }
    careful.withLock { $0 = made }
    return made
  }
}

typealias PlanHandle = Handle<PlanBox>

@c @implementation
public func ph_plan_create(
  _ model: OpaquePointer?, _ requestJSON: UnsafePointer<CChar>?,
  _ inputTypes: UnsafePointer<ph_array>?, _ inputCount: Int,
  _ planOut: UnsafeMutablePointer<OpaquePointer?>?
) -> ph_status {
  status { () throws(PhospheneError) in
    let planOut = try required(planOut, "plan_out")
    try EngineInformation.check()
    let model = try ModelHandle.value(model, "model").model
    let request = try Request(json: text(requestJSON, "request_json"))
    let types = try types(of: inputTypes, count: inputCount, "input_types")
    for (index, type) in types.enumerated() where !type.dataType.isReadable {
      throw .invalidArgument(
        "input_types[\(index)] must be float32, int32, uint8 or bool, received \(type)")
    }
    let graph = try request.graph(of: model, on: types.map { TensorType($0.shape) })
    planOut.pointee = PlanHandle.create(
      try PlanBox(
        graph, of: model, on: types, isExact: request.isExact))
  }
}

@c @implementation
public func ph_plan_destroy(_ plan: OpaquePointer?) { PlanHandle.destroy(plan, "plan") }

@c @implementation
public func ph_plan_output_count(_ plan: OpaquePointer?) -> Int {
  answer { () throws(PhospheneError) in
    try PlanHandle.value(plan, "plan").plan.outputTypes.count
  } ?? 0
}

@c @implementation
public func ph_plan_output_type(
  _ plan: OpaquePointer?, _ index: Int, _ typeOut: UnsafeMutablePointer<ph_array>?
) -> ph_status {
  status { () throws(PhospheneError) in
    let typeOut = try required(typeOut, "type_out")
    let box = try PlanHandle.value(plan, "plan")
    guard box.plan.outputTypes.indices.contains(index) else {
      throw .invalidArgument(
        "output \(index) doesn't exist: the plan has \(box.plan.outputTypes.count)")
    }
    let type = box.plan.outputTypes[index]
    typeOut.pointee = ph_array(
      data: nil, dtype: type.dataType.rawValue, rank: Int32(type.shape.rank),
      shape: box.outputShapes[index].pointer)
  }
}

@c @implementation
public func ph_plan_json(_ plan: OpaquePointer?) -> UnsafePointer<CChar>? {
  answer { () throws(PhospheneError) in
    try PlanHandle.value(plan, "plan").json.pointer
  }
}

@c @implementation
public func ph_plan_run(
  _ plan: OpaquePointer?, _ inputs: UnsafePointer<ph_array>?, _ inputCount: Int,
  _ outputs: UnsafePointer<ph_array>?, _ outputCount: Int
) -> ph_status {
  status { () throws(PhospheneError) in
    let box = try PlanHandle.value(plan, "plan")
    let given = try pointers(to: inputs, count: inputCount, ofTypes: box.inputTypes, "inputs")
    // Copies of whole numbers live until the plan has run.
    var copies: [Tensor] = []
    var inputs = given
    for (index, type) in box.inputTypes.enumerated() where type.dataType != .float32 {
      let copy = try floats(given[index], type, "inputs[\(index)]")
      copies.append(copy)
      inputs[index] = copy.start
    }
    defer { withExtendedLifetime(copies) {} }
    let outputs = try pointers(
      to: outputs, count: outputCount, ofTypes: box.plan.outputTypes, "outputs")
    let areFinite = zip(inputs, box.plan.inputTypes).allSatisfy { pointer, type in
      UnsafeBufferPointer(
        start: pointer.assumingMemoryBound(to: Float.self), count: type.shape.elementCount
      ).allAreFinite
    }
    let plan = areFinite ? box.plan : try box.carefulPlan()
    try plan.run(inputs: inputs, outputs: outputs)
  }
}
