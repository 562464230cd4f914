import Catalogue
import Core
import LMDB
import Synchronization

/// Looks at the state for one thread again and again, such as an event loop, as `StateStore.withReadView` does for anybody. What it needs for that it keeps to itself: a read
/// transaction, how far the state had come in it, and the catalogue, until a look finds a newer state. Threads that read then share nothing that any of them
/// writes, neither a lock nor a count of references, and a look costs the same however many there are.
///
/// Another state that takes this one's place (`StateStore.install`) waits for a look under way, and has every reader let go of what it keeps.
///
/// `@unchecked Sendable` because one thread at a time looks, and what an installation takes from it is under `lock`.
package final class StateReader: @unchecked Sendable {
    private let store: StateStore
    /// Held during a look; nobody else but an installation takes it.
    private let lock = Lock()
    private let looking = Atomic(false)
    private var kept: Kept?

    private final class Kept {
        let open: StateStore.Open
        let reader: Reader
        /// That of the snapshot which state and catalogue are of; nil before they were read.
        var transaction: UInt64?
        var state = AppliedState()
        var catalogue: KeptCatalogue?

        init(_ open: StateStore.Open) throws(StoreError) {
            self.open = open
            do throws(LMDBError) { reader = try Reader(open.generation.environment) } catch { throw .environment(error) }
        }
    }

    init(_ store: StateStore) { self.store = store }

    /// Whether it shows a snapshot now; for any thread.
    var isLooking: Bool { looking.load(ordering: .relaxed) }

    /// Calls with a snapshot of what is applied. Keep it short: LMDB cannot use pages again that an older snapshot shows. The body must not look at the state by anything but its view: an
    /// installation would wait for this look, and it for the installation.
    package func withReadView<T>(_ body: (borrowing ReadView) throws(StoreError) -> T) throws(StoreError) -> T {
        invariant(!isLooking, "a reader of the state looks twice at a time")
        lock.lock()
        defer { lock.unlock() }
        let kept = try renewed()
        looking.store(true, ordering: .relaxed)
        defer {
            kept.reader.transaction.reset()
            looking.store(false, ordering: .relaxed)
        }
        let catalogue = try read(kept)
        return try body(
            ReadView(reader: kept.reader, databases: kept.open.generation.databases, state: kept.state, kept: catalogue))
    }

    /// With the newest snapshot.
    private func renewed() throws(StoreError) -> Kept {
        if let kept {
            do throws(LMDBError) { try kept.reader.transaction.renew() } catch {
                self.kept = nil
                throw .environment(error)
            }
            return kept
        }
        let kept = try Kept(store.open)
        self.kept = kept
        return kept
    }

    /// The snapshot's catalogue, and its state with it: read if anything was committed since the last look.
    private func read(_ kept: Kept) throws(StoreError) -> KeptCatalogue {
        let transaction = kept.reader.transaction.id
        let isSure = isSure(of: transaction, in: kept.open.generation.environment)
        if isSure, let catalogue = kept.catalogue, kept.transaction == transaction { return catalogue }
        let databases = kept.open.generation.databases
        let state = try AppliedState.read(kept.reader.transaction, databases)
        var catalogue = kept.catalogue
        if catalogue?.value.policyIndex != state.policyIndex {
            // An object of its own: the pool's is counted by all.
            catalogue = KeptCatalogue(try kept.open.readers.catalogue(as: state.policyIndex, kept.reader, databases).value)
        }
        guard let catalogue else { throw .corrupt(path: "catalogue", what: "there is none") }
        (kept.transaction, kept.state, kept.catalogue) = (isSure ? transaction : nil, state, catalogue)
        return catalogue
    }

    /// Whether the snapshot is that of the transaction whose number it has. LMDB takes the newest number first and then what its meta page says, and the transaction after next writes on the same page: a
    /// thread that stood still in between has the number of one and shows the other. Not if none is newer now.
    private func isSure(of transaction: UInt64, in environment: Environment) -> Bool {
        atomicMemoryFence(ordering: .acquiring)
        return (try? environment.lastTransaction()) == transaction
    }

    // MARK: An installation

    /// Waits for the look under way; none begins before `letGo`.
    func hold() { lock.lock() }

    /// Forgets the state that was looked at, and lets looks go on.
    func letGo() {
        kept = nil
        lock.unlock()
    }
}

/// A catalogue that many snapshots show.
final class KeptCatalogue: Sendable {
    let value: Catalogue
    init(_ value: Catalogue) { self.value = value }
}
