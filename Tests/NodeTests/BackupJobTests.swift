import Backup
import Core
import Harness
import Store
import Testing

@testable import Node

/// What a node keeps of a backup that is under way.
struct BackupJobTests {
    private func with(_ body: (StateStore) async throws -> Void) async throws {
        let folder = try TemporaryFolder(prefix: "kho-backup-job")
        defer { folder.remove() }
        let store = try StateStore(directory: folder.path + "/state", cluster: ClusterID(high: 1, low: 2), options: .init(mapBytes: 64 << 20))
        _ = try store.apply([
            LogEntry(
                index: LogIndex(1), term: Term(1), kind: .command, time: LogTime(milliseconds: 1),
                payload: Command.genesis(.init(clusterName: "thu", tokenKey: [UInt8](repeating: 1, count: 32), agency: "ops", system: "admin")).encoded())
        ])
        try await body(store)
    }

    private func begin(_ job: BackupJob, _ store: StateStore, _ key: BackupKey = BackupKey()) throws -> UInt64 {
        try job.begin(store, key: key) { header in
            BackupDescription(cluster: header.cluster, clusterName: "thu", node: "n1", version: "1", time: 1, snapshot: header.encoded())
        }.number
    }

    /// Its pieces hold the state as it was when it began, whatever is applied meanwhile.
    @Test func itIsOfTheMomentOfItsBeginning() async throws {
        try await with { store in
            let job = BackupJob()
            let key = BackupKey()
            let number = try begin(job, store, key)
            _ = try store.apply([LogEntry(index: LogIndex(2), term: Term(1), kind: .command, time: LogTime(milliseconds: 2), payload: Command.openSession(PrincipalID(1)).encoded())])
            let piece = try await job.piece(0, of: number)
            var offset = 0
            var reader = try BackupReader(
                { (count: Int) throws(BackupError) in
                    defer { offset = min(piece.bytes.count, offset + count) }
                    return Array(piece.bytes[offset..<min(piece.bytes.count, offset + count)])
                }, key: key)
            #expect(try SnapshotHeader(decoding: reader.description.snapshot).applied.index == LogIndex(1))
            while try reader.nextChunk() != nil {}
            #expect(piece.whole?.bytes == UInt64(piece.bytes.count))
        }
    }

    /// An image that nobody draws any more is let go, since it keeps pages of the state's file from being used again.
    @Test func whoStopsAskingLosesIt() async throws {
        try await with { store in
            let job = BackupJob(patience: 60)
            let number = try begin(job, store)
            #expect(throws: BackupJob.Refusal.self) { try begin(job, store) }
            var next: UInt64?
            for _ in 0..<1_000 where next == nil {
                try await Task.sleep(for: .milliseconds(10))
                next = try? begin(job, store)
            }
            #expect(next == number + 1)
            await #expect(throws: BackupJob.Refusal.self) { try await job.piece(0, of: number) }
            job.cancel()
            await #expect(throws: BackupJob.Refusal.self) { try await job.piece(0, of: number + 1) }
        }
    }
}
