import Backup
import Core
import Cryptography
import Replica
import Store
import Synchronization

/// A backup that an administrator draws out of the node, piece by piece: one at a time, given up when nobody asks for the next piece for long, since the state's
/// file grows as long as somebody reads an old image of it.
final class BackupJob: Sendable {
    /// Some bytes of the file, in their order.
    struct Piece: Sendable {
        var bytes: [UInt8]
        /// Entries of the state that are in the file so far, of those that its header says.
        var entries: UInt64
        /// Of the last piece: the bytes and the SHA-256 of the whole file.
        var whole: (bytes: UInt64, digest: Digest)?
    }

    enum Refusal: Error {
        /// Another one is under way, or this one's last piece is being made.
        case busy
        /// This one is not under way: it was given up, or never begun.
        case unknown
        /// The piece is neither the next one nor the last one given.
        case outOfOrder(next: UInt64)
        case failed(StoreError)
    }

    /// Milliseconds without a question for a piece after which a backup is given up.
    static let patienceMilliseconds: Double = 30_000
    private let patience: Double
    /// Bytes of a piece, more or less: several of the state's chunks.
    private static let pieceBytes = 1 << 20

    /// One backup. Owned by whoever took it out of the job, which is why it may be `@unchecked Sendable`.
    private final class Course: @unchecked Sendable {
        let number: UInt64
        var source: SnapshotSource?
        var writer: BackupWriter
        var pending: [UInt8]
        var next: UInt64 = 0
        /// The piece before the next one: its answer may have been lost.
        var last: Piece?
        var bytes: UInt64 = 0
        var entries: UInt64 = 0
        let hash = SHA256()

        init(number: UInt64, source: SnapshotSource, writer: BackupWriter) {
            self.number = number
            self.source = source
            self.writer = writer
            pending = self.writer.beginning()
        }

        /// Blocks for the disk, and compresses and seals.
        func piece(_ number: UInt64) throws(Refusal) -> Piece {
            if let last, number + 1 == next { return last }
            guard number == next, source != nil || !pending.isEmpty else { throw .outOfOrder(next: next) }
            while let source, pending.count < BackupJob.pieceBytes {
                let chunk: [UInt8]?
                do throws(StoreError) { chunk = try source.nextChunk() } catch { throw .failed(error) }
                entries = source.entries
                if let chunk { pending += writer.bytes(for: chunk) } else {
                    pending += writer.end()
                    self.source = nil
                }
            }
            let count = min(pending.count, 4 * BackupJob.pieceBytes)
            var piece = Piece(bytes: Array(pending[..<count]), entries: entries)
            pending.removeFirst(count)
            hash.update(piece.bytes)
            bytes += UInt64(count)
            next += 1
            if source == nil, pending.isEmpty { piece.whole = (bytes, hash.finish()) }
            last = piece
            return piece
        }
    }

    private struct State {
        var begun: UInt64 = 0
        var course: Course?
        /// Somebody has the course, and puts it back.
        var isTaken = false
        var isCancelled = false
        var heard = MonotonicTime(nanoseconds: 0)
    }

    private let state = Mutex(State())

    /// `patience`: milliseconds; another one in tests.
    init(patience: Double = BackupJob.patienceMilliseconds) { self.patience = patience }

    /// Begins one. Its number, and what it is of.
    func begin(_ store: StateStore, key: BackupKey, describe: (SnapshotHeader) -> BackupDescription) throws(Refusal) -> (number: UInt64, header: SnapshotHeader) {
        let number: UInt64? = state.withLock { state in
            guard !state.isTaken, state.course.map({ $0.last?.whole != nil }) ?? true else { return nil }
            state.begun += 1
            state.course = nil
            state.isTaken = true
            state.isCancelled = false
            return state.begun
        }
        guard let number else { throw .busy }
        let source: SnapshotSource
        do throws(StoreError) { source = try store.exportSnapshot() } catch {
            giveBack(nil)
            throw .failed(error)
        }
        let header = source.header
        giveBack(Course(number: number, source: source, writer: BackupWriter(describe(header), key: key)))
        watch(number)
        return (number, header)
    }

    /// The piece of this number, from 0. The last one given may be asked for again.
    func piece(_ piece: UInt64, of number: UInt64) async throws(Refusal) -> Piece {
        let taken: Result<Course, Refusal> = state.withLock { state in
            if state.isTaken, state.begun == number { return .failure(.busy) }
            guard let course = state.course, course.number == number else { return .failure(.unknown) }
            state.isTaken = true
            return .success(course)
        }
        let course = try taken.get()
        let result = await Blocking.run { Result { () throws(Refusal) in try course.piece(piece) } }
        if case .failure(.failed) = result { giveBack(nil) } else { giveBack(course) }
        return try result.get()
    }

    /// Ends the one under way; for a node that stops.
    func cancel() {
        state.withLock { state in
            state.isCancelled = true
            if !state.isTaken { state.course = nil }
        }
    }

    private func giveBack(_ course: Course?) {
        state.withLock { state in
            state.isTaken = false
            state.course = state.isCancelled ? nil : course
            state.heard = .now()
        }
    }

    /// Gives it up when nobody asks any more.
    private func watch(_ number: UInt64) {
        Task { [weak self] in
            while let self, self.isUnderWay(number) { try? await Task.sleep(for: .milliseconds(self.patience / 30)) }
        }
    }

    private func isUnderWay(_ number: UInt64) -> Bool {
        state.withLock { state in
            if state.isTaken { return state.begun == number }
            guard state.course?.number == number else { return false }
            guard MonotonicTime.now().milliseconds(since: state.heard) > patience else { return true }
            state.course = nil
            return false
        }
    }
}
