import Core
import SimulatedDisk
import Store

/// One store on a recorded disk: entries, checkpoints, a snapshot's installation; and which checkpoints a stop may leave.
final class StoreLife {
    let history: StoreHistory
    let disk: RecordingDisk
    private let folder = TemporaryFolder()
    private let snapshot: (header: SnapshotHeader, chunks: [[UInt8]])
    private var random: SeededRandom
    /// The checkpoint that must be there.
    private var durable = LogPosition.zero
    /// The one under way, which may be.
    private var next: LogPosition?

    init(_ history: StoreHistory, _ snapshot: (SnapshotHeader, [[UInt8]]), seed: UInt64) {
        self.history = history
        self.snapshot = snapshot
        random = SeededRandom(seed: seed)
        disk = RecordingDisk(root: folder.path, shadow: SimulatedDisk(seed: seed))
    }

    func open(_ disk: RecordingDisk) throws(StoreError) -> StateStore {
        try StateStore(directory: disk.root + "/state", cluster: StoreHistory.cluster, options: StoreHistory.options, disk: disk)
    }

    /// Until its end, or the call that fails.
    func run() throws {
        var store = try open(disk)
        try apply(store, through: 20)
        try checkpoint(store)
        try apply(store, through: 45)
        try checkpoint(store)
        try apply(store, through: 55)
        try install(store)
        try apply(store, through: 100)
        try checkpoint(store)
        try apply(store, through: 110)
        disk.look()
        try checkAlive()
        // An orderly stop is one like any other.
        store = try StateStore(
            directory: folder.path + "/elsewhere", cluster: StoreHistory.cluster, options: StoreHistory.options, disk: RecordingDisk.unrecorded(folder.path))
        disk.shadow.restart()
        store = try open(disk)
        try apply(store, through: 120)
        try checkpoint(store)
        try apply(store, through: history.entries.count)
    }

    /// Everything in the log behind what is applied.
    func replay(_ store: StateStore) throws(StoreError) {
        _ = try store.apply(Array(history.entries[Int(store.applied.position.index.rawValue)...]))
    }

    /// What is wrong with the state as it was found; nil if nothing is.
    func objection(_ store: StateStore) throws -> String? {
        let found = store.applied.position
        guard found == durable || found == next else {
            return "it shows \(found.index), where the checkpoint was of \(durable.index)" + (next.map { " or of \($0.index)" } ?? "")
        }
        guard store.checkpointed == found else { return "it shows \(found.index) and calls \(store.checkpointed.index) checkpointed" }
        return try StoreHistory.digest(store) == history.digests[found.index.rawValue] ? nil : "the state of \(found.index) is another one"
    }

    private func apply(_ store: StateStore, through index: Int) throws {
        while store.applied.position.index.rawValue < index {
            let start = Int(store.applied.position.index.rawValue)
            _ = try store.apply(Array(history.entries[start..<min(index, start + Int.random(in: 1...6, using: &random))]))
            disk.look()
            try checkAlive()
        }
    }

    private func checkpoint(_ store: StateStore) throws {
        next = store.applied.position
        try store.checkpoint()
        try settle()
    }

    private func install(_ store: StateStore) throws {
        let sink = try store.beginInstall(snapshot.header)
        for chunk in snapshot.chunks {
            try sink.write(chunk)
            disk.look()
        }
        next = snapshot.header.applied
        try store.install(sink)
        try settle()
    }

    private func settle() throws {
        // What returned is durable, unless the process died and only a tidying call noticed.
        try checkAlive()
        if let next { durable = next }
        next = nil
    }

    private func checkAlive() throws {
        if disk.shadow.isKilled { throw DiskError("live", folder.path, SimulatedDisk.killed) }
    }
}
