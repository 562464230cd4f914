import Core
import Glibc

/// Whom a certificate is for.
package enum CertificateRequest: Sendable {
    /// The authority of the cluster of this name.
    case authority(cluster: String)
    /// A node that is reached at this host.
    case node(name: String, host: String)
    /// The files' name is `name`.
    case client(role: String, agency: String, system: String, name: String)
}

/// A whole cluster on this machine: certificates, three storage nodes and query nodes as processes with real TLS sockets on
/// the loopback interface and real files in one folder. For the demonstration, the tests with processes and the benchmark.
/// Everything is done with the same commands that an administrator types. Owned by one thread.
package final class LocalCluster {
    /// Writes a certificate and its key into the folder of certificates.
    package typealias Issuer = (_ request: CertificateRequest, _ folder: String) throws(HarnessError) -> Void

    /// Where a node stands and how its process is started.
    package struct Placement {
        /// The address that its services listen on and that its certificate is for.
        package var host: String
        /// Where the other nodes are told to reach it, `host:port`; nil for where it listens.
        package var advertisedPeer: String?
        /// A command that is given the program and its arguments, and becomes it: `["/usr/bin/nsenter", …]`.
        package var launcher: [String]
        /// Added to the process's environment.
        package var environment: [String: String]

        package init(host: String = "127.0.0.1", advertisedPeer: String? = nil, launcher: [String] = [], environment: [String: String] = [:]) {
            self.host = host
            self.advertisedPeer = advertisedPeer
            self.launcher = launcher
            self.environment = environment
        }
    }

    /// One node's process and what it is started with.
    package struct Node {
        package let name: String
        package let role: String
        package let placement: Placement
        package let peerPort: Int, adminPort: Int, clientPort: Int
        package let folder: String
        package fileprivate(set) var process: ChildProcess?

        package var adminAddress: String { "\(placement.host):\(adminPort)" }
        package var clientAddress: String { "\(placement.host):\(clientPort)" }
        package var peerAddress: String { "\(placement.host):\(peerPort)" }
        package var dataFolder: String { folder + "/data" }
        package var configuration: String { folder + "/khod.toml" }
        package var logFile: String { folder + "/khod.log" }
    }

    /// The cluster's name in its certificates.
    package let name: String
    /// Holds everything; removed by its owner.
    package let folder: String
    /// The folder of the programs `kho` and `khod`.
    package let programs: String
    package private(set) var nodes: [Node] = []
    /// Lines added to every node's configuration.
    package var extraConfiguration = ""
    /// Where each node is placed, by its name; on the loopback interface if nothing else is said. Asked by `makeNodes`.
    package var placement: (_ name: String) -> Placement = { _ in Placement() }
    private let issuer: Issuer?

    package var certificates: String { folder + "/certificates" }
    package var kho: String { programs + "/kho" }
    package var khod: String { programs + "/khod" }
    package var storageNodes: [Node] { nodes.filter { $0.role == "storage" } }
    package var queryNodes: [Node] { nodes.filter { $0.role == "query" } }

    /// - Parameter issuer: makes the certificates instead of the command `kho cert`.
    package init(name: String, folder: String, programs: String, issuer: Issuer? = nil) {
        self.issuer = issuer
        self.name = name
        self.folder = folder
        self.programs = programs
    }

    deinit { killAll() }

    // MARK: Certificates

    /// Makes the authority and the first administrator's certificate (`admin.crt`, `admin.key`).
    package func makeAuthority() throws(HarnessError) {
        try Files.makeFolder(certificates)
        try issue(.authority(cluster: name))
        try issue(.client(role: "administrator", agency: "operations", system: "admin", name: "admin"))
    }

    /// A consumer's certificate `NAME.crt`, `NAME.key`.
    package func makeConsumer(agency: String, system: String, name: String) throws(HarnessError) {
        try issue(.client(role: "consumer", agency: agency, system: system, name: name))
    }

    package func issue(_ request: CertificateRequest) throws(HarnessError) {
        if let issuer { return try issuer(request, certificates) }
        let arguments =
            switch request {
            case let .authority(cluster): ["ca", "--cluster", cluster]
            case let .node(name, host): ["node", "--name", name, "--host", host]
            case let .client(role, agency, system, name):
                ["client", "--role", role, "--agency", agency, "--system", system, "--name", name]
            }
        try command(["cert"] + arguments + ["--dir", certificates])
    }

    // MARK: Nodes

    /// Writes the certificates and the configurations of so many storage and query nodes; starts nothing.
    package func makeNodes(storage: Int = 3, query: Int = 1) throws(HarnessError) {
        let ports = HeldPort.forGood((storage + query) * 3)
        for number in 1...(storage + query) {
            let role = number <= storage ? "storage" : "query"
            let base = (number - 1) * 3
            let name = "n\(number)"
            let node = Node(
                name: name, role: role, placement: placement(name), peerPort: ports[base], adminPort: ports[base + 1],
                clientPort: role == "query" ? ports[base + 2] : 0, folder: folder + "/" + name, process: nil)
            try Files.makeFolder(node.folder)
            try issue(.node(name: node.name, host: node.placement.host))
            try Files.write(configuration(of: node), to: node.configuration)
            nodes.append(node)
        }
    }

    private func configuration(of node: Node) -> String {
        var lines = [
            "role = \"\(node.role)\"", "name = \"\(node.name)\"", "data = \"\(node.dataFolder)\"", "", "[listen]",
            "peer = \"\(node.peerAddress)\"", "admin = \"\(node.adminAddress)\"",
        ]
        if node.role == "query" { lines.append("client = \"\(node.clientAddress)\"") }
        if let address = node.placement.advertisedPeer { lines += ["", "[advertise]", "peer = \"\(address)\""] }
        lines += [
            "", "[tls]", "certificate = \"\(certificates)/\(node.name).crt\"", "key = \"\(certificates)/\(node.name).key\"",
            "ca = \"\(certificates)/ca.crt\"", "",
        ]
        return lines.joined(separator: "\n") + extraConfiguration
    }

    /// Starts a node's process if it does not run.
    package func start(_ name: String) throws(HarnessError) {
        guard let i = nodes.firstIndex(where: { $0.name == name }), nodes[i].process?.isRunning != true else { return }
        let placement = nodes[i].placement
        let command = placement.launcher + [khod, "--config", nodes[i].configuration]
        nodes[i].process = try ChildProcess(
            command[0], Array(command.dropFirst()), environment: placement.environment, output: nodes[i].logFile, errors: nodes[i].logFile)
    }

    package func startAll() throws(HarnessError) {
        for node in nodes { try start(node.name) }
    }

    /// SIGKILL: nothing is flushed, nobody is told.
    package func kill(_ name: String) { node(name)?.process?.destroy() }

    package func killAll() {
        for node in nodes { node.process?.signal(SIGKILL) }
        for node in nodes { node.process?.wait() }
    }

    /// SIGTERM; the exit code, or nil if the node still ran after the time.
    package func stop(_ name: String, withinMilliseconds limit: UInt64 = 10_000) -> Int32? {
        node(name)?.process?.signal(SIGTERM)
        return node(name)?.process?.wait(atMostMilliseconds: limit)
    }

    /// The process's number; nil if it was never started.
    package func pid(_ name: String) -> Int32? { node(name)?.process?.pid }
    package func node(_ name: String) -> Node? { nodes.first { $0.name == name } }
    package func isRunning(_ name: String) -> Bool { node(name)?.process?.isRunning == true }

    // MARK: Commands

    /// The environment with which `kho` speaks to this cluster as the holder of a certificate made here.
    package func environment(as identity: String) -> [String: String] {
        [
            "KHO_ADMIN_ENDPOINTS": nodes.map(\.adminAddress).joined(separator: ","),
            "KHO_ENDPOINTS": queryNodes.map(\.clientAddress).joined(separator: ","),
            "KHO_CERT": "\(certificates)/\(identity).crt", "KHO_KEY": "\(certificates)/\(identity).key",
            "KHO_CA": "\(certificates)/ca.crt", "NO_COLOR": "1", "HOME": folder,
        ]
    }

    /// Runs `kho` to its end, whatever it answers.
    package func run(_ arguments: [String], as identity: String = "admin") throws(HarnessError) -> CommandResult {
        try ChildProcess.run(kho, arguments, environment: environment(as: identity))
    }

    /// Runs `kho` and gives what it printed; throws if it did not succeed.
    @discardableResult
    package func command(_ arguments: [String], as identity: String = "admin") throws(HarnessError) -> String {
        let result = try run(arguments, as: identity)
        guard result.status == 0 else {
            throw .failed("kho " + arguments.joined(separator: " "), status: result.status, output: result.errors)
        }
        return result.output
    }

    /// Runs `kho` until it succeeds, for what needs a leader; throws the last failure when the time is over.
    @discardableResult
    package func commandWhenReady(
        _ arguments: [String], as identity: String = "admin", withinMilliseconds limit: UInt64 = 20_000
    ) throws(HarnessError) -> String {
        let end = MonotonicTime.now().adding(milliseconds: limit)
        while true {
            do {
                return try command(arguments, as: identity)
            } catch {
                guard MonotonicTime.now() < end else { throw error }
                usleep(20_000)
            }
        }
    }

    /// Waits for a condition; throws when the time is over.
    package func wait(
        for what: String, withinMilliseconds limit: UInt64 = 20_000, _ condition: () throws(HarnessError) -> Bool
    ) throws(HarnessError) {
        let end = MonotonicTime.now().adding(milliseconds: limit)
        while try !condition() {
            guard MonotonicTime.now() < end else { throw .timedOut(what) }
            usleep(10_000)
        }
    }
}
