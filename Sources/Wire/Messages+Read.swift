import Core
import Records

/// Reads one record: `preamble | key bytes16`.
package struct Get: Message {
    package var preamble: RequestPreamble
    package var key: [UInt8]

    package init(preamble: RequestPreamble, key: [UInt8]) {
        self.preamble = preamble
        self.key = key
    }

    package var opcode: Opcode { .get }

    package func encode(into out: inout ByteWriter) {
        preamble.encode(into: &out)
        out.write16(key)
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        preamble = try RequestPreamble(from: &reader)
        key = try reader.copiedBytes16(max: Limits.recordKeyBytes)
    }
}

/// The answer to GET: `info | record`, where `record` is `found u8`, then with 1 the record's bytes (length u32 ahead).
/// A record that there is not and one that the principal may not see are both not found.
package struct RecordReply: Message {
    package var info: ReplyInfo
    /// In the layout of `RecordLayout`; nil: not found.
    package var record: [UInt8]?

    package init(info: ReplyInfo, record: [UInt8]?) {
        self.info = info
        self.record = record
    }

    package var opcode: Opcode { .record }

    package func encode(into out: inout ByteWriter) {
        info.encode(into: &out)
        out.writeFound(record)
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        info = try ReplyInfo(from: &reader)
        record = try reader.readFound()
    }
}

/// Reads several records of a dataset: `preamble | count u16, key bytes16 …`, at most `Limits.multigetKeys`.
package struct MultiGet: Message {
    package var preamble: RequestPreamble
    package var keys: [[UInt8]]

    package init(preamble: RequestPreamble, keys: [[UInt8]]) {
        self.preamble = preamble
        self.keys = keys
    }

    package var opcode: Opcode { .multiGet }

    package func encode(into out: inout ByteWriter) {
        preamble.encode(into: &out)
        out.write(UInt16(keys.count))
        for key in keys { out.write16(key) }
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        preamble = try RequestPreamble(from: &reader)
        let count = try reader.readCount16(minimumSize: 2)
        guard count <= Limits.multigetKeys else { throw .invalid(at: reader.position - 2, "too many keys") }
        keys = []
        keys.reserveCapacity(count)
        for _ in 0..<count { keys.append(try reader.copiedBytes16(max: Limits.recordKeyBytes)) }
    }
}

/// The answer to MULTIGET: `info | count u16, record …` in the order of the keys. If the records do not fit a frame, only the first
/// keys are answered, one at the least; the client asks again for the rest.
package struct RecordsReply: Message {
    package var info: ReplyInfo
    package var records: [[UInt8]?]

    package init(info: ReplyInfo, records: [[UInt8]?]) {
        self.info = info
        self.records = records
    }

    package var opcode: Opcode { .records }

    package func encode(into out: inout ByteWriter) {
        info.encode(into: &out)
        out.write(UInt16(records.count))
        for record in records { out.writeFound(record) }
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        info = try ReplyInfo(from: &reader)
        let count = try reader.readCount16(minimumSize: 1)
        records = []
        records.reserveCapacity(count)
        for _ in 0..<count { records.append(try reader.readFound()) }
    }
}

/// A bounded step of counting: `preamble | selection | token bytes16`.
package struct Count: Message {
    package var preamble: RequestPreamble
    package var selection: Selection
    /// Where to go on, from the answer before; empty: from the beginning.
    package var token: [UInt8]

    package init(preamble: RequestPreamble, selection: Selection, token: [UInt8] = []) {
        self.preamble = preamble
        self.selection = selection
        self.token = token
    }

    package var opcode: Opcode { .count }

    package func encode(into out: inout ByteWriter) {
        preamble.encode(into: &out)
        selection.encode(into: &out)
        out.write16(token)
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        preamble = try RequestPreamble(from: &reader)
        selection = try Selection(from: &reader)
        token = try reader.copiedBytes16(max: Limits.pageTokenBytes)
    }
}

/// The answer to COUNT: `info | records u64 | token bytes16`. The number is that of this step; an empty token says that the count
/// is complete.
package struct Counted: Message {
    package var info: ReplyInfo
    package var records: UInt64
    package var token: [UInt8]

    package init(info: ReplyInfo, records: UInt64, token: [UInt8] = []) {
        self.info = info
        self.records = records
        self.token = token
    }

    package var opcode: Opcode { .counted }

    package func encode(into out: inout ByteWriter) {
        info.encode(into: &out)
        out.write(records)
        out.write16(token)
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        info = try ReplyInfo(from: &reader)
        records = try reader.readUInt64()
        token = try reader.copiedBytes16(max: Limits.pageTokenBytes)
    }
}

extension ByteWriter {
    /// `found u8`, then the record with its length where there is one.
    mutating func writeFound(_ record: [UInt8]?) {
        write(record != nil)
        if let record { write32(record) }
    }
}

extension ByteReader {
    mutating func readFound() throws(DecodingError) -> [UInt8]? { try readBool() ? try copiedBytes32() : nil }
}
