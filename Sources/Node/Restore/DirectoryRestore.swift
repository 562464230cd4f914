import Backup
import Configuration
import Core
import SegmentLog
import Store
import Transport

/// Makes a node's data directory out of a backup: the first and only voter of a new cluster that begins with that state (`Founding`).
///
/// The cluster has a new id, so that no node of the old one, should it come back, is taken for a member; its name, and with it every certificate, is the old one's.
/// Holds the directory's lock for as long as it lives.
package struct DirectoryRestore {
    private let configuration: NodeConfiguration
    private let clusterName: String
    private let lock: FileLock

    /// Takes the directory, which must be nobody's; makes nothing in it but the lock's file.
    package init(_ configuration: NodeConfiguration) throws(RestoreError) {
        guard configuration.role == .storage else { throw .notAStorageNode(configuration.name) }
        self.configuration = configuration
        let tls: TLSIdentity
        do throws(TransportError) {
            tls = try TLSIdentity(
                files: TLSFiles(certificate: configuration.tls.certificate, key: configuration.tls.key, authority: configuration.tls.ca))
        } catch { throw .node(.transport(error)) }
        guard tls.name.role == "node", tls.name.system.utf8.elementsEqual(configuration.name.utf8) else {
            throw .node(
                .wrongCertificate(
                    path: configuration.tls.certificate, says: tls.name.description, expected: "kho://\(tls.name.cluster)/node/-/\(configuration.name)"))
        }
        clusterName = tls.name.cluster
        let data = configuration.data
        do throws(FileError) { try FileAccess.makeFolders(data) } catch { throw .node(.file(error)) }
        if let name = FileSystem.network(at: data) { throw .node(.networkFileSystem(path: data, name: name)) }
        do throws(FileLock.Failure) { lock = try FileLock(data + "/lock") } catch {
            switch error {
            case .taken: throw .node(.inUse(path: data))
            case let .system(operation, code): throw .node(.file(FileError(operation: operation, path: data + "/lock", code: code)))
            }
        }
        for name in ["identity", "state", "log", "met"] where FileAccess.exists(data + "/" + name) { throw .occupied(path: data + "/" + name) }
    }

    /// What became of a backup.
    package struct Outcome: Sendable {
        /// What it held, at the index at which it was made.
        package var content: BackupContent
        package var cluster: ClusterID
        /// Where the new cluster's log begins, and the time by which it judges terms.
        package var founding: Founding
    }

    /// Restores the file. The directory is a node's only when this has returned: its identity is written last, and a directory that has a state and no identity is
    /// refused at every start. After a failure what it made is gone. Blocks for the disk, as long as writing the state takes.
    package func restore(_ file: BackupFile, key: BackupKey, progress: (UInt64) -> Void = { _ in }) throws(RestoreError) -> Outcome {
        var reader: BackupReader
        do throws(BackupError) { reader = try file.reader(key) } catch { throw .backup(error) }
        guard reader.description.clusterName.utf8.elementsEqual(clusterName.utf8) else {
            throw .otherCluster(certificates: clusterName, backup: reader.description.clusterName)
        }
        do throws(RestoreError) { return try restore(&reader, progress) } catch {
            for name in ["identity", "identity.new", "state", "log"] { FileAccess.removeTree(configuration.data + "/" + name) }
            throw error
        }
    }

    private func restore(_ reader: inout BackupReader, _ progress: (UInt64) -> Void) throws(RestoreError) -> Outcome {
        let cluster = ClusterID(high: SystemRandom.uint64(), low: SystemRandom.uint64())
        let incarnation = Incarnation(max(1, SystemRandom.uint64()))
        let place = place(in: cluster, incarnation)
        let (content, founding) = try state(&reader, place, progress)
        let identity = NodeIdentity(clusterName: clusterName, name: configuration.name, incarnation: incarnation, place: place, hasFiles: true)
        do throws(LogError) { try makeLog(identity, place, after: founding.position) } catch { throw .node(.log(error)) }
        do throws(NodeError) { try identity.save(in: configuration.data) } catch { throw .node(error) }
        return Outcome(content: content, cluster: cluster, founding: founding)
    }

    private func state(_ reader: inout BackupReader, _ place: NodeIdentity.Place, _ progress: (UInt64) -> Void) throws(RestoreError) -> (BackupContent, Founding) {
        let header: SnapshotHeader
        do throws(DecodingError) { header = try SnapshotHeader(decoding: reader.description.snapshot) } catch { throw .content("\(error)") }
        let founding = Founding(after: header, with: place.firstMembership, now: WallClock.now())
        let store: StateStore
        do throws(StoreError) {
            store = try StateStore(directory: configuration.data + "/state", cluster: place.cluster, options: .init(mapBytes: configuration.bounds.mapBytes))
        } catch { throw .node(.store(error)) }
        let content = try BackupContent.receive(&reader, into: store, progress: progress) { sink throws(StoreError) in try sink.prepare(founding: founding) }
        return (content, founding)
    }

    /// An empty log that goes on where the state ends.
    private func makeLog(_ identity: NodeIdentity, _ place: NodeIdentity.Place, after position: LogPosition) throws(LogError) {
        let options = LogOptions(segmentBytes: configuration.bounds.segmentBytes, lowSpaceBytes: configuration.bounds.lowSpaceBytes)
        let (log, _) = try SegmentLog.open(
            directory: configuration.data + "/log", identity: LogIdentity(cluster: place.cluster, node: place.node, incarnation: identity.incarnation),
            options: options)
        // Nobody voted in it, and nobody can: there is no other node of this cluster.
        try log.append([], hardState: HardState(term: position.term))
        try log.reset(to: position)
        try log.sync()
    }

    /// That of the only voter.
    private func place(in cluster: ClusterID, _ incarnation: Incarnation) -> NodeIdentity.Place {
        let node = NodeID(1)
        let addresses = configuration.advertise
        let member = Membership.Member(
            id: node, name: configuration.name, peerAddress: addresses.peer, adminAddress: addresses.admin, clientAddress: addresses.client ?? "",
            incarnation: incarnation)
        return NodeIdentity.Place(cluster: cluster, node: node, firstMembership: Membership(members: [member], voters: [node]))
    }
}
