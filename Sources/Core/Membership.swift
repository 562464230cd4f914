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
    /// While a joint change is under way: who is no member any more after it, ascending. Otherwise empty.
    package private(set) var leaving: [NodeID]
    /// How queries find out that what they read is new enough.
    package private(set) var readMode: ReadMode
    /// The highest number that any member ever had: a number is never given twice, so that nothing a removed node said is ever
    /// taken for the word of another.
    package private(set) var highestID: NodeID

    package init(
        members: [Member], voters: [NodeID], outgoingVoters: [NodeID] = [], leaving: [NodeID] = [], readMode: ReadMode = .readIndex,
        highestID: NodeID = .none
    ) {
        self.members = members.sorted { $0.id < $1.id }
        self.voters = voters.sorted()
        self.outgoingVoters = outgoingVoters.sorted()
        self.leaving = leaving.sorted()
        self.readMode = readMode
        self.highestID = max(highestID, self.members.last?.id ?? .none)
    }

    package static let empty = Membership(members: [], voters: [])

    package func isVoter(_ id: NodeID) -> Bool { voters.contains(id) || outgoingVoters.contains(id) }
    package func contains(_ id: NodeID) -> Bool { members.contains { $0.id == id } }
    package func member(_ id: NodeID) -> Member? { members.first { $0.id == id } }
    /// Members without a vote, ascending.
    package var learners: [NodeID] { members.map(\.id).filter { !isVoter($0) } }
    package var isJoint: Bool { !outgoingVoters.isEmpty }

    /// The number for a node that joins.
    package var nextID: NodeID { NodeID(highestID.rawValue == .max ? .max : highestID.rawValue + 1) }

    // MARK: Targets of changes

    // What to propose. Who changes voters asks for the membership as it shall be in the end; the leader makes the joint one of it.

    /// The same with a learner more, or with other addresses or a new incarnation of one.
    package func adding(learner: Member) -> Membership {
        with(members: members.filter { $0.id != learner.id } + [learner])
    }

    /// The same without the member, be it a voter or a learner.
    package func removing(_ id: NodeID) -> Membership {
        with(members: members.filter { $0.id != id }, voters: voters.filter { $0 != id })
    }

    /// The same with votes for these learners as well.
    package func promoting(_ ids: NodeID...) -> Membership {
        with(voters: voters + ids.filter { !voters.contains($0) })
    }

    /// The same with a voter as a learner.
    package func demoting(_ id: NodeID) -> Membership { with(voters: voters.filter { $0 != id }) }

    /// The same with one voter out of the cluster and a learner voting in its place.
    package func replacing(_ old: NodeID, with new: NodeID) -> Membership { promoting(new).removing(old) }

    /// The same with another way to read.
    package func reading(_ mode: ReadMode) -> Membership {
        var copy = self
        copy.readMode = mode
        return copy
    }

    private func with(members: [Member]? = nil, voters: [NodeID]? = nil) -> Membership {
        Membership(
            members: members ?? self.members, voters: voters ?? self.voters, outgoingVoters: outgoingVoters, leaving: leaving,
            readMode: readMode, highestID: highestID)
    }

    /// The membership that leads from this one to `target`: both groups vote, and nobody leaves yet.
    package func joint(to target: Membership) -> Membership {
        Membership(
            members: members, voters: target.voters, outgoingVoters: voters, leaving: members.map(\.id).filter { !target.contains($0) },
            readMode: readMode, highestID: highestID)
    }

    /// Where a joint membership leads. Another is its own end.
    package var settled: Membership {
        Membership(members: members.filter { !leaving.contains($0.id) }, voters: voters, readMode: readMode, highestID: highestID)
    }
}

/// How a query finds out that what it reads is as new as the moment it was asked.
package enum ReadMode: UInt8, Equatable, Sendable {
    /// By a round of heartbeats to a quorum. Needs no clock.
    case readIndex = 0
    /// By a lease, as long as one is held; otherwise by a round. Needs clocks that differ in speed by 1 % at most and count pauses.
    case lease = 1
}
