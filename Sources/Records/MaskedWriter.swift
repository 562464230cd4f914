import Core

extension RecordView {
    /// Appends the record as a reader may see it.
    ///
    /// - Parameters:
    ///   - visible: the reader's visible schema. Other fields are left out as if the dataset had none of them.
    ///   - mask: the fields that this record shows, a subset of `visible`. The rest of `visible` is withheld.
    ///   - requested: the fields that the reader asked for; nil for all.
    ///
    /// If rights hide nothing and all is asked for, the stored bytes are copied as they are, unless they still hold fields that were
    /// deleted from the dataset. If rights hide anything, modification index, time and schema version are zero, and a field without a
    /// value is left out whether or not the record has an entry for it: they would tell that what is hidden was written. Work
    /// and size depend on visible fields only. The checksum is that of the bytes sent. No allocation but the buffer's growth, which is by as much as the whole
    /// record at most.
    package func writeMasked(
        into out: inout [UInt8], key: borrowing RawSpan, visible: FieldMask, mask: FieldMask, requested: FieldMask? = nil,
        hidesNothing: Bool
    ) {
        if hidesNothing && requested == nil && holdsNothing(but: visible) {
            bytes.withUnsafeBytes { out.append(contentsOf: $0) }
            return
        }
        let wanted = requested.map { visible.intersection($0) } ?? visible
        // The most that it can become: an entry for each field wanted, and all of the content.
        let most = RecordLayout.headerBytes + wanted.count * RecordLayout.entryBytes + bytes.byteCount - contentStart
        out.append(addingCapacity: most) { (output: inout OutputSpan<UInt8>) in
            output.withUnsafeMutableBufferPointer { buffer, count in
                var record = UnsafeMutableRawBufferPointer(buffer)
                count = write(into: &record, key: key, wanted: wanted, mask: mask, hidesNothing: hidesNothing)
            }
        }
    }

    /// Writes into room that is large enough. The bytes written.
    private func write(
        into record: inout UnsafeMutableRawBufferPointer, key: borrowing RawSpan, wanted: FieldMask, mask: FieldMask, hidesNothing: Bool
    ) -> Int {
        bytes.withUnsafeBytes { bytes in
            record.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<RecordLayout.headerBytes]))
            let whole = writeAtOnce(bytes, into: record, wanted: wanted, mask: mask, hidesNothing: hidesNothing)
            let parts = whole ?? writeBySchema(bytes, into: record, wanted: wanted, mask: mask, hidesNothing: hidesNothing)
            let count = UInt16((parts.tableEnd - RecordLayout.headerBytes) / RecordLayout.entryBytes)
            // The header again, for what is sent.
            record.storeBytes(of: hidesNothing ? 0 : RecordLayout.flagFiltered, toByteOffset: RecordLayout.flagsOffset, as: UInt8.self)
            record.storeBytes(of: count.bigEndian, toByteOffset: RecordLayout.countOffset, as: UInt16.self)
            record.storeBytes(of: UInt32(parts.end - parts.tableEnd).bigEndian, toByteOffset: RecordLayout.contentOffset, as: UInt32.self)
            if !hidesNothing {
                record.storeBytes(of: 0, toByteOffset: RecordLayout.schemaOffset, as: UInt32.self)
                record.storeBytes(of: 0, toByteOffset: RecordLayout.indexOffset, as: UInt64.self)
                record.storeBytes(of: 0, toByteOffset: RecordLayout.timeOffset, as: UInt64.self)
            }
            let crc = RecordLayout.checksum(key: key, record: RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: record[..<parts.end])))
            record.storeBytes(of: crc.bigEndian, toByteOffset: RecordLayout.checksumOffset, as: UInt32.self)
            return parts.end
        }
    }

    /// Table and content of a record that has an entry for every field wanted, as records have that were written under today's schema: each entry is looked at once.
    /// Nil if it has not; nothing is to be made of what was written then.
    @inline(__always)
    private func writeAtOnce(
        _ bytes: UnsafeRawBufferPointer, into record: UnsafeMutableRawBufferPointer, wanted: FieldMask, mask: FieldMask, hidesNothing: Bool
    ) -> (tableEnd: Int, end: Int)? {
        let shown = wanted.intersection(mask)
        let table = contentStart
        // Where the content begins if no entry is left out.
        let place = RecordLayout.headerBytes + wanted.count * RecordLayout.entryBytes
        var (tableEnd, end) = (RecordLayout.headerBytes, place)
        // Content that is shown and not yet copied: that of neighbours goes in one piece.
        var (from, to) = (table, table)
        var missing = wanted.count
        // The sets' words in which the bits of the fields at hand lie: numbers ascend.
        var (group, wantedBits, shownBits) = (UInt64.max, UInt64(0), UInt64(0))
        var entry = RecordLayout.headerBytes
        while entry < table {
            let word = self.bytes.uncheckedUInt64(entry)
            entry &+= RecordLayout.entryBytes
            if word >> 54 != group { (group, wantedBits, shownBits) = (word >> 54, wanted.word(word >> 54), shown.word(word >> 54)) }
            let bit = UInt64(1) &<< (word >> 48)
            let length = Int32(truncatingIfNeeded: word)
            if shownBits & bit != 0 {
                missing &-= 1
                guard hidesNothing || length != RecordLayout.lengthNull else { continue }
                record.storeBytes(of: word.bigEndian, toByteOffset: tableEnd, as: UInt64.self)
                tableEnd &+= RecordLayout.entryBytes
                to &+= max(0, Int(length))
                continue
            }
            if wantedBits & bit != 0 {
                missing &-= 1
                record.storeBytes(of: Self.withheld(FieldID(UInt16(word >> 48))).bigEndian, toByteOffset: tableEnd, as: UInt64.self)
                tableEnd &+= RecordLayout.entryBytes
            }
            guard length > 0 else { continue }
            end = copy(bytes[from..<to], to: record, at: end)
            from = to &+ Int(length)
            to = from
        }
        guard missing == 0 else { return nil }
        end = copy(bytes[from..<to], to: record, at: end)
        guard tableEnd < place else { return (tableEnd, end) }
        // Entries without a value were left out: the content moves up.
        UnsafeMutableRawBufferPointer(rebasing: record[tableEnd...]).copyMemory(from: UnsafeRawBufferPointer(rebasing: record[place..<end]))
        return (tableEnd, end - (place - tableEnd))
    }

    private static func withheld(_ field: FieldID) -> UInt64 { UInt64(field.rawValue) << 48 | UInt64(UInt32(bitPattern: RecordLayout.lengthWithheld)) }

    /// The same of any record: by the schema and not by the record, so that whether a record has a hidden field does not show.
    private func writeBySchema(
        _ bytes: UnsafeRawBufferPointer, into record: UnsafeMutableRawBufferPointer, wanted: FieldMask, mask: FieldMask, hidesNothing: Bool
    ) -> (tableEnd: Int, end: Int) {
        var tableEnd = RecordLayout.headerBytes
        var entry = RecordLayout.headerBytes
        let table = contentStart
        wanted.forEach(in: mask) { field, isShown in
            if isShown {
                while entry < table, self.bytes.uint16(entry) < field.rawValue { entry += RecordLayout.entryBytes }
                guard entry < table else { return }
                let word = self.bytes.uint64(entry)
                let length = Int32(truncatingIfNeeded: word)
                guard UInt16(word >> 48) == field.rawValue, hidesNothing || length != RecordLayout.lengthNull else { return }
                record.storeBytes(of: word.bigEndian, toByteOffset: tableEnd, as: UInt64.self)
            } else {
                record.storeBytes(of: Self.withheld(field).bigEndian, toByteOffset: tableEnd, as: UInt64.self)
            }
            tableEnd += RecordLayout.entryBytes
        }
        let shown = wanted.intersection(mask)
        var end = tableEnd
        var (from, to) = (table, table)
        entry = RecordLayout.headerBytes
        while entry < table {
            let word = self.bytes.uint64(entry)
            let length = Int(Int32(truncatingIfNeeded: word))
            entry += RecordLayout.entryBytes
            guard length > 0 else { continue }
            if shown.contains(FieldID(UInt16(word >> 48))) {
                to += length
            } else {
                end = copy(bytes[from..<to], to: record, at: end)
                from = to + length
                to = from
            }
        }
        return (tableEnd, copy(bytes[from..<to], to: record, at: end))
    }

    @inline(__always)
    private func copy(_ content: Slice<UnsafeRawBufferPointer>, to record: UnsafeMutableRawBufferPointer, at end: Int) -> Int {
        guard !content.isEmpty else { return end }
        UnsafeMutableRawBufferPointer(rebasing: record[end...]).copyMemory(from: UnsafeRawBufferPointer(rebasing: content))
        return end + content.count
    }

    /// Whether every field of the record is one of these.
    private func holdsNothing(but fields: FieldMask) -> Bool {
        // The set's word in which the bits of the fields at hand lie: numbers ascend.
        var (group, bits, others) = (UInt64.max, UInt64(0), UInt64(0))
        var entry = RecordLayout.headerBytes
        while entry < contentStart {
            let word = bytes.uncheckedUInt64(entry)
            entry &+= RecordLayout.entryBytes
            if word >> 54 != group { (group, bits) = (word >> 54, fields.word(word >> 54)) }
            others |= ~bits & UInt64(1) &<< (word >> 48)
        }
        return others == 0
    }
}
