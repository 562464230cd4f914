import Core
import QueryService
import Raft
import Replica
import Store
import Wire

extension AdminService {
    // MARK: Forming a cluster

    /// Who the node is, for who forms a cluster of it.
    func identify() -> Document {
        let identity = runtime.identity
        let configuration = runtime.configuration
        var members: [Document.Member] = [
            .init("name", .string(identity.name)), .init("role", .string(configuration.role.rawValue)),
            .init("version", .string(Version.current)), .init("cluster", .string(identity.clusterName)),
            .init("incarnation", .string(identity.incarnation.description)), .init("peer", .string(configuration.advertise.peer)),
            .init("admin", .string(configuration.advertise.admin)), .init("client", .string(configuration.advertise.client ?? "")),
        ]
        if let place = identity.place {
            members.append(.init("clusterID", .string(place.cluster.description)))
            members.append(.init("node", .int(Int64(place.node.rawValue))))
        }
        return .object(members)
    }

    /// Gives the node its place: `{clusterID, node, members: [{node, name, voter?, peer, admin, client, incarnation}]}`: the voters that a new
    /// cluster begins with, or, for a node that was added, the members as they are, so that it knows whom to answer.
    func form(_ body: Document) async throws(Failure) -> Document {
        guard let cluster = ClusterID(try text(body, "clusterID")) else { throw Failure(.invalidRequest, path: "clusterID", "expected 32 hexadecimal digits") }
        guard let number = body["node"]?.int, let node = UInt32(exactly: number), node > 0 else {
            throw Failure(.invalidRequest, path: "node", "expected a node's number")
        }
        var members: [Membership.Member] = []
        var voters: [NodeID] = []
        for (place, document) in (body["members"]?.array ?? []).enumerated() {
            guard let member = Membership.Member(document) else { throw Failure(.invalidRequest, path: "members[\(place)]", "not a member") }
            members.append(member)
            if document["voter"]?.bool ?? true { voters.append(member.id) }
        }
        guard !voters.isEmpty else { throw Failure(.invalidRequest, path: "members", "a cluster has at least one voter") }
        let membership = Membership(members: members, voters: voters)
        if membership.member(NodeID(node))?.incarnation != runtime.identity.incarnation {
            throw Failure(.refused, "the membership does not name this node's data directory")
        }
        do throws(NodeRuntime.FormingError) {
            try await runtime.take(NodeIdentity.Place(cluster: cluster, node: NodeID(node), firstMembership: membership))
        } catch {
            switch error {
            case let .placed(old): throw Failure(.refused, "this node is \(old.node) of cluster \(old.cluster) already")
            case .busy: throw Failure(.unavailable, "the node is being given its place at this moment", retryAfterMilliseconds: 200)
            case let .failed(error): throw Failure(.internal, "\(error)")
            }
        }
        return identify()
    }

    /// Begins the catalogue, with the caller as its first administrator.
    func genesis(_ caller: CertificateName) async throws(Failure) -> Document {
        let stack = try stack()
        return try await propose(
            .genesis(
                .init(
                    clusterName: runtime.identity.clusterName, tokenKey: SystemRandom.bytes(32), agency: caller.agency, system: caller.system)),
            stack)
    }

    // MARK: Members

    /// Adds a learner, or adds one again whose data directory is new: `{name, peer, admin, client, incarnation}`. Only the leader can.
    func addMember(_ body: Document, _ caller: CertificateName) async throws(Failure) -> Document {
        let stack = try stack()
        try await barrier(stack)
        try authorise(caller, stack)
        let name = try text(body, "name")
        let old = stack.replica.membership
        let known = old.members.first { $0.name.utf8.elementsEqual(name.utf8) }
        if let known, old.isVoter(known.id) { throw Failure(.refused, path: "name", "\(name) is a voter") }
        let id = known?.id ?? old.nextID
        guard old.members.count < Limits.members || known != nil else { throw Failure(.refused, "a cluster has at most \(Limits.members) members") }
        guard CertificateName.isPart(name), let incarnation = Incarnation(hex: try text(body, "incarnation")) else {
            throw Failure(.invalidRequest, path: "incarnation", "expected 16 hexadecimal digits")
        }
        let member = Membership.Member(
            id: id, name: name, peerAddress: try text(body, "peer"), adminAddress: try text(body, "admin"),
            clientAddress: body["client"]?.string ?? "", incarnation: incarnation)
        var index: Document = .null
        if known != member {
            let replica = stack.replica
            let result = await withCheckedContinuation { continuation in
                replica.propose(old.adding(learner: member)) { continuation.resume(returning: $0) }
            }
            index = try document(result)["index"] ?? .null
        }
        return [
            "clusterID": .string(stack.place.cluster.description), "node": .int(Int64(id.rawValue)), "name": .string(name),
            "members": Self.document(of: stack.replica.membership), "index": index,
        ]
    }

    /// The members as this node knows them. Works without a quorum.
    func members(_ caller: CertificateName) async throws(Failure) -> Document {
        let stack = try stack()
        await barrierIfPossible(stack)
        try authorise(caller, stack)
        return Self.document(of: stack.replica.membership)
    }

    static func document(of membership: Membership) -> Document {
        .array(membership.members.map { $0.document(isVoter: membership.isVoter($0.id)) })
    }

    // MARK: Looking

    /// What the node says of itself. Works without a quorum.
    func status(_ caller: CertificateName) async throws(Failure) -> Document {
        guard let stack = runtime.stack, case let .object(own) = identify() else { return identify() }
        if let damage = stack.replica.damage, try view(stack, { view throws(StoreError) in view.catalogue.agencies.isEmpty }) {
            // Whom to tell more cannot be known; that it is so, everybody of the cluster may.
            return .object(own + [.init("damage", .string(damage)), .init("alarms", ["DAMAGED"])])
        }
        try authorise(caller, stack)
        let replica = stack.replica
        let status: ReplicaStatus = await withCheckedContinuation { continuation in replica.status { continuation.resume(returning: $0) } }
        var alarms: [Document] = []
        if status.damage != nil { alarms.append("DAMAGED") }
        if status.isLowOnSpace { alarms.append("LOW_SPACE") }
        if status.isClockAlarmed { alarms.append("CLOCK") }
        if let sync = status.syncMicroseconds99, sync > 50_000 { alarms.append("SLOW_DISK") }
        func index(_ index: LogIndex) -> Document { .int(Int64(index.rawValue)) }
        let turns = await stack.query?.turns()
        return .object(own + [
            .init("raftRole", .string("\(status.raft.role)")), .init("term", .int(Int64(status.raft.term.rawValue))),
            .init("leader", .int(Int64(status.raft.leader.rawValue))), .init("lastIndex", index(status.raft.lastIndex)),
            .init("commitIndex", index(status.raft.commitIndex)), .init("appliedIndex", index(status.applied.position.index)),
            .init("policyIndex", index(status.applied.policyIndex)), .init("checkpointIndex", index(status.checkpointed.index)),
            .init("logTime", .int(status.applied.time.milliseconds)), .init("logBytes", .int(Int64(status.logBytes))),
            .init("dataBytes", .int(Int64(status.dataBytes))),
            .init("syncMicroseconds99", status.syncMicroseconds99.map { .int(Int64($0)) } ?? .null),
            .init("stalenessMilliseconds", status.stalenessMilliseconds.map { .int(Int64($0)) } ?? .null),
            .init("draining", .bool(status.isDraining)), .init("readMode", .string(status.membership.readMode.text)),
            .init("readLease", .bool(stack.replica.beginLeaseRead() != nil)),
            .init("reads", turns.map(Self.reads) ?? .null),
            .init("largeWritesHeld", turns.map { .int($0.reduce(0) { $0 + Int64($1.largeWritesHeld) }) } ?? .null),
            .init("snapshotsInstalled", .int(Int64(clamping: status.snapshotsInstalled))),
            .init("damage", status.damage.map { .string($0) } ?? .null),
            .init("connections", .int(Int64(stack.query?.connections ?? 0))), .init("peers", Self.peers(stack)), .init("alarms", .array(alarms)),
            .init("members", .array(status.membership.members.map { $0.document(isVoter: status.membership.isVoter($0.id)) })),
            .init("followers", .array(status.followers.map { follower in
                [
                    "node": .int(Int64(follower.id.rawValue)), "matchIndex": index(follower.matchIndex), "state": .string(follower.state),
                    "active": .bool(follower.isActive),
                ]
            })),
        ])
    }

    /// How many reads of records the node has answered since it began, by what allowed it.
    private static func reads(_ turns: [TurnFigures]) -> Document {
        func sum(_ figure: KeyPath<TurnFigures, Int>) -> Document { .int(turns.reduce(0) { $0 + Int64($1[keyPath: figure]) }) }
        return ["leased": sum(\.leased), "behindBarrier": sum(\.behindBarrier)]
    }

    /// What the node has heard of other nodes and not taken since it began, beside what it has: connections that were refused are counted by reason.
    static func peers(_ stack: ReplicaStack) -> Document {
        let counters = stack.peers.counters
        let refused = counters.refused.sorted { $0.key.rawValue < $1.key.rawValue }
        func count(_ number: UInt64) -> Document { .int(Int64(clamping: number)) }
        return [
            "sent": count(counters.sent), "received": count(counters.received), "dropped": count(counters.dropped),
            "misbehaved": count(counters.misbehaved), "silent": count(counters.silent), "ended": count(counters.ended),
            "unreadable": .int(Int64(stack.adapter.unreadableMessages)),
            "refused": .array(refused.map { ["reason": .string("\($0.key)"), "count": count($0.value)] }),
        ]
    }

    /// Every dataset's number of records and digest, with the index they are of: digests are compared at equal indexes. `marks`: the same of indexes before, which are
    /// the same everywhere, however quickly the log grows; none yet after a start or a new state, and few of a node that has just caught up. Works without a quorum.
    func figures(_ caller: CertificateName) async throws(Failure) -> Document {
        let stack = try stack()
        await barrierIfPossible(stack)
        let marks = stack.store.figuresAtMarks
        return try authorised(caller, stack) { view throws(StoreError) in
            let catalogue = view.catalogue
            func row(_ dataset: DatasetID, _ figures: DatasetFigures) -> Document {
                [
                    "dataset": .string(catalogue.dataset(dataset)?.code ?? "\(dataset)"), "records": .int(Int64(figures.records)),
                    "digest": .string(figures.digest.description),
                ]
            }
            func look(_ index: LogIndex, _ rows: [Document]) -> [Document.Member] {
                [.init("appliedIndex", .int(Int64(index.rawValue))), .init("datasets", .array(rows))]
            }
            let now = look(view.state.position.index, try view.figures().map { row($0.dataset, $0.figures) })
            let before = marks.map { mark in Document.object(look(mark.index, mark.figures.map { row($0.dataset, $0.figures) })) }
            return .object(now + [.init("marks", .array(before))])
        }
    }
}

extension Membership.Member {
    /// From `{node, name, peer, admin, client, incarnation}`.
    init?(_ document: Document) {
        guard let number = document["node"]?.int, let node = UInt32(exactly: number), node > 0, let name = document["name"]?.string,
            let peer = document["peer"]?.string, let admin = document["admin"]?.string, let client = document["client"]?.string,
            let incarnation = document["incarnation"]?.string.flatMap({ Incarnation(hex: $0) })
        else { return nil }
        self.init(id: NodeID(node), name: name, peerAddress: peer, adminAddress: admin, clientAddress: client, incarnation: incarnation)
    }

    func document(isVoter: Bool) -> Document {
        [
            "node": .int(Int64(id.rawValue)), "name": .string(name), "voter": .bool(isVoter), "peer": .string(peerAddress),
            "admin": .string(adminAddress), "client": .string(clientAddress), "incarnation": .string(incarnation.description),
        ]
    }
}

extension Incarnation {
    /// From 16 hexadecimal digits.
    init?(hex: String) {
        guard let bytes = Hex.decode(hex), bytes.count == 8 else { return nil }
        self.init(bytes.reduce(0) { $0 << 8 | UInt64($1) })
    }
}
