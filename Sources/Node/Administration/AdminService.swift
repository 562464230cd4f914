import Catalogue
import Core
import Replica
import Store
import Synchronization
import Wire

/// What administrators can ask of a node, by the method's name. Every act and every refusal leaves a line in the audit file.
struct AdminService: Sendable {
    let runtime: NodeRuntime

    /// An error with the detail that an administrator may read.
    struct Failure: Error {
        var error: WireError
        init(_ code: ErrorCode, path: String = "", _ detail: String = "", retryAfterMilliseconds: UInt32 = 0) {
            error = WireError(code, retryAfterMilliseconds: retryAfterMilliseconds, path: path, detail: detail)
        }
        init(_ error: WireError) { self.error = error }
    }

    func welcome() -> Welcome {
        let identity = runtime.identity
        return Welcome(
            requestsInFlight: 64, node: identity.name, nodeVersion: Version.current, clusterName: identity.clusterName,
            clusterID: identity.place?.cluster ?? ClusterID(high: 0, low: 0), time: WallClock.now())
    }

    /// A certificate that may not administer was refused.
    func refused(_ caller: CertificateName, remote: String) {
        runtime.audit.write(
            "unauthenticated",
            [("certificate", .string(caller.description)), ("outcome", .string("KHO-\(ErrorCode.unauthenticated.rawValue)")), ("remote", .string(remote))])
    }

    func answer(_ method: String, _ body: Document, caller: CertificateName, remote: String) async -> Result<AdminReply, WireError> {
        let result: Result<AdminReply, Failure>
        do throws(Failure) { result = .success(try await carryOut(method, body, caller)) } catch { result = .failure(error) }
        await tell(method, body, caller, remote, result.map(\.body))
        return result.mapError(\.error)
    }

    private func carryOut(_ method: String, _ body: Document, _ caller: CertificateName) async throws(Failure) -> AdminReply {
        if method == "node.backup.piece" { return try await backupPiece(body, caller) }
        return AdminReply(body: try await document(method, body, caller))
    }

    private func document(_ method: String, _ body: Document, _ caller: CertificateName) async throws(Failure) -> Document {
        switch method {
        case "node.identify": return identify()
        case "cluster.form": return try await form(body)
        case "cluster.genesis": return try await genesis(caller)
        default: break
        }
        // Each of the others looks at the caller's right in the state that it answers from.
        switch method {
        case "node.status": return try await status(caller)
        case "cluster.figures": return try await figures(caller)
        case "cluster.rescan": return try await rescan(body, caller)
        case "cluster.configure": return try await configure(body, caller)
        case "member.add": return try await addMember(body, caller)
        case "member.promote": return try await promoteMember(body, caller)
        case "member.remove": return try await removeMember(body, caller)
        case "member.replace": return try await replaceMember(body, caller)
        case "member.transfer": return try await transferLeadership(body, caller)
        case "node.drain": return try await drain(body, caller)
        case "node.rebuild": return try await rebuild(caller)
        case "node.backup": return try await beginBackup(caller)
        case "member.list": return try await members(caller)
        case "catalogue.apply": return try await apply(body, caller)
        case "catalogue.list": return try await list(body, caller)
        case "catalogue.show": return try await show(body, caller)
        case "access.explain": return try await explain(body, caller)
        default: throw Failure(.unsupported, "no such method: \(method)")
        }
    }

    /// Methods that only look. They leave no line when they succeed; but who has drawn a whole backup stands in the file.
    private static let looking: Set<String> = [
        "node.identify", "node.status", "cluster.figures", "member.list", "catalogue.list", "catalogue.show", "node.backup.piece",
    ]

    /// Writes the act's line, before who asked is answered: what an administrator knows to be done or refused stands in the file, whatever
    /// happens to the node then.
    private func tell(_ method: String, _ body: Document, _ caller: CertificateName, _ remote: String, _ result: Result<Document, Failure>) async {
        var outcome = "done"
        var index: Document = .null
        switch result {
        case let .success(answer): index = answer["index"] ?? .null
        case let .failure(failure): outcome = "KHO-\(failure.error.number)"
        }
        var isWhole = false
        if method == "node.backup.piece", case let .success(answer) = result { isWhole = answer["bytes"] != nil }
        let isLook = !isWhole && Self.looking.contains(method) || method == "cluster.rescan" && body["begin"] == nil
        if outcome == "done", isLook { return }
        await runtime.audit.writeDurably(
            "administration",
            [
                ("principal", .string("\(caller.role)/\(caller.agency)/\(caller.system)")), ("method", .string(method)),
                ("target", .string(Self.target(body))), ("outcome", .string(outcome)), ("index", index), ("remote", .string(remote)),
            ])
    }

    /// What the act is about: a kind and a code, or a name.
    private static func target(_ body: Document) -> String {
        var code = body["document"]?["code"]?.string ?? body["code"]?.string ?? body["name"]?.string ?? body["dataset"]?.string ?? body["readMode"]?.string ?? ""
        if body["kind"] == "principal", let agency = body["document"]?["agency"]?.string { code = agency + "/" + code }
        return [body["kind"]?.string, code].compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: " ")
    }

    // MARK: What the methods share

    func stack() throws(Failure) -> ReplicaStack {
        guard let stack = runtime.stack else {
            throw Failure(.unavailable, "this node belongs to no cluster yet; form one with `kho init`, or add it with `kho member add`")
        }
        return stack
    }

    /// Looks at the state for a caller who must be an active administrator of its catalogue, once there is one: the right is that of the moment
    /// of which the answer is.
    func authorised<T>(
        _ caller: CertificateName, _ stack: ReplicaStack, _ body: (borrowing ReadView) throws(StoreError) -> T
    ) throws(Failure) -> T {
        let found: Result<T, Failure> = try view(stack) { view throws(StoreError) in
            do throws(Failure) { try check(caller, view.catalogue, stack) } catch { return .failure(error) }
            return .success(try body(view))
        }
        switch found {
        case let .success(value): return value
        case let .failure(failure): throw failure
        }
    }

    /// The same where nothing else is read from the state.
    func authorise(_ caller: CertificateName, _ stack: ReplicaStack) throws(Failure) {
        try authorised(caller, stack) { _ throws(StoreError) in }
    }

    private func check(_ caller: CertificateName, _ catalogue: Catalogue, _ stack: ReplicaStack) throws(Failure) {
        guard !catalogue.agencies.isEmpty else {
            // A catalogue that is not there yet lets the first administrator in; one that is lost lets nobody in.
            guard stack.replica.damage == nil else { throw Failure(.unavailable, "the state of this node could not be opened and is being rebuilt; ask another node") }
            return
        }
        _ = try administrator(caller, catalogue)
    }

    func administrator(_ caller: CertificateName, _ catalogue: Catalogue) throws(Failure) -> Principal {
        guard !catalogue.agencies.isEmpty else { throw Failure(.refused, "the cluster has no administrator yet; `kho init` goes on with forming it") }
        guard let principal = catalogue.principal(role: .administrator, agency: caller.agency, system: caller.system) else {
            throw Failure(.denied, "\(caller.agency)/\(caller.system) is no active administrator of this cluster")
        }
        return principal
    }

    func view<T>(_ stack: ReplicaStack, _ body: (borrowing ReadView) throws(StoreError) -> T) throws(Failure) -> T {
        do throws(StoreError) { return try stack.store.withReadView(body) } catch { throw Failure(.internal, "\(error)") }
    }

    /// Waits until the state here is as new as this moment.
    func barrier(_ stack: ReplicaStack) async throws(Failure) {
        let replica = stack.replica
        let barrier = await withCheckedContinuation { continuation in replica.readBarrier { continuation.resume(returning: $0) } }
        guard barrier == .passed else {
            if let damage = replica.damage { throw Failure(.unavailable, "this node's state is damaged and is being rebuilt: \(damage)", retryAfterMilliseconds: 200) }
            throw Failure(.unavailable, "no quorum: this node reaches no leader with a majority of the voters", retryAfterMilliseconds: 200)
        }
    }

    /// Waits the same way where there is a quorum, and not for long where there is none: for what must work without.
    func barrierIfPossible(_ stack: ReplicaStack) async {
        let replica = stack.replica
        await withCheckedContinuation { continuation in
            let waiting = Waiting(continuation)
            replica.readBarrier { _ in waiting.end() }
            Task {
                try? await Task.sleep(nanoseconds: Self.barrierPatienceMilliseconds * 1_000_000)
                waiting.end()
            }
        }
    }

    /// Someone who goes on at the first of several ends.
    private final class Waiting: Sendable {
        private let continuation: Mutex<CheckedContinuation<Void, Never>?>

        init(_ continuation: CheckedContinuation<Void, Never>) { self.continuation = Mutex(continuation) }

        func end() { continuation.withLock { $0.take() }?.resume() }
    }

    /// Milliseconds: several times what a quorum takes to answer.
    private static let barrierPatienceMilliseconds: UInt64 = 500

    /// Replicates a command; what the catalogue answers.
    func propose(_ command: Command, _ stack: ReplicaStack) async throws(Failure) -> Document {
        let replica = stack.replica
        let result = await withCheckedContinuation { continuation in
            replica.propose(command.encoded()) { continuation.resume(returning: $0) }
        }
        return try document(result)
    }

    func document(_ result: ProposalResult) throws(Failure) -> Document {
        switch result {
        case let .applied(.catalogueChanged(document)?, position):
            guard case let .object(members) = document else { return document }
            return .object(members + [Document.Member("index", .int(Int64(position.index.rawValue)))])
        case let .applied(.rejected(rejection)?, _):
            switch rejection.reason {
            case .denied, .unauthenticated: throw Failure(.denied, rejection.text)
            default: throw Failure(.refused, path: rejection.path, rejection.reason == .alreadyInitialised ? "the cluster has begun already" : rejection.text)
            }
        case let .applied(_, position): return ["index": .int(Int64(position.index.rawValue))]
        case .refused(.busy): throw Failure(.throttled, retryAfterMilliseconds: 50)
        case .refused(.membershipPending): throw Failure(.unavailable, "another change of the membership is under way", retryAfterMilliseconds: 200)
        case .refused(.membershipInvalid): throw Failure(.refused, "no such change can be made to the membership as it is")
        case .refused(.learnerBehind):
            throw Failure(.unavailable, "a node that is to vote does not answer, or has not caught up yet", retryAfterMilliseconds: 1_000)
        case .refused(.quorumAtRisk): throw Failure(.refused, "of the nodes that are to vote no majority answers")
        case .refused(.targetUnfit): throw Failure(.refused, "the node that is to lead is no voter that answers, or leads already")
        case .refused(.transferFailed): throw Failure(.unavailable, "the node that was to lead did not come to it in time", retryAfterMilliseconds: 1_000)
        case .refused(.stateDamaged):
            throw Failure(.unavailable, "the leader's state is damaged and is to be rebuilt from another member's: nobody is removed before that", retryAfterMilliseconds: 1_000)
        case .refused(.diskFull): throw Failure(.lowSpace, "the leader's disk or its state's map ([storage] map_size) is nearly full: free space there, delete records, or raise map_size on every node")
        case .refused(.tooLarge): throw Failure(.tooLarge)
        case .refused(.notLeader): throw Failure(.unavailable, "no leader is known here, or it is another node", retryAfterMilliseconds: 200)
        case .unknown: throw Failure(.outcomeUnknown, "leadership changed meanwhile; look before you repeat it", retryAfterMilliseconds: 200)
        }
    }

    func text(_ body: Document, _ name: String) throws(Failure) -> String {
        guard let text = body[name]?.string, !text.isEmpty else { throw Failure(.invalidRequest, path: name, "expected a text") }
        return text
    }
}
