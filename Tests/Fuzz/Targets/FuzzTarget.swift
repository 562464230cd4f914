import Core

/// A property that bytes from outside broke, beside the crash that they must never cause.
struct FuzzFinding: Error {
    let what: String
}

/// One reader of bytes from outside, and what must hold of it whatever the bytes are: it does not stop the process, takes no more memory
/// than the bytes are worth, and what it accepts it writes again as bytes that mean the same.
struct FuzzTarget: Sendable {
    /// As `Tests/Fuzz/run` calls it, and the folder of its cases.
    let name: String
    /// Throws a finding.
    let run: @Sendable ([UInt8]) throws -> Void
    /// Bytes to begin with, some of them good.
    let seeds: @Sendable () throws -> [[UInt8]]

    static let all: [FuzzTarget] =
        wireTargets + peerFrameTargets + peerTargets + snapshotTargets + logTargets + catalogueTargets + conditionTargets + recordTargets + textTargets
        + tokenTargets + historyTargets + backupTargets
}

/// What decodes encodes to bytes that decode, and encode to the same. Bytes are compared, not values, since a NaN equals nothing.
func expectStable<Value>(
    _ what: String, _ bytes: [UInt8], decode: ([UInt8]) throws -> Value, encode: (Value) throws -> [UInt8]
) throws {
    guard let value = try? decode(bytes) else { return }
    let first = try encode(value)
    let again: Value
    do { again = try decode(first) } catch { throw FuzzFinding(what: "\(what): what was accepted is refused when written again: \(error)") }
    guard try encode(again) == first else { throw FuzzFinding(what: "\(what): written again it means something else") }
}

/// Bytes of a writer, for seeds.
func written(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
    var out = ByteWriter()
    body(&out)
    return out.bytes
}
