import Core

/// Which nodes this one talks to: a pure judgement on what its log says of the cluster.
///
/// A member, in the incarnation that the membership names, with the certificate of its name. Two exceptions keep a node that is behind from being
/// shut out. A node that was added and knows no membership yet believes those that the cluster's authority and id vouch for. And a
/// node whose **own** log names it, in its incarnation, in a newer membership than the last one here is a **guest**: it came after what this log
/// holds, and may be the leader that this node must hear to learn of it. Only an entry of the log can name a directory, so
/// one that is wiped has nothing to show. One that was put back to an earlier state, or copied, shows by the number of its start (`MetStarts`). A node's
/// certificate is trusted to tell both truthfully. Whether a guest leads or votes is
/// Raft's to say, which for both does not go by the receiver's membership (thesis §4.1).
package struct PeerAdmission: Sendable {
    /// Itself.
    package let node: NodeID
    package let incarnation: Incarnation
    package private(set) var membership = Membership.empty
    /// The index of its entry.
    package private(set) var index = LogIndex(0)
    private var guests: [NodeID: Guest] = [:]
    /// The starts of others, as they were met.
    package private(set) var met: MetStarts
    private struct Guest: Equatable {
        let incarnation: Incarnation
        let standing: PeerStanding
    }

    /// When the newest start of each directory was met, in this process.
    private var metAt: [Incarnation: MonotonicTime] = [:]

    package init(node: NodeID, incarnation: Incarnation, met: MetStarts = MetStarts()) {
        self.node = node
        self.incarnation = incarnation
        self.met = met
    }

    /// What this node says of itself.
    package var standing: PeerStanding {
        guard let own = membership.member(node), own.incarnation == incarnation else { return .none }
        return PeerStanding(membershipIndex: index, address: own.peerAddress)
    }

    /// Whom to dial: the members, and the guests where they say that they are.
    package var addresses: [(node: NodeID, address: String)] {
        membership.members.map { (node: $0.id, address: guests[$0.id]?.standing.address ?? $0.peerAddress) }
            + guests.sorted { $0.key < $1.key }.filter { !membership.contains($0.key) }.map { (node: $0.key, address: $0.value.standing.address) }
    }

    /// Whether it is one of them.
    package func dials(_ node: NodeID) -> Bool { membership.contains(node) || guests[node] != nil }

    /// Another membership is in force. It knows whom it names: guests are those that came later still.
    package mutating func change(to new: Membership, at newIndex: LogIndex) {
        membership = new
        index = newIndex
        guests = guests.filter { $0.value.standing.membershipIndex > newIndex }
    }

    package func judge(_ hello: PeerIdentity, _ standing: PeerStanding, certificateName: String) -> PeerVerdict {
        let verdict = judgeByMembership(hello, standing, certificateName)
        #if KHO_BUG_PUT_BACK_ADMITTED
        // Bug: a directory that was put back to an earlier state is heard as if nothing had been.
        return verdict
        #else
        guard verdict == .admit, let objection = met.objection(to: hello) else { return verdict }
        return .refuse(objection)
        #endif
    }

    /// Remembers the start of an admitted node. True if that is news, and is to be kept.
    package mutating func meet(_ hello: PeerIdentity, at now: MonotonicTime = MonotonicTime.now()) -> Bool {
        let membership = membership
        guard met.meet(hello, isNamed: { membership.member($0.node)?.incarnation == $0.incarnation }) else { return false }
        metAt[hello.incarnation] = now
        if metAt.count > MetStarts.most { metAt = metAt.filter { known in met.all.contains { $0.incarnation == known.key } } }
        return true
    }

    /// Whether a connection that began then is of a process that has ended: a later start of its directory was met since. That is no reason to speak of.
    package func isPast(_ hello: PeerIdentity, begun: MonotonicTime) -> Bool {
        guard let at = metAt[hello.incarnation], begun <= at else { return false }
        return met.objection(to: hello) != nil
    }

    /// Condemns the directory of a node that was refused for its start. Only a process that lives says so for certain: what one that has ended had sent
    /// may be read after its successor was met. A connection that began later than that shows that its other end lives.
    ///
    /// - Parameter begun: when the connection began, before its handshake.
    /// - Returns: whether that is news, and is to be kept.
    package mutating func condemn(_ hello: PeerIdentity, _ standing: PeerStanding, certificateName: String, begun: MonotonicTime) -> Bool {
        guard judgeByMembership(hello, standing, certificateName) == .admit, met.objection(to: hello) != nil,
            begun > metAt[hello.incarnation] ?? MonotonicTime(nanoseconds: 0)
        else { return false }
        return met.condemn(hello)
    }

    private func judgeByMembership(_ hello: PeerIdentity, _ standing: PeerStanding, _ certificateName: String) -> PeerVerdict {
        guard !membership.members.isEmpty else { return .admit }
        let member = membership.member(hello.node)
        // A number is given once, so its name never changes, not even for a guest.
        if let member, !member.name.utf8.elementsEqual(certificateName.utf8) { return .refuse("\(hello.node) is \(member.name), not \(certificateName)") }
        if standing.membershipIndex > index { return .admit }
        guard let member else { return .refuse("\(hello.node) is no member") }
        guard member.incarnation == hello.incarnation else {
            return .refuse("\(hello.node) has the data directory \(hello.incarnation), not \(member.incarnation) of the membership")
        }
        return .admit
    }

    /// Remembers an admitted node if only its own word places it. True if that is news, and it is to be dialled.
    package mutating func welcome(_ hello: PeerIdentity, _ standing: PeerStanding) -> Bool {
        let known = membership.member(hello.node), isNamed = known?.incarnation == hello.incarnation
        // The directory that the membership names is there itself.
        if isNamed, let guest = guests[hello.node], guest.incarnation != hello.incarnation { guests[hello.node] = nil }
        guard standing.membershipIndex > index, guests.count < Limits.members, !standing.address.isEmpty else { return false }
        let guest = Guest(incarnation: hello.incarnation, standing: standing)
        guard !isNamed || known?.peerAddress != standing.address, guests[hello.node] != guest else { return false }
        guests[hello.node] = guest
        return true
    }

    /// Whether a guest comes in the place of another directory of the same node, which the membership names. It may lead and campaign; but what it grants or acknowledges
    /// would count for the other, which may have promised something else.
    package func standsIn(_ node: NodeID) -> Bool {
        guard let guest = guests[node], let member = membership.member(node) else { return false }
        return member.incarnation != guest.incarnation
    }
}
