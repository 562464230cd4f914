/// Appends big-endian values to an array of bytes.
@usableFromInline package struct ByteWriter: Sendable {
    @usableFromInline package var bytes: [UInt8]

    @inlinable package init(capacity: Int = 64) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    @inlinable package var count: Int { bytes.count }

    @inlinable @inline(__always)
    mutating func put<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    @inlinable package mutating func write(_ value: UInt8) { bytes.append(value) }
    @inlinable package mutating func write(_ value: UInt16) { put(value) }
    @inlinable package mutating func write(_ value: UInt32) { put(value) }
    @inlinable package mutating func write(_ value: UInt64) { put(value) }
    @inlinable package mutating func write(_ value: Int32) { put(value) }
    @inlinable package mutating func write(_ value: Int64) { put(value) }
    @inlinable package mutating func write(_ value: Bool) { bytes.append(value ? 1 : 0) }
    /// Appends the value's bytes as they lie in memory, in one piece: for heads whose numbers are big-endian already and leave no gaps.
    @inlinable @inline(__always)
    package mutating func write<T: BitwiseCopyable>(inMemory value: T) { withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) } }

    /// The bytes alone, without a length.
    @inlinable package mutating func write(raw value: [UInt8]) { bytes.append(contentsOf: value) }
    package mutating func write(raw value: borrowing RawSpan) {
        value.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    /// A length of 2 bytes, then the bytes; at most 65,535.
    package mutating func write16(_ value: [UInt8]) {
        invariant(value.count <= Int(UInt16.max), "a value of \(value.count) bytes does not fit a length of 2 bytes")
        write(UInt16(value.count))
        write(raw: value)
    }

    /// A length of 4 bytes, then the bytes.
    package mutating func write32(_ value: [UInt8]) {
        invariant(value.count <= Int(UInt32.max), "a value of \(value.count) bytes does not fit a length of 4 bytes")
        write(UInt32(value.count))
        write(raw: value)
    }

    package mutating func write16(_ text: String) { write16(Array(text.utf8)) }
    package mutating func write32(_ text: String) { write32(Array(text.utf8)) }

    /// Overwrites bytes written before, as for a length or a count known only later.
    @inlinable
    package mutating func overwrite<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: value.bigEndian, toByteOffset: offset, as: T.self) }
    }
}
