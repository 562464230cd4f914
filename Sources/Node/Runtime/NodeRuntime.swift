import Configuration
import Core
import Glibc
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Transport

/// A node as a process runs it: waits to be given a place in a cluster, or takes up the one that its data directory has.
package final class NodeRuntime: Sendable {
    package let configuration: NodeConfiguration
    let tls: TLSIdentity
    let audit: AuditFile
    let logger: Logger
    private let loops: NodeLoops
    /// Holds the data directory.
    private let lock: FileLock
    private let failed: @Sendable (NodeError) -> Void
    private let state: Mutex<State>
    private let administration = Mutex<AdminServer?>(nil)

    private struct State {
        var identity: NodeIdentity
        var stack: ReplicaStack?
        /// A place is being given.
        var isForming = false
    }

    /// Checks configuration, certificate and data directory, and takes the directory for this process. Blocks on the disk.
    ///
    /// - Parameter failed: called, perhaps more than once, when the node cannot go on.
    package init(
        _ configuration: NodeConfiguration, loops: NodeLoops, logger: Logger, failed: @escaping @Sendable (NodeError) -> Void
    ) throws(NodeError) {
        self.configuration = configuration
        self.loops = loops
        self.logger = logger
        self.failed = failed
        let files = TLSFiles(certificate: configuration.tls.certificate, key: configuration.tls.key, authority: configuration.tls.ca)
        do throws(TransportError) { tls = try TLSIdentity(files: files) } catch { throw .transport(error) }
        guard tls.name.role == "node", tls.name.system.utf8.elementsEqual(configuration.name.utf8) else {
            throw .wrongCertificate(
                path: configuration.tls.certificate, says: tls.name.description,
                expected: "kho://\(tls.name.cluster)/node/-/\(configuration.name)")
        }
        do throws(FileError) { try FileAccess.makeFolders(configuration.data) } catch { throw .file(error) }
        if let name = FileSystem.network(at: configuration.data) { throw .networkFileSystem(path: configuration.data, name: name) }
        let path = configuration.data + "/lock"
        do throws(FileLock.Failure) { lock = try FileLock(path) } catch {
            switch error {
            case .taken: throw .inUse(path: configuration.data)
            case let .system(operation, code): throw .file(FileError(operation: operation, path: path, code: code))
            }
        }
        var identity = try NodeIdentity.open(in: configuration.data, clusterName: tls.name.cluster, name: configuration.name)
        do throws(FileError) { audit = try AuditFile(path: configuration.audit, node: configuration.name) } catch { throw .file(error) }
        try identity.begin(in: configuration.data)
        state = Mutex(State(identity: identity))
    }

    package var identity: NodeIdentity { state.withLock { $0.identity } }
    var stack: ReplicaStack? { state.withLock { $0.stack } }

    /// Listens for administrators, and takes up its place in the cluster if it has one.
    package func start() async throws(NodeError) {
        if let place = identity.place { try await run(place) }
        let server = AdminServer(service: AdminService(runtime: self), group: loops.clients)
        try await server.start(address: configuration.listen.admin, identity: tls, clusterName: identity.clusterName)
        administration.withLock { $0 = server }
        let place = identity.place
        logger.notice(
            "ready",
            metadata: [
                "node": "\(place.map { "\($0.node)" } ?? "-")", "name": "\(configuration.name)", "role": "\(configuration.role.rawValue)",
                "cluster": "\(place.map { "\($0.cluster)" } ?? "none yet")", "admin": "\(configuration.listen.admin)",
            ])
    }

    private func run(_ place: NodeIdentity.Place) async throws(NodeError) {
        let (configuration, identity, tls, loops, audit, logger, failed) = (configuration, identity, tls, loops, audit, logger, failed)
        let opened = await Blocking.run { () -> Result<ReplicaStack, NodeError> in
            Result { () throws(NodeError) in
                let stack = try ReplicaStack(
                    configuration: configuration, identity: identity, place: place, tls: tls, loops: loops, audit: audit, logger: logger,
                    failed: failed)
                // Before this node has promised anything to anybody.
                if !identity.hasFiles {
                    var complete = identity
                    complete.hasFiles = true
                    try complete.save(in: configuration.data)
                }
                return stack
            }
        }
        let stack = try opened.get()
        state.withLock { $0.identity.hasFiles = true }
        try await stack.start(configuration: configuration, tls: tls)
        state.withLock { $0.stack = stack }
    }

    /// Why a place is not taken.
    enum FormingError: Error {
        /// It has another one already.
        case placed(NodeIdentity.Place)
        /// One is being given at this moment.
        case busy
        case failed(NodeError)
    }

    /// Gives the node its place in a cluster, durably, and starts it. The same place a second time is no error.
    func take(_ place: NodeIdentity.Place) async throws(FormingError) {
        let begun: Result<NodeIdentity?, FormingError> = state.withLock { state in
            if let old = state.identity.place {
                return old.cluster == place.cluster && old.node == place.node ? .success(nil) : .failure(.placed(old))
            }
            guard !state.isForming else { return .failure(.busy) }
            state.isForming = true
            var identity = state.identity
            identity.place = place
            return .success(identity)
        }
        guard let identity = try begun.get() else { return }
        do throws(NodeError) {
            try identity.save(in: configuration.data)
            state.withLock { $0.identity = identity }
            try await run(place)
        } catch {
            state.withLock { $0.isForming = false }
            failed(error)
            throw .failed(error)
        }
        state.withLock { $0.isForming = false }
        logger.notice("joined", metadata: ["cluster": "\(place.cluster)", "node": "\(place.node)"])
    }

    /// Stops in order: nobody is served any more, what was decided is on the disk.
    package func stop() async {
        await administration.withLock { $0.take() }?.stop()
        await stack?.stop()
        audit.flush()
    }
}
