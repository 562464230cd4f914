import ArgumentParser
import Configuration
import Console
import Core
import KhoClient

/// `kho init`
struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Forms a new cluster of storage nodes that wait for one.",
        discussion: """
            The caller's certificate becomes the first administrator. After a failure the same command goes on where it stopped. Without --nodes and \
            --query, the administration endpoints of the context are taken: storage nodes vote, query nodes are added.
            """)

    @Option(help: ArgumentHelp("Administration addresses of 1, 3 or 5 storage nodes, host:port, separated by commas.", valueName: "hosts"))
    var nodes: String?
    @Option(help: ArgumentHelp("Administration addresses of query nodes to add, host:port, separated by commas.", valueName: "hosts"))
    var query: String?
    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let settings = try cluster.settings()
        let voterEndpoints = try Self.addresses(nodes, "--nodes")
        let queryEndpoints = try Self.addresses(query, "--query") ?? []
        guard let endpoints = voterEndpoints ?? settings.adminEndpoints?.value else {
            throw Settings.missing("which nodes to form the cluster of", flag: "--nodes", variable: "KHO_ADMIN_ENDPOINTS")
        }
        let formation = Formation(try cluster.access.administration(at: endpoints, settings))
        var voters: [IdentifiedNode] = []
        var learners: [IdentifiedNode] = []
        for endpoint in endpoints {
            let node = try await formation.identify(endpoint)
            // Only of what the context lists may some be meant as query nodes.
            if voterEndpoints == nil, node.role == "query" { learners.append(node) } else { voters.append(node) }
        }
        for endpoint in queryEndpoints {
            let node = try await formation.identify(endpoint)
            if !learners.contains(where: { $0.name == node.name }) { learners.append(node) }
        }
        let (clusterID, begun) = try await formation.form(voters)
        let name = voters.first?.clusterName ?? ""
        formation.tell(begun ? "cluster \(name) has begun; your certificate is its first administrator" : "cluster \(name) had begun already")

        let forming = try cluster.access.administration(at: voters.compactMap { Endpoint($0.endpoint) }, settings)
        for learner in learners {
            formation.tell("\(learner.name)  \(learner.endpoint)  query node, version \(learner.version)")
            _ = try await Formation(forming).add(learner: learner)
        }
        output.print(Report(
            schema: "kho.init/1",
            body: [
                "cluster": .string(name), "clusterID": .string(clusterID), "begun": .bool(begun),
                "voters": .array(voters.map { .string($0.name) }), "queryNodes": .array(learners.map { .string($0.name) }),
            ]))
    }

    static func addresses(_ text: String?, _ flag: String) throws(CommandError) -> [Endpoint]? {
        guard let text else { return nil }
        var addresses: [Endpoint] = []
        for part in text.split(separator: ",") {
            guard let address = Endpoint(part.trimmed, defaultPort: Reach.adminPort) else { throw .usage("\(flag) must hold host:port, not \"\(part)\"") }
            if !addresses.contains(address) { addresses.append(address) }
        }
        guard !addresses.isEmpty else { throw .usage("\(flag) is empty") }
        return addresses
    }
}
