import Core
import DemoData
import Glibc
import Harness
import KhoClient
import Synchronization
import Testing

@testable import kho

/// Everything with processes runs here, one after the other.
@globalActor actor Processes {
    static let shared = Processes()
}

/// Tests with real nodes as processes. All of them share one cluster, so they run one after the other.
@Suite(.serialized) @Processes struct ProcessTests {}

struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ text: String) { description = text }
}

/// What must not outlive the tests.
private let remains = Mutex<(pids: [Int32], mounts: [String], folder: TemporaryFolder?)>(([], [], nil))

private func removeRemains() {
    let (pids, mounts, folder) = remains.withLock { $0 }
    for pid in pids { kill(pid, SIGKILL) }
    for pid in pids { waitpid(pid, nil, 0) }
    // Those that a test that failed left.
    for path in mounts { umount(path) }
    folder?.remove()
}

/// Made once. Outside the actor, since the process ends on a thread that is not its own.
private let removesRemainsAtExit: Void = { atexit { removeRemains() } }()

/// Whether this user may mount file systems: root may, but not in every container.
enum Mounting {
    static let isPossible: Bool = {
        guard let folder = try? TemporaryFolder(prefix: "kho-mounting") else { return false }
        defer { folder.remove() }
        guard mount("tmpfs", folder.path, "tmpfs", 0, "size=1m") == 0 else { return false }
        umount(folder.path)
        return true
    }()
}

/// One cluster of three storage nodes and a query node for all tests, with the demonstration's catalogue.
@Processes final class World {
    let cluster: LocalCluster
    let folder: String
    private var clients: [String: KhoClient] = [:]
    let catalogue: DemoCatalogue

    /// Small segments and little retention, so that a node that was away for long gets a snapshot; frequent checkpoints, so that there is one.
    private static let configuration = """

        [storage]
        segment_size = "16MiB"
        map_size = "1GiB"
        low_space = "1MiB"
        log_retention = "1MiB"
        checkpoint_bytes = "4MiB"
        checkpoint_milliseconds = 300

        [consensus]
        tick_milliseconds = 20

        [log]
        level = "info"

        """

    private static var made: Task<World, any Error>?

    /// The cluster, formed at first and healthy each time.
    static func ready() async throws -> World {
        if made == nil { made = Task { @Processes in try await World() } }
        guard let world = try await made?.value else { throw Failure("no cluster") }
        try await world.heal()
        return world
    }

    /// The folder of the test binary, where `kho` and `khod` are too.
    static var programs: String {
        get throws {
            var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
            let count = readlink("/proc/self/exe", &buffer, buffer.count)
            let own = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            for path in [own] + CommandLine.arguments {
                let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
                if Files.exists(folder + "/khod"), Files.exists(folder + "/kho") { return folder }
            }
            throw Failure("kho and khod are not beside the tests; swift build --build-tests makes them")
        }
    }

    private init() async throws {
        let temporary = try TemporaryFolder(prefix: "kho-processes")
        remains.withLock { $0.folder = temporary }
        _ = removesRemainsAtExit
        folder = temporary.path
        cluster = LocalCluster(name: "processes", folder: folder, programs: try Self.programs)
        catalogue = try DemoCatalogue()
        cluster.extraConfiguration = Self.configuration + "\n[backup]\nkey = \"\(folder)/backup.key\"\n"
        try cluster.command(["node", "backup-key", folder + "/backup.key"])
        try cluster.makeAuthority()
        try cluster.makeNodes(storage: 3, query: 1)
        for party in DemoCatalogue.parties { try cluster.makeConsumer(agency: party.agency, system: party.system, name: party.identity) }
        for node in cluster.nodes { try start(node.name) }
        _ = try await succeed(["init"], within: 30)
        for change in catalogue.changes { try await apply(change.kind, change.document) }
    }

    // MARK: Nodes

    func start(_ name: String) throws {
        try cluster.start(name)
        if let pid = cluster.pid(name) { remains.withLock { $0.pids.append(pid) } }
    }

    /// Starts what does not run, and waits until all follow a leader: a node that knows none yet answers UNAVAILABLE, and not every client of a test asks again.
    func heal() async throws {
        try await wait(for: "a healthy cluster", seconds: 30, saying: { self.lastWords }) {
            for node in self.cluster.nodes { try self.start(node.name) }
            let statuses = await self.statuses()
            let leaders = Set(statuses.map { $0["leader"]?.int ?? 0 })
            return statuses.count == 4 && leaders.count == 1 && !leaders.contains(0) && statuses.contains { $0["raftRole"]?.string == "leader" }
        }
    }

    /// The ends of the nodes' logs.
    private var lastWords: String {
        cluster.nodes.map { node in
            let lines = ((try? Files.text(node.logFile)) ?? "").split(separator: "\n").suffix(4)
            return "\n\(node.name), \(cluster.isRunning(node.name) ? "running" : "ended"): " + lines.joined(separator: "\n    ")
        }.joined()
    }

    private func admin(_ node: LocalCluster.Node, seconds: Int = 2) throws -> AdminClient {
        try AdminClient(endpoints: [node.adminAddress], tls: tls("admin"), settings: KhoSettings(deadline: .seconds(seconds), connectTimeout: .seconds(1)))
    }

    /// What every node that answers says.
    func ask(_ method: String) async -> [(node: String, answer: Document)] {
        var answers: [(node: String, answer: Document)] = []
        for node in cluster.nodes where cluster.isRunning(node.name) {
            guard let client = try? admin(node) else { continue }
            defer { client.close() }
            if let answer = try? await client.call(method) { answers.append((node.name, answer)) }
        }
        return answers
    }

    func statuses() async -> [Document] { await ask("node.status").map(\.answer) }

    func leader() async throws -> String {
        var name: String?
        try await wait(for: "a leader", seconds: 20) {
            let leaders = await self.ask("node.status").filter { $0.answer["raftRole"]?.string == "leader" }
            name = leaders.max { ($0.answer["term"]?.int ?? 0) < ($1.answer["term"]?.int ?? 0) }?.node
            return name != nil
        }
        return name ?? ""
    }

    func apply(_ kind: String, _ document: Document, verb: String? = nil) async throws {
        let client = try AdminClient(endpoints: cluster.nodes.map(\.adminAddress), tls: tls("admin"), settings: KhoSettings(deadline: .seconds(20)))
        defer { client.close() }
        _ = try await client.call("catalogue.apply", ["kind": .string(kind), "document": document], changes: true)
    }

    /// Waits until all four nodes are at one index; records and digest of the dataset on each must be equal. The number of records.
    func equalRecords(of dataset: String) async throws -> Int {
        var found: [Document] = []
        try await wait(for: "equal indexes", seconds: 30) {
            let answers = await self.ask("cluster.figures").map(\.answer)
            let indexes = Set(answers.map { $0["appliedIndex"]?.int ?? -1 })
            guard answers.count == 4, indexes.count == 1 else { return false }
            found = answers.map { answer in answer["datasets"]?.array?.first { $0["dataset"]?.string == dataset } ?? .null }
            return true
        }
        #expect(found.allSatisfy { $0 == found[0] }, "the nodes hold different \(dataset): \(found)")
        return Int(found[0]["records"]?.int ?? 0)
    }

    /// A file system in memory at this path, gone with the tests at the latest. False, and errno says why, where it cannot be.
    func mountMemory(at path: String, _ options: String, isReadOnly: Bool = false) -> Bool {
        guard mount("tmpfs", path, "tmpfs", isReadOnly ? UInt(MS_RDONLY) : 0, options) == 0 else { return false }
        remains.withLock { $0.mounts.append(path) }
        return true
    }

    // MARK: Clients

    func tls(_ identity: String) -> KhoTLS {
        KhoTLS(
            certificate: "\(cluster.certificates)/\(identity).crt", key: "\(cluster.certificates)/\(identity).key",
            authority: "\(cluster.certificates)/ca.crt")
    }

    func client(_ identity: String) throws -> KhoClient {
        if let client = clients[identity] { return client }
        let client = try KhoClient(
            endpoints: cluster.queryNodes.map(\.clientAddress), tls: tls(identity), settings: KhoSettings(deadline: .seconds(30)))
        clients[identity] = client
        return client
    }

    // MARK: Commands

    /// Starts `kho`, which goes on beside the test.
    func begin(_ arguments: [String], as identity: String, name: String) throws -> RunningCommand {
        let out = "\(folder)/\(name).out", err = "\(folder)/\(name).err"
        Files.removeTree(out)
        Files.removeTree(err)
        let process = try ChildProcess(cluster.kho, arguments, environment: cluster.environment(as: identity), output: out, errors: err)
        return RunningCommand(process: process, out: out, err: err)
    }

    func run(_ arguments: [String], as identity: String = "admin", seconds: UInt64 = 30) async throws -> CommandResult {
        try await begin(arguments, as: identity, name: "command").end(seconds: seconds)
    }

    /// Runs `kho` until it succeeds.
    func succeed(_ arguments: [String], as identity: String = "admin", within seconds: UInt64 = 10) async throws -> String {
        var last: CommandResult?
        try await wait(for: "kho \(arguments.joined(separator: " "))", seconds: seconds, saying: { last?.errors ?? "" }) {
            last = try await self.run(arguments, as: identity)
            return last?.status == 0
        }
        return last?.output ?? ""
    }

    /// Starts any program, which does not outlive the tests.
    func begin(program: String, _ arguments: [String], name: String) throws -> RunningCommand {
        let out = "\(folder)/\(name).out", err = "\(folder)/\(name).err"
        Files.removeTree(out)
        Files.removeTree(err)
        let process = try ChildProcess(program, arguments, output: out, errors: err)
        remains.withLock { $0.pids.append(process.pid) }
        return RunningCommand(process: process, out: out, err: err)
    }

    /// Runs khod with this configuration to its end: it must end by itself.
    func khod(_ configuration: String) async throws -> CommandResult {
        let path = "\(folder)/other.toml"
        try Files.write(configuration, to: path)
        return try await begin(program: cluster.khod, ["--config", path], name: "other").end(seconds: 20)
    }
}

/// A command under way.
@Processes final class RunningCommand {
    let process: ChildProcess
    private let out: String, err: String

    init(process: ChildProcess, out: String, err: String) {
        self.process = process
        self.out = out
        self.err = err
    }

    var isRunning: Bool { process.isRunning }

    func end(seconds: UInt64) async throws -> CommandResult {
        do {
            try await wait(for: process.command, seconds: seconds) { !self.process.isRunning }
        } catch {
            process.destroy()
            throw Failure("\(error); \((try? Files.text(err)) ?? "")")
        }
        return CommandResult(status: process.wait(), output: try Files.text(out), errors: try Files.text(err))
    }
}

/// Waits for a condition, at most so long.
@Processes func wait(
    for what: String, seconds: UInt64, saying detail: () -> String = { "" }, _ condition: () async throws -> Bool
) async throws {
    let end = MonotonicTime.now().adding(milliseconds: seconds * 1_000)
    while try await !condition() {
        guard MonotonicTime.now() < end else { throw Failure("waited in vain for \(what) \(detail())") }
        try await Task.sleep(nanoseconds: 10_000_000)
    }
}
