@testable import CABI
import CPhosphene
import Glibc
import Testing

@Suite struct ModelABITests {
  @Test func nullIsRefusedAndNamed() {
    var out: OpaquePointer?
    #expect(ph_architecture_create(nil, &out) == invalid)
    #expect(lastMessage == "config_json is NULL")
    #expect(ph_architecture_create(denseConfig, nil) == invalid)
    #expect(lastMessage == "architecture_out is NULL")
    #expect(ph_model_create(nil, nil, nil, 0, nil, &out) == invalid)
    #expect(lastMessage == "architecture is NULL")
    #expect(ph_model_create(nil, nil, nil, 0, nil, nil) == invalid)
    #expect(lastMessage == "model_out is NULL")
    #expect(ph_model_join(nil, nil, nil, 0, nil, &out) == invalid)
    #expect(lastMessage == "architecture is NULL")
    #expect(ph_model_join(nil, nil, nil, 0, nil, nil) == invalid)
    #expect(lastMessage == "model_out is NULL")
    #expect(ph_model_open(nil, 0, &out) == invalid)
    #expect(lastMessage == "path is NULL")
    #expect(ph_model_open("x", 0, nil) == invalid)
    #expect(lastMessage == "model_out is NULL")
    #expect(ph_model_save(nil, "x") == invalid)
    #expect(lastMessage == "model is NULL")
    #expect(ph_model_with_precision(nil, "bfloat16", &out) == invalid)
    #expect(lastMessage == "model is NULL")
    #expect(ph_model_with_precision(nil, nil, nil) == invalid)
    #expect(lastMessage == "model_out is NULL")
    #expect(out == nil)
    #expect(ph_architecture_json(nil) == nil)
    #expect(ph_model_json(nil) == nil)
    #expect(ph_model_config_json(nil) == nil)
    #expect(ph_model_metadata_json(nil) == nil)
    #expect(ph_model_digest(nil) == nil)
    ph_architecture_destroy(nil)
    ph_model_destroy(nil)
  }

  @Test func nullInsideIsRefusedAndNamed() {
    var architecture: OpaquePointer?
    #expect(ph_architecture_create(denseConfig, &architecture) == ok)
    defer { ph_architecture_destroy(architecture) }
    var model: OpaquePointer?
    withArray([2], [1, 2]) { array in
      let arrays = [array]
      #expect(ph_model_create(architecture, nil, arrays, 1, nil, &model) == invalid)
      #expect(lastMessage == "keys is NULL")
      #expect(ph_model_create(architecture, [nil], arrays, 1, nil, &model) == invalid)
      #expect(lastMessage == "keys[0] is NULL")
    }
    withKeys(["dense/bias"]) { keys in
      #expect(ph_model_create(architecture, keys, nil, 1, nil, &model) == invalid)
      #expect(lastMessage == "weights is NULL")
      withArray([2], [1, 2]) { array in
        array.data = nil
        #expect(ph_model_create(architecture, keys, [array], 1, nil, &model) == invalid)
        #expect(lastMessage == "weight 'dense/bias': data is NULL")
      }
      withArray([2], [1, 2]) { array in
        array.shape = nil
        #expect(ph_model_create(architecture, keys, [array], 1, nil, &model) == invalid)
        #expect(lastMessage == "weights[0]: shape is NULL")
        #expect(ph_model_create(architecture, keys, [array], -1, nil, &model) == invalid)
        #expect(lastMessage == "weights: -1 arrays are too many")
        #expect(ph_model_create(architecture, keys, [array], .max, nil, &model) == invalid)
      }
    }
    #expect(model == nil)
  }

  // The network of one dense layer, nested under the name "a".
  private static let around = """
    {"class_name": "Functional", "config": {"name": "around", "layers": [
    {"class_name": "InputLayer", "name": "y", "config": {"batch_shape": [null, 3]}},
    {"class_name": "Sequential", "name": "a", "config": {"name": "a", "layers": [
    {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [null, 3]}},
    {"class_name": "Dense", "config": {"name": "dense", "units": 2}}]},
    "inbound_nodes": [[["y", 0, 0, {}]]]}],
    "input_layers": [["y", 0, 0]], "output_layers": [["a", 1, 0]]}}
    """

  @Test func joinedModelsHoldTheWeightsOfTheirParts() {
    var architecture: OpaquePointer?
    #expect(ph_architecture_create(Self.around, &architecture) == ok)
    defer { ph_architecture_destroy(architecture) }
    let part = makeModel()
    var model: OpaquePointer?
    withKeys(["a"]) { paths in
      #expect(ph_model_join(architecture, paths, [part], 1, nil, &model) == ok)
    }
    defer { ph_model_destroy(model) }
    var (own, joined) = (ph_array(), ph_array())
    #expect(ph_model_weight(part, "dense/kernel", &own) == ok)
    #expect(ph_model_weight(model, "a/dense/kernel", &joined) == ok)
    #expect(own.data == joined.data)
    // The weights outlive the model that they came from.
    ph_model_destroy(part)
    let kernel = joined.data.assumingMemoryBound(to: Float.self)
    #expect((0..<6).map { kernel[$0] } == [1, 2, 3, 4, 5, 6])
  }

  @Test func whatCantBeJoinedIsNamed() {
    var architecture: OpaquePointer?
    #expect(ph_architecture_create(Self.around, &architecture) == ok)
    defer { ph_architecture_destroy(architecture) }
    let part = makeModel()
    defer { ph_model_destroy(part) }
    var model: OpaquePointer?
    func refusal(_ paths: [String], _ parts: [OpaquePointer?], _ count: Int? = nil) -> String {
      withKeys(paths) { paths in
        #expect(
          ph_model_join(architecture, paths, parts, count ?? parts.count, nil, &model) == invalid)
      }
      return lastMessage
    }
    #expect(refusal([], [], 0) == "at least one model is needed to join, received none")
    #expect(refusal(["a"], [part], -1) == "-1 models are too many to join")
    #expect(refusal(["a"], [nil]) == "models[0] is NULL")
    #expect(refusal(["b"], [part]) == "weight 'a/dense/kernel' of shape (3, 2) is missing")
    #expect(refusal(["a", "a"], [part, part]) == "two models are joined under the path 'a'")
    #expect(refusal(["a", "b"], [part, part]).hasSuffix("belongs to no layer of this model"))
    #expect(ph_model_join(architecture, nil, [part], 1, nil, &model) == invalid)
    #expect(lastMessage == "paths is NULL")
    withKeys(["a"]) { paths in
      #expect(ph_model_join(architecture, paths, nil, 1, nil, &model) == invalid)
      #expect(lastMessage == "models is NULL")
      #expect(ph_model_join(architecture, paths, [part], 1, "[]", &model) == invalid)
      #expect(lastMessage == "metadata_json must be an object of strings")
    }
    #expect(model == nil)
  }

  @Test(
    arguments: [
      ([.max, .max, .max], Int32(PH_FLOAT32), nil, "axis lengths are negative or too large"),
      ([-2], Int32(PH_FLOAT32), nil, "axis lengths are negative or too large"),
      ([2], 0, nil, "dtype 0 doesn't exist"), ([2], .max, nil, "doesn't exist"),
      ([2], Int32(PH_FLOAT32), -1, "rank must lie between 0 and 8, received -1"),
      ([2], Int32(PH_FLOAT32), 9, "rank must lie between 0 and 8, received 9"),
      ([2], Int32(PH_FLOAT32), .max, "rank must lie between 0 and 8"),
      ([2], Int32(PH_UINT8), nil, "weight 'dense/bias' must be float32, received uint8 (2,)"),
      ([2, 1], Int32(PH_FLOAT32), nil, "weight 'dense/kernel' of shape (3, 2) is missing"),
    ] as [([Int64], Int32, Int32?, String)])
  func absurdWeightsAreRefused(shape: [Int64], dtype: Int32, rank: Int32?, sentence: String) {
    var architecture: OpaquePointer?
    #expect(ph_architecture_create(denseConfig, &architecture) == ok)
    defer { ph_architecture_destroy(architecture) }
    var model: OpaquePointer?
    withArray(shape, [1, 2], dtype: dtype, rank: rank) { array in
      withKeys(["dense/bias"]) { keys in
        #expect(ph_model_create(architecture, keys, [array], 1, nil, &model) == invalid)
      }
    }
    #expect(lastMessage.contains(sentence), "\(lastMessage)")
    #expect(model == nil)
  }

  @Test func textsAreChecked() {
    var out: OpaquePointer?
    let broken: [CChar] = [0x7b, -1, -2, 0]
    #expect(ph_architecture_create(broken, &out) == invalid)
    #expect(lastMessage == "config_json is not UTF-8")
    let lambda = denseConfig.replacing("\"Dense\"", with: "\"Lambda\"")
    #expect(ph_architecture_create(lambda, &out) == ph_status(PH_UNSUPPORTED))
    #expect(ph_model_open("/no/such/file", 1, &out) == ph_status(PH_MODEL_FILE))
    #expect(lastMessage == "can't open '/no/such/file': No such file or directory")
    #expect(out == nil)
  }

  @Test func weightsAreLent() {
    let model = makeModel()
    defer { ph_model_destroy(model) }
    var array = ph_array()
    #expect(ph_model_weight(model, "dense/kernel", &array) == ok)
    #expect(array.dtype == Int32(PH_FLOAT32))
    #expect(UnsafeBufferPointer(start: array.shape, count: Int(array.rank)).map { $0 } == [3, 2])
    let floats = UnsafeBufferPointer(
      start: array.data?.assumingMemoryBound(to: Float.self), count: 6)
    #expect(Array(floats) == [1, 2, 3, 4, 5, 6])
    #expect(ph_model_weight(model, "dense/other", &array) == invalid)
    #expect(lastMessage == "the model has no weight 'dense/other'")
    #expect(ph_model_weight(model, nil, &array) == invalid)
    #expect(lastMessage == "key is NULL")
    #expect(ph_model_weight(model, "dense/bias", nil) == invalid)
    #expect(lastMessage == "weight_out is NULL")
    #expect(ph_model_weight(nil, "dense/bias", &array) == invalid)
    #expect(lastMessage == "model is NULL")
  }

  @Test func metadataIsAnObjectOfStrings() {
    var architecture: OpaquePointer?
    let identity = denseConfig.replacing("\"Dense\"", with: "\"Dropout\"")
    #expect(ph_architecture_create(identity, &architecture) == ok)
    defer { ph_architecture_destroy(architecture) }
    for text in ["[]", "{\"a\": 1}", "", "{"] {
      var model: OpaquePointer?
      #expect(ph_model_create(architecture, nil, nil, 0, text, &model) == invalid)
      #expect(lastMessage == "metadata_json must be an object of strings")
    }
    var model: OpaquePointer?
    #expect(
      ph_model_create(architecture, nil, nil, 0, "{\"b\": \"2\", \"a\": \"1\"}", &model) == ok)
    #expect(ph_model_metadata_json(model).map { String(cString: $0) } == #"{"a":"1","b":"2"}"#)
    ph_model_destroy(model)
  }

  // Handles keep alive what they need: the model outlives its architecture, its file and the model
  // that wrote it.
  @Test func handlesMayGoInAnyOrder() throws {
    let model = makeModel()
    let path = "/tmp/phosphene-\(getpid())-\(UInt64.random(in: 0...(.max))).safetensors"
    #expect(ph_model_save(model, path) == ok)
    let digest = ph_model_digest(model).map { String(cString: $0) }
    var other: OpaquePointer?
    #expect(ph_model_open(path, 1, &other) == ok)
    ph_model_destroy(model)
    unlink(path)
    #expect(ph_model_digest(other).map { String(cString: $0) } == digest)
    #expect(ph_model_config_json(other).map { String(cString: $0) } == denseConfig)
    #expect(ph_model_json(other).map { String(cString: $0) }?.contains("\"dense/bias\"") == true)
    ph_model_destroy(other)
  }
}
