import Core
import Faults
import Glibc
import Harness
import KhoClient

/// Whoever owns a running cluster works here, one step after the other.
@globalActor package actor Director {
    package static let shared = Director()
}

/// Why a scenario could not be run to its end. Not a verdict about Kho.
package struct ScenarioFailure: Error, CustomStringConvertible {
    package let description: String
    package init(_ text: String) { description = text }
}

/// The cluster of a scenario: its processes, its network, its disks, who administers it.
@Director package final class Stage {
    package let scenario: Scenario
    package let cluster: LocalCluster
    package let folder: String
    /// What the nodes talk over; nil for the loopback interface.
    package private(set) var network: (any FaultyNetwork)?
    package private(set) var networkName = "plain"
    package private(set) var disks: [String: SmallDisk] = [:]
    private(set) var clocks: [String: FakeClock] = [:]
    private var administrators: [String: AdminClient] = [:]
    /// Query nodes that are not started at first.
    private(set) var spares: [String] = []
    /// Storage nodes that wait for their turn, without data.
    private(set) var storageSpares: [String] = []
    /// Nodes that belong to the cluster.
    private(set) var members: [String] = []
    /// Those of them that vote.
    private(set) var voters: [String] = []
    private var commands = 0

    /// Small segments and little retention, so that the log is cut and snapshots are sent within a run; frequent checkpoints.
    private static let configuration = """

        [storage]
        segment_size = "16MiB"
        map_size = "2GiB"
        low_space = "8MiB"
        log_retention = "2MiB"
        checkpoint_bytes = "4MiB"
        checkpoint_milliseconds = 500

        [consensus]
        tick_milliseconds = 20

        [log]
        level = "info"

        """

    /// Makes certificates, network, disks and configurations; starts nothing.
    ///
    /// - Parameters:
    ///   - folder: an empty folder for everything; the owner's.
    ///   - programs: the folder of `kho` and `khod`.
    package init(_ scenario: Scenario, _ kinds: Set<FaultKind>, folder: String, programs: String) throws {
        self.scenario = scenario
        self.folder = folder
        defer { Self.current = self }
        cluster = LocalCluster(name: "scenario", folder: folder, programs: programs)
        cluster.extraConfiguration = Self.configuration
        let spareCount = kinds.contains(.addLearner) ? 1 : 0, storageSpareCount = kinds.contains(where: \.changesVoters) ? 1 : 0
        let storageCount = scenario.storage + storageSpareCount
        let names = (1...(storageCount + scenario.query + spareCount)).map { "n\($0)" }
        voters = Array(names.prefix(scenario.storage))
        storageSpares = Array(names.prefix(storageCount).dropFirst(scenario.storage))
        let queryNames = names.dropFirst(storageCount)
        members = voters + queryNames.prefix(scenario.query)
        spares = Array(queryNames.dropFirst(scenario.query))
        try makeNetwork(names)
        if kinds.contains(.clock) { for name in names { clocks[name] = try FakeClock(file: "\(folder)/\(name).clock") } }
        cluster.placement = placement()
        try cluster.makeAuthority()
        try cluster.makeNodes(storage: storageCount, query: scenario.query + spareCount)
        try cluster.makeConsumer(agency: Register.agency, system: Register.system, name: "client")
        try cluster.makeConsumer(agency: PartnerRight.agency, system: PartnerRight.system, name: "partner")
        if let proxy = network as? Proxy { for node in cluster.nodes { proxy.setTarget(node.name, port: node.peerPort) } }
        if let bytes = scenario.diskBytes {
            for node in cluster.storageNodes {
                try Files.makeFolder(node.dataFolder)
                disks[node.name] = try SmallDisk(at: node.dataFolder, bytes: bytes)
            }
        }
    }

    private func makeNetwork(_ names: [String]) throws {
        switch scenario.network {
        case .plain: break
        case .namespaces:
            network = try Namespaces(nodes: names)
            networkName = "namespaces"
        case .proxy:
            network = try Proxy(nodes: names)
            networkName = "proxy"
        case .any:
            if Namespaces.isPossible {
                network = try Namespaces(nodes: names)
                networkName = "namespaces"
            } else {
                network = try Proxy(nodes: names)
                networkName = "proxy"
            }
        }
    }

    private func placement() -> (String) -> LocalCluster.Placement {
        let clocks = clocks
        let namespaces = network as? Namespaces
        let ports = (network as? Proxy)?.ports ?? [:]
        return { name in
            var placement = namespaces?.placement(of: name) ?? LocalCluster.Placement()
            placement.advertisedPeer = ports[name].map { "127.0.0.1:\($0)" }
            if let clock = clocks[name] {
                placement.environment = clock.environment
                placement.launcher += FakeClock.launcher
            }
            return placement
        }
    }

    // MARK: Nodes

    private static weak var current: Stage?

    /// Tears down the stage that is in use in this process, if there is one.
    package static func tearDownCurrent() { current?.tearDown() }

    var queryNames: [String] { cluster.queryNodes.map(\.name).filter { members.contains($0) } }

    /// Starts the node's process if it does not run.
    func start(_ name: String) throws {
        try cluster.start(name)
        if let pid = cluster.pid(name), let proxy = network as? Proxy { proxy.setProcess(name, pid: pid) }
    }

    /// Starts all members, forms the cluster and writes the catalogue.
    func form() async throws {
        for name in members { try start(name) }
        func addresses(_ names: [String]) -> String { names.compactMap { cluster.node($0)?.adminAddress }.joined(separator: ",") }
        let command = ["init", "--nodes", addresses(voters), "--query", addresses(queryNames)]
        try await wait(for: "the cluster to form", seconds: 60) { (try? cluster.command(command)) != nil }
        let administrator = try administrator()
        defer { administrator.close() }
        for change in Register.catalogue(textBytesMax: scenario.workload.valueBytesMax) {
            _ = try await administrator.call("catalogue.apply", ["kind": .string(change.kind), "document": change.document], changes: true)
        }
        if let mode = scenario.readMode { try await configure(mode) }
    }

    /// Has query nodes read in this way; of leases, some query node must have one afterwards.
    private func configure(_ mode: Scenario.ReadMode) async throws {
        try await wait(for: "read mode \(mode.rawValue)", seconds: 30) { try await kho(["cluster", "configure", "--read-mode", mode.rawValue]).status == 0 }
        guard mode == .lease else { return }
        try await wait(for: "a query node to have a lease", seconds: 30) { await ask("node.status", queryNames).contains { $0.answer["readLease"] == .bool(true) } }
    }

    /// Starts a spare query node and adds it to the cluster; nil if there is none left.
    func addSpare() async throws -> String? {
        guard let name = spares.first, let node = cluster.node(name) else { return nil }
        spares.removeFirst()
        try start(name)
        try await wait(for: "\(name) to be added", seconds: 60) { (try? cluster.command(["member", "add", "--learner", node.adminAddress])) != nil }
        members.append(name)
        return name
    }

    /// Starts a storage node that waits for its turn; nil if there is none left.
    func startStorageSpare() throws -> LocalCluster.Node? {
        guard let name = storageSpares.first, let node = cluster.node(name) else { return nil }
        storageSpares.removeFirst()
        try start(name)
        return node
    }

    /// Notes that a storage node waits for its turn, which has left the cluster, has ended and has no data.
    func isSpare(_ name: String) { storageSpares.append(name) }

    /// Notes who belongs to the cluster and who votes, as the leader's log has it. False if there is no leader that says so.
    func lookUpMembers() async -> Bool {
        guard let leader = await leader(), let list = await ask("member.list", [leader]).first?.answer.array else { return false }
        func names(_ list: [Document]) -> [String] {
            let found = Set(list.compactMap { $0["name"]?.string })
            return cluster.nodes.map(\.name).filter { found.contains($0) }
        }
        members = names(list)
        voters = names(list.filter { $0["voter"]?.bool == true })
        return true
    }

    // MARK: Asking

    /// Runs `kho` as the administrator, to its end, whatever it answers; everything else goes on meanwhile.
    func kho(_ arguments: [String]) async throws -> CommandResult {
        commands += 1
        let files = "\(folder)/kho-\(commands)"
        let process = try ChildProcess(
            cluster.kho, arguments, environment: cluster.environment(as: "admin"), output: files + ".out", errors: files + ".err")
        let end = MonotonicTime.now().adding(milliseconds: 60_000)
        while process.isRunning {
            guard MonotonicTime.now() < end else {
                process.destroy()
                throw ScenarioFailure("\(process.command) did not end within 60 s")
            }
            try? await Task.sleep(nanoseconds: 10_000_000)
        }
        return CommandResult(status: process.wait(), output: try Files.text(files + ".out"), errors: try Files.text(files + ".err"))
    }

    func tls(_ identity: String) -> KhoTLS {
        KhoTLS(
            certificate: "\(cluster.certificates)/\(identity).crt", key: "\(cluster.certificates)/\(identity).key",
            authority: "\(cluster.certificates)/ca.crt")
    }

    /// An administrator's client that asks whichever voter can answer.
    func administrator() throws -> AdminClient {
        try AdminClient(
            endpoints: voters.compactMap { cluster.node($0)?.adminAddress }, tls: tls("admin"), settings: KhoSettings(deadline: .seconds(30)))
    }

    func client(startingAt place: Int, deadline: Duration = .seconds(8), as identity: String = "client") throws -> KhoClient {
        let endpoints = queryNames.compactMap { cluster.node($0)?.clientAddress }
        let first = place % endpoints.count
        return try client(of: Array(endpoints[first...] + endpoints[..<first]), deadline, identity)
    }

    /// One that asks this node and no other.
    func client(of name: String, deadline: Duration) throws -> KhoClient {
        guard let address = cluster.node(name)?.clientAddress else { throw ScenarioFailure("there is no query node \(name)") }
        return try client(of: [address], deadline, "client")
    }

    private func client(of endpoints: [String], _ deadline: Duration, _ identity: String) throws -> KhoClient {
        try KhoClient(
            endpoints: endpoints, tls: tls(identity),
            settings: KhoSettings(deadline: deadline, connectTimeout: .seconds(2), silence: .seconds(1)))
    }

    private func administrator(_ name: String) throws -> AdminClient {
        if let client = administrators[name] { return client }
        guard let node = cluster.node(name) else { throw ScenarioFailure("there is no node \(name)") }
        let client = try AdminClient(
            endpoints: [node.adminAddress], tls: tls("admin"), settings: KhoSettings(deadline: .milliseconds(1_500), connectTimeout: .milliseconds(500)))
        administrators[name] = client
        return client
    }

    /// What each of these nodes answers; nothing of those that do not. All are asked at the same time.
    func ask(_ method: String, _ names: [String], _ body: Document = .null) async -> [(node: String, answer: Document)] {
        var answers: [String: Document] = [:]
        await withTaskGroup(of: (String, Document?).self) { group in
            for name in names where cluster.isRunning(name) {
                guard let client = try? administrator(name) else { continue }
                group.addTask { (name, try? await client.call(method, body)) }
            }
            for await (name, answer) in group { answers[name] = answer }
        }
        return names.compactMap { name in answers[name].map { (name, $0) } }
    }

    /// The node that leads and that a majority of the voters follows in its term; nil while there is none.
    func leader() async -> String? {
        let answers = await ask("node.status", voters)
        let leaders = answers.filter { $0.answer["raftRole"]?.string == "leader" }
        guard let best = leaders.max(by: { ($0.answer["term"]?.int ?? 0) < ($1.answer["term"]?.int ?? 0) }) else { return nil }
        let followers = answers.filter { $0.answer["leader"]?.int == best.answer["node"]?.int && $0.answer["term"]?.int == best.answer["term"]?.int }
        return followers.count * 2 > voters.count ? best.node : nil
    }

    func wait(for what: String, seconds: Int, _ condition: () async throws -> Bool) async throws {
        let end = MonotonicTime.now().adding(milliseconds: UInt64(seconds) * 1_000)
        while try await !condition() {
            guard MonotonicTime.now() < end else { throw ScenarioFailure("waited in vain (\(seconds) s) for \(what)") }
            try await Task.sleep(nanoseconds: 20_000_000)
        }
    }

    /// Ends every process and gives back what was made in the system.
    package func tearDown() {
        for client in administrators.values { client.close() }
        cluster.killAll()
        network?.tearDown()
        for disk in disks.values { disk.unmount() }
    }
}
