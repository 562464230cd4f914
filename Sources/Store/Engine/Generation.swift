import Core
import LMDB
import Synchronization

/// The databases of an environment.
struct Databases: Sendable {
    static let recordsName: StaticString = "records"

    /// Applied state, membership, figures of each dataset.
    var meta: Database
    /// The catalogue's objects.
    var catalogue: Database
    /// Client sessions and their stored answers.
    var sessions: Database
    /// dataset u32, then the record's key → record.
    var records: Database

    /// In the order of a snapshot.
    var all: [Database] { [meta, catalogue, sessions, records] }
    static let count = 4
    /// Where the records stand in it.
    static let recordsPlace = 3

    init(_ environment: Environment) throws(StoreError) {
        meta = try lmdb { () throws(LMDBError) in try environment.openDatabase("meta") }
        catalogue = try lmdb { () throws(LMDBError) in try environment.openDatabase("catalogue") }
        sessions = try lmdb { () throws(LMDBError) in try environment.openDatabase("sessions") }
        records = try lmdb { () throws(LMDBError) in try environment.openDatabase("\(Databases.recordsName)") }
    }
}

/// One life of the state: a folder with LMDB's data file and the checkpoint that restores it. A snapshot makes a new
/// generation; a checkpoint names its generation, so that old meta pages never meet a new file.
///
/// `@unchecked Sendable` because the environment is, the checkpoint's pin changes under `checkpointLock` only, and whoever
/// writes holds `writer`.
final class Generation: @unchecked Sendable {
    let number: UInt64
    let folder: String
    let cluster: ClusterID
    private let files: DurableFiles
    let environment: Environment
    let databases: Databases
    /// Held while a write transaction is open, and while a checkpoint takes its pin.
    let writer = Lock()
    private let checkpointLock = Lock()
    /// Keeps LMDB from using a page again that the last checkpoint needs.
    private var pin: Pin? {
        didSet { pinned.store(pin?.transaction.id ?? 0, ordering: .relaxed) }
    }
    private let pinned = Atomic<UInt64>(0)
    /// Of the last checkpoint: what transactions before it let go can be used again.
    var pinnedTransaction: UInt64 { pinned.load(ordering: .relaxed) }
    /// What the last checkpoint on the disk shows.
    private(set) var checkpointed: LogPosition
    /// Until the first checkpoint. Under `checkpointLock`.
    private var suspicion: Suspicion?
    /// What was found when the state was opened and looked through; nil if there was no reason to.
    private(set) var look: Look?
    /// Why the state must not be used any more; nil if nothing is known against it. In the folder too: it ends with the generation.
    private let knownDamage: Mutex<String?>

    private final class Pin {
        let transaction: ReadTransaction
        init(_ environment: Environment) throws(LMDBError) { transaction = try environment.beginRead() }
    }

    /// The file of LMDB.
    static func dataFile(in folder: String) -> String { folder + "/data.mdb" }
    var dataFile: String { Self.dataFile(in: folder) }

    static func folder(_ number: UInt64, in directory: String) -> String { directory + "/g-" + String(number) }

    /// A new, empty generation, checkpointed before anything is written to it.
    static func make(_ number: UInt64, in directory: String, cluster: ClusterID, options: Environment.Options, files: DurableFiles) throws(StoreError) -> Generation {
        let folder = folder(number, in: directory)
        try files.removeFolder(folder)
        try files.makeFolder(folder)
        let generation = try Generation(number, folder: folder, cluster: cluster, options: options, files: files, checkpoint: nil)
        _ = try generation.checkpoint()
        try files.syncFolder(directory)
        return generation
    }

    /// An existing generation exactly as its last checkpoint shows it, whatever became of it since.
    static func restore(_ number: UInt64, in directory: String, cluster: ClusterID, options: Environment.Options, files: DurableFiles) throws(StoreError) -> Generation {
        let folder = folder(number, in: directory)
        let path = folder + "/checkpoint"
        guard let bytes = try files.read(path) else { throw .corrupt(path: path, what: "the file is missing") }
        let checkpoint = try Checkpoint(decoding: bytes, path: path)
        guard checkpoint.cluster == cluster else { throw .foreign(path: folder, cluster: checkpoint.cluster) }
        guard checkpoint.generation == number else {
            throw .corrupt(path: path, what: "it is of generation \(checkpoint.generation), not of \(number)")
        }
        // What was found is made durable before it counts.
        try files.syncFolder(folder)
        let suspicion = try Suspicion(of: folder, files)
        #if !KHO_BUG_META_PAGES_NOT_RESTORED
        // Without it: the data file is opened as it was found.
        try files.overwrite(dataFile(in: folder), with: checkpoint.pages)
        #endif
        let generation = try Generation(number, folder: folder, cluster: cluster, options: options, files: files, checkpoint: checkpoint)
        // One that is known to be damaged serves nobody anyway.
        if let suspicion, generation.damage == nil {
            generation.look = Look(why: suspicion.why, found: try suspicion.look(through: generation.environment, generation.databases))
            generation.suspicion = suspicion
        }
        return generation
    }

    private init(
        _ number: UInt64, folder: String, cluster: ClusterID, options: Environment.Options, files: DurableFiles, checkpoint: Checkpoint?
    ) throws(StoreError) {
        self.number = number
        self.folder = folder
        self.cluster = cluster
        self.files = files
        // Its table of readers is of another life.
        try files.remove(folder + "/lock.mdb")
        environment = try lmdb { () throws(LMDBError) in
            try Environment(folder: folder, options: options, mark: folder + "/" + Suspicion.unreadableName)
        }
        try Self.fill(environment, Self.dataFile(in: folder), files)
        checkpointed = checkpoint?.applied ?? .zero
        knownDamage = Mutex(try files.read(folder + "/" + Self.damagedName).map { String(decoding: $0, as: UTF8.self) })
        if let checkpoint {
            // Before the first write, or LMDB would use pages again that the checkpoint needs.
            let environment = environment
            let pin = try lmdb { () throws(LMDBError) in try Pin(environment) }
            guard pin.transaction.id == checkpoint.transaction else {
                throw .corrupt(
                    path: folder, what: "the data file shows transaction \(pin.transaction.id), the checkpoint \(checkpoint.transaction)")
            }
            self.pin = pin
            pinned.store(pin.transaction.id, ordering: .relaxed)
        }
        databases = try Databases(environment)
        _ = try lmdb { [environment] () throws(LMDBError) in try environment.checkReaders() }
    }

    /// Makes the file as long as its pages say. A page behind its end, where it was cut, would end the process at its first look (SIGBUS); one of zeros is
    /// damage that LMDB sees. (The last pages of a sound file may never have been written: nobody needs them.)
    private static func fill(_ environment: Environment, _ path: String, _ files: DurableFiles) throws(StoreError) {
        let data = files.borrow(try lmdb { () throws(LMDBError) in try environment.fileDescriptor() }, path)
        let bytes = try lmdb { () throws(LMDBError) in try environment.usedBytes() }
        try files.calling { () throws(DiskError) in
            if try data.size() < bytes { try data.write([0], at: bytes - 1) }
        }
    }

    private static let damagedName = "damaged"

    var damage: String? { knownDamage.withLock { $0 } }

    /// Notes durably that the state must not be used any more. The first reason stays.
    func markDamaged(_ what: String) throws(StoreError) {
        guard damage == nil else { return }
        let text = String(decoding: what.utf8.prefix(1_000), as: UTF8.self)
        try files.replace(folder, Self.damagedName, with: Array(text.utf8))
        knownDamage.withLock { $0 = text }
    }

    /// An empty generation in the place of a state that cannot be opened: it says how far that had come, and that it must serve nobody.
    static func stand(
        inFor summary: StateSummary, because damage: String, _ number: UInt64, in directory: String, options: Environment.Options, files: DurableFiles
    ) throws(StoreError) -> Generation {
        let generation = try make(number, in: directory, cluster: summary.cluster, options: options, files: files)
        // First of all: whatever is in it, nobody may be served from it.
        try generation.markDamaged(damage)
        try lmdb { () throws(LMDBError) in
            var transaction = try generation.environment.beginWrite()
            try transaction.put(generation.databases.meta, AppliedState.key, summary.state.encoded())
            if summary.membershipIndex > LogIndex(0) {
                try transaction.put(generation.databases.meta, AppliedState.membershipKey, summary.membership.encoded())
            }
            try transaction.commit()
        }
        _ = try generation.checkpoint()
        return generation
    }

    /// Makes the state that of a cluster which begins with it. Not durable before the next checkpoint.
    func found(_ founding: Founding) throws(StoreError) {
        let reader = try lmdb { [environment] () throws(LMDBError) in try Reader(environment) }
        var state = try AppliedState.read(reader.transaction, databases)
        state.position = founding.position
        state.time = founding.time
        state.membershipIndex = founding.position.index
        writer.lock()
        defer { writer.unlock() }
        do throws(LMDBError) {
            var transaction = try environment.beginWrite()
            try transaction.put(databases.meta, AppliedState.key, state.encoded())
            try transaction.put(databases.meta, AppliedState.membershipKey, founding.membership.encoded())
            try transaction.commit()
        } catch { throw .environment(error) }
    }

    /// Makes what is applied now survive any stop. Writing goes on meanwhile, but for the moment of taking the pin. The log
    /// must be durable through what is applied. What the checkpoint shows.
    func checkpoint() throws(StoreError) -> StateSummary {
        checkpointLock.lock()
        defer { checkpointLock.unlock() }
        let environment = environment
        let path = dataFile
        let data = files.borrow(try lmdb { () throws(LMDBError) in try environment.fileDescriptor() }, path)

        writer.lock()
        let next: Pin
        let summary: StateSummary
        let pages: [UInt8]
        do throws(StoreError) {
            next = try lmdb { () throws(LMDBError) in try Pin(environment) }
            summary = StateSummary(
                cluster: cluster, state: try AppliedState.read(next.transaction, databases),
                membership: try AppliedState.readMembership(next.transaction, databases))
            pages = try files.calling { () throws(DiskError) in try data.read(2 * environment.pageBytes, at: 0) }
        } catch {
            writer.unlock()
            throw error
        }
        writer.unlock()
        guard pages.count == 2 * environment.pageBytes else { throw .corrupt(path: path, what: "shorter than its two meta pages") }

        try files.calling { () throws(DiskError) in try data.syncData() }
        let checkpoint = Checkpoint(
            cluster: cluster, generation: number, applied: summary.applied, transaction: next.transaction.id, pages: pages)
        try files.replace(folder, "checkpoint", with: checkpoint.encoded)
        // Only now may the pages of the checkpoint before be used again.
        #if KHO_BUG_PIN_LEFT_OUT
        // Bug: LMDB may use pages again that the checkpoint needs.
        pin = nil
        #else
        pin = next
        #endif
        checkpointed = summary.applied
        if let suspicion {
            try suspicion.end()
            self.suspicion = nil
        }
        return summary
    }
}
