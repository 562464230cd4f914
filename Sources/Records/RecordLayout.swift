import Core

/// The bytes of a record, the same on disk and on the wire. All numbers big-endian.
///
///     header, 32 bytes   format u8 (1) | flags u8 | field count u16 | schema version u32 | modification index u64 |
///                        modification time i64 (ms) | CRC-32C u32 | content bytes u32
///     table, 8 a field   field id u16 | kind u8 | 0 u8 | length i32, ascending by id
///     content            the values' bytes in the order of the table
///
/// A length of −1 is null, −2 withheld, −3 masked; such a field has no content, and a withheld one has the kind 0. The CRC-32C goes over the key's bytes, then
/// the whole record with the CRC's own four bytes zero: it binds the record to its key.
package enum RecordLayout {
    package static let format: UInt8 = 1
    package static let headerBytes = 32
    package static let entryBytes = 8

    /// Flag: something of the record was left out or withheld for want of a right; schema version, index and time are zero, and fields
    /// without a value are left out.
    package static let flagFiltered: UInt8 = 1

    static let flagsOffset = 1
    static let countOffset = 2
    static let schemaOffset = 4
    static let indexOffset = 8
    static let timeOffset = 16
    static let checksumOffset = 24
    static let contentOffset = 28

    package static let lengthNull: Int32 = -1
    package static let lengthWithheld: Int32 = -2
    package static let lengthMasked: Int32 = -3

    /// Four bits a kind, from the lowest on: the bytes of its values, 0 where they differ, `noKind` where there is no such kind.
    static let kindBytes: UInt64 = 0xFFFF_FF00_0849_881F
    static let noKind: UInt64 = 15

    /// The checksum of the record for this key. `record` has at least a header.
    package static func checksum(key: borrowing RawSpan, record: borrowing RawSpan) -> UInt32 {
        var crc = CRC32C()
        crc.update(key)
        crc.update(record, around: checksumOffset)
        return crc.value
    }
}

/// What is wrong with a record's bytes.
public enum RecordError: Error, Equatable, Sendable {
    /// The bytes do not have the layout; the text says where.
    case malformed(String)
    /// The checksum does not fit the key and the bytes.
    case checksum
}

// MARK: Values as content

extension Value {
    /// The length that stands in the table.
    package var encodedLength: Int32 {
        switch self {
        case .null: RecordLayout.lengthNull
        case .withheld: RecordLayout.lengthWithheld
        case .masked: RecordLayout.lengthMasked
        case .bool: 1
        case .int64, .double, .timestamp: 8
        case .decimal: 9
        case .date: 4
        case let .string(text): Int32(text.utf8.count)
        case let .bytes(bytes): Int32(bytes.count)
        case let .list(texts): Int32(2 + texts.reduce(0) { $0 + 2 + $1.utf8.count })
        }
    }

    /// Appends the content: bool u8; int64, timestamp i64; double its bits; decimal scale u8 and i64; date i32; string and
    /// bytes themselves; list count u16, then each length u16 and UTF-8.
    package func encodeContent(into out: inout ByteWriter) {
        switch self {
        case .null, .withheld, .masked: break
        case let .bool(value): out.write(value)
        case let .int64(value), let .timestamp(value): out.write(value)
        case let .double(value): out.write(value.bitPattern)
        case let .decimal(value):
            out.write(value.scale)
            out.write(value.unscaled)
        case let .date(value): out.write(value.day)
        case let .string(text): out.write(raw: Array(text.utf8))
        case let .bytes(bytes): out.write(raw: bytes)
        case let .list(texts):
            out.write(UInt16(texts.count))
            for text in texts { out.write16(text) }
        }
    }

    /// The value that the content of this kind holds.
    package init(kind: ValueKind, content: RawSpan) throws(RecordError) {
        if let fixed = kind.fixedBytes, content.byteCount != fixed { throw .malformed("a \(kind.name) has \(fixed) bytes") }
        var reader = ByteReader(content)
        do throws(DecodingError) {
            switch kind {
            case .bool: self = .bool(try reader.readBool())
            case .int64: self = .int64(try reader.readInt64())
            case .double: self = .double(Double(bitPattern: try reader.readUInt64()))
            case .decimal:
                let scale = try reader.readUInt8()
                self = .decimal(DecimalValue(unscaled: try reader.readInt64(), scale: scale))
            case .date: self = .date(CalendarDate(day: try reader.readInt32()))
            case .timestamp: self = .timestamp(try reader.readInt64())
            case .string:
                guard let text = String(validating: try reader.copiedRest(), as: UTF8.self) else {
                    throw DecodingError.invalid(at: 0, "not UTF-8")
                }
                self = .string(text)
            case .bytes: self = .bytes(try reader.copiedRest())
            case .list:
                var texts: [String] = []
                for _ in 0..<(try reader.readCount16(minimumSize: 2)) { texts.append(try reader.readString16()) }
                try reader.expectEnd()
                self = .list(texts)
            }
        } catch {
            throw .malformed("\(kind.name): \(error)")
        }
    }
}

// MARK: Writing a record

package enum RecordCodec {
    /// The bytes of a record. The fields may come in any order, each once.
    package static func encode(
        key: [UInt8], schemaVersion: UInt32, modifiedAt index: LogIndex, time: LogTime, fields: [(FieldID, Value, ValueKind)],
        flags: UInt8 = 0
    ) -> [UInt8] {
        var ordered = fields
        // They mostly come in order, and then there is nothing to sort.
        for place in ordered.indices.dropFirst() where ordered[place].0 < ordered[place - 1].0 {
            ordered.sort { $0.0 < $1.0 }
            break
        }
        var out = ByteWriter(capacity: RecordLayout.headerBytes + ordered.count * 24)
        out.write(RecordLayout.format)
        out.write(flags)
        out.write(UInt16(ordered.count))
        out.write(schemaVersion)
        out.write(index.rawValue)
        out.write(time.milliseconds)
        out.write(UInt32(0))
        out.write(UInt32(0))
        for (id, value, kind) in ordered {
            out.write(id.rawValue)
            out.write(kind.rawValue)
            out.write(UInt8(0))
            out.write(value.encodedLength)
        }
        let start = out.count
        for (_, value, _) in ordered { value.encodeContent(into: &out) }
        out.overwrite(UInt32(out.count - start), at: RecordLayout.contentOffset)
        out.overwrite(RecordLayout.checksum(key: key.span.bytes, record: out.bytes.span.bytes), at: RecordLayout.checksumOffset)
        return out.bytes
    }
}
