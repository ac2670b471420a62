import FoundationEssentials
import KerasModels

/// What an architecture's JSON says, as another program reads it.
struct Description: Decodable {
  struct Layer: Decodable {
    let name: String, path: String, kind: String
    let inputShapes: [[Int?]], outputShapes: [[Int?]]
    let parameters: Int
    let trainable: Bool
    let activation: String?
    let weights: [Weight]
    let calls: [String], connectedTo: [String]
    let layers: [Layer]?
  }

  struct Weight: Decodable {
    let key: String, name: String
    let shape: [Int]
    let trainable: Bool
  }

  struct Input: Decodable {
    let name: String
    let shape: [Int?]
    let dtype: String
  }

  struct Output: Decodable, Equatable {
    let path: String
    let shape: [Int?]
  }

  let name: String, className: String
  let inputs: [Input]
  let outputs: [Output]
  let layers: [Layer]
  let trace: [String]

  init(_ architecture: Architecture) throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    self = try decoder.decode(Description.self, from: Data(architecture.json.utf8))
  }
}
