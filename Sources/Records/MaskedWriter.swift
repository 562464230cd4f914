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
    /// and size depend on visible fields only. The checksum is that of the bytes sent. No allocation but the buffer's growth.
    package func writeMasked(
        into out: inout [UInt8], key: borrowing RawSpan, visible: FieldMask, mask: FieldMask, requested: FieldMask? = nil,
        hidesNothing: Bool
    ) {
        if hidesNothing && requested == nil && holdsNothing(but: visible) {
            bytes.withUnsafeBytes { out.append(contentsOf: $0) }
            return
        }
        let wanted = requested.map { visible.intersection($0) } ?? visible
        let start = out.count
        bytes.extracting(0..<RecordLayout.headerBytes).withUnsafeBytes { out.append(contentsOf: $0) }
        var count: UInt16 = 0
        var content: UInt32 = 0
        var place = 0
        // By the schema and not by the record, so that whether a record has a hidden field does not show.
        wanted.forEach { field in
            guard mask.contains(field) else {
                withUnsafeBytes(of: field.rawValue.bigEndian) { out.append(contentsOf: $0) }
                withUnsafeBytes(of: UInt16(0)) { out.append(contentsOf: $0) }
                withUnsafeBytes(of: RecordLayout.lengthWithheld.bigEndian) { out.append(contentsOf: $0) }
                count += 1
                return
            }
            while place < fieldCount, id(at: place) < field { place += 1 }
            guard place < fieldCount, id(at: place) == field else { return }
            let entry = RecordLayout.headerBytes + place * RecordLayout.entryBytes
            if !hidesNothing && bytes.int32(entry + 4) == RecordLayout.lengthNull { return }
            bytes.extracting(entry..<entry + RecordLayout.entryBytes).withUnsafeBytes { out.append(contentsOf: $0) }
            count += 1
            content += UInt32(max(0, bytes.int32(entry + 4)))
        }
        var offset = contentStart
        for place in 0..<fieldCount {
            let slot = slot(at: place, offset: offset)
            offset += max(0, Int(slot.length))
            guard slot.length > 0, wanted.contains(slot.id), mask.contains(slot.id) else { continue }
            self.content(slot).withUnsafeBytes { out.append(contentsOf: $0) }
        }
        // The header again, for what is sent.
        out.withUnsafeMutableBytes { all in
            let record = UnsafeMutableRawBufferPointer(rebasing: all[start...])
            record.storeBytes(of: hidesNothing ? 0 : RecordLayout.flagFiltered, toByteOffset: RecordLayout.flagsOffset, as: UInt8.self)
            record.storeBytes(of: count.bigEndian, toByteOffset: RecordLayout.countOffset, as: UInt16.self)
            record.storeBytes(of: content.bigEndian, toByteOffset: RecordLayout.contentOffset, as: UInt32.self)
            if !hidesNothing {
                record.storeBytes(of: 0, toByteOffset: RecordLayout.schemaOffset, as: UInt32.self)
                record.storeBytes(of: 0, toByteOffset: RecordLayout.indexOffset, as: UInt64.self)
                record.storeBytes(of: 0, toByteOffset: RecordLayout.timeOffset, as: UInt64.self)
            }
            let crc = RecordLayout.checksum(key: key, record: RawSpan(_unsafeBytes: UnsafeRawBufferPointer(record)))
            record.storeBytes(of: crc.bigEndian, toByteOffset: RecordLayout.checksumOffset, as: UInt32.self)
        }
    }

    /// Whether every field of the record is one of these.
    private func holdsNothing(but fields: FieldMask) -> Bool {
        for place in 0..<fieldCount where !fields.contains(id(at: place)) { return false }
        return true
    }
}
