import Admission
import Core

/// The first frame of each side: who it is, and whom it believes to talk to.
///
/// Layout, big-endian: version u16, lane u8, cluster 16 bytes, node u32, incarnation u64, expected node u32; then the standing: index of
/// the membership u64, address u16 + UTF-8; then the start: number u64, mark u64. Older forms of version 1 end before the standing or before the
/// start, and a later one may go on after it.
struct PeerHello: Equatable, Sendable {
    static let version: UInt16 = 1
    static let applicationProtocol = "kho-peer/1"
    /// Bytes of a frame's body before the other side is known.
    static let bytesMax = 512

    var version = PeerHello.version
    var lane: PeerLane
    var sender: PeerIdentity
    /// Whom the sender wants to talk to.
    var expected: NodeID
    /// What the sender's log says of its own place.
    var standing: PeerStanding

    func encoded() -> [UInt8] {
        var out = ByteWriter(capacity: 96)
        out.write(version)
        out.write(lane.rawValue)
        out.write(sender.cluster.high)
        out.write(sender.cluster.low)
        out.write(sender.node.rawValue)
        out.write(sender.incarnation.rawValue)
        out.write(expected.rawValue)
        out.write(standing.membershipIndex.rawValue)
        out.write16(standing.address)
        out.write(sender.start.number)
        out.write(sender.start.mark)
        return out.bytes
    }

    init(lane: PeerLane, sender: PeerIdentity, expected: NodeID, standing: PeerStanding = .none) {
        self.lane = lane
        self.sender = sender
        self.expected = expected
        self.standing = standing
    }

    init(decoding bytes: [UInt8]) throws(DecodingError) {
        self = try bytes.reading { reader throws(DecodingError) in
            let version = try reader.readUInt16()
            guard let lane = PeerLane(rawValue: try reader.readUInt8()) else {
                throw DecodingError.invalid(at: 2, "unknown lane")
            }
            let cluster = ClusterID(high: try reader.readUInt64(), low: try reader.readUInt64())
            let node = NodeID(try reader.readUInt32())
            let incarnation = Incarnation(try reader.readUInt64())
            var hello = PeerHello(
                lane: lane, sender: PeerIdentity(cluster: cluster, node: node, incarnation: incarnation),
                expected: NodeID(try reader.readUInt32()))
            hello.version = version
            if !reader.isAtEnd {
                hello.standing = PeerStanding(membershipIndex: LogIndex(try reader.readUInt64()), address: try reader.readString16())
            }
            if !reader.isAtEnd { hello.sender.start = PeerStart(number: try reader.readUInt64(), mark: try reader.readUInt64()) }
            return hello
        }
    }

    /// What is wrong with this hello of the other side, or nil. `dialled` is the node that was looked for, nil on the side that was called;
    /// `lane` likewise.
    func fault(seenBy own: PeerIdentity, dialled: NodeID?, lane: PeerLane?) -> PeerRefusal? {
        guard version == Self.version else { return .wrongVersion }
        guard sender.cluster == own.cluster else { return .wrongCluster }
        guard expected == own.node, sender.node != own.node, sender.node != .none else { return .wrongNode }
        if let dialled, sender.node != dialled { return .wrongNode }
        if let lane, self.lane != lane { return .malformed }
        return nil
    }
}
