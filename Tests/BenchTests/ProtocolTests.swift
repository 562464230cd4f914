import Core
import Records
import Testing
import Wire

@testable import BenchLoad

/// Codecs by golden bytes; every stream of answers whole and byte by byte.
@Suite struct ProtocolTests {
    private let shape = DataShape(valueBytes: 168)

    /// Feeds the bytes in pieces as a connection does, and gives the answers with their values.
    private func answers<P: LoadProtocol>(_ proto: inout P, _ bytes: [UInt8], piece: Int, _ out: inout ByteWriter) throws -> [(Answer, [UInt8])] {
        var found: [(Answer, [UInt8])] = []
        var carry: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: piece) {
            carry += bytes[start..<min(bytes.count, start + piece)]
            var offset = 0
            var failure: ProtocolFailure?
            carry.withUnsafeBytes { region in
                do throws(ProtocolFailure) {
                    while let answer = try proto.next(in: region, from: &offset, out: &out) {
                        found.append((answer, Array(region[answer.value])))
                    }
                } catch { failure = error }
            }
            if let failure { throw failure }
            carry.removeFirst(offset)
        }
        return found
    }

    private static let pieces = [1, 7, 1 << 20]

    // MARK: RESP

    @Test func requestsOfRESP() {
        var proto = RESPProtocol(RESPSpeech(shape: shape))
        var out = ByteWriter()
        proto.write(Operation(.get, record: 42), slot: 0, into: &out)
        #expect(String(decoding: out.bytes, as: UTF8.self) == "*2\r\n$3\r\nGET\r\n$12\r\n000000000042\r\n")
        out.bytes = []
        proto.write(Operation(.put, record: 7, stamp: 1), slot: 1, into: &out)
        let value = String(decoding: shape.value(of: 7, stamp: 1), as: UTF8.self)
        #expect(String(decoding: out.bytes, as: UTF8.self) == "*3\r\n$3\r\nSET\r\n$12\r\n000000000007\r\n$168\r\n\(value)\r\n")
        out.bytes = []
        proto.write(Operation(.importBatch, record: 0, count: 2), slot: 2, into: &out)
        #expect(String(decoding: out.bytes, as: UTF8.self).hasPrefix("*5\r\n$4\r\nMSET\r\n$12\r\n000000000000\r\n$168\r\n"))
    }

    @Test(arguments: pieces) func answersOfRESP(_ piece: Int) throws {
        var proto = RESPProtocol(RESPSpeech(shape: shape))
        var out = ByteWriter()
        for slot in [4, 3, 2, 1, 0] { proto.write(Operation(.get, record: 0), slot: slot, into: &out) }
        let bytes = Array("$5\r\nab\r\nc\r\n$-1\r\n+OK\r\n-NOPERM no\r\n-ERR bad\r\n".utf8)
        let found = try answers(&proto, bytes, piece: piece, &out)
        #expect(found.map(\.0.slot) == [4, 3, 2, 1, 0])
        #expect(found.map(\.0.outcome) == [.found, .absent, .written, .denied, .failed])
        #expect(found[0].1 == Array("ab\r\nc".utf8))
        #expect(proto.failure == "ERR bad")
    }

    @Test func whatIsNoRESPIsRefused() {
        for text in ["!3\r\n", "$x\r\n", "$5\r\nabcde\r\n"] {
            var proto = RESPProtocol(RESPSpeech(shape: shape))
            var out = ByteWriter()
            #expect(throws: ProtocolFailure.self) { try answers(&proto, Array(text.utf8), piece: 100, &out) }
        }
    }

    // MARK: PostgreSQL

    private var postgres: PostgresSpeech {
        PostgresSpeech(shape: shape, user: "u", database: "d", get: "SELECT 1", scan: "", put: "", update: "", denied: "SELECT 2")
    }

    private func message(_ kind: Character, _ body: [UInt8]) -> [UInt8] {
        var out = ByteWriter()
        out.write(kind.asciiValue ?? 0)
        out.write(UInt32(body.count + 4))
        return out.bytes + body
    }

    @Test func theGreetingOfPostgreSQL() {
        var proto = PostgresProtocol(postgres)
        var out = ByteWriter()
        proto.greet(into: &out)
        let text = Array("user\0u\0database\0d\0application_name\0kho-bench\0\0".utf8)
        #expect(out.bytes == [0, 0, 0, UInt8(text.count + 8), 0, 3, 0, 0] + text)
    }

    @Test(arguments: pieces) func aSessionOfPostgreSQL(_ piece: Int) throws {
        var proto = PostgresProtocol(postgres)
        var out = ByteWriter()
        let ready = message("Z", [UInt8(ascii: "I")])
        let greeting = message("R", [0, 0, 0, 0]) + message("S", Array("a\0b\0".utf8)) + ready
        #expect(try answers(&proto, greeting, piece: piece, &out).isEmpty)
        #expect(!proto.isReady)
        // Two statements and Sync.
        let parse = message("P", Array("g\0SELECT 1\0".utf8) + [0, 0]) + message("P", Array("d\0SELECT 2\0".utf8) + [0, 0])
        #expect(out.bytes == parse + message("S", []))
        #expect(try answers(&proto, message("1", []) + message("1", []) + ready, piece: piece, &out).isEmpty)
        #expect(proto.isReady)

        out.bytes = []
        proto.write(Operation(.get, record: 5), slot: 2, into: &out)
        let bind = Array("\0g\0".utf8) + [0, 1, 0, 1, 0, 1, 0, 0, 0, 12] + Array("000000000005".utf8) + [0, 0]
        #expect(out.bytes == message("B", bind) + message("E", [0, 0, 0, 0, 0]) + message("S", []))
        proto.write(Operation(.get, record: 6), slot: 1, into: &out)
        proto.write(Operation(.deniedGet, record: 6), slot: 0, into: &out)
        let end = out.bytes.count
        proto.endBatch(into: &out)
        #expect(out.bytes.count == end)
        let row: [UInt8] = [0, 2, 0, 0, 0, 2] + Array("ab".utf8) + [0xFF, 0xFF, 0xFF, 0xFF]
        let refused = message("E", Array("SERROR\0C42501\0Mno right\0\0".utf8)) + ready
        let bytes = message("2", []) + message("D", row) + message("C", Array("SELECT 1\0".utf8)) + ready + message("2", [])
            + message("C", Array("SELECT 0\0".utf8)) + ready + refused
        let found = try answers(&proto, bytes, piece: piece, &out)
        #expect(found.map(\.0.slot) == [2, 1, 0])
        #expect(found.map(\.0.outcome) == [.found, .absent, .denied])
        #expect(PostgresRow.columns(of: found[0].1) == [Array("ab".utf8), nil])
        #expect(proto.failure == "PostgreSQL: no right")
    }

    /// An error among reads that share a Sync takes those behind it with it.
    @Test(arguments: pieces) func readsThatShareASync(_ piece: Int) throws {
        var speech = postgres
        speech.sharesSync = true
        var proto = PostgresProtocol(speech)
        var out = ByteWriter()
        let ready = message("Z", [UInt8(ascii: "I")])
        _ = try answers(&proto, message("R", [0, 0, 0, 0]) + ready + ready, piece: piece, &out)
        // What is refused would take those behind it with it, so it does not share their Sync.
        out.bytes = []
        for (place, kind) in [OperationKind.get, .get, .deniedGet].enumerated() { proto.write(Operation(kind, record: 5), slot: place, into: &out) }
        proto.endBatch(into: &out)
        let kinds = PostgresWords.kinds(of: out.bytes)
        #expect(kinds == "BEBESBES")
        let refused = message("E", Array("SERROR\0C42501\0Mno right\0\0".utf8)) + ready
        let nothing = message("2", []) + message("C", Array("SELECT 0\0".utf8))
        #expect(try answers(&proto, nothing + nothing + ready + refused, piece: piece, &out).map(\.0.outcome) == [.absent, .absent, .denied])
        for batch in [4, 1] {
            for slot in 0..<batch { proto.write(Operation(.get, record: 5), slot: slot, into: &out) }
            proto.endBatch(into: &out)
        }
        let one = message("2", []) + message("D", [0, 1, 0, 0, 0, 1, 65]) + message("C", Array("SELECT 1\0".utf8))
        let broken = message("2", []) + message("E", Array("SERROR\0C22012\0Mdivision by zero\0\0".utf8))
        let found = try answers(&proto, one + broken + ready + one + ready, piece: piece, &out)
        #expect(found.map(\.0.slot) == [0, 1, 2, 3, 0])
        #expect(found.map(\.0.outcome) == [.found, .failed, .failed, .failed, .found])
        #expect(proto.failure == "PostgreSQL: division by zero")
        // Fewer answers than reads without an error.
        proto.write(Operation(.get, record: 5), slot: 0, into: &out)
        proto.endBatch(into: &out)
        #expect(throws: ProtocolFailure.self) { try answers(&proto, ready, piece: piece, &out) }
    }

    @Test(arguments: pieces) func updatesOfPostgreSQL(_ piece: Int) throws {
        var speech = postgres
        speech.update = "UPDATE t"
        var proto = PostgresProtocol(speech)
        var out = ByteWriter()
        let ready = message("Z", [UInt8(ascii: "I")])
        _ = try answers(&proto, message("R", [0, 0, 0, 0]) + ready + ready, piece: piece, &out)
        out.bytes = []
        proto.write(Operation(.update, record: 5, stamp: 9), slot: 2, into: &out)
        let text = shape.text(DataShape.updatedField, of: 5, stamp: 9)
        let bind = Array("\0u\0".utf8) + [0, 1, 0, 1, 0, 2, 0, 0, 0, 12] + Array("000000000005".utf8) + [0, 0, 0, UInt8(text.count)] + text + [0, 0]
        #expect(out.bytes == message("B", bind) + message("E", [0, 0, 0, 0, 0]) + message("S", []))
        proto.write(Operation(.update, record: 6), slot: 1, into: &out)
        proto.write(Operation(.put, record: 6), slot: 0, into: &out)
        let bytes = ["UPDATE 1", "UPDATE 0", "INSERT 0 1"].flatMap { message("2", []) + message("C", Array("\($0)\0".utf8)) + ready }
        let found = try answers(&proto, bytes, piece: piece, &out)
        #expect(found.map(\.0.slot) == [2, 1, 0])
        #expect(found.map(\.0.outcome) == [.written, .absent, .written])
    }

    @Test func aRefusalToConnectIsSaid() {
        var proto = PostgresProtocol(postgres)
        var out = ByteWriter()
        let error = #expect(throws: ProtocolFailure.self) {
            try answers(&proto, message("E", Array("SFATAL\0C28000\0Mno entry\0\0".utf8)), piece: 100, &out)
        }
        #expect(error?.description == "PostgreSQL: no entry")
    }

    // MARK: etcd

    private func frame(_ kind: UInt8, flags: UInt8, stream: UInt8, _ body: [UInt8]) -> [UInt8] {
        [0, UInt8(body.count >> 8), UInt8(body.count & 255), kind, flags, 0, 0, 0, stream] + body
    }

    @Test func requestsOfEtcd() {
        var proto = EtcdProtocol(EtcdSpeech(shape: shape, authority: "h", isTLS: true))
        var out = ByteWriter()
        proto.write(Operation(.get, record: 5), slot: 0, into: &out)
        let path = Array("/etcdserverpb.KV/Range".utf8)
        let block: [UInt8] = [0x83, 0x87, 0x44, UInt8(path.count)] + path + [0x41, 1, UInt8(ascii: "h"), 0x5F, 16] + Array("application/grpc".utf8)
            + [0x40, 2] + Array("te".utf8) + [8] + Array("trailers".utf8)
        let data: [UInt8] = [0, 0, 0, 0, 14, 0x0A, 12] + Array("000000000005".utf8)
        #expect(out.bytes == frame(1, flags: 4, stream: 1, block) + frame(0, flags: 1, stream: 1, data))
        out.bytes = []
        proto.write(Operation(.get, record: 5), slot: 1, into: &out)
        // The path entered the table first, so it is the oldest of four.
        #expect(out.bytes == frame(1, flags: 4, stream: 3, [0x83, 0x87, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62]) + frame(0, flags: 1, stream: 3, data))
    }

    @Test(arguments: pieces) func answersOfEtcd(_ piece: Int) throws {
        var proto = EtcdProtocol(EtcdSpeech(shape: shape, authority: "h", isTLS: true))
        var out = ByteWriter()
        for slot in 0..<3 { proto.write(Operation(.get, record: 5), slot: slot, into: &out) }
        proto.write(Operation(.put, record: 5), slot: 3, into: &out)
        out.bytes = []
        let pair: [UInt8] = [0x0A, 1, 0x6B, 0x10, 1, 0x2A, 3, 7, 8, 9]
        let found: [UInt8] = [0x0A, 2, 0x08, 1, 0x12, UInt8(pair.count)] + pair + [0x20, 1]
        let settings = frame(4, flags: 0, stream: 0, []), ping = frame(6, flags: 0, stream: 0, [1, 2, 3, 4, 5, 6, 7, 8])
        let bytes = settings + ping + frame(1, flags: 4, stream: 3, [0x88]) + frame(0, flags: 0, stream: 3, [0, 0, 0, 0, UInt8(found.count)] + found)
            + frame(1, flags: 5, stream: 3, [0x88]) + frame(0, flags: 0, stream: 1, [0, 0, 0, 0, 4, 0x0A]) + frame(0, flags: 0, stream: 1, [2, 0x08, 1])
            + frame(1, flags: 5, stream: 5, [0x88]) + frame(0, flags: 0, stream: 7, [0, 0, 0, 0, 2, 0x0A, 0])
        let answers = try answers(&proto, bytes, piece: piece, &out)
        #expect(answers.map(\.0.slot) == [1, 0, 2, 3])
        #expect(answers.map(\.0.outcome) == [.found, .absent, .failed, .written])
        #expect(answers[0].1 == [7, 8, 9])
        #expect(proto.isReady)
        #expect(out.bytes == frame(4, flags: 1, stream: 0, []) + frame(6, flags: 1, stream: 0, [1, 2, 3, 4, 5, 6, 7, 8]))
    }

    /// What etcd does not take yet waits until it does.
    @Test func theWindowOfTheConnectionIsKept() throws {
        var proto = EtcdProtocol(EtcdSpeech(shape: DataShape(valueBytes: 4_000), authority: "h", isTLS: true))
        var out = ByteWriter()
        for slot in 0..<17 { proto.write(Operation(.put, record: 1), slot: slot, into: &out) }
        // 16 messages of 4,022 bytes fit 65,535.
        let before = out.count
        _ = try answers(&proto, frame(8, flags: 0, stream: 0, [0, 0, 0x20, 0]), piece: 100, &out)
        #expect(out.count == before + 9 + 4_022)
    }

    // MARK: KHO/1

    @Test(arguments: pieces) func aSessionOfKHO(_ piece: Int) throws {
        var proto = KhoProtocol(KhoSpeech(shape: shape, dataset: DatasetID(3), deniedDataset: DatasetID(4), writes: true))
        var out = ByteWriter()
        var bytes = ByteWriter()
        try bytes.writeFrame(Bound(handle: 9, principal: "p"), stream: 1)
        try bytes.writeFrame(SessionOpened(session: SessionID(5)), stream: 1)
        #expect(try answers(&proto, bytes.bytes, piece: piece, &out).isEmpty)
        #expect(proto.isReady)
        out.bytes = []
        proto.write(Operation(.get, record: 5), slot: 0, into: &out)
        proto.write(Operation(.put, record: 6, stamp: 2), slot: 1, into: &out)
        var expected = ByteWriter()
        try expected.writeFrame(Get(preamble: RequestPreamble(handle: 9, dataset: DatasetID(3)), key: DataShape.key(5)), stream: 1)
        let fields = (0..<DataShape.fields).map { field -> WriteOperation.Field in
            let value: Value = field == DataShape.numberField ? .int64(6) : .string(String(decoding: shape.text(field, of: 6, stamp: 2), as: UTF8.self))
            return .init(FieldID(UInt16(field + 1)), value)
        }
        let put = WriteOperation(kind: .put, dataset: DatasetID(3), key: DataShape.key(6), fields: fields)
        try expected.writeFrame(Write(put, preamble: RequestPreamble(handle: 9), session: SessionID(5), sequence: 1), stream: 2)
        #expect(out.bytes == expected.bytes)
        out.bytes = []
        proto.write(Operation(.update, record: 6, stamp: 3), slot: 1, into: &out)
        expected = ByteWriter()
        let update = WriteOperation(
            kind: .update, dataset: DatasetID(3), key: DataShape.key(6),
            fields: [.init(FieldID(1), .string(String(decoding: shape.text(0, of: 6, stamp: 3), as: UTF8.self)))])
        try expected.writeFrame(Write(update, preamble: RequestPreamble(handle: 9), session: SessionID(5), sequence: 2), stream: 2)
        #expect(out.bytes == expected.bytes)

        bytes = ByteWriter()
        let info = ReplyInfo(appliedIndex: LogIndex(1), policyIndex: LogIndex(1))
        try bytes.writeFrame(Written(info: info, index: LogIndex(2)), stream: 2)
        try bytes.writeFrame(RecordReply(info: info, record: [1, 2, 3]), stream: 1)
        try bytes.writeFrame(RecordReply(info: info, record: nil), stream: 3)
        try bytes.writeFrame(WireError(.denied), stream: 4)
        try bytes.writeFrame(WireError(.throttled), stream: 5)
        let found = try answers(&proto, bytes.bytes, piece: piece, &out)
        #expect(found.map(\.0.slot) == [1, 0, 2, 3, 4])
        #expect(found.map(\.0.outcome) == [.written, .found, .absent, .denied, .failed])
        #expect(found[1].1 == [1, 2, 3])
    }

    @Test func slotsComeBackInTheirOrder() {
        var queue = SlotQueue()
        for slot in 0..<40 { queue.append(slot) }
        for slot in 0..<30 { #expect(queue.removeFirst() == slot) }
        for slot in 40..<300 { queue.append(slot) }
        for slot in 30..<300 { #expect(queue.removeFirst() == slot) }
        #expect(queue.removeFirst() == nil)
    }
}

/// Messages of PostgreSQL's protocol.
private enum PostgresWords {
    /// The first byte of each.
    static func kinds(of bytes: [UInt8]) -> String {
        var kinds = "", place = 0
        while place + 5 <= bytes.count {
            kinds.unicodeScalars.append(Unicode.Scalar(bytes[place]))
            place += 1 + bytes[place + 1..<place + 5].reduce(0) { $0 << 8 | Int($1) }
        }
        return kinds
    }
}
