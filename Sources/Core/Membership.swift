/// Who belongs to the cluster, and how. A value in the log: it changes by an entry of kind `membership` only.
package struct Membership: Equatable, Sendable {
    package struct Member: Equatable, Sendable {
        package var id: NodeID
        /// What its certificate calls it.
        package var name: String
        /// Where its peers reach it: `host:port`.
        package var peerAddress: String
        /// Where administrators reach it: `host:port`.
        package var adminAddress: String
        /// Where clients reach it: `host:port`, empty on a storage node.
        package var clientAddress: String
        /// The life of its data directory; one with another is refused. A learner may be added again with a new one.
        package var incarnation: Incarnation

        package init(
            id: NodeID, name: String = "", peerAddress: String, adminAddress: String, clientAddress: String = "",
            incarnation: Incarnation = Incarnation(0)
        ) {
            self.id = id
            self.name = name
            self.peerAddress = peerAddress
            self.adminAddress = adminAddress
            self.clientAddress = clientAddress
            self.incarnation = incarnation
        }
    }

    /// Every member, in the order of the numbers.
    package private(set) var members: [Member]
    /// Who votes, ascending.
    package private(set) var voters: [NodeID]
    /// While a joint change is under way (Raft §6): who voted before it, ascending. Otherwise empty.
    package private(set) var outgoingVoters: [NodeID]

    package init(members: [Member], voters: [NodeID], outgoingVoters: [NodeID] = []) {
        self.members = members.sorted { $0.id < $1.id }
        self.voters = voters.sorted()
        self.outgoingVoters = outgoingVoters.sorted()
    }

    package static let empty = Membership(members: [], voters: [])

    package func isVoter(_ id: NodeID) -> Bool { voters.contains(id) || outgoingVoters.contains(id) }
    package func contains(_ id: NodeID) -> Bool { members.contains { $0.id == id } }
    package func member(_ id: NodeID) -> Member? { members.first { $0.id == id } }
    /// Members without a vote, ascending.
    package var learners: [NodeID] { members.map(\.id).filter { !isVoter($0) } }
    package var isJoint: Bool { !outgoingVoters.isEmpty }

    /// The same with a learner more.
    package func adding(learner: Member) -> Membership {
        Membership(members: members.filter { $0.id != learner.id } + [learner], voters: voters, outgoingVoters: outgoingVoters)
    }

    // Layout: format u8 (1), count u16, then each member: id u32, incarnation u64, four strings with a length of
    // 2 bytes; count u16 of voters, each u32; count u16 of outgoing voters, each u32.

    package func encoded() -> [UInt8] {
        var out = ByteWriter(capacity: 32 + members.count * 96)
        out.write(UInt8(1))
        out.write(UInt16(members.count))
        for member in members {
            out.write(member.id.rawValue)
            out.write(member.incarnation.rawValue)
            out.write16(member.name)
            out.write16(member.peerAddress)
            out.write16(member.adminAddress)
            out.write16(member.clientAddress)
        }
        for group in [voters, outgoingVoters] {
            out.write(UInt16(group.count))
            for id in group { out.write(id.rawValue) }
        }
        return out.bytes
    }

    package init(decoding bytes: [UInt8]) throws(DecodingError) {
        self = try bytes.reading { reader throws(DecodingError) in
            guard try reader.readUInt8() == 1 else { throw DecodingError.invalid(at: 0, "unknown format of a membership") }
            var members: [Member] = []
            for _ in 0..<(try reader.readCount16(minimumSize: 20)) {
                let id = NodeID(try reader.readUInt32())
                let incarnation = Incarnation(try reader.readUInt64())
                members.append(
                    Member(
                        id: id, name: try reader.readString16(), peerAddress: try reader.readString16(), adminAddress: try reader.readString16(),
                        clientAddress: try reader.readString16(), incarnation: incarnation))
            }
            var groups: [[NodeID]] = []
            for _ in 0..<2 {
                var ids: [NodeID] = []
                for _ in 0..<(try reader.readCount16(minimumSize: 4)) { ids.append(NodeID(try reader.readUInt32())) }
                groups.append(ids)
            }
            try reader.expectEnd()
            return Membership(members: members, voters: groups[0], outgoingVoters: groups[1])
        }
    }
}
