import Core

@testable import Raft

/// What a transcript says.
extension Transcript {
    static func status(_ node: SimulatedNode) -> String {
        guard let core = node.core else { return "\(node.id) is down" }
        let status = core.status
        let members = core.membership.members.map { "\($0.id)" }.joined(separator: " ")
        return "\(node.id) \(status.role) term \(status.term) leader \(name(status.leader)) commit \(status.commitIndex) last \(status.lastIndex)"
            + " applied \(node.state.snapshot.position.index) members \(members)@\(core.membershipIndex)"
    }

    func lease(_ node: String) throws -> String {
        let node = nodes[try place(node)]
        guard let lease = node.core?.readLease, lease.validUntil > 0 else { return "\(node.id) holds no lease" }
        let now = node.clock.nanoseconds
        guard now < lease.validUntil else { return "\(node.id) held a lease, which has ended" }
        let permits = lease.permits(snapshotIndex: node.state.snapshot.position.index, takenAt: now, now: now)
        return "\(node.id) holds a lease for \((lease.validUntil - now) / 1_000_000) ms, since \((now - lease.heldSince) / 1_000_000) ms,"
            + " granted at \(lease.grantedIndex), received \(lease.receivedIndex), applied \(node.state.snapshot.position.index):"
            + " \(permits ? "may answer" : "may not answer")"
    }

    static func name(_ id: NodeID) -> String { id == .none ? "-" : "\(id)" }

    /// Nil for what shows itself elsewhere: a message when it arrives.
    mutating func text(_ effect: RaftEffect) -> String? {
        switch effect {
        case .send: return nil
        case let .append(append):
            let hardState = append.hardState.map { " term \($0.term) vote \(Self.name($0.vote))" } ?? ""
            let entries = append.entries.isEmpty ? "" : " [\(append.entries.map { text($0) }.joined(separator: ", "))]"
            let waiting = append.messages.isEmpty ? "" : ", then sends \(append.messages.map { text($0) }.joined(separator: "; "))"
            return "writes #\(append.number)\(hardState)\(entries)\(waiting)"
        case let .apply(entries): return "applies \(entries.map { text($0) }.joined(separator: ", "))"
        case let .accepted(id, position): return "accepts p\(id) at \(text(position))"
        case let .refused(id, refusal): return "refuses p\(id): \(refusal)"
        case let .handedOver(id, leader): return "has handed over to \(leader), p\(id)"
        case .leaseChanged: return nil
        case let .readReady(id, index): return "answers read \(id) at \(index)"
        case let .readFailed(id, refusal): return "fails read \(id): \(refusal)"
        case let .sendSnapshot(id): return "asks for a snapshot to \(id)"
        case let .membershipChanged(membership):
            let members = membership.members.map { "\($0.id)\(membership.isVoter($0.id) ? "" : "L")" }.joined(separator: " ")
            guard membership.isJoint else { return "has members \(members)" }
            let leaving = membership.leaving.isEmpty ? "" : ", then without \(text(membership.leaving))"
            return "has members \(members): voters \(text(membership.outgoingVoters)) and \(text(membership.voters))\(leaving)"
        case let .statusChanged(status): return "is \(status.role) in term \(status.term), leader \(Self.name(status.leader))"
        case let .alarm(alarm): return "alarm \(alarm)"
        }
    }

    func text(_ ids: [NodeID]) -> String { ids.map { "\($0)" }.joined(separator: " ") }

    func text(_ position: LogPosition) -> String { "\(position.index)/\(position.term)" }

    func text(_ entry: LogEntry) -> String {
        let payload = entry.kind == .command ? String(decoding: entry.payload, as: UTF8.self) : "\(entry.kind)"
        return "\(entry.index)/\(entry.term) \(payload)"
    }

    mutating func wire(_ id: ReadID) -> String {
        let number = wires[id] ?? wires.count + 1
        wires[id] = number
        return "q\(number)"
    }

    mutating func text(_ message: RaftMessage) -> String {
        let body: String
        switch message.body {
        case let .preVote(last): body = "preVote, log through \(text(last))"
        case let .preVoteReply(granted): body = granted ? "preVote granted" : "preVote refused"
        case let .vote(last, transfer, released):
            body = "vote, log through \(text(last))\(transfer ? ", by transfer" : "")\(released > 0 ? ", promises released" : "")"
        case let .voteReply(granted): body = granted ? "vote granted" : "vote refused"
        case let .append(previous, entries, commit):
            body = "append after \(text(previous)) [\(entries.map { text($0) }.joined(separator: ", "))] commit \(commit)"
        case let .appendAccepted(match): body = "accepted through \(match)"
        case let .appendRejected(previous, hint): body = "rejected \(previous), hint \(text(hint))"
        case let .heartbeat(commit, context, stamp): body = "heartbeat commit \(commit) context \(context)\(stamp > 0 ? ", promise?" : "")"
        case let .heartbeatReply(context, stamp, isDraining):
            body = "heartbeat answered, context \(context)\(stamp > 0 ? ", promised" : "")\(isDraining ? ", draining" : "")"
        case let .readRequest(read): body = "read \(wire(read))"
        case let .readReply(read, index): body = "read \(wire(read)) at \(index)"
        case let .readRefused(read, refusal): body = "read \(wire(read)) refused: \(refusal)"
        case let .timeoutNow(released): body = "timeoutNow\(released > 0 ? ", promises released" : "")"
        case .leaseRequest: body = "lease?"
        case let .leaseGranted(_, nanoseconds, index): body = "lease for \(nanoseconds / 1_000_000) ms at \(index)"
        }
        return "\(message.from)→\(message.to) t\(message.term) \(body)"
    }
}
