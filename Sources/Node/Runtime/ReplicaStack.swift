import Admission
import Configuration
import Core
import Logging
import NIOCore
import Peers
import QueryService
import Raft
import Replica
import SegmentLog
import Store
import Transport

/// What a node runs once it belongs to a cluster: log, state, replica, peers, and, on a query node, KHO/1. Started and stopped in one
/// order.
final class ReplicaStack: Sendable {
    /// How far a storage node's state may be behind what is committed, beside what applying takes, as long as nobody waits for it there; and the entries and bytes that it applies in
    /// one transaction. A page that several entries of this time change is written once (docs/performance.md). LMDB keeps a transaction's pages in memory: of so many entries with a
    /// small record each 64 MiB, if no two share a page; of imports in scattered order, which have more records to a byte, some 150 MiB.
    static let storageApplyPauseMilliseconds: UInt64 = 1_000, storageApplyEntries = 16_384, storageApplyBytes = 16 << 20

    let place: NodeIdentity.Place
    let store: StateStore
    let replica: Replica
    let peers: PeerNetwork
    let query: QueryServer?
    let rescan = RescanJob()
    let backup = BackupJob()
    let adapter: PeerAdapter

    /// Opens the files, which takes as long as the disk does, and puts the parts together; nothing listens yet.
    init(
        configuration: NodeConfiguration, identity: NodeIdentity, place: NodeIdentity.Place, tls: TLSIdentity, loops: NodeLoops,
        audit: AuditFile, logger: Logger, failed: @escaping @Sendable (NodeError) -> Void
    ) throws(NodeError) {
        self.place = place
        let bounds = configuration.bounds
        let log: SegmentLog
        let recovered: RecoveredLog
        do throws(LogError) {
            // A directory that has a state, or that had its files once, had a log: one that is lost must not be replaced by an empty one.
            let mayCreate = !identity.hasFiles && !FileAccess.exists(configuration.data + "/state/current")
            let options = LogOptions(segmentBytes: bounds.segmentBytes, lowSpaceBytes: bounds.lowSpaceBytes, mayCreate: mayCreate)
            (log, recovered) = try SegmentLog.open(
                directory: configuration.data + "/log",
                identity: LogIdentity(cluster: place.cluster, node: place.node, incarnation: identity.incarnation), options: options)
        } catch { throw .log(error) }
        let store: StateStore
        do throws(StoreError) {
            store = try StateStore(
                directory: configuration.data + "/state", cluster: place.cluster, options: .init(mapBytes: bounds.mapBytes),
                canBeRebuilt: { membership in
                    (membership == .empty ? place.firstMembership : membership).members.contains { $0.id != place.node }
                })
        } catch { throw .store(error) }
        if let look = store.look {
            logger.warning(
                "the state was read as a whole, since reading it had ended the process",
                metadata: ["why": "\(look.why)", "found": "\(look.found ?? "nothing wrong")"])
        }

        var options = ReplicaOptions(node: place.node)
        options.incarnation = identity.incarnation
        options.tickMilliseconds = configuration.tickMilliseconds
        options.electionTicks = configuration.electionTicks
        options.heartbeatTicks = configuration.heartbeatTicks
        options.checkpointBytes = min(bounds.checkpointBytes, Fullness.checkpointBytesMax(ofMap: bounds.mapBytes))
        options.checkpointMilliseconds = bounds.checkpointMilliseconds
        options.retainedLogBytes = bounds.logRetentionBytes
        options.snapshotBytesPerSecond = bounds.snapshotBytesPerSecond
        options.wantsLease = configuration.role == .query
        // No checkpoint comes in the middle of a transaction, and what it writes must find room in the map's reserve: an operation in four pages.
        options.applyOperationsMax = max(1, min(options.applyOperationsMax, Fullness.reserve(ofMap: bounds.mapBytes) >> 14))
        // Clients ask query nodes. A storage node applies for snapshots, for administrators, who are waited for, and for the day on which it leads.
        if configuration.role == .storage {
            options.applyPauseMilliseconds = Self.storageApplyPauseMilliseconds
            (options.applyEntriesMax, options.applyBytesMax) = (Self.storageApplyEntries, Self.storageApplyBytes)
            // Nobody is told there how old the state is but administrators, and each round that finds out waits for what it found committed.
            options.freshnessMilliseconds = Self.storageApplyPauseMilliseconds
        }
        options.firstMembership = place.firstMembership
        let directory = configuration.data
        let admission = PeerAdmission(node: place.node, incarnation: identity.incarnation, met: try MetStarts.open(in: directory))
        adapter = PeerAdapter(
            admission, save: { met in
                do throws(NodeError) { try met.save(in: directory) } catch { failed(error) }
            }
        ) { hello, name, reason in
            audit.write("peerRefused", [("peer", .string("\(hello.node)")), ("certificate", .string(name)), ("reason", .string(reason))])
        }
        do throws(ReplicaFailure) {
            replica = try Replica(
                options: options, machine: store, log: log, recovered: recovered, transport: adapter,
                host: .system.withLoop(on: EventLoopLane(loops.peers.next())), failed: { failed(.replica($0)) },
                alarm: { logger.warning("the clocks disagree", metadata: ["alarm": "\($0)"]) },
                repair: { [backup] event in
                    // What is known to be damaged goes into no backup.
                    if case let .damaged(what) = event { backup.giveUp("the state is damaged: \(what)") }
                    Self.tell(event, audit, logger)
                })
        } catch { throw .replica(error) }
        guard let listen = Endpoint(configuration.listen.peer) else {
            throw .listen(service: "peers", address: configuration.listen.peer, reason: "not host:port")
        }
        do throws(PeerError) {
            peers = try PeerNetwork(
                identity: PeerIdentity(
                    cluster: place.cluster, node: place.node, incarnation: identity.incarnation,
                    start: PeerStart(number: identity.starts, mark: SystemRandom.uint64())),
                clusterName: identity.clusterName, listen: listen, tls: tls, group: loops.peers, delegate: adapter, logger: logger)
        } catch { throw .peers(error) }
        if configuration.role == .query {
            var settings = QuerySettings(
                node: identity.name, version: Version.current, clusterName: identity.clusterName, clusterID: place.cluster)
            settings.connectionsMax = bounds.connections
            settings.busyPollMicroseconds = bounds.busyPollMicroseconds
            query = QueryServer(settings: settings, group: loops.clients, replica: replica, store: store, audit: { QueryAudit.write($0, to: audit) })
        } else {
            query = nil
        }
        self.store = store
        logger.info(
            "files opened",
            metadata: [
                "applied": "\(store.applied.position.index)", "log entries": "\(recovered.entries.count)",
                "after it": "\(recovered.entries.count { $0.index > store.applied.position.index })", "term": "\(recovered.hardState.term)",
            ])
    }

    /// A line for the auditor and one for the log: what befell the state.
    private static func tell(_ event: RepairEvent, _ audit: AuditFile, _ logger: Logger) {
        switch event {
        case let .damaged(what):
            audit.write("damaged", [("what", .string(what))])
            logger.error("the state is damaged: out of service until it is rebuilt from another node", metadata: ["what": "\(what)"])
        case let .rebuilt(position):
            audit.write("rebuilt", [("index", .int(Int64(position.index.rawValue)))])
            logger.notice("the state is rebuilt, the node serves again", metadata: ["applied": "\(position.index)"])
        case let .disputed(index):
            audit.write("disputed", [("index", .int(Int64(index.rawValue)))])
            logger.critical(
                "the storage nodes' states differ, and no majority of them agrees; see which is right (kho cluster verify), and rebuild the others (kho node rebuild)",
                metadata: ["index": "\(index)"])
        }
    }

    func start(configuration: NodeConfiguration, tls: TLSIdentity) async throws(NodeError) {
        do throws(PeerError) { try await peers.start() } catch { throw .peers(error) }
        adapter.connect(network: peers, replica: replica)
        replica.start()
        if let query, let address = configuration.listen.client {
            guard let listen = Endpoint(address) else { throw .listen(service: "clients", address: address, reason: "not host:port") }
            do { _ = try await query.start(host: listen.host, port: listen.port, identity: tls) } catch {
                throw .listen(service: "clients", address: address, reason: "\(error)")
            }
        }
    }

    /// Clients first, then the replica with a last checkpoint, then the peers.
    func stop() async {
        await query?.stop()
        rescan.cancel()
        backup.giveUp("the node stops")
        let replica = replica
        // Blocks for the disk, so not on the pool that everybody shares.
        await Blocking.run { replica.stop() }
        await peers.stop()
        adapter.disconnect()
    }
}

/// Lines of the audit file for what the query service reports.
enum QueryAudit {
    static func write(_ event: QueryEvent, to audit: AuditFile) {
        switch event {
        case let .denied(principal, operation, dataset, remote):
            audit.write(
                "denied",
                [
                    ("principal", .string(principal)), ("operation", .string(operation)), ("dataset", .int(Int64(dataset.rawValue))),
                    ("outcome", "denied"), ("remote", .string(remote)),
                ])
        case let .unauthenticated(certificate, remote):
            audit.write("unauthenticated", [("certificate", .string(certificate)), ("remote", .string(remote))])
        case let .misbehaved(certificate, code, remote):
            audit.write(
                "protocolError", [("certificate", .string(certificate)), ("error", .string("KHO-\(code)")), ("remote", .string(remote))])
        case let .damagedRecord(dataset): audit.write("damagedRecord", [("dataset", .int(Int64(dataset.rawValue)))])
        }
    }
}
