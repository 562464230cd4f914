import Core
import Replica
import Wire

extension AdminService {
    // MARK: Changing who votes

    // Each of these answers once the change is in force and, if voters changed, the joint membership that leads there is past. Only the leader can.

    /// Gives a learner that has caught up a vote: `{name}`. Of one that votes already, nothing changes.
    func promoteMember(_ body: Document, _ caller: CertificateName) async throws(Failure) -> Document {
        let name = try text(body, "name")
        return try await change(caller) { membership throws(Failure) in
            let member = try Self.member(name, membership)
            return membership.isVoter(member.id) ? nil : membership.promoting(member.id)
        }
    }

    /// Takes a member out of the cluster: `{name}`. Its number is never given again, and its data directory is refused from then on.
    func removeMember(_ body: Document, _ caller: CertificateName) async throws(Failure) -> Document {
        let name = try text(body, "name")
        return try await change(caller) { membership throws(Failure) in
            let member = try Self.member(name, membership)
            guard membership.voters != [member.id] else { throw Failure(.refused, path: "name", "\(name) is the only voter") }
            return membership.removing(member.id)
        }
    }

    /// Takes a voter out and gives a learner its vote, in one change: `{name, by}`.
    func replaceMember(_ body: Document, _ caller: CertificateName) async throws(Failure) -> Document {
        let (name, by) = (try text(body, "name"), try text(body, "by"))
        return try await change(caller) { membership throws(Failure) in
            let (old, new) = (try Self.member(name, membership), try Self.member(by, membership))
            guard membership.isVoter(old.id) else { throw Failure(.refused, path: "name", "\(name) has no vote; `kho member remove` takes it out") }
            guard !membership.isVoter(new.id) else { throw Failure(.refused, path: "by", "\(by) votes already") }
            return membership.replacing(old.id, with: new.id)
        }
    }

    /// Has the leader hand over, to `{name}` or to whoever is best fit. Only the leader can.
    func transferLeadership(_ body: Document, _ caller: CertificateName) async throws(Failure) -> Document {
        let stack = try stack()
        try await barrier(stack)
        try authorise(caller, stack)
        let replica = stack.replica
        let membership = replica.membership
        var target: NodeID?
        if let name = body["name"]?.string { target = try Self.member(name, membership).id }
        if target == stack.place.node, replica.raftStatus.role == .leader { return Self.leader(stack.place.node, membership) }
        let result: TransferResult = await withCheckedContinuation { continuation in
            replica.transferLeadership(to: target) { continuation.resume(returning: $0) }
        }
        switch result {
        case let .leads(leader): return Self.leader(leader, membership)
        case let .refused(refusal):
            _ = try document(.refused(refusal))
            return .null
        }
    }

    /// Tells this node not to lead as long as others can, or to again: `{on}`. Until its next start.
    func drain(_ body: Document, _ caller: CertificateName) async throws(Failure) -> Document {
        guard let isOn = body["on"]?.bool else { throw Failure(.invalidRequest, path: "on", "expected true or false") }
        let stack = try stack()
        await barrierIfPossible(stack)
        try authorise(caller, stack)
        stack.replica.drain(isOn)
        return ["name": .string(runtime.identity.name), "draining": .bool(isOn)]
    }

    /// Takes the node's state out of service until it is rebuilt from another node's. Works without a quorum; the rebuilding needs another node.
    func rebuild(_ caller: CertificateName) async throws(Failure) -> Document {
        let stack = try stack()
        await barrierIfPossible(stack)
        try authorise(caller, stack)
        guard stack.replica.reportDamage("an administrator had it rebuilt") else {
            throw Failure(.refused, "the cluster has no other node to rebuild it from")
        }
        return ["name": .string(runtime.identity.name), "damage": stack.replica.damage.map { .string($0) } ?? .null]
    }

    // MARK: What they share

    private static func member(_ name: String, _ membership: Membership) throws(Failure) -> Membership.Member {
        guard let member = membership.members.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
            throw Failure(.notFound, path: "name", "no member is called \(name); the members are \(membership.members.map(\.name).joined(separator: ", "))")
        }
        return member
    }

    private static func leader(_ id: NodeID, _ membership: Membership) -> Document {
        ["leader": .string(membership.member(id)?.name ?? "\(id)"), "node": .int(Int64(id.rawValue))]
    }

    /// How long a change may take from its first entry to its last, and how often that is looked at.
    private static let settlingMilliseconds: UInt64 = 10_000
    private static let lookMilliseconds = 10

    /// Proposes what `make` makes of the membership in force, nil for no change, and waits until it is settled.
    func change(_ caller: CertificateName, _ make: (Membership) throws(Failure) -> Membership?) async throws(Failure) -> Document {
        let stack = try stack()
        try await barrier(stack)
        try authorise(caller, stack)
        let replica = stack.replica
        var index: Document = .null
        if let next = try make(replica.membership) {
            let result = await withCheckedContinuation { continuation in replica.propose(next) { continuation.resume(returning: $0) } }
            index = try document(result)["index"] ?? .null
            let end = MonotonicTime.now().adding(milliseconds: Self.settlingMilliseconds)
            while replica.membership.isJoint {
                guard MonotonicTime.now() < end else {
                    throw Failure(.outcomeUnknown, "the change has begun, and whoever leads will end it; `kho member list` shows when")
                }
                do { try await Task.sleep(for: .milliseconds(Self.lookMilliseconds)) } catch { break }
            }
        }
        return ["members": Self.document(of: replica.membership), "index": index]
    }
}
