import Core

// A message's bytes: format u8 (1) | kind u8 | from u32 | to u32 | term u64 | body. A position is index u64, term u64.
//
//   1 preVote         last position                4 voteReply       granted u8
//   2 preVoteReply    granted u8                   5 append          previous position, commit u64, count u32, entries
//   3 vote            last position, transfer u8   6 appendAccepted  match u64
//   7 appendRejected  previous u64, hint position  8 heartbeat       commit u64, context u64
//   9 heartbeatReply  context u64                 10 readRequest     read u64
//  11 readReply       read u64, index u64         12 readRefused     read u64, refusal u8
//  13 timeoutNow
//
// With what only leases and draining need, so that the bytes of the others stay what they are:
//
//  14 heartbeatReply  context u64, stamp u64, draining u8
//  15 heartbeat       commit u64, context u64, stamp u64
//  16 vote            last position, transfer u8, released u64
//  17 timeoutNow      released u64
//  18 leaseRequest    nonce u64                  19 leaseGranted    nonce u64, nanoseconds u64, index u64
//
// An entry: group u16 | index u64 | term u64 | kind u8 | time i64 | payload with a length of 4 bytes.

extension RaftMessage {
    private static let format: UInt8 = 1
    /// Bytes of an entry without its payload.
    private static let entryBytes = 31

    /// The message as bytes. Costs a copy of the entries.
    package func encoded() -> [UInt8] {
        var capacity = 64
        if case let .append(_, entries, _) = body { capacity += entries.reduce(0) { $0 + $1.payload.count + Self.entryBytes } }
        var out = ByteWriter(capacity: capacity)
        out.write(Self.format)
        out.write(kind)
        out.write(from.rawValue)
        out.write(to.rawValue)
        out.write(term.rawValue)
        switch body {
        case let .preVote(last): out.write(last)
        case let .preVoteReply(granted), let .voteReply(granted): out.write(granted)
        case let .vote(last, transfer, released):
            out.write(last)
            out.write(transfer)
            if released > 0 { out.write(released) }
        case let .append(previous, entries, commit):
            out.write(previous)
            out.write(commit.rawValue)
            out.write(UInt32(entries.count))
            for entry in entries { out.write(entry) }
        case let .appendAccepted(match): out.write(match.rawValue)
        case let .appendRejected(previous, hint):
            out.write(previous.rawValue)
            out.write(hint)
        case let .heartbeat(commit, context, stamp):
            out.write(commit.rawValue)
            out.write(context)
            if stamp > 0 { out.write(stamp) }
        case let .heartbeatReply(context, stamp, isDraining):
            out.write(context)
            guard stamp > 0 || isDraining else { break }
            out.write(stamp)
            out.write(isDraining)
        case let .readRequest(read): out.write(read.rawValue)
        case let .readReply(read, index):
            out.write(read.rawValue)
            out.write(index.rawValue)
        case let .readRefused(read, refusal):
            out.write(read.rawValue)
            out.write(refusal.rawValue)
        case let .timeoutNow(released): if released > 0 { out.write(released) }
        case let .leaseRequest(nonce): out.write(nonce)
        case let .leaseGranted(nonce, nanoseconds, index):
            out.write(nonce)
            out.write(nanoseconds)
            out.write(index.rawValue)
        }
        return out.bytes
    }

    private var kind: UInt8 {
        switch body {
        case .preVote: 1
        case .preVoteReply: 2
        case let .vote(_, _, released): released > 0 ? 16 : 3
        case .voteReply: 4
        case .append: 5
        case .appendAccepted: 6
        case .appendRejected: 7
        case let .heartbeat(_, _, stamp): stamp > 0 ? 15 : 8
        case let .heartbeatReply(_, stamp, isDraining): stamp > 0 || isDraining ? 14 : 9
        case .readRequest: 10
        case .readReply: 11
        case .readRefused: 12
        case let .timeoutNow(released): released > 0 ? 17 : 13
        case .leaseRequest: 18
        case .leaseGranted: 19
        }
    }

    /// Throws for another format, an unknown kind of message or of entry, for bytes that are missing or left over, and for an entry
    /// larger than `Limits.entryPayloadBytes`. Allocates no more than the bytes it is given.
    package init(decoding bytes: [UInt8]) throws(DecodingError) {
        self = try bytes.reading { reader throws(DecodingError) in
            guard try reader.readUInt8() == Self.format else { throw DecodingError.invalid(at: 0, "unknown format of a message") }
            let kind = try reader.readUInt8()
            let from = NodeID(try reader.readUInt32())
            let to = NodeID(try reader.readUInt32())
            let term = Term(try reader.readUInt64())
            let body = try Self.body(kind, &reader)
            try reader.expectEnd()
            return RaftMessage(from: from, to: to, term: term, body: body)
        }
    }

    private static func body(_ kind: UInt8, _ reader: inout ByteReader) throws(DecodingError) -> Body {
        switch kind {
        case 1: return .preVote(last: try reader.readPosition())
        case 2: return .preVoteReply(granted: try reader.readBool())
        case 3: return .vote(last: try reader.readPosition(), transfer: try reader.readBool())
        case 4: return .voteReply(granted: try reader.readBool())
        case 5:
            let previous = try reader.readPosition()
            let commit = LogIndex(try reader.readUInt64())
            let count = try reader.readCount32(minimumSize: entryBytes)
            var entries: [LogEntry] = []
            entries.reserveCapacity(count)
            for _ in 0..<count { entries.append(try reader.readEntry()) }
            return .append(previous: previous, entries: entries, commit: commit)
        case 6: return .appendAccepted(match: LogIndex(try reader.readUInt64()))
        case 7: return .appendRejected(previous: LogIndex(try reader.readUInt64()), hint: try reader.readPosition())
        case 8: return .heartbeat(commit: LogIndex(try reader.readUInt64()), context: try reader.readUInt64())
        case 9: return .heartbeatReply(context: try reader.readUInt64())
        case 10: return .readRequest(ReadID(try reader.readUInt64()))
        case 11: return .readReply(ReadID(try reader.readUInt64()), LogIndex(try reader.readUInt64()))
        case 12:
            let read = ReadID(try reader.readUInt64())
            guard let refusal = Refusal(rawValue: try reader.readUInt8()) else {
                throw .invalid(at: reader.position - 1, "unknown refusal")
            }
            return .readRefused(read, refusal)
        case 13: return .timeoutNow()
        case 14: return .heartbeatReply(context: try reader.readUInt64(), stamp: try reader.readUInt64(), isDraining: try reader.readBool())
        case 15:
            let commit = LogIndex(try reader.readUInt64())
            return .heartbeat(commit: commit, context: try reader.readUInt64(), stamp: try reader.readUInt64())
        case 16: return .vote(last: try reader.readPosition(), transfer: try reader.readBool(), released: try reader.readUInt64())
        case 17: return .timeoutNow(released: try reader.readUInt64())
        case 18: return .leaseRequest(nonce: try reader.readUInt64())
        case 19:
            let nonce = try reader.readUInt64()
            return .leaseGranted(nonce: nonce, nanoseconds: try reader.readUInt64(), index: LogIndex(try reader.readUInt64()))
        default: throw .invalid(at: 1, "unknown kind of message")
        }
    }
}

extension ByteWriter {
    fileprivate mutating func write(_ position: LogPosition) {
        write(position.index.rawValue)
        write(position.term.rawValue)
    }

    fileprivate mutating func write(_ entry: LogEntry) {
        write(entry.group)
        write(entry.index.rawValue)
        write(entry.term.rawValue)
        write(entry.kind.rawValue)
        write(entry.time.milliseconds)
        write32(entry.payload)
    }
}

extension ByteReader {
    fileprivate mutating func readPosition() throws(DecodingError) -> LogPosition {
        LogPosition(index: LogIndex(try readUInt64()), term: Term(try readUInt64()))
    }

    /// An entry of a kind that this version does not know is an error: it must never be taken for nothing.
    fileprivate mutating func readEntry() throws(DecodingError) -> LogEntry {
        let group = try readUInt16()
        let index = LogIndex(try readUInt64())
        let term = Term(try readUInt64())
        guard let kind = EntryKind(rawValue: try readUInt8()) else { throw .invalid(at: position - 1, "unknown kind of entry") }
        let time = LogTime(milliseconds: try readInt64())
        let payload = try copiedBytes32(max: Limits.entryPayloadBytes)
        var entry = LogEntry(index: index, term: term, kind: kind, time: time, payload: payload)
        entry.group = group
        return entry
    }
}
