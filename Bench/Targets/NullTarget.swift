import BenchLoad
import BenchMeasure
import Core
import Harness

/// `NullServer` in a process of its own.
final class NullTarget: Target {
    let name = "null"
    let loading = Loading(connections: 1, depth: 1, batch: 4_096)
    private let programs: String
    private var folder: TemporaryFolder?
    private var certificates: Certificates?
    private let port = HeldPort()
    private var server: ChildProcess?
    private var shape = DataShape()

    init(programs: String) { self.programs = programs }

    var processes: [ProcessMeter.Subject] { server.map { [ProcessMeter.Subject(name: "null server", pid: $0.pid)] } ?? [] }

    func start(_ shape: DataShape) async throws {
        self.shape = shape
        let folder = try TemporaryFolder(prefix: "kho-bench-null")
        self.folder = folder
        let certificates = try Certificates(in: folder.path, programs: programs)
        self.certificates = certificates
        let log = folder.path + "/log"
        server = try ChildProcess(
            programs + "/kho-bench",
            [
                "null-server", "--port", "\(port.number)", "--cert", certificates.serverCertificate, "--key", certificates.serverKey, "--ca",
                certificates.authority,
            ], output: log, errors: log)
        try await Servers.waitForPort(port.number, server, log: log, name: name)
    }

    func stop() {
        server?.destroy()
        server = nil
        folder?.remove()
    }

    func prepare(_ workload: Workload) async throws {}

    func refusal(of workload: Workload) -> String? {
        let kinds = workload.shares.map(\.kind)
        if kinds.contains(.scan) || kinds.contains(.deniedGet) { return "the null server answers reads by key and writes only" }
        return workload.fault.map { _ in "faults are for kho" }
    }

    func run(_ job: LoadJob, _ workload: Workload, began: @escaping @Sendable (MonotonicTime) -> Void) async throws -> LoadOutcome {
        var job = job
        job.endpoints = [Endpoint(host: "127.0.0.1", port: port.number)]
        let speech = LoadJob.Speech.kho(KhoSpeech(shape: shape, dataset: DatasetID(1), deniedDataset: DatasetID(2), writes: workload.writes))
        job.tls = try certificates?.clientTLS(speech.applicationProtocols)
        return try await job.run(speech, began: began)
    }

    func description(of workload: Workload) -> TargetDescription {
        TargetDescription(
            name: name, version: Version.current, durability: "none: it keeps nothing", replication: "none", encryption: "TLS 1.3 with certificates on both sides",
            filtering: "none: every answer is the same", consistency: "none", configuration: [])
    }

    /// Every record is the same.
    func seen(_ answer: CapturedAnswer, _ workload: Workload) -> SeenRecord? { nil }
}
