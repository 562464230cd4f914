/// What is wrong with bytes that should have been a value: too short, or not what was expected.
public enum DecodingError: Error, Equatable, Sendable {
    /// The bytes end before the value does. `needed` counts the bytes missing at the least.
    case truncated(at: Int, needed: Int)
    /// The value at this place is not allowed; the text says what is.
    case invalid(at: Int, _ what: StaticString)

    public static func == (a: DecodingError, b: DecodingError) -> Bool {
        switch (a, b) {
        case let (.truncated(x, m), .truncated(y, n)): x == y && m == n
        case let (.invalid(x, s), .invalid(y, t)): x == y && s.description == t.description
        default: false
        }
    }
}

/// Reads big-endian values from bytes that it only borrows. Never reads past the end and never allocates more than the
/// bytes it was given.
@usableFromInline package struct ByteReader: ~Escapable {
    @usableFromInline let span: RawSpan
    /// Offset of the next byte.
    @usableFromInline package internal(set) var position: Int

    @inlinable @_lifetime(copy span)
    package init(_ span: RawSpan) {
        self.span = span
        position = 0
    }

    @inlinable package var remaining: Int { span.byteCount - position }
    @inlinable package var isAtEnd: Bool { position == span.byteCount }

    @inlinable @inline(__always)
    mutating func take<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type) throws(DecodingError) -> T {
        guard span.byteCount - position >= MemoryLayout<T>.size else {
            throw .truncated(at: position, needed: MemoryLayout<T>.size - remaining)
        }
        let value = unsafe span.unsafeLoadUnaligned(fromByteOffset: position, as: T.self)
        position += MemoryLayout<T>.size
        return T(bigEndian: value)
    }

    @inlinable package mutating func readUInt8() throws(DecodingError) -> UInt8 { try take(UInt8.self) }
    @inlinable package mutating func readUInt16() throws(DecodingError) -> UInt16 { try take(UInt16.self) }
    @inlinable package mutating func readUInt32() throws(DecodingError) -> UInt32 { try take(UInt32.self) }
    @inlinable package mutating func readUInt64() throws(DecodingError) -> UInt64 { try take(UInt64.self) }
    @inlinable package mutating func readInt32() throws(DecodingError) -> Int32 { try take(Int32.self) }
    @inlinable package mutating func readInt64() throws(DecodingError) -> Int64 { try take(Int64.self) }

    /// 0 or 1; anything else is an error.
    @inlinable package mutating func readBool() throws(DecodingError) -> Bool {
        switch try readUInt8() {
        case 0: return false
        case 1: return true
        default: throw .invalid(at: position - 1, "a truth value is 0 or 1")
        }
    }

    /// The next `count` bytes, borrowed.
    @inlinable @_lifetime(copy self)
    package mutating func readSpan(_ count: Int) throws(DecodingError) -> RawSpan {
        guard count >= 0, remaining >= count else { throw .truncated(at: position, needed: count - remaining) }
        let bytes = span.extracting(position..<position + count)
        position += count
        return bytes
    }

    /// The next `count` bytes, copied.
    package mutating func copiedBytes(_ count: Int) throws(DecodingError) -> [UInt8] {
        let bytes = try readSpan(count)
        return bytes.withUnsafeBytes { [UInt8]($0) }
    }

    /// All bytes that are left, copied.
    package mutating func copiedRest() throws(DecodingError) -> [UInt8] { try copiedBytes(remaining) }

    /// A length of 4 bytes, then as many bytes, copied. The length is checked before anything is allocated.
    package mutating func copiedBytes32(max: Int = .max) throws(DecodingError) -> [UInt8] {
        let start = position
        let count = Int(try readUInt32())
        guard count <= max else { throw .invalid(at: start, "longer than allowed") }
        return try copiedBytes(count)
    }

    /// A length of 2 bytes, then as many bytes, copied.
    package mutating func copiedBytes16(max: Int = .max) throws(DecodingError) -> [UInt8] {
        let start = position
        let count = Int(try readUInt16())
        guard count <= max else { throw .invalid(at: start, "longer than allowed") }
        return try copiedBytes(count)
    }

    /// A length of 2 bytes, then as many bytes, borrowed.
    @_lifetime(copy self)
    package mutating func readSpan16(max: Int = .max) throws(DecodingError) -> RawSpan {
        let start = position
        let count = Int(try readUInt16())
        guard count <= max else { throw .invalid(at: start, "longer than allowed") }
        return try readSpan(count)
    }

    /// A length of 2 bytes, then as many bytes of well-formed UTF-8.
    package mutating func readString16(max: Int = .max) throws(DecodingError) -> String {
        let start = position
        let bytes = try copiedBytes16(max: max)
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .invalid(at: start, "not UTF-8") }
        return text
    }

    /// A length of 4 bytes, then as many bytes of well-formed UTF-8.
    package mutating func readString32(max: Int = .max) throws(DecodingError) -> String {
        let start = position
        let bytes = try copiedBytes32(max: max)
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .invalid(at: start, "not UTF-8") }
        return text
    }

    /// A count of 4 bytes that the bytes left can hold, at `minimumSize` bytes an element at the least. So a false
    /// count makes nobody allocate more than the message's own size.
    package mutating func readCount32(minimumSize: Int) throws(DecodingError) -> Int {
        let start = position
        let count = Int(try readUInt32())
        guard count <= remaining / Swift.max(1, minimumSize) else { throw .invalid(at: start, "count exceeds the bytes that follow") }
        return count
    }

    /// The same with a count of 2 bytes.
    package mutating func readCount16(minimumSize: Int) throws(DecodingError) -> Int {
        let start = position
        let count = Int(try readUInt16())
        guard count <= remaining / Swift.max(1, minimumSize) else { throw .invalid(at: start, "count exceeds the bytes that follow") }
        return count
    }

    /// An error unless every byte was read.
    package func expectEnd() throws(DecodingError) {
        guard isAtEnd else { throw .invalid(at: position, "bytes left over") }
    }
}

extension Array where Element == UInt8 {
    /// Decodes the bytes with a reader, which cannot outlive the call.
    @inlinable package func reading<T>(_ body: (inout ByteReader) throws(DecodingError) -> T) throws(DecodingError) -> T {
        var reader = ByteReader(span.bytes)
        return try body(&reader)
    }
}
