import Core

/// A record's bytes looked at where they lie: the structure is checked once, nothing is copied, and a field is found
/// without decoding the others. Does not outlive the bytes.
package struct RecordView: ~Escapable {
    package let bytes: RawSpan
    package let fieldCount: Int

    /// Checks the structure: header, ascending ids, known kinds, lengths that add up. Not the checksum.
    @_lifetime(copy bytes)
    package init(_ bytes: RawSpan) throws(RecordError) {
        guard bytes.byteCount >= RecordLayout.headerBytes else { throw .malformed("shorter than a header") }
        guard bytes.byte(0) == RecordLayout.format else { throw .malformed("unknown format \(bytes.byte(0))") }
        let count = Int(bytes.uint16(RecordLayout.countOffset))
        let start = RecordLayout.headerBytes + count * RecordLayout.entryBytes
        guard start <= bytes.byteCount else { throw .malformed("the table is longer than the record") }
        // Every read of a record comes here: one load an entry, and no value made of its kind.
        var content = 0
        var previous = -1
        var entry = RecordLayout.headerBytes
        while entry < start {
            let word = bytes.uncheckedUInt64(entry)
            let (id, kind, length) = (Int(truncatingIfNeeded: word >> 48), word >> 40 & 0xFF, Int(Int32(truncatingIfNeeded: word)))
            guard id > previous, id <= Int(Limits.fieldID) else { throw .malformed("field numbers do not ascend") }
            guard length >= Int(RecordLayout.lengthMasked) else { throw .malformed("impossible length") }
            previous = id
            entry &+= RecordLayout.entryBytes
            if length == Int(RecordLayout.lengthWithheld) { continue }
            let known = Int(truncatingIfNeeded: kind < 16 ? RecordLayout.kindBytes &>> (kind &* 4) & 15 : UInt64(truncatingIfNeeded: RecordLayout.noKind))
            guard known != RecordLayout.noKind else { throw .malformed("unknown kind of value") }
            if length >= 0 {
                guard known == 0 || known == length else { throw .malformed("a value of kind \(kind) has \(known) bytes") }
                // Of 255 lengths below 2³¹ at the most: no sum of them is too large.
                content &+= length
            }
        }
        guard content == Int(bytes.uint32(RecordLayout.contentOffset)), start + content == bytes.byteCount else {
            throw .malformed("the lengths do not add up")
        }
        self.bytes = bytes
        fieldCount = count
    }

    package var flags: UInt8 { bytes.byte(RecordLayout.flagsOffset) }
    package var schemaVersion: UInt32 { bytes.uint32(RecordLayout.schemaOffset) }
    package var modifiedAt: LogIndex { LogIndex(bytes.uint64(RecordLayout.indexOffset)) }
    package var modifiedTime: LogTime { LogTime(milliseconds: Int64(bitPattern: bytes.uint64(RecordLayout.timeOffset))) }
    package var checksum: UInt32 { bytes.uint32(RecordLayout.checksumOffset) }
    var contentStart: Int { RecordLayout.headerBytes + fieldCount * RecordLayout.entryBytes }

    /// Throws if the checksum does not fit the key and the bytes: damage, or another key's record.
    package func verify(key: borrowing RawSpan) throws(RecordError) {
        guard RecordLayout.checksum(key: key, record: bytes) == checksum else { throw .checksum }
    }

    /// An entry of the table and where its content lies.
    package struct Slot {
        package let id: FieldID
        /// Nil where the value is withheld.
        package let kind: ValueKind?
        /// Bytes of the content, or one of the negative lengths.
        package let length: Int32
        package let offset: Int
        package var isNull: Bool { length == RecordLayout.lengthNull }
    }

    func id(at place: Int) -> FieldID { FieldID(bytes.uint16(RecordLayout.headerBytes + place * RecordLayout.entryBytes)) }

    /// The entry at a place of the table whose content begins at `offset`.
    func slot(at place: Int, offset: Int) -> Slot {
        let entry = RecordLayout.headerBytes + place * RecordLayout.entryBytes
        return Slot(
            id: FieldID(bytes.uint16(entry)), kind: ValueKind(rawValue: bytes.byte(entry + 2)),
            length: bytes.int32(entry + 4), offset: offset)
    }

    /// Calls with each field in ascending order.
    package func forEachSlot<E: Error>(_ body: (Slot) throws(E) -> Void) throws(E) {
        var offset = contentStart
        for place in 0..<fieldCount {
            let slot = slot(at: place, offset: offset)
            try body(slot)
            offset += max(0, Int(slot.length))
        }
    }

    /// The field's entry, or nil if the record has none.
    package func slot(of field: FieldID) -> Slot? {
        var offset = contentStart
        for place in 0..<fieldCount {
            let slot = slot(at: place, offset: offset)
            if slot.id == field { return slot }
            if slot.id > field { return nil }
            offset += max(0, Int(slot.length))
        }
        return nil
    }

    /// The slot's content; empty where there is none.
    @_lifetime(copy self)
    package func content(_ slot: Slot) -> RawSpan {
        bytes.extracting(slot.offset..<slot.offset + max(0, Int(slot.length)))
    }

    package func value(_ slot: Slot) throws(RecordError) -> Value {
        switch slot.length {
        case RecordLayout.lengthNull: .null
        case RecordLayout.lengthWithheld: .withheld
        case RecordLayout.lengthMasked: .masked
        default:
            if let kind = slot.kind { try Value(kind: kind, content: content(slot)) } else { .withheld }
        }
    }

    /// The field's value; nil if the record has no such field.
    package func value(of field: FieldID) throws(RecordError) -> Value? {
        guard let slot = slot(of: field) else { return nil }
        return try value(slot)
    }

    /// Every field with its value, ascending.
    package func values() throws(RecordError) -> [(FieldID, Value)] {
        var all: [(FieldID, Value)] = []
        try forEachSlot { slot throws(RecordError) in all.append((slot.id, try value(slot))) }
        return all
    }
}

extension RawSpan {
    /// Where it was just checked that `offset` and the seven bytes behind it are inside: in the loops over a table that every read of a record goes through.
    @inline(__always)
    func uncheckedUInt64(_ offset: Int) -> UInt64 { UInt64(bigEndian: unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)) }

    // Offsets are inside the span: the structure of a record is checked before its parts are read.
    func byte(_ offset: Int) -> UInt8 { unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt8.self) }
    func uint16(_ offset: Int) -> UInt16 { UInt16(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self)) }
    func uint32(_ offset: Int) -> UInt32 { UInt32(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)) }
    func uint64(_ offset: Int) -> UInt64 { UInt64(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    func int32(_ offset: Int) -> Int32 { Int32(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: Int32.self)) }
}
