import Catalogue
import Core
import Cryptography
import Glibc
import LMDB
import Synchronization

/// The replicated state machine of one node: entries of the log in, records out.
///
/// `apply`, `install` and `checkpoint` are each called by one thread at a time; reading is for any thread.
package final class StateStore: Sendable {
    package struct Options: Sendable {
        /// Bytes that the data file can grow to.
        package var mapBytes: Int
        /// Read transactions at a time.
        package var readers: Int

        package init(mapBytes: Int = 64 << 30, readers: Int = 512) {
            self.mapBytes = mapBytes
            self.readers = readers
        }

        var environment: Environment.Options { Environment.Options(mapBytes: mapBytes, databases: 8, readers: readers) }
    }

    package let directory: String
    package let cluster: ClusterID
    let options: Options
    private let files: DurableFiles
    /// Holds the directory for as long as the store lives.
    private let lock: FileLock
    /// What is open. Replaced under the write lock by a snapshot's installation.
    private let current: Mutex<Open>
    private let switching = ReadWriteLock()
    /// Readers of threads that look often.
    private let registered = Mutex<[Registered]>([])
    private let written = Atomic(0)
    private let counted = Mutex<Counted?>(nil)
    private let digested = Mutex<[FiguresAtIndex]>([])
    /// How far the state had come that the summary on the disk speaks of; 0 if none was written by this process.
    private let summarised = Mutex(LogIndex(0))

    private struct Registered: Sendable {
        weak let reader: StateReader?
    }

    struct Open: Sendable {
        var generation: Generation
        var readers: ReaderPool
        var applier: UncheckedApplier
        var state: AppliedState
    }

    /// `@unchecked Sendable` because only the apply thread uses the applier, and an installation waits for it.
    final class UncheckedApplier: @unchecked Sendable {
        let applier: Applier
        init(_ applier: Applier) { self.applier = applier }
    }

    /// Opens the directory, or makes it. The state is exactly that of the last checkpoint: what was applied since is in the log
    /// and is applied again.
    ///
    /// - Parameters:
    ///   - disk: another one than the system's in tests; LMDB's file is a real one always.
    ///   - canBeRebuilt: asked with the membership of the last checkpoint (empty if none was applied) if the state is damaged so that it cannot be opened. If
    ///     others can send theirs, an empty state takes its place: it shows how far the old one had come, has `damage`, and must serve nobody until a
    ///     snapshot is installed. What is left of the old one stays until then. Otherwise the damage is thrown, and the next start finds the same.
    package init(
        directory: String, cluster: ClusterID, options: Options = Options(), disk: any Disk = SystemDisk.shared,
        canBeRebuilt: (Membership) -> Bool = { _ in false }
    ) throws(StoreError) {
        self.directory = directory
        self.cluster = cluster
        self.options = options
        files = DurableFiles(disk)
        try files.makeFolder(directory)
        // Whoever made the folder, its name may sit only in the page cache.
        try files.syncFolder(directory + "/..")
        let path = directory + "/lock"
        do throws(FileLock.Failure) { lock = try FileLock(path) } catch {
            switch error {
            case .taken: throw .locked(path: directory)
            case let .system(operation, code): throw .file(operation: operation, path: path, errno: code)
            }
        }
        let opened: Open
        do throws(StoreError) {
            opened = try Self.open(try Self.generation(in: directory, cluster: cluster, options: options.environment, files: files))
        } catch {
            guard error.isDamage, let summary = Self.summary(in: directory, cluster, files), canBeRebuilt(summary.membership) else { throw error }
            opened = try Self.open(try Self.stand(inFor: summary, because: error, in: directory, options: options.environment, files: files))
        }
        current = Mutex(opened)
        // What looking through it has found is damage like any other: where there is nobody to send another state, the rest goes on being served.
        if let found = opened.generation.look?.found, canBeRebuilt(try withReadView { view throws(StoreError) in try view.membership() }) {
            try opened.generation.markDamaged(found)
        }
        // A stop between an installation's switch and its summary: whoever opens the log now may cut it through this state.
        if opened.generation.damage == nil, opened.state.position.index > LogIndex(0), Self.summary(in: directory, cluster, files)?.applied != opened.state.position {
            let membership = try withReadView { view throws(StoreError) in try view.membership() }
            do throws(StoreError) { try save(StateSummary(cluster: cluster, state: opened.state, membership: membership)) } catch {
                // A start needs no free space: the next checkpoint writes it.
                guard case let .file(_, _, code) = error, code == ENOSPC || code == EDQUOT else { throw error }
            }
        }
    }

    // MARK: Writing

    /// How far the log has been applied.
    package var applied: AppliedState { current.withLock { $0.state } }

    /// What survives any stop.
    package var checkpointed: LogPosition { current.withLock { $0.generation }.checkpointed }

    /// Bytes of the data file in use.
    package var usedBytes: Int { (try? current.withLock { $0.generation }.environment.usedBytes()) ?? 0 }

    /// Bytes by which the data file can still grow: those that its map and its disk have left. 0 if that cannot be known.
    package var room: Int {
        let free = (try? files.calling { () throws(DiskError) in try files.disk.openFolder(directory).freeBytes() }) ?? 0
        return max(0, min(options.mapBytes - usedBytes, free))
    }

    /// How full the map is (`Fullness`). `roomy` if it cannot be known. Asked for each proposal: as long as the file has not come near the map's end it costs a lock
    /// and a look at a page; after that the free pages are counted, anew after each sixteenth of the reserve that was written, after each checkpoint, and when a snapshot
    /// that is older than the checkpoint has been let go. (The disk's own room is the log's to watch, which lies beside the state.)
    package var fullness: Fullness {
        let reserve = Fullness.reserve(ofMap: options.mapBytes)
        let left = options.mapBytes - usedBytes
        guard left < reserve else { return .roomy }
        let (written, generation) = (writtenBytes, current.withLock { $0.generation })
        let pinned = generation.pinnedTransaction
        if let known = counted.withLock({ $0 }), known.pinned == pinned, written - known.written < reserve / 16,
            known.oldest >= pinned || known.oldest == Self.oldestSnapshot(generation)
        {
            return Fullness(left: left + known.free, reserve: reserve)
        }
        let oldest = Self.oldestSnapshot(generation)
        guard let free = freeBytes(before: oldest) else { return .roomy }
        counted.withLock { $0 = Counted(pinned: pinned, oldest: oldest, written: written, free: free) }
        return Fullness(left: options.mapBytes - usedBytes + free, reserve: reserve)
    }

    /// Bytes of pages that were free when they were counted last: those let go before the oldest snapshot, which is the checkpoint's, or an image that is being sent or backed up.
    private struct Counted {
        let pinned: UInt64
        let oldest: UInt64
        let written: Int
        let free: Int
    }

    private static func oldestSnapshot(_ generation: Generation) -> UInt64 {
        #if KHO_BUG_FULLNESS_BY_THE_PIN
        // Bug: of the snapshots that keep pages only the checkpoint's is known.
        generation.pinnedTransaction
        #else
        (try? generation.environment.oldestReader()) ?? generation.pinnedTransaction
        #endif
    }

    /// Bytes of pages that can be used again as long as nothing before this transaction is looked at.
    private func freeBytes(before transaction: UInt64) -> Int? {
        try? switching.withReadLock { () throws(StoreError) in
            let open = current.withLock { $0 }
            let reader = try open.readers.take()
            defer { open.readers.give(reader) }
            let pages = try lmdbBorrowing(reader.transaction) { reading throws(LMDBError) in try reading.freePages(before: transaction) }
            return pages * open.generation.environment.pageBytes
        }
    }

    /// Applies entries that follow the last one, in one transaction. An outcome for each entry; nil where there is none.
    /// By the apply thread only.
    package func apply(_ entries: [LogEntry]) throws(StoreError) -> [CommandOutcome?] {
        guard !entries.isEmpty else { return [] }
        let open = current.withLock { $0 }
        let applier = open.applier.applier
        let before = applier.snapshot
        open.generation.writer.lock()
        defer { open.generation.writer.unlock() }
        do {
            let before = try open.generation.environment.usedBytes()
            var transaction = try open.generation.environment.beginWrite()
            let id = transaction.id
            let outcomes = try applier.apply(entries, &transaction)
            try transaction.commit()
            count(by: id, since: before, open)
            let state = applier.state
            current.withLock { $0.state = state }
            return outcomes
        } catch {
            applier.restore(before)
            if let error = error as? LMDBError { throw named(.environment(error)) }
            throw named((error as? StoreError) ?? .corrupt(path: directory, what: "\(error)"))
        }
    }

    /// An error of the system that LMDB met, with the file that it met it in. A write that a full disk cut short LMDB calls an input/output error.
    private func named(_ error: StoreError) -> StoreError {
        guard case let .environment(cause) = error, cause.code > 0 else { return error }
        let isCutShort = cause.code == EIO && (try? files.calling { () throws(DiskError) in try files.disk.openFolder(directory).freeBytes() }) ?? .max < 1 << 20
        return .file(operation: "\(cause.operation)", path: current.withLock { $0.generation }.dataFile, errno: isCutShort ? ENOSPC : cause.code)
    }

    /// Bytes of pages that applying has written since the store was opened, nearly: those that it took the places of, and those by which the file grew. However
    /// small an entry is, it costs whole pages, and until the next checkpoint none of them is used again.
    package var writtenBytes: Int { written.load(ordering: .relaxed) }

    private func count(by transaction: UInt64, since usedBytes: Int, _ open: Open) {
        // A figure that cannot be had delays a checkpoint, and that is all.
        guard let reader = try? open.readers.take() else { return }
        defer { open.readers.give(reader) }
        let environment = open.generation.environment
        let replaced = (try? reader.transaction.pagesReplaced(by: transaction)) ?? 0
        let used = (try? environment.usedBytes()) ?? usedBytes
        written.add(used - usedBytes + replaced * environment.pageBytes, ordering: .relaxed)
    }

    /// Makes what is applied survive any stop. Blocks for the disk; applying goes on meanwhile. The log must be durable through
    /// what is applied, and may be cut through there when this returns.
    @discardableResult
    package func checkpoint() throws(StoreError) -> LogPosition {
        let summary: StateSummary
        do throws(StoreError) { summary = try current.withLock { $0.generation }.checkpoint() } catch { throw named(error) }
        try save(summary)
        return summary.applied
    }

    /// Before the log is cut on its account: it must be known what the log follows. Never back, for the log may have been cut since.
    private func save(_ summary: StateSummary) throws(StoreError) {
        try summarised.withLock { index throws(StoreError) in
            guard summary.applied.index >= index else { return }
            try files.replace(directory, StateSummary.name, with: summary.encoded)
            index = summary.applied.index
        }
    }

    /// Why the state must not be used any more; nil if nothing is known against it. Survives any stop; a snapshot's installation ends it.
    package var damage: String? { current.withLock { $0.generation }.damage }

    /// What was found when the state was looked through at its opening; nil if there was no reason to.
    package var look: Look? { current.withLock { $0.generation }.look }

    /// Notes durably that the state must not be used any more, until a snapshot takes its place. By the apply thread only. Blocks for the disk.
    package func markDamaged(_ what: String) throws(StoreError) { try current.withLock { $0.generation }.markDamaged(what) }

    // MARK: Reading

    /// Snapshots that are looked at now: pages that they show cannot be used again.
    package var openReadViews: Int { current.withLock { $0.readers.open } + registered.withLock { $0.count { $0.reader?.isLooking == true } } }

    /// A reader for one thread that looks often.
    package func makeReader() -> StateReader {
        // Not during an installation, which waits for those that there are.
        switching.withReadLock {
            let reader = StateReader(self)
            registered.withLock { all in
                all.removeAll { $0.reader == nil }
                all.append(Registered(reader: reader))
            }
            return reader
        }
    }

    /// What is in force now.
    var open: Open { current.withLock { $0 } }

    /// A digest of the state, the same on every replica at the same index: of how far the log is applied, the membership, each dataset's figures and the catalogue, all as
    /// they are stored, and of how many sessions and answers there are. Of the records it takes the figures' word. Reads as much as the catalogue is
    /// large: some hundred kilobytes mostly, and some milliseconds for each ten megabytes of one that comes near its limits.
    package func digest() throws(StoreError) -> Digest {
        try switching.withReadLock { () throws(StoreError) in
            let open = current.withLock { $0 }
            let reader = try open.readers.take()
            defer { open.readers.give(reader) }
            let digest = try StateDigestion.digest(reader.transaction, open.generation.databases)
            let index = try AppliedState.read(reader.transaction, open.generation.databases).position.index
            let figures = try DatasetFigures.readAll(reader.transaction, open.generation.databases).map { (dataset: $0, figures: $1) }
            digested.withLock { marks in
                marks.removeAll { $0.index >= index }
                marks.append(FiguresAtIndex(index: index, figures: figures))
                if marks.count > Self.marksMax { marks.removeFirst() }
            }
            return digest
        }
    }

    /// The datasets' figures at the indexes at which digests were taken last, ascending: the same indexes on every replica, whatever each has applied by now. Of this state only:
    /// none after another took its place, or after a start.
    package var figuresAtMarks: [FiguresAtIndex] { digested.withLock { $0 } }
    /// How many of them are kept.
    private static let marksMax = 4

    /// Calls with a snapshot of what is applied. Keep it short: LMDB cannot use pages again that an older snapshot shows.
    package func withReadView<T>(_ body: (borrowing ReadView) throws(StoreError) -> T) throws(StoreError) -> T {
        try switching.withReadLock { () throws(StoreError) in
            let open = current.withLock { $0 }
            let reader = try open.readers.take()
            defer { open.readers.give(reader) }
            let state = try AppliedState.read(reader.transaction, open.generation.databases)
            let catalogue = try open.readers.catalogue(as: state.policyIndex, reader, open.generation.databases)
            return try body(
                ReadView(reader: reader, databases: open.generation.databases, state: state, kept: catalogue))
        }
    }

    // MARK: Snapshots

    /// A consistent image of what is applied now, to be streamed to another node.
    package func exportSnapshot() throws(StoreError) -> SnapshotSource {
        try SnapshotSource(current.withLock { $0.generation }, cluster: cluster, of: self)
    }

    /// Whether this is an image of the state in force, and not of one that a snapshot's took the place of.
    func isInForce(_ source: SnapshotSource) -> Bool { current.withLock { $0.generation === source.generation } }

    /// Begins to receive a snapshot into a new generation. Nothing changes before `install`.
    package func beginInstall(_ header: SnapshotHeader) throws(StoreError) -> SnapshotSink {
        guard header.cluster == cluster else { throw .badSnapshot("it is of cluster \(header.cluster)") }
        let number = current.withLock { $0.generation.number } + 1
        return try SnapshotSink(
            header, generation: try Generation.make(number, in: directory, cluster: cluster, options: options.environment, files: files))
    }

    /// Replaces the state by a snapshot received whole. By the apply thread only. A stop at any step leaves the old state or
    /// the new one.
    package func install(_ sink: SnapshotSink) throws(StoreError) {
        let generation = try sink.finish()
        let opened = try Self.open(generation)
        try files.replace(directory, "current", with: Array("\(generation.number)\n".utf8))
        let old = switching.withWriteLock {
            let readers = registered.withLock { $0.compactMap(\.reader) }
            for reader in readers { reader.hold() }
            defer { for reader in readers { reader.letGo() } }
            return current.withLock { open in
                let old = open.generation
                open = opened
                return old
            }
        }
        digested.withLock { $0 = [] }
        try save(StateSummary(sink.header))
        withExtendedLifetime(old) { Self.removeGenerations(of: directory, files) { $0 < generation.number } }
    }
}
