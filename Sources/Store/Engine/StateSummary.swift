import Core

/// What the state was at its last checkpoint, in brief: enough for a node whose state cannot be opened any more to go on with its log, and to ask the others
/// for a state. Beside the generations and not in one, so that what damages a generation leaves it alone. Its file is replaced by rename.
///
///     magic "KHOSUMM1" | cluster id 16 | applied index u64 | applied term u64 | log time i64 | membership index u64 | membership bytes32 |
///     CRC-32C of all before u32
struct StateSummary: Equatable {
    static let name = "summary"
    static let magic = Array("KHOSUMM1".utf8)

    var cluster: ClusterID
    var applied: LogPosition
    var time: LogTime
    /// The membership in force at `applied`, and the index of its entry.
    var membership: Membership
    var membershipIndex: LogIndex

    var encoded: [UInt8] {
        var out = ByteWriter(capacity: 512)
        out.write(raw: Self.magic)
        out.write(cluster.high)
        out.write(cluster.low)
        out.write(applied.index.rawValue)
        out.write(applied.term.rawValue)
        out.write(time.milliseconds)
        out.write(membershipIndex.rawValue)
        out.write32(membership.encoded())
        out.write(CRC32C.of(out.bytes))
        return out.bytes
    }

    init(cluster: ClusterID, state: AppliedState, membership: Membership) {
        self.init(cluster: cluster, applied: state.position, time: state.time, membership: membership, membershipIndex: state.membershipIndex)
    }

    init(_ header: SnapshotHeader) {
        self.init(
            cluster: header.cluster, applied: header.applied, time: header.time, membership: header.membership, membershipIndex: header.membershipIndex)
    }

    private init(cluster: ClusterID, applied: LogPosition, time: LogTime, membership: Membership, membershipIndex: LogIndex) {
        self.cluster = cluster
        self.applied = applied
        self.time = time
        self.membership = membership
        self.membershipIndex = membershipIndex
    }

    /// `path` is for the error.
    init(decoding bytes: [UInt8], path: String) throws(StoreError) {
        do throws(DecodingError) {
            self = try bytes.reading { reader throws(DecodingError) in
                guard try reader.copiedBytes(8) == Self.magic else { throw .invalid(at: 0, "not a summary of this format") }
                let cluster = ClusterID(high: try reader.readUInt64(), low: try reader.readUInt64())
                let applied = LogPosition(index: LogIndex(try reader.readUInt64()), term: Term(try reader.readUInt64()))
                let time = LogTime(milliseconds: try reader.readInt64())
                let membershipIndex = LogIndex(try reader.readUInt64())
                let membership = try Membership(decoding: try reader.copiedBytes32())
                let end = reader.position
                guard try reader.readUInt32() == CRC32C.of(Array(bytes[..<end])) else { throw .invalid(at: end, "the checksum does not fit") }
                try reader.expectEnd()
                return StateSummary(cluster: cluster, applied: applied, time: time, membership: membership, membershipIndex: membershipIndex)
            }
        } catch {
            throw .corrupt(path: path, what: "\(error)")
        }
    }

    /// The state that it speaks of, without what it held.
    var state: AppliedState {
        var state = AppliedState()
        state.position = applied
        state.time = time
        state.membershipIndex = membershipIndex
        return state
    }
}
