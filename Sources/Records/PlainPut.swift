import Core

/// A put as most are, looked at where it lies in its entry: no condition, no lists, text that needs no tables to be known as NFC. It goes from bytes
/// to bytes: its fields are checked against the schema and become a record without a value being made of any.
///
/// A put that is not plain, or that the schema does not allow, is none here: `WriteOperation` and `Schema.check` say what is wrong with it. What is plain
/// gives the same record there.
package struct PlainPut {
    package let dataset: DatasetID
    /// Where its key lies in the bytes that it was read from.
    package let key: Range<Int>
    /// Where its fields lie there: for each id u16, kind u8, length i32, content.
    package let fields: Range<Int>

    /// Reads an operation (the layout is that of `WriteOperation`); nil if it is not plain or malformed.
    package init?(from reader: inout ByteReader) {
        do throws(DecodingError) {
            guard try reader.readUInt8() == WriteOperation.Kind.put.rawValue else { return nil }
            dataset = DatasetID(try reader.readUInt32())
            let length = Int(try reader.readUInt16())
            guard (1...Limits.recordKeyBytes).contains(length) else { return nil }
            key = reader.position..<reader.position + length
            guard TextRules.isPlain(try reader.readSpan(length)), try reader.readUInt8() == 0 else { return nil }
            let count = try reader.readUInt16()
            let start = reader.position
            for _ in 0..<count {
                guard try reader.readUInt16() <= Limits.fieldID else { return nil }
                let kind = try reader.readUInt8()
                let length = try reader.readInt32()
                if length == RecordLayout.lengthNull {
                    // As it is always written.
                    guard kind == 0 else { return nil }
                    continue
                }
                guard length >= 0, let kind = ValueKind(rawValue: kind), Self.isPlain(kind, try reader.readSpan(Int(length))) else { return nil }
            }
            fields = start..<reader.position
        } catch { return nil }
    }

    /// Whether a value of this kind can have the content, by a look at its bytes alone.
    private static func isPlain(_ kind: ValueKind, _ content: RawSpan) -> Bool {
        switch kind {
        case .bool: content.byteCount == 1 && content.byte(0) <= 1
        case .int64, .double, .timestamp: content.byteCount == 8
        case .decimal: content.byteCount == 9
        case .date: content.byteCount == 4
        case .string: TextRules.isPlain(content)
        case .bytes: true
        case .list: false
        }
    }
}

/// What `PlainPut` asks of a field, without what a person reads of it.
struct PlainRule: Equatable, Sendable {
    let id: UInt16
    let kind: ValueKind
    let scale: UInt8
    let required: Bool
    let contentBytesMax: Int

    init(_ field: FieldDefinition) {
        id = field.id.rawValue
        kind = field.kind
        scale = field.scale
        required = field.required
        contentBytesMax = field.contentBytesMax
    }

    /// Whether the field may have the content, which is one of its kind.
    func allows(_ content: RawSpan) -> Bool {
        switch kind {
        case .bool, .int64: true
        case .double: Double(bitPattern: content.uint64(0)).isFinite
        case .decimal: content.byte(0) == scale
        case .date: CalendarDate.range.contains(CalendarDate(day: content.int32(0)))
        case .timestamp: TimestampText.range.contains(Int64(bitPattern: content.uint64(0)))
        case .string, .bytes: content.byteCount <= contentBytesMax
        case .list: false
        }
    }
}

extension Schema {
    /// Appends the record that the put makes, as `RecordCodec.encode` would. `bytes` are those that the put was read from.
    ///
    /// - Returns: false, and nothing is appended, if the schema does not allow the put or its fields do not ascend.
    package func append(
        recordOf put: PlainPut, in bytes: RawSpan, modifiedAt index: LogIndex, time: LogTime, to out: inout [UInt8]
    ) -> Bool {
        let fields = bytes.extracting(put.fields)
        let start = RecordLayout.headerBytes + plainRules.count * RecordLayout.entryBytes
        let before = out.count
        // The contents are some of the fields' bytes.
        out.append(addingCapacity: start + fields.byteCount) { (output: inout OutputSpan<UInt8>) in
            output.withUnsafeMutableBufferPointer { buffer, count in
                count = write(fields, key: bytes.extracting(put.key), modifiedAt: index, time: time, into: UnsafeMutableRawBufferPointer(buffer)) ?? 0
            }
        }
        return out.count > before
    }

    /// The bytes written; nil if the fields are not as the schema wants them.
    private func write(
        _ fields: RawSpan, key: RawSpan, modifiedAt index: LogIndex, time: LogTime, into record: UnsafeMutableRawBufferPointer
    ) -> Int? {
        var place = 0
        var entry = RecordLayout.headerBytes
        let start = entry + plainRules.count * RecordLayout.entryBytes
        var end = start
        for rule in plainRules {
            var length = RecordLayout.lengthNull
            if place < fields.byteCount, fields.uint16(place) == rule.id {
                let kind = fields.byte(place + 2)
                length = fields.int32(place + 3)
                place += 7
                if length >= 0 {
                    let content = fields.extracting(place..<place + Int(length))
                    guard kind == rule.kind.rawValue, rule.allows(content) else { return nil }
                    content.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: record[end...]).copyMemory(from: $0) }
                    end += content.byteCount
                    place += content.byteCount
                }
            }
            if length == RecordLayout.lengthNull, rule.required { return nil }
            record.storeBytes(of: rule.id.bigEndian, toByteOffset: entry, as: UInt16.self)
            record.storeBytes(of: rule.kind.rawValue, toByteOffset: entry + 2, as: UInt8.self)
            record.storeBytes(of: 0, toByteOffset: entry + 3, as: UInt8.self)
            record.storeBytes(of: length.bigEndian, toByteOffset: entry + 4, as: Int32.self)
            entry += RecordLayout.entryBytes
        }
        // A field that the schema does not have, one that stands twice, or one out of its order.
        guard place == fields.byteCount else { return nil }
        record.storeBytes(of: RecordLayout.format, toByteOffset: 0, as: UInt8.self)
        record.storeBytes(of: 0, toByteOffset: RecordLayout.flagsOffset, as: UInt8.self)
        record.storeBytes(of: UInt16(plainRules.count).bigEndian, toByteOffset: RecordLayout.countOffset, as: UInt16.self)
        record.storeBytes(of: version.bigEndian, toByteOffset: RecordLayout.schemaOffset, as: UInt32.self)
        record.storeBytes(of: index.rawValue.bigEndian, toByteOffset: RecordLayout.indexOffset, as: UInt64.self)
        record.storeBytes(of: time.milliseconds.bigEndian, toByteOffset: RecordLayout.timeOffset, as: Int64.self)
        record.storeBytes(of: UInt32(end - start).bigEndian, toByteOffset: RecordLayout.contentOffset, as: UInt32.self)
        let crc = RecordLayout.checksum(key: key, record: RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: record[..<end])))
        record.storeBytes(of: crc.bigEndian, toByteOffset: RecordLayout.checksumOffset, as: UInt32.self)
        return end
    }
}
