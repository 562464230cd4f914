import Backup
import Core
import Cryptography
import Replica
import Store
import Wire

extension AdminService {
    /// Begins a backup of the node's state, sealed with the key that the node's configuration names: the number to ask for its pieces with, and what it is of. Works
    /// without a quorum.
    func beginBackup(_ caller: CertificateName) async throws(Failure) -> Document {
        let stack = try stack()
        await barrierIfPossible(stack)
        try authorise(caller, stack)
        guard let path = runtime.configuration.backupKey else {
            throw Failure(.refused, "\(runtime.identity.name) gives no backups: its configuration names no key to seal them with ([backup] key)")
        }
        if let damage = stack.replica.damage { throw Failure(.unavailable, "this node's state is damaged and is being rebuilt: \(damage)") }
        guard stack.store.applied.policyIndex > LogIndex(0) else { throw Failure(.refused, "the cluster has not begun yet: there is nothing to back up") }
        let key: BackupKey
        do throws(KeyFileError) { key = try BackupKey(path: path) } catch { throw Failure(.refused, "\(error)") }
        let (identity, cluster) = (runtime.identity, stack.place.cluster)
        let begun: (number: UInt64, header: SnapshotHeader)
        do throws(BackupJob.Refusal) {
            begun = try stack.backup.begin(stack.store, key: key, for: caller.description) { header in
                BackupDescription(
                    cluster: cluster, clusterName: identity.clusterName, node: identity.name, version: Version.current, time: WallClock.now(),
                    snapshot: header.encoded())
            }
        } catch { throw failure(error, stack) }
        return [
            "name": .string(identity.name), "backup": .int(Int64(begun.number)), "appliedIndex": .int(Int64(begun.header.applied.index.rawValue)),
            "entries": .int(Int64(begun.header.entries)),
        ]
    }

    /// `{backup, piece}`: the bytes of this piece, from 0, as the attachment, and how far the backup is. With the last one the bytes and the SHA-256 of the whole.
    func backupPiece(_ body: Document, _ caller: CertificateName) async throws(Failure) -> AdminReply {
        let stack = try stack()
        try authorise(caller, stack)
        guard let number = body["backup"]?.int, let place = body["piece"]?.int, number > 0, place >= 0 else {
            throw Failure(.invalidRequest, path: "piece", "expected the numbers of a backup and of a piece")
        }
        let piece: BackupJob.Piece
        do throws(BackupJob.Refusal) { piece = try await stack.backup.piece(UInt64(place), of: UInt64(number), for: caller.description) } catch { throw failure(error, stack) }
        var members: [Document.Member] = [.init("piece", .int(place)), .init("entries", .int(Int64(piece.entries)))]
        if let whole = piece.whole {
            members += [.init("bytes", .int(Int64(whole.bytes))), .init("sha256", .string(whole.digest.description))]
        }
        return AdminReply(body: .object(members), attachment: piece.bytes)
    }

    private func failure(_ refusal: BackupJob.Refusal, _ stack: ReplicaStack) -> Failure {
        switch refusal {
        case .busy: Failure(.throttled, "a backup of this node is under way", retryAfterMilliseconds: 1_000)
        case .unknown: Failure(.refused, "this administrator has begun no such backup here")
        case let .givenUp(reason): Failure(.refused, "the backup was given up: \(reason)")
        case let .outOfOrder(next): Failure(.invalidRequest, path: "piece", "the next piece is \(next)")
        case let .failed(error):
            if error.isDamage, stack.replica.reportDamage("\(error)") { Failure(.unavailable, "this node's state is damaged and is being rebuilt: \(error)") } else { Failure(.internal, "\(error)") }
        }
    }
}
