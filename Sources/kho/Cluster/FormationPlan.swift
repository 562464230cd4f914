import Console
import KhoClient

/// A node as it says of itself on its administration port (`node.identify`).
struct IdentifiedNode: Equatable, Sendable {
    /// Where it was asked.
    var endpoint: String
    var name: String
    var role: String
    var version: String
    /// The cluster's name in its certificate.
    var clusterName: String
    var incarnation: String
    var peer: String, admin: String, client: String
    /// The cluster that it belongs to, and its number there; nil of a node that waits for a place.
    var place: Place?

    struct Place: Equatable, Sendable {
        var clusterID: String
        var number: Int64
    }

    /// Nil if the document is not what `node.identify` answers.
    init?(_ document: Document, endpoint: String) {
        func text(_ name: String) -> String? { document[name]?.string }
        guard let name = text("name"), let role = text("role"), let clusterName = text("cluster"), let incarnation = text("incarnation"),
            let peer = text("peer"), let admin = text("admin")
        else { return nil }
        self.endpoint = endpoint
        self.name = name
        self.role = role
        version = text("version") ?? "?"
        self.clusterName = clusterName
        self.incarnation = incarnation
        self.peer = peer
        self.admin = admin
        client = text("client") ?? ""
        if let clusterID = text("clusterID"), let number = document["node"]?.int { place = Place(clusterID: clusterID, number: number) }
    }

    /// As `cluster.form` takes a member, with its number in the cluster.
    func member(number: Int64) -> Document {
        [
            "node": .int(number), "name": .string(name), "peer": .string(peer), "admin": .string(admin), "client": .string(client),
            "incarnation": .string(incarnation),
        ]
    }
}

/// How a cluster is formed of nodes: its id, and the first membership, which every voter is given alike.
struct FormationPlan: Equatable, Sendable {
    var clusterID: String
    /// As `cluster.form` takes them, by number.
    var members: [Document]
    /// Voters that have no place yet, with their numbers.
    var waiting: [(node: IdentifiedNode, number: Int64)]

    static func == (a: FormationPlan, b: FormationPlan) -> Bool {
        a.clusterID == b.clusterID && a.members == b.members && a.waiting.elementsEqual(b.waiting) { $0.node == $1.node && $0.number == $1.number }
    }

    /// Checks the nodes, and goes on with what an earlier attempt began: a voter that has its place already keeps it.
    ///
    /// - Parameters:
    ///   - newID: the id of a cluster that nothing is there of yet.
    ///   - begun: the members that a placed node knows, nil if none is placed.
    init(voters: [IdentifiedNode], newID: String, begun: [Document]?) throws(CommandError) {
        try Self.check(voters)
        let placed = voters.filter { $0.place != nil }
        guard let first = placed.first, let place = first.place else {
            clusterID = newID
            members = zip(1..., voters).map { $1.member(number: $0) }
            waiting = zip(1..., voters).map { (node: $1, number: $0) }
            return
        }
        for other in placed where other.place?.clusterID != place.clusterID {
            throw Self.refused("\(first.name) and \(other.name) belong to different clusters: \(place.clusterID) and \(other.place?.clusterID ?? "")")
        }
        let known = (begun ?? []).filter { $0["voter"]?.bool == true }
        let names = known.compactMap { $0["name"]?.string }
        guard Set(names) == Set(voters.map(\.name)) else {
            throw Self.refused(
                "\(first.name) belongs to cluster \(place.clusterID) already, whose voters are \(names.joined(separator: ", "))",
                remedy: "the same with these nodes, or nodes with empty data directories")
        }
        clusterID = place.clusterID
        waiting = []
        members = []
        for member in known {
            guard let name = member["name"]?.string, let number = member["node"]?.int, let node = voters.first(where: { $0.name == name }) else { continue }
            guard member["incarnation"]?.string == node.incarnation else {
                throw Self.refused(
                    "\(name) has lost the data directory with which cluster \(place.clusterID) was formed",
                    remedy: "a voter cannot be replaced by this version; form a new cluster of nodes with empty data directories")
            }
            members.append(node.member(number: number))
            if node.place == nil { waiting.append((node: node, number: number)) }
        }
    }

    private static func check(_ voters: [IdentifiedNode]) throws(CommandError) {
        guard [1, 3, 5].contains(voters.count) else {
            throw .usage(
                "a cluster has 1, 3 or 5 storage nodes, not \(voters.count)", remedy: "kho init --nodes HOST:7402,HOST:7402,HOST:7402")
        }
        for (place, node) in voters.enumerated() {
            guard node.role == "storage" else {
                throw refused("\(node.name) at \(node.endpoint) is a \(node.role) node; --nodes takes storage nodes", remedy: "kho init --query \(node.endpoint)")
            }
            for other in voters[..<place] {
                guard other.name != node.name else { throw refused("\(other.endpoint) and \(node.endpoint) are both \(node.name)") }
                guard other.clusterName == node.clusterName else {
                    throw refused("the certificates name different clusters: \(other.name) is of \(other.clusterName), \(node.name) of \(node.clusterName)")
                }
                guard other.peer != node.peer else { throw refused("\(other.name) and \(node.name) have the same peer address \(node.peer)") }
            }
        }
    }

    private static func refused(_ message: String, remedy: String? = nil) -> CommandError {
        CommandError(ErrorCode.refused.rawValue, message, remedy: remedy)
    }
}
