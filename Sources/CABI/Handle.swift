import Synchronization
import Tensors

/// What an opaque C pointer can stand for.
protocol CObject: AnyObject, Sendable {
  /// What it is called in sentences, such as "a model".
  static var cName: String { get }
}

/// What C callers hold, by the numbers that stand for it.
///
/// An opaque pointer is a number that is given once and never again, not an address: what a caller
/// takes for a handle (one of another kind, one that was destroyed, any other pointer) is looked up
/// and never followed.
private struct HeldObjects: Sendable {
  var given: UInt = 0
  var objects: [UInt: any CObject] = [:]
}

private let held = Mutex(HeldObjects())

/// The opaque C pointers of one kind of object.
enum Handle<Value: CObject> {
  /// Returns a pointer that keeps `value` alive until ``destroy(_:)``.
  static func create(_ value: Value) -> OpaquePointer? {
    let number = held.withLock { held in
      // Multiples of 16, as the addresses are that callers expect to see.
      held.given += 16
      held.objects[held.given] = value
      return held.given
    }
    return OpaquePointer(bitPattern: number)
  }

  /// Returns the value behind a borrowed pointer.
  static func value(_ pointer: OpaquePointer?, _ name: String) throws(PhospheneError) -> Value {
    let number = UInt(bitPattern: try required(pointer, name))
    let object = held.withLock { $0.objects[number] }
    if let value = object as? Value { return value }
    throw refused(object, name)
  }

  /// Gives up the pointer's ownership; `nil` is allowed.
  static func destroy(_ pointer: OpaquePointer?, _ name: String) {
    guard let pointer else { return }
    // The object goes after the lock, since it may hold others.
    let (removed, object) = held.withLock { held -> (Bool, (any CObject)?) in
      let number = UInt(bitPattern: pointer)
      guard held.objects[number] is Value else { return (false, held.objects[number]) }
      return (true, held.objects.removeValue(forKey: number))
    }
    if !removed { LastError.message = refused(object, name).message }
  }

  private static func refused(_ object: (any CObject)?, _ name: String) -> PhospheneError {
    guard let object else {
      return .invalidArgument(
        "\(name) is no handle, or was destroyed before; expected \(Value.cName)'s")
    }
    return .invalidArgument(
      "\(name) is \(type(of: object).cName)'s handle; expected \(Value.cName)'s")
  }
}
