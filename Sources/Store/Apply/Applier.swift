import Access
import Catalogue
import Core
import Cryptography
import LMDB
import Records

/// Applies entries of the log to the state: one write transaction for a batch. Deterministic: the same entries give the same
/// state and the same outcomes on every replica, however they are batched. Owned by the apply thread.
final class Applier {
    /// The catalogue as of the last entry applied.
    private(set) var catalogue: Catalogue
    private(set) var state: AppliedState
    let databases: Databases
    let hash = SHA256()
    /// What principals may do, as of the entries applied: compiled once, and again after a change of policy.
    var plans = PlanCache()
    /// Records that are about to be written: kept for its memory.
    var records: [UInt8] = []
    /// Figures of the datasets that this batch touches, written back with it. In the order of first touch.
    var figures: [(dataset: DatasetID, figures: DatasetFigures)] = []
    /// Sessions that this batch uses, written back with it.
    var sessions = KeptSessions()
    /// A key of the sessions' database and an answer that are about to be written: kept for their memory.
    var sessionKey = ByteWriter(capacity: 16), answer = ByteWriter(capacity: 64)

    init(catalogue: Catalogue, state: AppliedState, databases: Databases) {
        self.catalogue = catalogue
        self.state = state
        self.databases = databases
    }

    /// What the transaction's commit makes true: for going back if it fails.
    struct Snapshot {
        let catalogue: Catalogue
        let state: AppliedState
    }

    var snapshot: Snapshot { Snapshot(catalogue: catalogue, state: state) }

    func restore(_ snapshot: Snapshot) {
        catalogue = snapshot.catalogue
        state = snapshot.state
        // Compiled from a catalogue that is not.
        plans = PlanCache()
        figures = []
        sessions.forget()
    }

    /// Applies entries that follow the last one. An outcome for each; nil for those without one.
    func apply(_ entries: [LogEntry], _ transaction: inout WriteTransaction) throws(StoreError) -> [CommandOutcome?] {
        figures = []
        sessions.forget()
        var outcomes: [CommandOutcome?] = []
        outcomes.reserveCapacity(entries.count)
        for entry in entries {
            invariant(entry.index == state.position.index.next, "entry \(entry.index) applied after \(state.position.index)")
            invariant(entry.time >= state.time, "the log's time ran backwards at \(entry.index)")
            outcomes.append(try apply(entry, &transaction))
            state.position = LogPosition(index: entry.index, term: entry.term)
            state.time = entry.time
        }
        for (dataset, figures) in figures {
            try put(&transaction, databases.meta, DatasetFigures.key(dataset), figures.encoded())
        }
        try writeSessions(&transaction)
        state.policyIndex = catalogue.policyIndex
        #if KHO_BUG_APPLIED_INDEX_APART
        // Bug: the applied index written is that of the batch before.
        if entries.count > 1 { try put(&transaction, databases.meta, AppliedState.key, state.encoded()) }
        #else
        try put(&transaction, databases.meta, AppliedState.key, state.encoded())
        #endif
        return outcomes
    }

    private func apply(_ entry: LogEntry, _ transaction: inout WriteTransaction) throws(StoreError) -> CommandOutcome? {
        switch entry.kind {
        case .empty, .time: return nil
        case .membership:
            guard (try? Membership(decoding: entry.payload)) != nil else { throw .unknownCommand(entry.index) }
            try put(&transaction, databases.meta, AppliedState.membershipKey, entry.payload)
            state.membershipIndex = entry.index
            return nil
        case .command: break
        }
        if let plain = PlainWrite(entry.payload) {
            return try applyOnce(plain.header, at: entry, &transaction) { transaction throws(StoreError) in
                if let outcome = try apply(plain, at: entry, &transaction) { return outcome }
                guard case let .write(write) = try Self.command(entry) else { throw .unknownCommand(entry.index) }
                return try apply(write, at: entry, &transaction)
            }
        }
        switch try Self.command(entry) {
        case let .genesis(genesis): return try apply(genesis, at: entry, &transaction)
        case let .catalogue(command): return try apply(command, at: entry, &transaction)
        case let .openSession(principal): return try openSession(principal, at: entry, &transaction)
        case let .write(write):
            return try applyOnce(WriteHeader(write), at: entry, &transaction) { transaction throws(StoreError) in
                try apply(write, at: entry, &transaction)
            }
        }
    }

    private static func command(_ entry: LogEntry) throws(StoreError) -> Command {
        do throws(DecodingError) { return try Command(decoding: entry.payload) } catch { throw .unknownCommand(entry.index) }
    }

    // MARK: The catalogue

    private func apply(_ genesis: Command.Genesis, at entry: LogEntry, _ transaction: inout WriteTransaction) throws(StoreError) -> CommandOutcome {
        guard catalogue.agencies.isEmpty else { return .rejected(Rejection(.alreadyInitialised)) }
        let objects = catalogue.genesis(
            clusterName: genesis.clusterName, tokenKey: genesis.tokenKey, administratorAgency: genesis.agency,
            administrator: genesis.system, at: entry.index)
        for (key, value) in objects { try put(&transaction, databases.catalogue, key, value) }
        try put(&transaction, databases.catalogue, Catalogue.metaKey, catalogue.metaBytes)
        return .catalogueChanged(["cluster": .string(genesis.clusterName), "administrator": .string("\(genesis.agency)/\(genesis.system)")])
    }

    private func apply(_ command: Command.CatalogueCommand, at entry: LogEntry, _ transaction: inout WriteTransaction) throws(StoreError) -> CommandOutcome {
        guard let actor = catalogue.principal(command.actor), actor.active else { return .rejected(Rejection(.unauthenticated)) }
        guard actor.role == .administrator else { return .rejected(Rejection(.denied)) }
        // A refused change leaves the catalogue as it was, so it is made on a copy.
        var changed = catalogue
        let result: CatalogueResult
        do throws(CatalogueError) { result = try changed.apply(command.change, at: entry.index) } catch {
            return .rejected(Rejection(.catalogue, path: error.path, text: error.message))
        }
        if let (key, value) = result.stored {
            try put(&transaction, databases.catalogue, key, value)
            try put(&transaction, databases.catalogue, Catalogue.metaKey, changed.metaBytes)
            catalogue = changed
        }
        return .catalogueChanged(result.summary)
    }

    func put(_ transaction: inout WriteTransaction, _ database: Database, _ key: [UInt8], _ value: [UInt8]) throws(StoreError) {
        do throws(LMDBError) { try transaction.put(database, key, value) } catch { throw .environment(error) }
    }

    // MARK: Figures

    func adjust(_ dataset: DatasetID, _ transaction: borrowing WriteTransaction, _ change: (inout DatasetFigures) -> Void) throws(StoreError) {
        if let place = figures.firstIndex(where: { $0.dataset == dataset }) {
            change(&figures[place].figures)
            return
        }
        var read = try DatasetFigures.read(transaction, databases, dataset)
        change(&read)
        figures.append((dataset, read))
    }
}
