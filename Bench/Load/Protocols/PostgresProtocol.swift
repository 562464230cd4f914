import Core

/// What a load over PostgreSQL's protocol asks for: who asks, and the statements, of which `$1` is the key.
package struct PostgresSpeech: Sendable {
    package var shape: DataShape
    package var user: String
    package var database: String
    package var get: String
    /// `$1` the key, `$2` the number of records.
    package var scan: String
    /// `$1` the key, then the fields in their order, `f1` as a bigint.
    package var put: String
    /// `$1` the key, `$2` the updated field.
    package var update: String
    /// On a table without a right.
    package var denied: String
    /// Whether reads by key that are sent together share a transaction.
    package var sharesSync: Bool

    package init(
        shape: DataShape, user: String, database: String, get: String, scan: String, put: String, update: String, denied: String, sharesSync: Bool = false
    ) {
        self.shape = shape
        self.user = user
        self.database = database
        self.get = get
        self.scan = scan
        self.put = put
        self.update = update
        self.denied = denied
        self.sharesSync = sharesSync
    }
}

/// PostgreSQL's protocol, version 3: statements are prepared once, then each operation is Bind and Execute, many under way at a time. Each has its own Sync,
/// which ends its transaction and has its answer written; where that is asked for, reads by key that are sent together share one.
struct PostgresProtocol: LoadProtocol {
    /// SSLRequest; `S` is yes.
    static let prelude: (say: [UInt8], expect: UInt8)? = ([0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F], UInt8(ascii: "S"))

    private enum Phase { case starting, preparing, ready }

    private let speech: PostgresSpeech
    private let order = ScatteredOrder(count: OperationSource.scatterWindow)
    private var phase = Phase.starting
    private var waiting = SlotQueue()
    /// For each Sync under way the reads that share it; 0 where it is of one operation of another kind.
    private var syncs = SlotQueue()
    /// Reads that were written since the last Sync.
    private var unsynced = 0
    /// Of the oldest Sync, reads that were answered already; and those that an error before them took away.
    private var answered = 0, lost = 0
    private(set) var failure = ""
    var isReady: Bool { phase == .ready }

    init(_ speech: PostgresSpeech) { self.speech = speech }

    // MARK: Messages out

    mutating func greet(into out: inout ByteWriter) {
        let start = out.count
        out.write(UInt32(0))
        out.write(UInt32(196_608))
        for text in ["user", speech.user, "database", speech.database, "application_name", "kho-bench"] { Self.write(text, &out) }
        out.write(UInt8(0))
        out.overwrite(UInt32(out.count - start), at: start)
    }

    private func prepare(_ out: inout ByteWriter) {
        for (name, text) in [("g", speech.get), ("s", speech.scan), ("p", speech.put), ("u", speech.update), ("d", speech.denied)] where !text.isEmpty {
            message("P", &out) { out in
                Self.write(name, &out)
                Self.write(text, &out)
                out.write(UInt16(0))
            }
        }
        sync(&out)
    }

    mutating func write(_ operation: Operation, slot: Int, into out: inout ByteWriter) {
        let isShared = operation.kind == .get && speech.sharesSync
        if !isShared { endBatch(into: &out) }
        waiting.append(slot)
        switch operation.kind {
        case .get where isShared:
            unsynced += 1
            return get("g", operation.record, &out)
        case .get, .readModifyWrite: get("g", operation.record, &out)
        case .deniedGet: get("d", operation.record, &out)
        case .scan:
            bind("s", count: 2, &out) { out in
                Self.key(operation.record, &out)
                out.write(UInt32(4))
                out.write(UInt32(operation.count))
            }
            execute(&out)
        case .put, .insert: put(operation.record, operation.stamp, &out)
        case .update:
            bind("u", count: 2, &out) { out in
                Self.key(operation.record, &out)
                text(DataShape.updatedField, of: operation.record, operation.stamp, &out)
            }
            execute(&out)
        case .importBatch:
            for place in 0..<operation.count { put(OperationSource.record(place, of: operation, order), operation.stamp, &out) }
        }
        syncs.append(0)
        sync(&out)
    }

    mutating func endBatch(into out: inout ByteWriter) {
        guard unsynced > 0 else { return }
        syncs.append(unsynced)
        unsynced = 0
        sync(&out)
    }

    private func get(_ statement: Unicode.Scalar, _ record: UInt64, _ out: inout ByteWriter) {
        bind(statement, count: 1, &out) { out in Self.key(record, &out) }
        execute(&out)
    }

    private func put(_ record: UInt64, _ stamp: UInt64, _ out: inout ByteWriter) {
        bind("p", count: DataShape.fields + 1, &out) { out in
            Self.key(record, &out)
            for field in 0..<DataShape.fields {
                if field == DataShape.numberField {
                    out.write(UInt32(8))
                    out.write(DataShape.number(of: record))
                } else {
                    text(field, of: record, stamp, &out)
                }
            }
        }
        execute(&out)
    }

    private func text(_ field: Int, of record: UInt64, _ stamp: UInt64, _ out: inout ByteWriter) {
        out.write(UInt32(speech.shape.widths[field]))
        speech.shape.writeText(field, of: record, stamp: stamp, into: &out)
    }

    private static func key(_ record: UInt64, _ out: inout ByteWriter) {
        out.write(UInt32(DataShape.keyBytes))
        DataShape.writeKey(record, into: &out)
    }

    /// All parameters in binary form, which for text is the text; results as text.
    @inline(__always)
    private func bind(_ statement: Unicode.Scalar, count: Int, _ out: inout ByteWriter, _ values: (inout ByteWriter) -> Void) {
        message("B", &out) { out in
            out.write(UInt8(0))
            out.write(UInt8(ascii: statement))
            out.write(UInt8(0))
            // One format for all: binary.
            out.write(UInt16(1))
            out.write(UInt16(1))
            out.write(UInt16(count))
            values(&out)
            out.write(UInt16(0))
        }
    }

    private func execute(_ out: inout ByteWriter) {
        message("E", &out) { out in
            out.write(UInt8(0))
            out.write(UInt32(0))
        }
    }

    private func sync(_ out: inout ByteWriter) { message("S", &out) { _ in } }

    @inline(__always)
    private func message(_ kind: Unicode.Scalar, _ out: inout ByteWriter, _ body: (inout ByteWriter) -> Void) {
        out.write(UInt8(ascii: kind))
        let start = out.count
        out.write(UInt32(0))
        body(&out)
        out.overwrite(UInt32(out.count - start), at: start)
    }

    private static func write(_ text: String, _ out: inout ByteWriter) {
        out.bytes.append(contentsOf: text.utf8)
        out.write(UInt8(0))
    }

    // MARK: Messages in

    /// An answer is everything up to ReadyForQuery, and of reads that share one up to their CommandComplete; it is taken when all of it is there.
    mutating func next(in bytes: UnsafeRawBufferPointer, from offset: inout Int, out: inout ByteWriter) throws(ProtocolFailure) -> Answer? {
        while true {
            if lost > 0 {
                lost -= 1
                return Answer(slot: try takeSlot(), outcome: .failed)
            }
            var place = offset
            var rows: UInt32 = 0
            var row = 0..<0
            var error: Range<Int>?
            var isDone = false
            var wrote = false
            while !isDone {
                guard bytes.count >= place + 5 else { return nil }
                let length = Int(bytes.big32(place + 1))
                guard length >= 4 else { throw ProtocolFailure("a message of \(length) bytes") }
                let body = place + 5..<place + 1 + length
                guard bytes.count >= body.upperBound else { return nil }
                switch bytes[place] {
                case UInt8(ascii: "D"):
                    if rows == 0 { row = body }
                    rows += 1
                case UInt8(ascii: "C"):
                    if phase == .ready, (syncs.first ?? 0) > 0 {
                        answered += 1
                        offset = body.upperBound
                        return Answer(slot: try takeSlot(), outcome: rows > 0 ? .found : .absent, records: rows, value: row)
                    }
                    wrote = Self.wrote(bytes, body)
                case UInt8(ascii: "E"): error = body
                case UInt8(ascii: "R"):
                    guard body.count >= 4, bytes.big32(body.lowerBound) == 0 else { throw ProtocolFailure("PostgreSQL asks for a password") }
                case UInt8(ascii: "Z"): isDone = true
                default: break
                }
                place = body.upperBound
                // An error before the connection stands ends it, without ReadyForQuery.
                if let error, phase == .starting { throw ProtocolFailure(Self.message(bytes, error)) }
            }
            offset = place
            if let error { failure = Self.message(bytes, error) }
            guard phase == .ready else {
                if error != nil { throw ProtocolFailure(failure) }
                if phase == .starting { prepare(&out) }
                phase = phase == .starting ? .preparing : .ready
                continue
            }
            if let shared = syncs.removeFirst(), shared > 0 {
                // What came behind an error was not done.
                lost = shared - answered
                answered = 0
                guard lost > 0 else { continue }
                if error == nil { throw ProtocolFailure("\(lost) of \(shared) reads were not answered") }
                lost -= 1
            }
            let slot = try takeSlot()
            // 42501: insufficient privilege.
            if let error { return Answer(slot: slot, outcome: Self.field("C", bytes, error) == "42501" ? .denied : .failed) }
            return Answer(slot: slot, outcome: wrote ? .written : rows > 0 ? .found : .absent, records: rows, value: row)
        }
    }

    private mutating func takeSlot() throws(ProtocolFailure) -> Int {
        guard let slot = waiting.removeFirst() else { throw ProtocolFailure("an answer to nothing that was asked") }
        return slot
    }

    /// Whether the tag of a CommandComplete is of a write that met a row: `INSERT 0 1`, `UPDATE 1`, not `UPDATE 0`.
    private static func wrote(_ bytes: UnsafeRawBufferPointer, _ tag: Range<Int>) -> Bool {
        guard let verb = tag.isEmpty ? nil : bytes[tag.lowerBound] else { return false }
        if verb == UInt8(ascii: "U") { return tag.count > 7 && bytes[tag.lowerBound + 7] != UInt8(ascii: "0") }
        return verb == UInt8(ascii: "I")
    }

    private static func message(_ bytes: UnsafeRawBufferPointer, _ body: Range<Int>) -> String {
        "PostgreSQL: \(field("M", bytes, body) ?? "an error without a text")"
    }

    /// A field of an ErrorResponse: its kind, its text, a zero.
    private static func field(_ kind: Unicode.Scalar, _ bytes: UnsafeRawBufferPointer, _ body: Range<Int>) -> String? {
        var place = body.lowerBound
        while place < body.upperBound, bytes[place] != 0 {
            let start = place + 1
            var end = start
            while end < body.upperBound, bytes[end] != 0 { end += 1 }
            if bytes[place] == UInt8(ascii: kind) { return bytes.text(start..<end) }
            place = end + 1
        }
        return nil
    }
}

/// A row that was captured from PostgreSQL.
package enum PostgresRow {
    /// The columns of a DataRow; nil for null.
    package static func columns(of row: [UInt8]) -> [[UInt8]?] {
        var columns: [[UInt8]?] = []
        row.withUnsafeBytes { bytes in
            guard bytes.count >= 2 else { return }
            var place = 2
            for _ in 0..<bytes.big16(0) {
                guard bytes.count >= place + 4 else { return }
                let length = Int(Int32(bitPattern: bytes.big32(place)))
                place += 4
                guard length >= 0 else {
                    columns.append(nil)
                    continue
                }
                guard bytes.count >= place + length else { return }
                columns.append([UInt8](UnsafeRawBufferPointer(rebasing: bytes[place..<place + length])))
                place += length
            }
        }
        return columns
    }
}
