import Core
import Replica
import Store
import Synchronization

/// The rescan of a node's stored records: one at a time, begun by an administrator's call and looked at by later ones, since it may take
/// minutes. It reads an image, and is given up when that stands in the way of the state (`SnapshotSource.obstacle`).
final class RescanJob: Sendable {
    enum State: Sendable {
        case idle
        case running(examined: UInt64)
        case ended(appliedIndex: LogIndex, found: [RescannedDataset])
        case failed(String)
    }

    private struct Job {
        var number: UInt64 = 0
        var state = State.idle
        var isCancelled = false
    }

    private let job = Mutex(Job())

    /// The number of the newest rescan, from 1, and how far it is. 0: there was none.
    var now: (number: UInt64, state: State) { job.withLock { ($0.number, $0.state) } }

    /// Begins a rescan, unless one is under way. If the stored bytes are not what was written, the replica hears of it.
    func begin(_ store: StateStore, of replica: Replica) {
        let begins = job.withLock { job in
            if case .running = job.state { return false }
            job.number += 1
            job.state = .running(examined: 0)
            job.isCancelled = false
            return true
        }
        guard begins else { return }
        // Blocks for the disk, so not on the pool that everybody shares.
        Task {
            let state = await Blocking.run { self.run(store, replica) }
            job.withLock { $0.state = state }
        }
    }

    /// Ends the one under way; for a node that stops.
    func cancel() { job.withLock { $0.isCancelled = true } }

    private func run(_ store: StateStore, _ replica: Replica) -> State {
        var read: SnapshotSource?
        do throws(StoreError) {
            let image = try store.exportSnapshot()
            read = image
            var obstacle: String?
            let found = try image.rescan { examined in
                obstacle = image.obstacle
                return job.withLock { job in
                    job.state = .running(examined: examined)
                    return !job.isCancelled && replica.damage == nil && obstacle == nil
                }
            }
            guard let found else {
                return .failed(replica.damage.map { "the state is damaged: \($0)" } ?? obstacle.map { "given up: \($0)" } ?? "the node is stopping")
            }
            // What is wrong with a state that is gone says nothing of the one that took its place.
            if let obstacle = image.obstacle, !image.isInForce { return .failed("given up: \(obstacle)") }
            let unsound = found.filter { !$0.isSound }.map { "\($0.dataset)" }
            if !unsound.isEmpty {
                replica.reportDamage("a rescan found records that are not what was written, of dataset \(unsound.joined(separator: ", "))")
            }
            return .ended(appliedIndex: image.header.applied.index, found: found)
        } catch {
            if error.isDamage, read?.isInForce != false { replica.reportDamage("\(error)") }
            return .failed("\(error)")
        }
    }
}

extension AdminService {
    /// `{begin?}`: begins a rescan of the stored records unless one is under way, and says how far it is. Once it has ended: what is kept and what
    /// was found of each dataset, in one snapshot. A difference is this node's own damage: it is out of service then until it is rebuilt. Works without a quorum.
    func rescan(_ body: Document, _ caller: CertificateName) async throws(Failure) -> Document {
        let stack = try stack()
        await barrierIfPossible(stack)
        try authorise(caller, stack)
        if body["begin"]?.bool == true { stack.rescan.begin(stack.store, of: stack.replica) }
        let (number, state) = stack.rescan.now
        var members: [Document.Member] = [.init("number", .int(Int64(number)))]
        switch state {
        case .idle: members.append(.init("state", "idle"))
        case let .running(examined):
            members += [.init("state", "running"), .init("examined", .int(Int64(examined))), .init("total", .int(Int64(try records(stack))))]
        case let .failed(reason): members += [.init("state", "failed"), .init("reason", .string(reason))]
        case let .ended(index, found):
            let catalogue = try view(stack) { view throws(StoreError) in view.catalogue }
            let rows = found.map { row in Self.document(of: row, code: catalogue.dataset(row.dataset)?.code ?? "\(row.dataset)") }
            members.append(.init("state", "ended"))
            members.append(.init("appliedIndex", .int(Int64(index.rawValue))))
            members.append(.init("datasets", .array(rows)))
        }
        return .object(members)
    }

    private static func document(of row: RescannedDataset, code: String) -> Document {
        [
            "dataset": .string(code), "sound": .bool(row.isSound), "records": .int(Int64(row.kept.records)),
            "found": .int(Int64(row.found.records)), "digest": .string(row.kept.digest.description),
            "foundDigest": .string(row.found.digest.description), "damaged": .int(Int64(row.damaged)),
        ]
    }

    private func records(_ stack: ReplicaStack) throws(Failure) -> UInt64 {
        try view(stack) { view throws(StoreError) in try view.figures().reduce(0) { $0 + $1.figures.records } }
    }
}
