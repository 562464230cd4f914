import Core
import Records

/// Which records of a dataset: `prefix bytes16 | from bytes16 | has end u8, [to bytes16] | filter string16`.
public struct Selection: Equatable, Sendable {
    /// Keys that begin so; empty for all.
    public var prefix: [UInt8]
    /// The first key.
    public var from: [UInt8]
    /// The first key behind the range; nil for the end of the dataset.
    public var to: [UInt8]?
    /// A condition as in SQL's WHERE over what the principal may see; empty for none.
    public var filter: String

    public init(prefix: [UInt8] = [], from: [UInt8] = [], to: [UInt8]? = nil, filter: String = "") {
        self.prefix = prefix
        self.from = from
        self.to = to
        self.filter = filter
    }

    package func encode(into out: inout ByteWriter) {
        out.write16(prefix)
        out.write16(from)
        out.write(to != nil)
        if let to { out.write16(to) }
        out.write16(filter)
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        prefix = try reader.copiedBytes16(max: Limits.recordKeyBytes)
        from = try reader.copiedBytes16(max: Limits.recordKeyBytes)
        to = try reader.readBool() ? try reader.copiedBytes16(max: Limits.recordKeyBytes) : nil
        filter = try reader.readString16(max: Limits.conditionTextBytes)
    }

    public static func == (a: Selection, b: Selection) -> Bool {
        a.prefix == b.prefix && a.from == b.from && a.to == b.to && a.filter.utf8.elementsEqual(b.filter.utf8)
    }
}

/// Reads many records in the order of their keys: `preamble | selection | limit u32 | batch records u16 | credit u16 | token bytes16`.
package struct Scan: Message {
    package var preamble: RequestPreamble
    package var selection: Selection
    /// Records in all; 0 for no limit.
    package var limit: UInt32
    /// Records of one batch at most; 0 leaves it to the node. Never more than `Limits.scanBatchRecords`.
    package var batchRecords: UInt16
    /// Batches that may be sent before SCAN_CREDIT grants more; at least 1.
    package var credit: UInt16
    /// Where to go on, from an earlier batch of the same scan; empty: from the beginning.
    package var token: [UInt8]

    package init(
        preamble: RequestPreamble, selection: Selection, limit: UInt32 = 0, batchRecords: UInt16 = 0, credit: UInt16 = 4,
        token: [UInt8] = []
    ) {
        self.preamble = preamble
        self.selection = selection
        self.limit = limit
        self.batchRecords = batchRecords
        self.credit = credit
        self.token = token
    }

    package var opcode: Opcode { .scan }

    package func encode(into out: inout ByteWriter) {
        preamble.encode(into: &out)
        selection.encode(into: &out)
        out.write(limit)
        out.write(batchRecords)
        out.write(credit)
        out.write16(token)
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        preamble = try RequestPreamble(from: &reader)
        selection = try Selection(from: &reader)
        limit = try reader.readUInt32()
        batchRecords = try reader.readUInt16()
        credit = try reader.readUInt16()
        guard credit > 0 else { throw .invalid(at: reader.position - 2, "a scan begins with a credit of one batch or more") }
        token = try reader.copiedBytes16(max: Limits.pageTokenBytes)
    }
}

/// Grants a running scan more batches, on its stream: `batches u16`. Of a stream that is no scan's it is ignored, since the scan may
/// have ended while the grant travelled.
package struct ScanCredit: Message {
    package var batches: UInt16
    package init(batches: UInt16) { self.batches = batches }

    package var opcode: Opcode { .scanCredit }
    package func encode(into out: inout ByteWriter) { out.write(batches) }
    package init(from reader: inout ByteReader) throws(DecodingError) { batches = try reader.readUInt16() }
}

/// How a scan stands after a batch.
package enum ScanProgress: UInt8, Sendable {
    /// More batches come on this stream as credit allows.
    case more = 0
    /// The range is at its end. The last frame of the stream.
    case complete = 1
    /// The node ends this stream before the range's end, as at the limit; a new SCAN with the token goes on. The last frame of the stream.
    case paused = 2
}

/// Some records of a scan: `info | count u32, (key bytes16, record bytes32) … | progress u8 | token bytes16`. May have no records: the
/// node examined a bounded number and found none to show.
package struct ScanBatch: Message {
    package struct Row: Equatable, Sendable {
        package var key: [UInt8]
        /// In the layout of `RecordLayout`.
        package var record: [UInt8]

        package init(key: [UInt8], record: [UInt8]) {
            self.key = key
            self.record = record
        }
    }

    package var info: ReplyInfo
    package var rows: [Row]
    package var progress: ScanProgress
    /// Goes on behind this batch; sealed, and of use to this principal for this scan only. Empty when complete.
    package var token: [UInt8]

    package init(info: ReplyInfo, rows: [Row], progress: ScanProgress, token: [UInt8] = []) {
        self.info = info
        self.rows = rows
        self.progress = progress
        self.token = token
    }

    package var opcode: Opcode { .scanBatch }

    package func encode(into out: inout ByteWriter) {
        var writer = ScanBatchWriter(info: info, into: &out)
        for row in rows { unsafe writer.append(key: row.key.span.bytes, into: &out) { $0.append(contentsOf: row.record) } }
        writer.end(progress: progress, token: token, into: &out)
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        info = try ReplyInfo(from: &reader)
        let count = try reader.readCount32(minimumSize: 6)
        rows = []
        rows.reserveCapacity(count)
        for _ in 0..<count { rows.append(Row(key: try reader.copiedBytes16(), record: try reader.copiedBytes32())) }
        guard let progress = ScanProgress(rawValue: try reader.readUInt8()) else {
            throw .invalid(at: reader.position - 1, "unknown progress of a scan")
        }
        self.progress = progress
        token = try reader.copiedBytes16(max: Limits.pageTokenBytes)
    }
}

extension ScanBatch {
    /// The progress of a batch whose body is not decoded yet: skips the rows. Costs by their number.
    package static func progress(of body: RawSpan) throws(DecodingError) -> ScanProgress {
        var reader = ByteReader(body)
        _ = try reader.readSpan(ReplyInfo.bytes)
        for _ in 0..<(try reader.readCount32(minimumSize: 6)) {
            _ = try reader.readSpan(Int(try reader.readUInt16()))
            _ = try reader.readSpan(Int(try reader.readUInt32()))
        }
        guard let progress = ScanProgress(rawValue: try reader.readUInt8()) else {
            throw .invalid(at: reader.position - 1, "unknown progress of a scan")
        }
        return progress
    }
}

/// Writes a SCAN_BATCH's body row by row, straight from the store into the outgoing buffer.
package struct ScanBatchWriter: Sendable {
    private let countPlace: Int
    /// Rows written so far.
    package private(set) var rows = 0

    package init(info: ReplyInfo, into out: inout ByteWriter) {
        info.encode(into: &out)
        countPlace = out.count
        out.write(UInt32(0))
    }

    /// Appends a row; `record` appends the record's bytes.
    package mutating func append(key: RawSpan, into out: inout ByteWriter, record: (inout [UInt8]) -> Void) {
        out.write(UInt16(key.byteCount))
        out.write(raw: key)
        out.write32(record)
        rows += 1
    }

    /// Appends rows that were laid out before.
    package mutating func append(rows count: Int, bytes: [UInt8], into out: inout ByteWriter) {
        out.write(raw: bytes)
        rows += count
    }

    /// The last row was taken out of the buffer again, as one that does not fit.
    package mutating func removedLast() { rows -= 1 }

    package func end(progress: ScanProgress, token: [UInt8], into out: inout ByteWriter) {
        out.overwrite(UInt32(rows), at: countPlace)
        out.write(progress.rawValue)
        out.write16(token)
    }
}
