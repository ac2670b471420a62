// Written by hand: Foundation's encoder takes longer for a network than reading it does.

extension ArchitectureDescription {
  /// The description as `phosphene.h` documents it.
  var json: String {
    var json = JSONText()
    write(to: &json)
    return json.text
  }

  private func write(to json: inout JSONText) {
    json.object {
      $0.member("name", name)
      $0.member("class_name", className)
      $0.member("reads_sequences", readsSequences)
      $0.member("inputs", inputs) { json, input in
        json.object {
          $0.member("name", input.name)
          $0.member("shape", input.shape) { $0.value($1) }
          $0.member("dtype", input.dtype)
          $0.member("channel_axis", input.channelAxis)
          $0.member("form", input.form.rawValue)
        }
      }
      $0.member("outputs", outputs) { json, output in
        json.object {
          $0.member("path", output.path)
          $0.member("shape", output.shape) { $0.value($1) }
        }
      }
      $0.member("layers", layers) { $1.write(to: &$0) }
      $0.member("weights", weights) { $1.write(to: &$0) }
      $0.member("trace", trace) { $0.value($1) }
      $0.member("trace_shapes", traceShapes) { json, shape in
        json.array(shape) { $0.value($1) }
      }
      $0.member("trace_channel_axes", traceChannelAxes) { $0.value($1) }
    }
  }
}

extension ArchitectureDescription.Weight {
  fileprivate func write(to json: inout JSONText) {
    json.object {
      $0.member("key", key)
      $0.member("name", name)
      $0.member("shape", shape) { $0.value($1) }
      $0.member("trainable", trainable)
    }
  }
}

extension ArchitectureDescription.Layer {
  fileprivate func write(to json: inout JSONText) {
    json.object {
      $0.member("name", name)
      $0.member("path", path)
      $0.member("kind", kind)
      $0.member("input_shapes", inputShapes) { json, shape in json.array(shape) { $0.value($1) } }
      $0.member("output_shapes", outputShapes) { json, shape in json.array(shape) { $0.value($1) } }
      $0.member("parameters", parameters)
      $0.member("trainable", trainable)
      $0.member("is_operation", isOperation)
      if let activation { $0.member("activation", activation) }
      $0.member("weights", weights) { $1.write(to: &$0) }
      $0.member("calls", calls) { $0.value($1) }
      $0.member("connected_to", connectedTo) { $0.value($1) }
      if let layers { $0.member("layers", layers) { $1.write(to: &$0) } }
    }
  }
}

/// JSON under construction.
private struct JSONText {
  private(set) var text = ""
  /// Whether something stands before what comes next in the same array or object.
  private var needsComma = false

  mutating func object(_ members: (inout JSONText) -> Void) {
    open("{")
    members(&self)
    close("}")
  }

  mutating func array<Element>(_ elements: [Element], _ write: (inout JSONText, Element) -> Void) {
    open("[")
    for element in elements { write(&self, element) }
    close("]")
  }

  mutating func member<Element>(
    _ name: StaticString, _ elements: [Element], _ write: (inout JSONText, Element) -> Void
  ) {
    key(name)
    array(elements, write)
  }

  mutating func member(_ name: StaticString, _ value: String) {
    key(name)
    self.value(value)
  }

  mutating func member(_ name: StaticString, _ number: Int) {
    key(name)
    value(number)
  }

  mutating func member(_ name: StaticString, _ flag: Bool) {
    key(name)
    text += flag ? "true" : "false"
    needsComma = true
  }

  mutating func value(_ number: Int?) {
    separate()
    text += number.map(String.init) ?? "null"
    needsComma = true
  }

  mutating func value(_ string: String) {
    separate()
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"", "\\": text += "\\\(scalar)"
      case "\u{0}"..<" ":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
    needsComma = true
  }

  private mutating func key(_ name: StaticString) {
    separate()
    text += "\"\(name)\":"
    needsComma = false
  }

  private mutating func open(_ bracket: String) {
    separate()
    text += bracket
    needsComma = false
  }

  private mutating func close(_ bracket: String) {
    text += bracket
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { text += "," }
  }
}
