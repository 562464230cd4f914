import Core
import Records
@testable import Wire

/// What clients and query nodes send each other.
let wireTargets = [
    FuzzTarget(name: "wire-frames", run: fuzzFrames, seeds: { try wireSeeds() + [try wireSeeds().joined().map { $0 }] }),
    FuzzTarget(
        name: "wire-messages", run: fuzzMessages,
        // The first byte is the opcode, the rest the body.
        seeds: { try wireSeeds().map { [$0[5]] + $0[Limits.frameHeaderBytes...] } }),
]

/// The bytes as they are, and with the first frame's checksum made right, or nothing behind it would ever be looked at.
private func fuzzFrames(_ bytes: [UInt8]) throws {
    try splitFrames(bytes)
    guard bytes.count >= Limits.frameHeaderBytes else { return }
    var out = ByteWriter()
    let start = out.beginFrame(opcodeByte: bytes[5], stream: UInt32(bytes[8]), flags: UInt16(bytes[6]))
    out.write(raw: Array(bytes[Limits.frameHeaderBytes...]))
    try out.endFrame(at: start)
    try splitFrames(out.bytes)
}

private func splitFrames(_ bytes: [UInt8]) throws {
    var splitter = FrameSplitter()
    while let frame = try? splitter.next(in: bytes.span.bytes) {
        guard frame.body.upperBound <= bytes.count, frame.body.count == frame.header.length else { throw FuzzFinding(what: "a body beyond the bytes") }
        try fuzzMessages([frame.header.opcodeByte] + bytes[frame.body])
    }
}

/// What is taken for a write of plain puts says in the general way what it says there.
private func comparePlain(_ opcode: Opcode, _ body: [UInt8]) throws {
    let all = body.span.bytes
    guard let plain = PlainWriteBody(opcode: opcode, in: ByteReader(all)) else { return }
    let write = try? body.reading { reader throws(DecodingError) in try Write(opcode: opcode, from: &reader) }
    guard let write, write.preamble.handle == plain.handle, write.session == plain.session, write.sequence == plain.sequence else {
        throw FuzzFinding(what: "a plain write is none in the general way, or another")
    }
    var out = ByteWriter()
    out.write(UInt16(write.operations.count))
    for operation in write.operations { operation.encode(into: &out) }
    guard plain.operations.withUnsafeBytes({ $0.elementsEqual(out.bytes) }) else { throw FuzzFinding(what: "a plain write's operations are written otherwise") }
    let datasets = write.operations.map(\.dataset).reduce(into: [DatasetID]()) { if $0.last != $1 { $0.append($1) } }
    guard plain.datasets == datasets else { throw FuzzFinding(what: "a plain write is of other datasets") }
}

private func fuzzMessages(_ bytes: [UInt8]) throws {
    guard let first = bytes.first, let opcode = Opcode(rawValue: first) else { return }
    let body = Array(bytes.dropFirst())
    switch opcode {
    case .hello: try stable(Hello.self, body)
    case .bind: try stable(Bind.self, body)
    case .ping: try stable(Ping.self, body)
    case .cancel: try stable(Cancel.self, body)
    case .openSession: try stable(OpenSession.self, body)
    case .describe: try stable(Describe.self, body)
    case .get: try stable(Get.self, body)
    case .multiGet: try stable(MultiGet.self, body)
    case .scan: try stable(Scan.self, body)
    case .scanCredit: try stable(ScanCredit.self, body)
    case .count: try stable(Count.self, body)
    case .put, .update, .delete, .batch:
        try comparePlain(opcode, body)
        try expectStable(
            "\(opcode)", body, decode: { try $0.reading { reader throws(DecodingError) in try Write(opcode: opcode, from: &reader) } },
            encode: { write in written { write.encode(into: &$0) } })
    case .watch: break
    case .adminRequest: try stable(AdminRequest.self, body)
    case .welcome: try stable(Welcome.self, body)
    case .bound: try stable(Bound.self, body)
    case .pong: try stable(Pong.self, body)
    case .session: try stable(SessionOpened.self, body)
    case .description: try stable(Description.self, body)
    case .record: try stable(RecordReply.self, body)
    case .records: try stable(RecordsReply.self, body)
    case .scanBatch: try stable(ScanBatch.self, body)
    case .counted: try stable(Counted.self, body)
    case .written: try stable(Written.self, body)
    case .adminReply: try stable(AdminReply.self, body)
    case .goAway: try stable(GoAway.self, body)
    case .error: try stable(WireError.self, body)
    }
}

private func stable<M: Message>(_ type: M.Type, _ body: [UInt8]) throws {
    try expectStable("\(type)", body, decode: { try M(decoding: $0) }, encode: { message in written { message.encode(into: &$0) } })
}

private func wireSeeds() throws -> [[UInt8]] {
    let preamble = RequestPreamble(
        handle: 1, dataset: DatasetID(7), consistency: .stale(maxAgeMilliseconds: 50), fields: FieldMask([FieldID(1), FieldID(200)]),
        context: RequestContext(purpose: "p", caseNumber: "c", endUser: "e"))
    let info = ReplyInfo(appliedIndex: LogIndex(9), policyIndex: LogIndex(8), schemaVersion: 3)
    let fields = [WriteOperation.Field(FieldID(1), .string("x")), WriteOperation.Field(FieldID(2), .null), WriteOperation.Field(FieldID(3), .list(["a"]))]
    let put = WriteOperation(kind: .put, dataset: DatasetID(7), key: [65], condition: .modifiedAt(LogIndex(5)), fields: fields)
    let plain = WriteOperation(kind: .put, dataset: DatasetID(7), key: [65], fields: Array(fields.prefix(2)))
    func frame(_ message: some Message) throws -> [UInt8] {
        var out = ByteWriter()
        try out.writeFrame(message, stream: 3)
        return out.bytes
    }
    return [
        try frame(Hello(client: "c", clientVersion: "1")), try frame(Bind(token: [1, 2])), try frame(Ping(number: 1)), try frame(OpenSession(handle: 1)),
        try frame(Get(preamble: preamble, key: [65])), try frame(MultiGet(preamble: preamble, keys: [[65], [66, 67]])),
        try frame(Write(put, preamble: preamble, session: SessionID(4), sequence: 5)),
        try frame(Write(plain, preamble: preamble, session: SessionID(4), sequence: 5)),
        try frame(Write(batch: [plain, plain], preamble: preamble, session: SessionID(4), sequence: 5)),
        try frame(
            Write(
                batch: [put, WriteOperation(kind: .delete, dataset: DatasetID(7), key: [66])], preamble: preamble, session: SessionID(4), sequence: 6)),
        try frame(RecordReply(info: info, record: [1, 2, 3])), try frame(RecordsReply(info: info, records: [nil, [1]])),
        try frame(Written(info: info, index: LogIndex(9))), try frame(Counted(info: info, records: 5, token: [1])),
        try frame(GoAway(reason: .shuttingDown)), try frame(SessionOpened(session: SessionID(4))), try frame(Bound(handle: 1, principal: "p")),
    ]
}
