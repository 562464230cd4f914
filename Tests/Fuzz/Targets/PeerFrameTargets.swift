import Admission
import Core
@testable import Peers
@testable import Replica

/// What comes over a connection between nodes: a hello, then frames of its lane. The first byte says into what pieces the rest is cut, which
/// changes nothing.
let peerFrameTargets = [
    FuzzTarget(
        name: "peer-frames",
        run: { bytes in
            guard let first = bytes.first else { return }
            let stream = Array(bytes.dropFirst())
            try hear(stream, pieces: Int(first))
            // With the lengths and checksums made right, or nothing behind the first altered byte would ever be looked at.
            try hear(restamped(stream), pieces: Int(first))
        }, seeds: { seeds })
]

private let here = PeerIdentity(cluster: ClusterID(high: 1, low: 2), node: NodeID(1), incarnation: Incarnation(4))
private let there = PeerIdentity(cluster: here.cluster, node: NodeID(2), incarnation: Incarnation(5))

private func hear(_ stream: [UInt8], pieces: Int) throws {
    let whole = try heard(stream, pieces: stream.count)
    guard pieces > 0 else { return }
    guard try heard(stream, pieces: pieces) == whole else { throw FuzzFinding(what: "pieces of \(pieces) bytes change what is heard") }
}

/// What the called side of a connection makes of the bytes, frame by frame, and how that ended.
private func heard(_ stream: [UInt8], pieces: Int) throws -> [[UInt8]] {
    var decoder = PeerFrameDecoder(bytesMax: PeerHello.bytesMax)
    var all: [[UInt8]] = []
    func ending(_ what: String) -> [[UInt8]] { all + [Array(what.utf8)] }
    var rest = stream[...]
    while !rest.isEmpty {
        let piece = Array(rest.prefix(pieces))
        rest = rest.dropFirst(pieces)
        var used = 0
        do {
            while let (kind, body) = try decoder.next(in: piece.span.bytes, at: &used) {
                all.append([kind.rawValue] + body)
                try checkHeader(kind, body)
                if decoder.bytesMax == PeerHello.bytesMax {
                    guard kind == .hello, try admitted(body) else { return ending("refused") }
                    decoder.bytesMax = Limits.peerFrameBytes
                } else if kind == .message {
                    try expectStable("ReplicaMessage", body, decode: { try ReplicaMessage(decoding: $0) }, encode: { $0.encoded() })
                } else if kind != .ping {
                    return ending("a frame that does not belong here")
                }
            }
        } catch let fault as PeerFrameFault { return ending("\(fault)") }
        guard used == piece.count else { throw FuzzFinding(what: "\(used) of \(piece.count) bytes were used, and nothing said of the others") }
    }
    return all
}

private func checkHeader(_ kind: PeerFrameKind, _ body: [UInt8]) throws {
    let header = PeerFrameHeader(kind, of: body)
    guard try PeerFrameHeader(frame(kind, body).span.bytes, bodyMax: body.count) == header else { throw FuzzFinding(what: "\(header) written again is another") }
}

/// Whether a connection is open after this hello.
private func admitted(_ body: [UInt8]) throws -> Bool {
    try expectStable("PeerHello", body, decode: { try PeerHello(decoding: $0) }, encode: { $0.encoded() })
    guard let hello = try? PeerHello(decoding: body) else { return false }
    return hello.fault(seenBy: here, dialled: nil, lane: nil) == nil
}

private func frame(_ kind: PeerFrameKind, _ body: [UInt8]) -> [UInt8] {
    let (first, second) = PeerFrameHeader(kind, of: body).words
    return written {
        $0.write(first)
        $0.write(second)
        $0.write(raw: body)
    }
}

/// The stream with each frame's length of at most two bytes, no longer than what is there, and the checksum of its body.
private func restamped(_ stream: [UInt8]) -> [UInt8] {
    var out = ByteWriter()
    var rest = stream[...]
    while rest.count >= PeerFrameHeader.bytes {
        let header = Array(rest.prefix(PeerFrameHeader.bytes))
        let body = Array(rest.dropFirst(PeerFrameHeader.bytes).prefix(Int(header[2]) << 8 | Int(header[3])))
        rest = rest.dropFirst(PeerFrameHeader.bytes + body.count)
        out.write(UInt32(body.count))
        out.write(raw: Array(header[4..<8]))
        out.write(CRC32C.of(body))
        out.write(raw: body)
    }
    out.write(raw: Array(rest))
    return out.bytes
}

/// A conversation of each lane, the hello's older form, and what is no hello.
private let seeds: [[UInt8]] = {
    func hello(_ lane: PeerLane) -> [UInt8] {
        PeerHello(
            lane: lane, sender: there, expected: here.node, standing: PeerStanding(membershipIndex: LogIndex(6), address: "n2.example:7401")
        ).encoded()
    }
    func messages(_ all: [ReplicaMessage]) -> [UInt8] { all.flatMap { frame(.message, $0.encoded()) } }
    let consensus: [ReplicaMessage] = [.forward(id: 1, payload: [9, 9]), .forwardAccepted(id: 1, LogPosition(index: LogIndex(5), term: Term(2)))]
    let bulk: [ReplicaMessage] = [
        .snapshotBegin(transfer: 1, header: [1]), .snapshotChunk(transfer: 1, chunk: [UInt8](repeating: 3, count: 60)), .snapshotEnd(transfer: 1, chunks: 1),
    ]
    return [
        [0] + frame(.hello, hello(.consensus)) + messages(consensus) + frame(.ping, []),
        [7] + frame(.hello, hello(.bulk)) + messages(bulk),
        [1] + frame(.hello, Array(hello(.consensus).prefix(35))) + frame(.ping, []) + frame(.ping, []),
        [3] + frame(.refusal, [PeerRefusal.wrongCluster.rawValue]), [0] + frame(.message, [1]) + frame(.hello, hello(.bulk)),
    ]
}()
