import Core
@testable import Raft
@testable import Replica
@testable import Store
import Synchronization

/// What nodes send each other: consensus, what goes around it, memberships, snapshots' headers, and the commands in the log.
let peerTargets = [
    FuzzTarget(
        name: "raft-message",
        run: { try expectStable("RaftMessage", $0, decode: { try RaftMessage(decoding: $0) }, encode: { $0.encoded() }) }, seeds: { raftSeeds }),
    FuzzTarget(
        name: "replica-message",
        run: { try expectStable("ReplicaMessage", $0, decode: { try ReplicaMessage(decoding: $0) }, encode: { $0.encoded() }) },
        seeds: {
            raftSeeds.map { [1] + $0 } + [
                [2, 0, 0, 0, 0, 0, 0, 0, 1, 9, 9], [3] + [UInt8](repeating: 1, count: 24), [4, 0, 0, 0, 0, 0, 0, 0, 1, 1],
                [7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2], [9, 0, 0, 0, 0, 0, 0, 0, 1, 1],
            ]
        }),
    FuzzTarget(
        name: "membership", run: { try expectStable("Membership", $0, decode: { try Membership(decoding: $0) }, encode: { $0.encoded() }) },
        seeds: { [membership.encoded(), Membership.empty.encoded()] }),
    FuzzTarget(
        name: "snapshot-header",
        run: { try expectStable("SnapshotHeader", $0, decode: { try SnapshotHeader(decoding: $0) }, encode: { $0.encoded() }) },
        seeds: { [[1] + [UInt8](repeating: 2, count: 56) + membership.encoded()] }),
    FuzzTarget(
        name: "command",
        run: { bytes in
            _ = Command.need(bytes)
            try expectTouched(bytes)
            try expectStable("Command", bytes, decode: { try Command(decoding: $0) }, encode: { $0.encoded() })
        },
        seeds: {
            [
                Command.openSession(PrincipalID(3)).encoded(),
                [1, 1, 0, 1, 97, 0, 2, 1, 2, 0, 1, 98, 0, 1, 99],
                [1, 3] + [UInt8](repeating: 0, count: 3) + [1] + [UInt8](repeating: 0, count: 24) + [0, 1, 3, 0, 0, 0, 7, 0, 1, 65, 0, 0, 0],
            ]
        }),
]

/// One for all inputs, since it is large, and how many were noted; one thread notes at a time.
private let noted = Mutex<(touched: TouchedRecords, count: UInt64)>((TouchedRecords(), 0))

/// Whatever a write changes it touches, and whatever may change what is seen touches everything.
private func expectTouched(_ bytes: [UInt8]) throws {
    let command = try? Command(decoding: bytes)
    try noted.withLock { noted in
        noted.count += 1
        let index = LogIndex(noted.count)
        noted.touched.note([LogEntry(index: index, term: Term(1), kind: .command, time: LogTime(milliseconds: 1), payload: bytes)])
        switch command {
        case let .write(write)?:
            for operation in write.operations
            where noted.touched.newest(operation.dataset, operation.key.span.bytes) != index || noted.touched.newest(operation.dataset) != index {
                throw FuzzFinding(what: "a write does not touch the record that it changes")
            }
        // What cannot be read ends whoever applies it, and is acknowledged to nobody.
        case .openSession?, nil: break
        case .genesis?, .catalogue?:
            if noted.touched.newest(DatasetID(1)) != index { throw FuzzFinding(what: "what is no write does not touch everything") }
        }
    }
}

private let membership = Membership(
    members: [
        Membership.Member(id: NodeID(1), name: "n1", peerAddress: "h:1", adminAddress: "h:2", incarnation: Incarnation(5)),
        Membership.Member(id: NodeID(2), name: "n2", peerAddress: "h:3", adminAddress: "h:4", clientAddress: "h:5"),
    ], voters: [NodeID(1)], outgoingVoters: [NodeID(2)])

/// A message of each kind with so many bytes of body, and an append with an entry.
private let raftSeeds: [[UInt8]] =
    (1...13).map { kind in
        written {
            $0.write(UInt8(1))
            $0.write(UInt8(kind))
            $0.write(UInt32(1))
            $0.write(UInt32(2))
            $0.write(UInt64(5))
            let bytes = [16, 1, 17, 1, 28, 8, 24, 16, 8, 8, 16, 9, 0][kind - 1]
            $0.write(raw: [UInt8](repeating: 0, count: bytes))
        }
    } + [
        written {
            $0.write(UInt8(1))
            $0.write(UInt8(5))
            $0.write(UInt32(1))
            $0.write(UInt32(2))
            for number in [5, 9, 4, 8] as [UInt64] { $0.write(number) }
            $0.write(UInt32(1))
            $0.write(UInt16(0))
            $0.write(UInt64(10))
            $0.write(UInt64(5))
            $0.write(UInt8(1))
            $0.write(Int64(1_000))
            $0.write32([1, 2, 3])
        }
    ]
