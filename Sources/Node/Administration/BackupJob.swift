import Backup
import Core
import Cryptography
import Replica
import Store
import Synchronization

/// A backup that an administrator draws out of the node, piece by piece: one at a time. As long as somebody reads an old image of the state, its file grows by what is
/// written; so a backup is given up when nobody asks for the next piece for long, and when its image stands in the way of the state (`SnapshotSource.obstacle`).
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
        /// Another one is under way, or this one's next piece is being made.
        case busy
        /// This one is not under way: it was never begun here, or by somebody else, or another one was begun since.
        case unknown
        /// It was given up, for this reason.
        case givenUp(String)
        /// The piece is neither the next one nor the last one given.
        case outOfOrder(next: UInt64)
        case failed(StoreError)
    }

    /// Milliseconds without a question for the next piece after which a backup is given up.
    static let patienceMilliseconds: Double = 30_000
    private let patience: Double
    /// Bytes of a piece, more or less: several of the state's chunks.
    private let pieceBytes: Int

    /// One backup. Owned by whoever took it out of the job, which is why it may be `@unchecked Sendable`.
    private final class Course: @unchecked Sendable {
        var source: SnapshotSource?
        var writer: BackupWriter
        var pending: [UInt8]
        var next: UInt64 = 0
        /// The piece before the next one: its answer may have been lost.
        var last: Piece?
        var bytes: UInt64 = 0
        var entries: UInt64 = 0
        let hash = SHA256()

        init(_ source: SnapshotSource, writer: BackupWriter) {
            self.source = source
            self.writer = writer
            pending = self.writer.beginning()
        }

        /// Why it must not go on; nil if it may.
        var obstacle: String? { source?.obstacle }

        /// Blocks for the disk, and compresses and seals.
        func piece(_ number: UInt64, bytes wanted: Int) throws(Refusal) -> Piece {
            if let last, number + 1 == next { return last }
            guard number == next, source != nil || !pending.isEmpty else { throw .outOfOrder(next: next) }
            if let obstacle { throw .givenUp(obstacle) }
            while let source, pending.count < wanted {
                let chunk: [UInt8]?
                do throws(StoreError) { chunk = try source.nextChunk() } catch { throw .failed(error) }
                entries = source.entries
                if let chunk {
                    pending += writer.bytes(for: chunk)
                } else {
                    pending += writer.end()
                    self.source = nil
                }
            }
            let count = min(pending.count, 4 * wanted)
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
        /// The newest one, whether it is under way or not, and who began it. Drawn, so that no number of another life of the process is taken for it.
        var number: UInt64 = 0
        var owner = ""
        var course: Course?
        /// Somebody has the course, and puts it back.
        var isTaken = false
        /// Why it was given up.
        var end: String?
        /// When a piece was given that had not been given before.
        var advanced = MonotonicTime(nanoseconds: 0)
    }

    private let state = Mutex(State())

    /// Others than the defaults in tests. `patience`: milliseconds.
    init(patience: Double = BackupJob.patienceMilliseconds, pieceBytes: Int = 1 << 20) {
        self.patience = patience
        self.pieceBytes = pieceBytes
    }

    /// Begins one for whom the owner names. Its number, and what it is of.
    func begin(
        _ store: StateStore, key: BackupKey, for owner: String, describe: (SnapshotHeader) -> BackupDescription
    ) throws(Refusal) -> (number: UInt64, header: SnapshotHeader) {
        let number: UInt64? = state.withLock { state in
            guard !state.isTaken, state.course.map({ $0.last?.whole != nil }) ?? true else { return nil }
            state = State(number: max(1, SystemRandom.uint64() >> 1), owner: owner, isTaken: true)
            return state.number
        }
        guard let number else { throw .busy }
        let source: SnapshotSource
        do throws(StoreError) { source = try store.exportSnapshot() } catch {
            giveBack(nil)
            throw .failed(error)
        }
        let header = source.header
        giveBack(Course(source, writer: BackupWriter(describe(header), key: key)))
        watch(number)
        return (number, header)
    }

    /// The piece of this number, from 0. The last one given may be asked for again.
    func piece(_ piece: UInt64, of number: UInt64, for owner: String) async throws(Refusal) -> Piece {
        let taken: Result<Course, Refusal> = state.withLock { state in
            guard state.number == number, state.owner.utf8.elementsEqual(owner.utf8) else { return .failure(.unknown) }
            if state.isTaken { return .failure(.busy) }
            guard let course = state.course else { return .failure(state.end.map { .givenUp($0) } ?? .unknown) }
            state.isTaken = true
            return .success(course)
        }
        let course = try taken.get()
        let before = course.next
        let result = await Blocking.run { [pieceBytes] in Result { () throws(Refusal) in try course.piece(piece, bytes: pieceBytes) } }
        switch result {
        case .failure(.failed), .failure(.givenUp): giveBack(nil)
        default: giveBack(course, advanced: course.next != before)
        }
        return try result.get()
    }

    /// Gives up the one under way.
    func giveUp(_ reason: String) {
        state.withLock { state in
            guard state.isTaken || state.course != nil else { return }
            state.end = reason
            if !state.isTaken { state.course = nil }
        }
    }

    private func giveBack(_ course: Course?, advanced: Bool = true) {
        state.withLock { state in
            state.isTaken = false
            state.course = state.end == nil ? course : nil
            if advanced { state.advanced = .now() }
        }
    }

    /// Gives it up when nobody asks any more, or it does harm.
    private func watch(_ number: UInt64) {
        Task { [weak self] in
            while let self, self.isUnderWay(number) { try? await Task.sleep(for: .milliseconds(self.patience / 30)) }
        }
    }

    private func isUnderWay(_ number: UInt64) -> Bool {
        state.withLock { state in
            guard state.number == number else { return false }
            if state.isTaken { return true }
            guard let course = state.course else { return false }
            if MonotonicTime.now().milliseconds(since: state.advanced) > patience {
                state.end = "nobody asked for its next piece for \(Int(patience / 1_000)) s"
            } else if let obstacle = course.obstacle {
                state.end = obstacle
            } else {
                return true
            }
            state.course = nil
            return false
        }
    }
}
