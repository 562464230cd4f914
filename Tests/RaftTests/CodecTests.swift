import Core
import Raft
import Testing

@Suite struct CodecTests {
    static let position = LogPosition(index: LogIndex(7), term: Term(3))

    static let bodies: [RaftMessage.Body] = [
        .preVote(last: position), .preVoteReply(granted: true), .preVoteReply(granted: false),
        .vote(last: position, transfer: false), .vote(last: position, transfer: true), .voteReply(granted: true),
        .append(previous: position, entries: [], commit: LogIndex(5)),
        .append(
            previous: position,
            entries: [
                LogEntry(index: LogIndex(8), term: Term(4), kind: .command, time: LogTime(milliseconds: 1_700_000_000_000), payload: Array("chào".utf8)),
                LogEntry(index: LogIndex(9), term: Term(4), kind: .membership, time: LogTime(milliseconds: 1), payload: testMembership(voters: 3).encoded()),
                LogEntry(index: LogIndex(10), term: Term(4), kind: .time, time: LogTime(milliseconds: -1)),
                LogEntry(index: LogIndex(11), term: Term(4), kind: .empty, time: .zero),
            ], commit: LogIndex(5)),
        .appendAccepted(match: LogIndex(9)), .appendRejected(previous: LogIndex(9), hint: position),
        .heartbeat(commit: LogIndex(4), context: 77), .heartbeatReply(context: .max),
        .heartbeatReply(context: 3, isDraining: true), .readRequest(ReadID(1 << 60)),
        .readReply(ReadID(2), LogIndex(3)), .readRefused(ReadID(2), .noQuorum), .timeoutNow(),
        .vote(last: position, transfer: true, released: 5), .heartbeat(commit: LogIndex(4), context: 77, stamp: 9),
        .heartbeatReply(context: 3, stamp: 9), .timeoutNow(released: 7), .leaseRequest(nonce: 8),
        .leaseGranted(nonce: 8, nanoseconds: 400_000_000, index: LogIndex(6)),
    ]

    static func message(_ body: RaftMessage.Body) -> RaftMessage { RaftMessage(from: n(1), to: n(3), term: Term(9), body: body) }

    @Test(arguments: bodies) func everyMessageComesBack(body: RaftMessage.Body) throws {
        let message = Self.message(body)
        #expect(try RaftMessage(decoding: message.encoded()) == message)
    }

    @Test(arguments: bodies) func noTruncationIsTaken(body: RaftMessage.Body) {
        let bytes = Self.message(body).encoded()
        for count in 0..<bytes.count {
            #expect(throws: DecodingError.self, "\(count) of \(bytes.count) bytes") { try RaftMessage(decoding: Array(bytes[..<count])) }
        }
        #expect(throws: DecodingError.self) { try RaftMessage(decoding: bytes + [0]) }
    }

    /// A byte's change is an error or another message, never a trap.
    @Test(arguments: bodies) func noChangeOfAByteTraps(body: RaftMessage.Body) {
        let bytes = Self.message(body).encoded()
        for place in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[place] ^= 1 << UInt8(bit)
                if let other = try? RaftMessage(decoding: changed) { #expect(other != Self.message(body)) }
            }
        }
    }

    @Test func bytesAreThese() {
        let heartbeat = Self.message(.heartbeat(commit: LogIndex(4), context: 258))
        #expect(
            heartbeat.encoded() == [1, 8, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 1, 2])
        let entry = LogEntry(index: LogIndex(8), term: Term(4), kind: .command, time: LogTime(milliseconds: 5), payload: [0xAA])
        #expect(
            Self.message(.append(previous: Self.position, entries: [entry], commit: LogIndex(6))).encoded() == [
                1, 5, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 9,
                0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 1,
                0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0xAA,
            ])
    }

    @Test func whatThisVersionDoesNotKnowIsAnError() {
        var bytes = Self.message(Self.bodies[7]).encoded()
        bytes[0] = 2
        #expect(throws: DecodingError.invalid(at: 0, "unknown format of a message")) { try RaftMessage(decoding: bytes) }
        bytes[0] = 1
        bytes[1] = 99
        #expect(throws: DecodingError.invalid(at: 1, "unknown kind of message")) { try RaftMessage(decoding: bytes) }
        // The kind of the first entry: an unknown one must never be applied as nothing.
        bytes[1] = 5
        bytes[64] = 9
        #expect(throws: DecodingError.invalid(at: 64, "unknown kind of entry")) { try RaftMessage(decoding: bytes) }
    }

    /// A false count makes nobody allocate.
    @Test func countsAreCheckedAgainstTheBytes() {
        var bytes = Self.message(Self.bodies[6]).encoded()
        for place in bytes.count - 4..<bytes.count { bytes[place] = 0xFF }
        #expect(throws: DecodingError.invalid(at: bytes.count - 4, "count exceeds the bytes that follow")) { try RaftMessage(decoding: bytes) }
    }
}
