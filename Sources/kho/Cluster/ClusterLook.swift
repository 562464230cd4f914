import Configuration
import Console
import Core
import KhoClient

/// How the members of a cluster are, as each says of itself at about the same moment.
struct ClusterLook: Sendable {
    /// One member.
    struct Node: Sendable {
        /// From the membership: `{node, name, voter, peer, admin, client, incarnation}`.
        var member: Document
        /// What `node.status` says, or why it says nothing.
        var status: Result<Document, KhoError>

        var name: String { member["name"]?.string ?? "?" }
        var isVoter: Bool { member["voter"]?.bool ?? false }
        var answer: Document? { try? status.get() }
        func number(_ name: String) -> Int64 { answer?[name]?.int ?? 0 }

        /// Why it does not answer, in a few words.
        var trouble: String? {
            guard case let .failure(error) = status else { return nil }
            switch error {
            // The endpoint stands beside it anyway.
            case let .unreachable(reasons): return reasons.first.map { reason in
                let admin = (member["admin"]?.string ?? "") + ": "
                return reason.hasPrefix(admin) ? String(reason.dropFirst(admin.count)) : reason
            } ?? "unreachable"
            case .timedOut: return "no answer"
            default: return CommandError(error).message
            }
        }
    }

    var nodes: [Node]
    var clusterName: String
    var clusterID: String

    /// Entries that a node may be behind the newest commit before it is called lagging: what arrives within some tenths of a second.
    static let lagEntries: Int64 = 1_000

    /// Asks the nodes of the settings who belongs to the cluster, and each member how it is.
    static func take(_ administration: Administration) async throws(CommandError) -> ClusterLook {
        let first = await administration.askAll(administration.endpoints, "node.status")
        var asked: [String: Result<Document, KhoError>] = [:]
        for (endpoint, answer) in zip(administration.endpoints, first) { asked[endpoint.description] = answer }
        let answers = first.compactMap { try? $0.get() }
        // The membership of who has applied most is the newest.
        guard let newest = answers.filter({ $0["members"]?.array?.isEmpty == false }).max(by: { applied($0) < applied($1) }),
            let members = newest["members"]?.array
        else { throw nothing(first, administration.endpoints) }

        let known = Dictionary(answers.compactMap { answer in answer["name"]?.string.map { ($0, answer) } }) { first, _ in first }
        var statuses: [Result<Document, KhoError>?] = members.map { member in
            if let name = member["name"]?.string, let answer = known[name] { return .success(answer) }
            return member["admin"]?.string.flatMap { asked[$0] }.flatMap { if case .failure = $0 { $0 } else { nil } }
        }
        let missing = members.indices.filter { statuses[$0] == nil }
        let addresses = missing.map { members[$0]["admin"]?.string.flatMap { Endpoint($0) } }
        let rest = await administration.askAll(addresses.compactMap(\.self), "node.status")
        var next = rest.makeIterator()
        for (place, address) in zip(missing, addresses) {
            statuses[place] = address == nil ? .failure(.invalid("its administration address is not host:port")) : next.next()
        }
        return ClusterLook(
            nodes: zip(members, statuses).map { Node(member: $0, status: checked($1 ?? .failure(.cancelled), $0, newest)) },
            clusterName: newest["cluster"]?.string ?? "?", clusterID: newest["clusterID"]?.string ?? "?")
    }

    private static func applied(_ answer: Document) -> Int64 { answer["appliedIndex"]?.int ?? -1 }

    /// A node that answers at a member's address may be another one, or have lost its data directory.
    private static func checked(_ status: Result<Document, KhoError>, _ member: Document, _ newest: Document) -> Result<Document, KhoError> {
        guard let answer = try? status.get() else { return status }
        guard answer["name"] == member["name"] else { return .failure(.invalid("node \(answer["name"]?.string ?? "?") answers at its address")) }
        guard let cluster = answer["clusterID"]?.string else { return .failure(.invalid("it has an empty data directory")) }
        return cluster == newest["clusterID"]?.string ? status : .failure(.invalid("it belongs to cluster \(cluster)"))
    }

    /// Nobody told who the members are.
    private static func nothing(_ answers: [Result<Document, KhoError>], _ endpoints: [Endpoint]) -> CommandError {
        var reasons: [String] = []
        for (endpoint, answer) in zip(endpoints, answers) {
            switch answer {
            case .success: reasons.append("\(endpoint): a node that belongs to no cluster yet")
            case let .failure(.node(error)) where error.errorClass == .denied || error.errorClass == .unauthenticated: return CommandError(error)
            case let .failure(.identity(text)): return CommandError(.identity(text))
            case let .failure(.unreachable(texts)): reasons += texts
            case let .failure(error): reasons.append("\(endpoint): \(CommandError(error).message)")
            }
        }
        let waiting = answers.contains { (try? $0.get()) != nil }
        return .unreachable(
            waiting ? "no cluster has been formed of these nodes" : "no node could answer", details: reasons,
            remedy: waiting ? "kho init" : "kho context show, and whether khod runs at these addresses")
    }

    // MARK: What follows from it

    var voters: [Node] { nodes.filter(\.isVoter) }
    var answeringVoters: Int { voters.filter { $0.answer != nil }.count }
    var majority: Int { voters.count / 2 + 1 }
    var hasQuorum: Bool { answeringVoters >= majority }
    /// As `1 of 3 voters answers`.
    var answering: String { "\(answeringVoters) of \(voters.count) voters \(answeringVoters == 1 ? "answers" : "answer")" }
    /// Who calls itself the leader in the newest term, if a majority answers at all.
    var leader: Node? {
        nodes.filter { $0.answer?["raftRole"]?.string == "leader" }.max { $0.number("term") < $1.number("term") }
    }
    /// The newest commit that any node knows of.
    var commitIndex: Int64 { nodes.map { $0.number("commitIndex") }.max() ?? 0 }
    /// How queries are answered, by who knows most: `read-index` or `lease`.
    var readMode: String? { nodes.compactMap(\.answer).max { Self.applied($0) < Self.applied($1) }?["readMode"]?.string }
    /// Entries that a node is behind that.
    func lag(of node: Node) -> Int64 { max(0, commitIndex - node.number("appliedIndex")) }

    /// The same error said as what it is: no quorum, with who does not answer and why.
    func explanation(of error: CommandError) -> CommandError {
        guard !hasQuorum || leader == nil else { return error }
        let silent = nodes.compactMap { node in node.trouble.map { "\(node.name)  \(node.member["admin"]?.string ?? "")  \($0)" } }
        let message = hasQuorum
            ? "no leader: \(answeringVoters) of \(voters.count) voters answer, and none of them leads"
            : "no quorum: \(answering)"
        return CommandError(
            5001, message, details: silent, remedy: hasQuorum ? "the same again in a moment" : "start khod on these nodes, then kho cluster status",
            status: .unreachable)
    }
}
