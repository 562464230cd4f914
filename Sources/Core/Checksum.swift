import CKhoPlatform

/// CRC-32C (Castagnoli; RFC 3720 appendix B.4), about 20 ns for 400 bytes where the processor has the instruction.
/// Detects damage; no defence against intent.
package struct CRC32C: Equatable, Sendable {
    package private(set) var value: UInt32 = 0

    package init() {}

    /// Goes on with these bytes.
    package mutating func update(_ bytes: borrowing RawSpan) {
        value = bytes.withUnsafeBytes { kho_crc32c(value, $0.baseAddress, $0.count) }
    }

    /// Goes on with these bytes as if the four at `hole`, which must be among them, were zeros: the checksum's own place.
    package mutating func update(_ bytes: borrowing RawSpan, around hole: Int) {
        invariant(hole >= 0 && hole + 4 <= bytes.byteCount, "a checksum's place at \(hole) of \(bytes.byteCount) bytes")
        value = bytes.withUnsafeBytes { kho_crc32c_around(value, $0.baseAddress, $0.count, hole) }
    }

    /// Goes on with the number's eight bytes, big-endian.
    package mutating func update(_ number: UInt64) {
        var bytes = number.bigEndian
        value = withUnsafeBytes(of: &bytes) { kho_crc32c(value, $0.baseAddress, $0.count) }
    }

    /// Goes on with the number's four bytes, big-endian.
    package mutating func update(_ number: UInt32) {
        var bytes = number.bigEndian
        value = withUnsafeBytes(of: &bytes) { kho_crc32c(value, $0.baseAddress, $0.count) }
    }

    /// Goes on with these bytes.
    package mutating func update(_ bytes: [UInt8]) {
        value = bytes.withUnsafeBytes { kho_crc32c(value, $0.baseAddress, $0.count) }
    }

    package static func of(_ bytes: [UInt8]) -> UInt32 {
        var crc = CRC32C()
        crc.update(bytes)
        return crc.value
    }

    package static func of(_ bytes: borrowing RawSpan) -> UInt32 {
        bytes.withUnsafeBytes { kho_crc32c(0, $0.baseAddress, $0.count) }
    }

    /// The same without the processor's instruction, for tests that compare the two.
    static func portable(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { kho_crc32c_portable(0, $0.baseAddress, $0.count) }
    }
}
