import Configuration
import Console
import Core
import KhoClient

/// Forms clusters and adds members, with a line on the standard error for each step. Every step can be repeated: what is done already stays done.
struct Formation {
    let administration: Administration
    /// Shows a step.
    let tell: @Sendable (String) -> Void

    init(_ administration: Administration, tell: @escaping @Sendable (String) -> Void = { StandardStreams.writeError(HumanText.escaped($0) + "\n") }) {
        self.administration = administration
        self.tell = tell
    }

    /// The node at an administration port.
    func identify(_ endpoint: Endpoint) async throws(CommandError) -> IdentifiedNode {
        let document = try await only(endpoint).call("node.identify")
        guard let node = IdentifiedNode(document, endpoint: endpoint.description) else { throw .bug("the node at \(endpoint) does not say who it is") }
        return node
    }

    /// Gives each voter its place, begins the catalogue and waits for a leader. The cluster's id, and whether the catalogue was begun by this call.
    func form(_ voters: [IdentifiedNode]) async throws(CommandError) -> (clusterID: String, begun: Bool) {
        for node in voters { tell("\(node.name)  \(node.endpoint)  \(node.role) node, version \(node.version)\(node.place == nil ? "" : ", has its place")") }
        var begun: [Document]?
        if let placed = voters.first(where: { $0.place != nil }), let endpoint = Endpoint(placed.endpoint) {
            begun = try await only(endpoint).call("member.list").array
        }
        let newID = ClusterID(high: SystemRandom.uint64(), low: SystemRandom.uint64()).description
        let plan = try FormationPlan(voters: voters, newID: newID, begun: begun)
        // Together: each node makes its files, which takes as long as its disk does.
        let failures = await withTaskGroup(of: CommandError?.self) { group in
            for (node, number) in plan.waiting {
                group.addTask { await failure(to: node, number, plan.clusterID, .array(plan.members)) }
            }
            return await group.reduce(into: [CommandError]()) { all, failure in if let failure { all.append(failure) } }
        }
        if let first = failures.first { throw first }
        return (plan.clusterID, try await beginCatalogue(among: voters))
    }

    /// Writes the first administrator into the catalogue, once there is a leader.
    private func beginCatalogue(among voters: [IdentifiedNode]) async throws(CommandError) -> Bool {
        let voting = Administration(endpoints: voters.compactMap { Endpoint($0.endpoint) }, tls: administration.tls, settings: administration.settings)
        while true {
            // A catalogue with agencies has been begun; who is no administrator of it is told so.
            let agencies = try await voting.call("catalogue.list", ["kind": "agency"]).array ?? []
            guard agencies.isEmpty else { return false }
            do throws(CommandError) {
                _ = try await voting.call("cluster.genesis", changes: true)
                return true
            } catch {
                // Unknown, or begun by somebody else meanwhile: look again.
                guard error.status == .tryAgain || error.number == ErrorCode.refused.rawValue else { throw error }
            }
        }
    }

    /// Adds a node without a vote to the cluster that `administration` reaches, and gives it its place. A node that was added before with the same data directory is
    /// left as it is; one with a new data directory takes the place of the old one. Its number.
    func add(learner node: IdentifiedNode) async throws(CommandError) -> Int64 {
        // Before anything changes: a member that never comes would count as one that is down.
        if let place = node.place, place.clusterID != (try await administration.call("node.status")["clusterID"]?.string) {
            throw CommandError(
                ErrorCode.refused.rawValue, "\(node.name) belongs to cluster \(place.clusterID) already", remedy: "start it with an empty data directory")
        }
        let answer = try await administration.call(
            "member.add",
            [
                "name": .string(node.name), "peer": .string(node.peer), "admin": .string(node.admin), "client": .string(node.client),
                "incarnation": .string(node.incarnation),
            ], target: node.name)
        guard let clusterID = answer["clusterID"]?.string, let number = answer["node"]?.int, let members = answer["members"],
            let endpoint = Endpoint(node.endpoint)
        else { throw .bug("member.add does not say what place the node has") }
        try await give(node, number, clusterID, members, at: endpoint)
        return number
    }

    /// How long a node may take to make its files.
    private static let formingPatience = Duration.seconds(60)

    private func give(
        _ node: IdentifiedNode, _ number: Int64, _ clusterID: String, _ members: Document, at endpoint: Endpoint
    ) async throws(CommandError) {
        _ = try await only(endpoint).call(
            "cluster.form", ["clusterID": .string(clusterID), "node": .int(number), "members": members], target: node.name,
            atLeast: Self.formingPatience)
        tell("\(node.name)  is node n\(number) of cluster \(clusterID)")
    }

    private func failure(to node: IdentifiedNode, _ number: Int64, _ clusterID: String, _ members: Document) async -> CommandError? {
        guard let endpoint = Endpoint(node.endpoint) else { return .usage("\(node.endpoint) is not host:port") }
        do throws(CommandError) {
            try await give(node, number, clusterID, members, at: endpoint)
            return nil
        } catch { return error }
    }

    private func only(_ endpoint: Endpoint) -> Administration {
        Administration(endpoints: [endpoint], tls: administration.tls, settings: administration.settings)
    }
}
