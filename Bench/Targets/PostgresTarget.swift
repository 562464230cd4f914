import BenchLoad
import BenchMeasure
import Core
import Glibc
import Harness

/// One PostgreSQL server with row-level security and column grants: the peer that does the same job as Kho for a reader with an agreement. Its servers
/// refuse to run as root; then they run as the user `postgres`.
final class PostgresTarget: Target {
    let name: String
    /// Reads that a client has under way together are one transaction: what PostgreSQL can do at the most, and what few clients do.
    private let sharesSync: Bool
    let loading = Loading(connections: 4, depth: 2, batch: 256)
    private let folder: TemporaryFolder
    private let certificates: Certificates
    private let initdb: String, server: String, psql: String
    private let port = HeldPort()
    private var process: ChildProcess?
    private var shape = DataShape()
    private static let folders = ["/usr/lib/postgresql/15/bin"]
    private static let database = "bench"
    private static let configuration = [
        "shared_buffers = 1GB", "max_connections = 300", "max_wal_size = 8GB", "ssl = on", "ssl_min_protocol_version = 'TLSv1.3'",
    ]

    init(sharesSync: Bool, programs: String) throws {
        self.sharesSync = sharesSync
        name = sharesSync ? "postgres-batch" : "postgres"
        func find(_ name: String) throws -> String {
            // Beside a server's folder PATH may hold wrappers.
            for folder in Self.folders where access(folder + "/" + name, X_OK) == 0 { return folder + "/" + name }
            return try Programs.find(name, package: "postgresql-15")
        }
        (initdb, server, psql) = (try find("initdb"), try find("postgres"), try find("psql"))
        folder = try TemporaryFolder(prefix: "kho-bench-postgres")
        certificates = try Certificates(in: folder.path, programs: programs)
    }

    var processes: [ProcessMeter.Subject] { process.map { [ProcessMeter.Subject(name: "postgres", pid: $0.pid)] } ?? [] }

    private var data: String { folder.path + "/data" }
    private var log: String { folder.path + "/postgres.log" }

    // MARK: Life

    func start(_ shape: DataShape) async throws {
        self.shape = shape
        try makeFolders()
        try run(initdb, ["-D", data, "-A", "trust", "-U", "postgres", "--no-locale", "-E", "UTF8", "--no-sync"])
        let local = [
            "port = \(port.number)", "listen_addresses = '127.0.0.1'", "unix_socket_directories = ''", "ssl_cert_file = '\(data)/server.crt'",
            "ssl_key_file = '\(data)/server.key'", "ssl_ca_file = '\(data)/ca.crt'",
        ]
        let old = try Files.text(data + "/postgresql.conf")
        try Files.write(old + "\n" + (Self.configuration + local).joined(separator: "\n") + "\n", to: data + "/postgresql.conf")
        try Files.write("hostssl all all 127.0.0.1/32 trust clientcert=verify-ca\n", to: data + "/pg_hba.conf")
        for name in ["server.crt", "server.key", "ca.crt"] {
            try Files.write(try Files.bytes(certificates.folder + "/" + name), to: data + "/" + name)
            try own(data + "/" + name)
            chmod(data + "/" + name, 0o600)
        }
        let command = asServer(server, ["-D", data])
        process = try ChildProcess(command[0], Array(command.dropFirst()), output: log, errors: log)
        try await Servers.waitForPort(port.number, process, log: log, name: name)
        try await makeSchema()
    }

    func stop() {
        // SIGINT: sessions are ended, and the server's children with it.
        process?.signal(SIGINT)
        if process?.wait(atMostMilliseconds: 10_000) == nil { process?.destroy() }
        process = nil
        folder.remove()
    }

    /// The server's user must reach its folder, and own it.
    private func makeFolders() throws {
        chmod(folder.path, 0o711)
        try Files.makeFolder(data)
        try own(data)
        chmod(data, 0o700)
    }

    private func own(_ path: String) throws {
        guard getuid() == 0 else { return }
        guard let user = getpwnam("postgres") else {
            throw BenchError("PostgreSQL does not run as root, and there is no user postgres", remedy: "install postgresql-15, which makes the user")
        }
        chown(path, user.pointee.pw_uid, user.pointee.pw_gid)
    }

    private func asServer(_ program: String, _ arguments: [String]) -> [String] {
        getuid() == 0 ? ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", program] + arguments : [program] + arguments
    }

    private func run(_ program: String, _ arguments: [String]) throws {
        let command = asServer(program, arguments)
        let result = try ChildProcess.run(command[0], Array(command.dropFirst()))
        guard result.status == 0 else { throw BenchError("\(program) ended with \(result.status): \(result.errors)") }
    }

    // MARK: Schema and rights

    /// The schema, readers with column grants, and policies for the row condition. The owner of a table is not held to its policies.
    private static var schema: String {
        let names = (0..<DataShape.fields).map { "f\($0)" }
        let columns = names.enumerated().map { "\($1) \($0 == DataShape.numberField ? "bigint" : "text") NOT NULL" }.joined(separator: ", ")
        let shown = (["key"] + names.prefix(DataShape.shownFields)).joined(separator: ", ")
        return """
            CREATE ROLE reader_field LOGIN; CREATE ROLE reader_row LOGIN; CREATE ROLE reader_both LOGIN; CREATE ROLE owner LOGIN;
            CREATE TABLE things (key text COLLATE "C" PRIMARY KEY, \(columns));
            CREATE TABLE secrets (key text COLLATE "C" PRIMARY KEY, \(columns));
            ALTER TABLE things OWNER TO owner;
            GRANT SELECT (\(shown)) ON things TO reader_field, reader_both;
            GRANT SELECT ON things TO reader_row;
            ALTER TABLE things ENABLE ROW LEVEL SECURITY;
            CREATE POLICY all_rows ON things FOR SELECT TO reader_field USING (true);
            CREATE POLICY some_rows ON things FOR SELECT TO reader_row, reader_both USING (\(DataShape.rowCondition));
            """
    }

    private func makeSchema() async throws {
        let end = MonotonicTime.now().adding(milliseconds: 20_000)
        // It accepts connections before it answers them.
        while true {
            do {
                try sql("CREATE DATABASE \(Self.database)", database: "postgres")
                break
            } catch {
                guard MonotonicTime.now() < end else { throw error }
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        try sql(Self.schema, database: Self.database)
        try checkGrants()
    }

    /// That the readers' grants hold: that an answer shows no hidden column says nothing where none was asked for.
    private func checkGrants() throws {
        let hidden = "f\(DataShape.shownFields)"
        for rights in [Workload.Rights.field, .both] {
            let result = try query("SELECT \(hidden) FROM things LIMIT 1", database: Self.database, user: Self.user(rights))
            // insufficient_privilege
            guard result.status != 0, result.errors.contains("42501") else {
                throw BenchError("\(name): \(Self.user(rights)) was to be refused the column \(hidden): psql ended with \(result.status): \(result.errors)")
            }
        }
    }

    private static func user(_ rights: Workload.Rights) -> String { rights == .none ? "owner" : "reader_\(rights.rawValue)" }

    private func sql(_ text: String, database: String) throws {
        let result = try query(text, database: database, user: "postgres")
        guard result.status == 0 else { throw BenchError("psql: \(result.errors)") }
    }

    /// Errors come with their codes.
    private func query(_ text: String, database: String, user: String) throws -> CommandResult {
        let file = folder.path + "/statements.sql"
        try Files.write(text + "\n", to: file)
        let identity = "sslmode=require sslcert=\(certificates.loadCertificate) sslkey=\(certificates.loadKey)"
        let connection = "host=127.0.0.1 port=\(port.number) user=\(user) dbname=\(database) \(identity)"
        return try ChildProcess.run(
            psql, ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", "-d", connection, "-f", file], environment: ["HOME": folder.path])
    }

    // MARK: Loads

    func prepare(_ workload: Workload) async throws {
        guard !workload.writes else { return }
        // As autovacuum would some time after a load: without it every read looks whether a row is visible.
        guard needsVacuum else { return }
        needsVacuum = false
        try sql("VACUUM ANALYZE things;", database: Self.database)
        try sql("CHECKPOINT;", database: Self.database)
    }

    private var needsVacuum = false

    func refusal(of workload: Workload) -> String? { workload.fault.map { _ in "faults are for kho" } }

    func run(_ job: LoadJob, _ workload: Workload, began: @escaping @Sendable (MonotonicTime) -> Void) async throws -> LoadOutcome {
        if workload.imports { needsVacuum = true }
        var job = job
        job.endpoints = [Endpoint(host: "127.0.0.1", port: port.number)]
        job.tls = try certificates.clientTLS([])
        return try await job.run(.postgres(speech(workload.rights)), began: began)
    }

    private func speech(_ rights: Workload.Rights) -> PostgresSpeech {
        let names = (0..<DataShape.fields).map { "f\($0)" }
        let isMasked = rights == .field || rights == .both
        let shown = names.prefix(isMasked ? DataShape.shownFields : DataShape.fields).joined(separator: ", ")
        let places = (1...DataShape.fields + 1).map { "$\($0)" }.joined(separator: ", ")
        let changes = names.map { "\($0) = excluded.\($0)" }.joined(separator: ", ")
        return PostgresSpeech(
            shape: shape, user: Self.user(rights), database: Self.database,
            get: "SELECT \(shown) FROM things WHERE key = $1", scan: "SELECT \(shown) FROM things WHERE key >= $1 ORDER BY key LIMIT $2::int4",
            put: rights == .none
                ? "INSERT INTO things (key, \(names.joined(separator: ", "))) VALUES (\(places)) ON CONFLICT (key) DO UPDATE SET \(changes)" : "",
            update: rights == .none ? "UPDATE things SET \(names[DataShape.updatedField]) = $2 WHERE key = $1" : "",
            denied: "SELECT f0 FROM secrets WHERE key = $1", sharesSync: sharesSync)
    }

    func description(of workload: Workload) -> TargetDescription {
        let filtering =
            switch workload.rights {
            case .none: "the owner of the table: no filter"
            case .field: "column grants, 8 of 10 columns; row-level security with a policy that shows all rows"
            case .row: "row-level security, \(DataShape.rowCondition)"
            case .both: "column grants, 8 of 10 columns; row-level security, \(DataShape.rowCondition)"
            }
        return TargetDescription(
            name: name, version: Programs.version(server, ["--version"]), durability: "fdatasync before the answer (synchronous_commit on)",
            replication: "none: one server", encryption: "TLS 1.3 with certificates on both sides", filtering: filtering,
            consistency: "read committed, one server; statements prepared, pipelined, \(sharesSync ? "reads that are sent together in one transaction" : "each in a transaction of its own")", configuration: Self.configuration)
    }

    func seen(_ answer: CapturedAnswer, _ workload: Workload) -> SeenRecord? {
        var fields = PostgresRow.columns(of: answer.value)
        while fields.count < DataShape.fields { fields.append(nil) }
        return SeenRecord(fields: fields)
    }
}
