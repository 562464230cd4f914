import BenchLoad
import BenchMeasure
import Core
import Glibc
import Harness
import KhoClient
import Records

/// Three storage nodes and one query node or more, real processes over TLS; the load goes to the query nodes, whose connections take turns.
final class KhoTarget: Target {
    let name = "kho"
    let loading = Loading(connections: 4, depth: 4, batch: 256)
    private let folder: TemporaryFolder
    private let cluster: LocalCluster
    private let queryNodes: Int
    private var shape = DataShape()
    private var dataset = DatasetID(0), secrets = DatasetID(0)
    private var reads = Workload.Reads.readIndex
    private var administrator: AdminClient?
    /// Of the query nodes, to ask how they answer.
    private var nodes: [AdminClient] = []
    private var halted: [String] = []
    private var backups: BackupCourse?

    /// Each record takes some 1 KB of a node's map.
    private static let configuration = """

        [storage]
        map_size = "32GiB"

        [log]
        level = "notice"

        """

    init(programs: String, queryNodes: Int) throws {
        self.queryNodes = queryNodes
        for program in ["kho", "khod"] where !Files.exists(programs + "/" + program) {
            throw BenchError(
                "\(programs)/\(program) is not there, and the target kho is made of it",
                remedy: "swift build -c release --static-swift-stdlib --scratch-path .build-release --product \(program)")
        }
        folder = try TemporaryFolder(prefix: "kho-bench")
        cluster = LocalCluster(name: "bench", folder: folder.path, programs: programs)
        cluster.extraConfiguration = Self.configuration
    }

    var processes: [ProcessMeter.Subject] {
        cluster.nodes.compactMap { node in cluster.pid(node.name).map { ProcessMeter.Subject(name: "\(node.role) \(node.name)", pid: $0) } }
    }

    // MARK: Life

    func start(_ shape: DataShape) async throws {
        self.shape = shape
        let key = folder.path + "/backup.key"
        try cluster.command(["node", "backup-key", key])
        cluster.extraConfiguration += "[backup]\nkey = \"\(key)\"\n"
        try cluster.makeAuthority()
        try cluster.makeNodes(storage: 3, query: queryNodes)
        for rights in Workload.Rights.allCases { try cluster.makeConsumer(agency: Self.agency(rights), system: rights.rawValue, name: rights.rawValue) }
        try cluster.startAll()
        func addresses(_ nodes: [LocalCluster.Node]) -> String { nodes.map(\.adminAddress).joined(separator: ",") }
        try cluster.commandWhenReady(["init", "--nodes", addresses(cluster.storageNodes), "--query", addresses(cluster.queryNodes)], withinMilliseconds: 60_000)
        let administrator = try AdminClient(
            endpoints: cluster.storageNodes.map(\.adminAddress), tls: tls("admin"), settings: KhoSettings(deadline: .seconds(30)))
        self.administrator = administrator
        for change in Self.catalogue {
            _ = try await administrator.call("catalogue.apply", .object(change), changes: true)
        }
        nodes = try cluster.queryNodes.map { try AdminClient(endpoints: [$0.adminAddress], tls: tls("admin")) }
        (dataset, secrets) = try await datasets()
    }

    /// Once every query node has followed so far.
    private func datasets() async throws -> (DatasetID, DatasetID) {
        var found = (DatasetID(0), DatasetID(0))
        for node in cluster.queryNodes { found = try await datasets(of: node) }
        return found
    }

    private func datasets(of node: LocalCluster.Node) async throws -> (DatasetID, DatasetID) {
        let client = try KhoClient(endpoints: [node.clientAddress], tls: tls("none"))
        defer { client.close() }
        let end = MonotonicTime.now().adding(milliseconds: 20_000)
        while true {
            do throws(KhoError) {
                if let things = try await client.describe(code: "things"), let secrets = try await client.describe(code: "secrets") {
                    return (things.id, secrets.id)
                }
            } catch {
                guard MonotonicTime.now() < end else { throw error }
            }
            guard MonotonicTime.now() < end else { throw BenchError("the catalogue did not come to the query node \(node.name) within 20 s") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    func stop() {
        administrator?.close()
        administrator = nil
        for node in nodes { node.close() }
        nodes = []
        backups?.stop()
        for name in halted { cluster.pid(name).map { _ = kill($0, SIGCONT) } }
        cluster.killAll()
        folder.remove()
    }

    private func tls(_ identity: String) -> KhoTLS {
        KhoTLS(
            certificate: "\(cluster.certificates)/\(identity).crt", key: "\(cluster.certificates)/\(identity).key", authority: "\(cluster.certificates)/ca.crt")
    }

    func prepare(_ workload: Workload) async throws {
        guard workload.reads != reads else { return }
        try cluster.commandWhenReady(["cluster", "configure", "--read-mode", workload.reads.rawValue])
        reads = workload.reads
        guard reads == .lease else { return }
        for (place, node) in nodes.enumerated() {
            let end = MonotonicTime.now().adding(milliseconds: 20_000)
            while try await node.call("node.status")["readLease"] != .bool(true) {
                guard MonotonicTime.now() < end else { throw BenchError("the query node \(cluster.queryNodes[place].name) got no read lease within 20 s") }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    func readGrounds() async throws -> ReadGrounds? {
        var sum = ReadGrounds(leased: 0, behindBarrier: 0)
        for node in nodes {
            let reads = try await node.call("node.status")["reads"]
            sum.leased += Int(reads?["leased"]?.int ?? 0)
            sum.behindBarrier += Int(reads?["behindBarrier"]?.int ?? 0)
        }
        return sum
    }

    // MARK: The catalogue

    private static func agency(_ rights: Workload.Rights) -> String { rights == .none ? "owner" : "reader" }

    /// Bodies of `catalogue.apply`.
    private static var catalogue: [[Document.Member]] {
        func apply(_ kind: String, _ document: Document) -> [Document.Member] { [.init("kind", .string(kind)), .init("document", document)] }
        let names = (0..<DataShape.fields).map { "f\($0)" }
        let fields = names.enumerated().map { place, name -> Document in
            ["name": .string(name), "kind": .string(place == DataShape.numberField ? "int64" : "string"), "sensitivity": "internal"]
        }
        var changes = ["owner", "reader"].map { apply("agency", ["code": .string($0)]) }
        changes += Workload.Rights.allCases.map { apply("principal", ["code": .string($0.rawValue), "agency": .string(agency($0))]) }
        changes += ["things", "secrets"].map { code in
            apply("dataset", ["code": .string(code), "owner": "owner", "class": "sharedOnRequest", "fields": .array(fields)])
        }
        for rights in Workload.Rights.allCases where rights != .none {
            let shown = rights == .row ? names : Array(names.prefix(DataShape.shownFields))
            var members: [Document.Member] = [
                .init("code", .string("things-\(rights.rawValue)")), .init("dataset", "things"), .init("purpose", "measuring"),
                .init("consumer", .string("reader/\(rights.rawValue)")), .init("actions", ["get", "scan", "count"]),
                .init("fields", .array(shown.map { .string($0) })),
            ]
            if rights != .field { members.append(.init("where", .string(DataShape.rowCondition))) }
            changes.append(apply("agreement", .object(members)))
            changes.append(apply("agreement", ["code": .string("things-\(rights.rawValue)")]) + [.init("verb", "approve")])
        }
        return changes
    }

    // MARK: Loads

    func refusal(of workload: Workload) -> String? { nil }

    func run(_ job: LoadJob, _ workload: Workload, began: @escaping @Sendable (MonotonicTime) -> Void) async throws -> LoadOutcome {
        var job = job
        job.endpoints = cluster.queryNodes.compactMap { Endpoint($0.clientAddress) }
        let speech = LoadJob.Speech.kho(
            KhoSpeech(shape: shape, dataset: dataset, deniedDataset: secrets, writes: workload.writes))
        let identity = tls(workload.rights.rawValue)
        job.tls = try ClientTLS(
            certificate: identity.certificate, key: identity.key, authority: identity.authority, protocols: speech.applicationProtocols)
        return try await job.run(speech, began: began)
    }

    func description(of workload: Workload) -> TargetDescription {
        let filtering =
            switch workload.rights {
            case .none: "the owner of the dataset: no filter"
            case .field: "field mask by agreement, 8 of 10 fields"
            case .row: "row condition by agreement, \(DataShape.rowCondition)"
            case .both: "field mask and row condition by agreement, 8 of 10 fields, \(DataShape.rowCondition)"
            }
        return TargetDescription(
            name: name, version: Version.current, durability: "fdatasync on a majority of three before the answer", 
            replication: "3 storage nodes, Raft; \(queryNodes) query node\(queryNodes > 1 ? "s" : "")",
            encryption: "TLS 1.3 with certificates on both sides, between nodes too", filtering: filtering,
            consistency: workload.reads == .lease ? "linearizable, read lease" : "linearizable, ReadIndex", configuration: ["storage.map_size = 32GiB"])
    }

    func seen(_ answer: CapturedAnswer, _ workload: Workload) -> SeenRecord? { Self.seen(answer.value, DataShape.key(answer.operation.record)) }

    var tellsScans: Bool { true }

    func scanned(_ answer: CapturedAnswer) -> [(number: UInt64, seen: SeenRecord)]? {
        guard let rows = try? ScanBatch(decoding: answer.value).rows else { return nil }
        var records: [(UInt64, SeenRecord)] = []
        for row in rows {
            guard let number = UInt64(String(decoding: row.key, as: UTF8.self)), let seen = Self.seen(row.record, row.key) else { return nil }
            records.append((number, seen))
        }
        return records
    }

    private static func seen(_ bytes: [UInt8], _ key: [UInt8]) -> SeenRecord? {
        guard let record = try? Record(decoding: bytes, key: key) else { return nil }
        var fields = [[UInt8]?](repeating: nil, count: DataShape.fields)
        for place in fields.indices {
            switch record[FieldID(UInt16(place + 1))] {
            case let .string(text)?: fields[place] = Array(text.utf8)
            case let .int64(number)?: fields[place] = Array("\(number)".utf8)
            default: break
            }
        }
        return SeenRecord(fields: fields)
    }

    // MARK: Faults

    func begin(_ fault: Workload.Fault.Kind) async throws -> String {
        let leader = try await leader()
        let followers = cluster.storageNodes.map(\.name).filter { $0 != leader }
        switch fault {
        case .failover:
            cluster.kill(leader)
            halted = [leader]
            return "\(leader), the leader, killed"
        case .slowFollower:
            guard let follower = followers.first, let pid = cluster.pid(follower) else { throw BenchError("there is no follower") }
            kill(pid, SIGSTOP)
            halted = [follower]
            return "\(follower), a follower, halted"
        case .rollingRestart:
            halted = followers + [leader]
            _ = cluster.stop(halted[0])
            return "\(halted[0]) stopped"
        case .backup:
            guard let follower = followers.first else { throw BenchError("there is no follower") }
            let backups = try BackupCourse(of: follower, cluster)
            self.backups = backups
            return "backups of \(follower), a follower, begun"
        }
    }

    func end(_ fault: Workload.Fault.Kind) async throws -> String {
        if let backups {
            self.backups = nil
            return try backups.end()
        }
        guard let first = halted.first else { return "" }
        switch fault {
        case .failover:
            try cluster.start(first)
            halted = []
            return "\(first) started again"
        case .slowFollower:
            if let pid = cluster.pid(first) { kill(pid, SIGCONT) }
            halted = []
            return "\(first) goes on"
        case .rollingRestart:
            // Called until none is left.
            try cluster.start(first)
            halted.removeFirst()
            guard let next = halted.first else { return "\(first) started again" }
            try await waitUntilAllFollow()
            _ = cluster.stop(next)
            return "\(first) started again, \(next) stopped"
        case .backup: return ""
        }
    }

    private func statuses() async -> [(name: String, status: Document)] {
        var all: [(String, Document)] = []
        for node in cluster.storageNodes where cluster.isRunning(node.name) {
            guard let client = try? AdminClient(endpoints: [node.adminAddress], tls: tls("admin"), settings: KhoSettings(deadline: .seconds(1))) else { continue }
            if let status = try? await client.call("node.status") { all.append((node.name, status)) }
            client.close()
        }
        return all
    }

    private func leader() async throws -> String {
        let end = MonotonicTime.now().adding(milliseconds: 20_000)
        while MonotonicTime.now() < end {
            let leaders = await statuses().filter { $0.status["raftRole"]?.string == "leader" }
            if let newest = leaders.max(by: { ($0.status["term"]?.int ?? 0) < ($1.status["term"]?.int ?? 0) }) { return newest.name }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw BenchError("there was no leader for 20 s")
    }

    /// Before the next node of a rolling restart stops.
    private func waitUntilAllFollow() async throws {
        let end = MonotonicTime.now().adding(milliseconds: 20_000)
        while MonotonicTime.now() < end {
            let indexes = await statuses().compactMap { $0.status["appliedIndex"]?.int }
            if indexes.count == 3, let low = indexes.min(), let high = indexes.max(), high - low < Int64(Limits.promotionEntries) * 4 { return }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
