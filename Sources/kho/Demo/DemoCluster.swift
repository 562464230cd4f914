import Configuration
import Console
import Core
import Glibc
import Harness
import KhoClient

/// The demonstration's cluster: its processes by the harness, its administration and its clients in this process.
final class DemoCluster {
    let local: LocalCluster
    let folder: String
    private let stage: CommandStage
    private(set) var clients: [String: KhoClient] = [:]

    /// Small files and short ticks, so that it starts and elects fast.
    private static let configuration = """

        [storage]
        segment_size = "16MiB"
        map_size = "1GiB"

        [consensus]
        tick_milliseconds = 10

        [log]
        level = "notice"

        """

    init(stage: CommandStage, keeps: Bool) throws {
        let programs = try Self.programs()
        var template = Array(((Environment.value("TMPDIR") ?? "/tmp") + "/kho-demo-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw CommandError.file(FileError(operation: "make folder", path: "/tmp", code: errno).description) }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if !keeps { stage.clears(folder: folder) }
        self.stage = stage
        let authority = Authority()
        local = LocalCluster(name: "demo", folder: folder, programs: programs) { (request, folder) throws(HarnessError) in
            try authority.issue(request, in: folder)
        }
        local.extraConfiguration = Self.configuration
        EventLoops.use(1)
    }

    /// The folder of this program, where khod must be too.
    private static func programs() throws(CommandError) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let own = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let folder = own.lastIndex(of: "/").map { String(own[..<$0]) } ?? "."
        guard access(folder + "/khod", X_OK) == 0 else {
            throw .file("\(folder)/khod is not there, and the demonstration starts nodes with it", remedy: "Cluster/demo, or swift build --product khod")
        }
        return folder
    }

    // MARK: Nodes

    func start(_ name: String) throws {
        try local.start(name)
        if let pid = local.pid(name) { stage.clears(process: pid) }
    }

    var administration: Administration { administration(of: local.nodes) }

    private func administration(of nodes: [LocalCluster.Node]) -> Administration {
        Administration(endpoints: nodes.compactMap { Endpoint($0.adminAddress) }, tls: tls("admin"), settings: KhoSettings(deadline: .seconds(20)))
    }

    private func tls(_ identity: String) -> KhoTLS {
        let certificates = CertificateFolder(local.certificates)
        return KhoTLS(certificate: certificates.certificate(identity), key: certificates.key(identity), authority: certificates.certificate("ca"))
    }

    /// Asks every node that runs, in the order of the names; nil for one that does not answer.
    func ask(_ method: String) async -> [(node: String, answer: Document?)] {
        let running = local.nodes.filter { local.isRunning($0.name) }
        let answers = await administration.askAll(running.compactMap { Endpoint($0.adminAddress) }, method)
        return zip(running, answers).map { ($0.name, try? $1.get()) }
    }

    /// Waits until `condition` gives something, at most so long.
    func wait<T>(for what: String, seconds: UInt64 = 15, _ condition: () async throws -> T?) async throws -> T {
        let end = MonotonicTime.now().adding(milliseconds: seconds * 1_000)
        while true {
            if let value = try await condition() { return value }
            guard MonotonicTime.now() < end else { throw DemoFailure(text: "waited in vain for \(what)") }
            for node in local.nodes where local.pid(node.name) != nil && !local.isRunning(node.name) && what != "the restarted node" {
                throw DemoFailure(text: "\(node.name) has ended: \((try? Files.text(node.logFile)) ?? "")")
            }
            try await Task.sleep(nanoseconds: 5_000_000)
        }
    }

    // MARK: Clients

    /// The client of a party's certificate.
    func client(_ identity: String) async throws -> KhoClient {
        if let client = clients[identity] { return client }
        let client = try KhoClient(
            endpoints: local.queryNodes.map(\.clientAddress), tls: tls(identity),
            settings: KhoSettings(deadline: .seconds(30), program: "kho demo", programVersion: Version.current))
        clients[identity] = client
        return client
    }

    // MARK: Certificates

    /// Issues the harness's certificates without a process for each.
    private final class Authority {
        private var authority: CertificateAuthority?

        func issue(_ request: CertificateRequest, in folder: String) throws(HarnessError) {
            do throws(CommandError) { try write(request, CertificateFolder(folder)) } catch {
                throw .failed("kho cert", status: error.status.rawValue, output: error.description)
            }
        }

        private func write(_ request: CertificateRequest, _ folder: CertificateFolder) throws(CommandError) {
            if case let .authority(cluster) = request {
                let issued = try CertificateAuthority.make(cluster: cluster, days: 30)
                try folder.write(issued, name: "ca", force: false)
                authority = try CertificateAuthority(certificate: issued.certificate, key: issued.key)
                return
            }
            guard let authority else { throw .certificate("there is no authority yet") }
            switch request {
            case .authority: break
            case let .node(name, host):
                let subject = try CertCommand.name(cluster: authority.cluster, role: "node", agency: "-", system: name)
                try folder.write(try authority.issue(subject, hosts: [host], days: 30), name: name, force: false)
            case let .client(role, agency, system, name):
                let subject = try CertCommand.name(cluster: authority.cluster, role: role, agency: agency, system: system)
                try folder.write(try authority.issue(subject, days: 30), name: name, force: false)
            }
        }
    }
}

extension DemoCluster {
    /// Forms a cluster of the storage nodes and adds the query nodes, as `kho init` does. The leader's name.
    func form() async throws -> String {
        let formation = Formation(administration(of: local.storageNodes)) { _ in }
        var voters: [IdentifiedNode] = []
        for node in local.storageNodes { voters.append(try await identify(node, formation)) }
        _ = try await formation.form(voters)
        for node in local.queryNodes { _ = try await formation.add(learner: try await identify(node, formation)) }
        return try await leader()
    }

    /// Once it listens.
    private func identify(_ node: LocalCluster.Node, _ formation: Formation) async throws -> IdentifiedNode {
        guard let address = Endpoint(node.adminAddress) else { throw DemoFailure(text: "\(node.adminAddress) is no address") }
        return try await wait(for: node.name) { try? await formation.identify(address) }
    }

    /// The leader of the newest term.
    func leader() async throws -> String {
        try await wait(for: "a leader") {
            let leaders = await ask("node.status").filter { $0.answer?["raftRole"]?.string == "leader" }
            return leaders.max { ($0.answer?["term"]?.int ?? 0) < ($1.answer?["term"]?.int ?? 0) }?.node
        }
    }

    /// Waits until these nodes have applied the same index, and compares what they hold. The index and each dataset's records, and whether all are equal.
    func compared(_ names: [String]) async throws -> (index: Int64, rows: [Document], equal: Bool) {
        var comparison = DigestComparison(nodes: names)
        let index = try await wait(for: "an index that \(names.joined(separator: ", ")) have in common") {
            for (node, answer) in await ask("cluster.figures") { if let answer { comparison.take(answer, from: node) } }
            return comparison.commonIndex
        }
        return (index, comparison.rows, comparison.rows.allSatisfy { $0["equal"] == .bool(true) })
    }
}
