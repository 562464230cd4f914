import Backup
import Core
import Cryptography
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
        try job.begin(store, key: key, for: "admin") { header in
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
            let piece = try await job.piece(0, of: number, for: "admin")
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
            var next: UInt64?
            for _ in 0..<1_000 where next == nil {
                try await Task.sleep(for: .milliseconds(10))
                next = try? begin(job, store)
            }
            #expect(next != nil && next != number)
            await #expect(throws: BackupJob.Refusal.self) { try await job.piece(0, of: number, for: "admin") }
            job.giveUp("the node stops")
            await #expect(throws: BackupJob.Refusal.self) { try await job.piece(0, of: next ?? 0, for: "admin") }
        }
    }

    /// Pieces are the file in its order; the last one given is given again, no other, to nobody else.
    @Test func manyPiecesAreOneFile() async throws {
        try await with { store in
            let job = BackupJob(pieceBytes: 20)
            let key = BackupKey()
            let number = try begin(job, store, key)
            #expect(throws: BackupJob.Refusal.self) { try begin(job, store) }
            var file: [UInt8] = []
            var place: UInt64 = 0
            while true {
                let piece = try await job.piece(place, of: number, for: "admin")
                #expect(try await job.piece(place, of: number, for: "admin").bytes == piece.bytes)
                if place > 0 { await #expect(throws: BackupJob.Refusal.self) { try await job.piece(place - 1, of: number, for: "admin") } }
                await #expect(throws: BackupJob.Refusal.self) { try await job.piece(place + 2, of: number, for: "admin") }
                await #expect(throws: BackupJob.Refusal.self) { try await job.piece(place, of: number, for: "other") }
                file += piece.bytes
                place += 1
                guard let whole = piece.whole else { continue }
                #expect(whole.bytes == UInt64(file.count) && whole.digest == SHA256.digest(of: file))
                break
            }
            #expect(place > 2)
            #expect(try Self.chunks(of: file, key) > 0)
            // It was whole, so another may begin.
            #expect(try begin(job, store) != number)
        }
    }

    /// A state that another node's took the place of is no state of this node any more.
    @Test func anImageOfAReplacedStateIsGivenUp() async throws {
        try await with { store in
            let job = BackupJob(pieceBytes: 20)
            let number = try begin(job, store)
            _ = try await job.piece(0, of: number, for: "admin")
            let source = try store.exportSnapshot()
            let sink = try store.beginInstall(source.header)
            while let chunk = try source.nextChunk() { try sink.write(chunk) }
            try store.install(sink)
            let refusal = await #expect(throws: BackupJob.Refusal.self) { try await job.piece(1, of: number, for: "admin") }
            var reason: String?
            if case let .givenUp(text)? = refusal { reason = text }
            #expect(reason?.contains("another node's state") == true, "\(String(describing: refusal))")
            #expect(try begin(job, store) != number)
        }
    }

    private static func chunks(of file: [UInt8], _ key: BackupKey) throws -> Int {
        var offset = 0
        var count = 0
        var reader = try BackupReader(
            { (wanted: Int) throws(BackupError) in
                defer { offset = min(file.count, offset + wanted) }
                return Array(file[offset..<min(file.count, offset + wanted)])
            }, key: key)
        while try reader.nextChunk() != nil { count += 1 }
        return count
    }
}
