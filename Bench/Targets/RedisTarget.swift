import BenchLoad
import BenchMeasure
import Core
import Glibc
import Harness

/// One `redis-server`. Each write is synced before it is answered, as a Kho write is on each node.
final class RedisTarget: Target {
    let name: String
    let loading = Loading(connections: 4, depth: 4, batch: 256)
    private let isTLS: Bool
    private let folder: TemporaryFolder
    private let program: String
    private let certificates: Certificates?
    private let port = HeldPort()
    private var server: ChildProcess?
    private var shape = DataShape()

    init(isTLS: Bool, programs: String) throws {
        self.isTLS = isTLS
        name = isTLS ? "redis-tls" : "redis"
        program = try Programs.find("redis-server", package: "redis-server")
        folder = try TemporaryFolder(prefix: "kho-bench-redis")
        certificates = isTLS ? try Certificates(in: folder.path, programs: programs) : nil
    }

    var processes: [ProcessMeter.Subject] { server.map { [ProcessMeter.Subject(name: "redis-server", pid: $0.pid)] } ?? [] }

    /// Without what was made for this machine.
    private var configuration: [String] {
        [
            "save \"\"", "appendonly yes", "appendfsync always", "auto-aof-rewrite-percentage 0", "user default on nopass \(Self.everyKey) +@all",
        ]
    }

    func start(_ shape: DataShape) async throws {
        self.shape = shape
        var lines = configuration + ["bind 127.0.0.1", "dir \(folder.path)", "daemonize no", "loglevel warning", "logfile \(folder.path)/redis.log"]
        if let certificates {
            lines += [
                "port 0", "tls-port \(port.number)", "tls-cert-file \(certificates.serverCertificate)", "tls-key-file \(certificates.serverKey)",
                "tls-ca-cert-file \(certificates.authority)", "tls-auth-clients yes", "tls-protocols TLSv1.3",
            ]
        } else {
            lines.append("port \(port.number)")
        }
        try Files.write(lines.joined(separator: "\n") + "\n", to: folder.path + "/redis.conf")
        server = try ChildProcess(program, [folder.path + "/redis.conf"], output: folder.path + "/redis.out", errors: folder.path + "/redis.out")
        try await Servers.waitForPort(port.number, server, log: folder.path + "/redis.log", name: name)
    }

    func stop() {
        server?.destroy()
        server = nil
        folder.remove()
    }

    /// Who may have every key costs redis nothing; patterns are matched with the keys of each command. So they stand only where something is to be denied.
    private static let everyKey = "~*", loadedKeys = "resetkeys ~0* ~1*"

    func prepare(_ workload: Workload) async throws {
        let keys = workload.shares.contains { $0.kind == .deniedGet } ? Self.loadedKeys : "resetkeys " + Self.everyKey
        var command = ["-p", "\(port.number)"]
        if let certificates { command += ["--tls", "--cert", certificates.loadCertificate, "--key", certificates.loadKey, "--cacert", certificates.authority] }
        let process = try ChildProcess(
            try Programs.find("redis-cli", package: "redis-tools"), command + ["ACL", "SETUSER", "default"] + keys.split(separator: " ").map(String.init),
            output: folder.path + "/redis-cli.out", errors: folder.path + "/redis-cli.out")
        guard process.wait() == 0, try Files.text(folder.path + "/redis-cli.out").hasPrefix("OK") else {
            throw BenchError("redis did not take its keys: \(try Files.text(folder.path + "/redis-cli.out"))")
        }
    }

    func refusal(of workload: Workload) -> String? {
        if workload.shares.contains(where: { $0.kind == .scan }) { return "\(name) does not keep its keys in order, so it cannot scan" }
        if workload.rights == .row || workload.rights == .both { return "\(name) knows no row conditions" }
        return workload.fault.map { _ in "faults are for kho" }
    }

    func run(_ job: LoadJob, _ workload: Workload, began: @escaping @Sendable (MonotonicTime) -> Void) async throws -> LoadOutcome {
        var job = job
        job.endpoints = [Endpoint(host: "127.0.0.1", port: port.number)]
        job.tls = try certificates?.clientTLS([])
        return try await job.run(.resp(RESPSpeech(shape: shape)), began: began)
    }

    func description(of workload: Workload) -> TargetDescription {
        TargetDescription(
            name: name, version: Programs.version(program, ["--version"]), durability: "append-only file, fdatasync before the answer (appendfsync always)",
            replication: "none: one server", encryption: isTLS ? "TLS 1.3 with certificates on both sides" : "none", filtering: "none: the whole value",
            consistency: "linearizable, one server", configuration: configuration)
    }

    func seen(_ answer: CapturedAnswer, _ workload: Workload) -> SeenRecord? { SeenRecord(value: answer.value, shape: shape) }
}

/// What targets with servers share.
@Conductor enum Servers {
    /// Until somebody accepts connections there; throws with the end of the log if the process ends or nobody does within 20 s.
    static func waitForPort(_ port: Int, _ process: ChildProcess?, log: String, name: String) async throws {
        let end = MonotonicTime.now().adding(milliseconds: 20_000)
        while !accepts(port) {
            guard process?.isRunning == true, MonotonicTime.now() < end else {
                let text = (try? Files.text(log)) ?? ""
                throw BenchError("\(name) did not start; the end of its log:\n" + text.split(separator: "\n").suffix(8).joined(separator: "\n"))
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    private static func accepts(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = UInt16(port).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 }
        }
    }
}
