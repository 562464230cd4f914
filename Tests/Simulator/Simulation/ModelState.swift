import Catalogue
import Core
import Cryptography
import Records
import Store

/// What the state machine must do, written a second time, from the documents and not from the store's code: sessions, writes, conditions, for
/// one owner who has every right to one dataset, and a partner with the rights of `Policy`. A value: a checkpoint or a snapshot of it is a copy.
struct ModelState {
    /// What the commands of `Workload.withPartner` name.
    static let administrator = PrincipalID(2)
    static let owner = PrincipalID(4)
    static let dataset = DatasetID(5)
    static let partner = PrincipalID(7)

    struct Record {
        var modifiedAt: LogIndex
        var time: LogTime
        var name: Value
        var count: Value
    }

    struct Session {
        var principal: PrincipalID
        var lastUsed: LogTime
        var highest: UInt64 = 0
        var answers: [UInt64: CommandOutcome] = [:]
    }

    private(set) var applied = AppliedState()
    private(set) var membership = Membership.empty
    /// Of `Workload.withPartner` or its beginning, how many have taken effect.
    private(set) var founded = 0
    private(set) var policy = Policy()
    private(set) var records: [[UInt8]: Record] = [:]
    private(set) var sessions: [SessionID: Session] = [:]
    /// Of all that the state holds. Two states with the same applied index have the same.
    private(set) var digest: UInt64 = 0

    mutating func apply(_ entry: LogEntry) -> CommandOutcome? {
        let outcome = outcome(of: entry)
        applied.position = LogPosition(index: entry.index, term: entry.term)
        applied.time = entry.time
        return outcome
    }

    /// Becomes another state at the same index.
    mutating func rot() { mix(99, digest) }

    private mutating func outcome(of entry: LogEntry) -> CommandOutcome? {
        switch entry.kind {
        case .empty, .time: return nil
        case .membership:
            membership = (try? Membership(decoding: entry.payload)) ?? .empty
            applied.membershipIndex = entry.index
            return nil
        case .command: break
        }
        switch try? Command(decoding: entry.payload) {
        case nil: return .rejected(Rejection(.invalid, text: "no command"))
        case .genesis:
            guard founded == 0 else { return .rejected(Rejection(.alreadyInitialised)) }
            return found(1, entry)
        case let .catalogue(command):
            guard founded > 0 else { return .rejected(Rejection(.unauthenticated)) }
            return change(command.change, entry)
        case let .openSession(principal): return open(principal, entry)
        case let .write(write): return applyOnce(write, entry)
        }
    }

    private mutating func found(_ step: Int, _ entry: LogEntry) -> CommandOutcome {
        if step > founded {
            founded = step
            applied.policyIndex = entry.index
            mix(7, entry.index.rawValue)
        }
        return .catalogueChanged(.null)
    }

    private mutating func change(_ change: CatalogueChange, _ entry: LogEntry) -> CommandOutcome {
        let before = policy
        guard policy.apply(change) else { return .rejected(Rejection(.catalogue)) }
        let outcome = found(Workload.step(change), entry)
        if policy != before {
            applied.policyIndex = entry.index
            mix(17, entry.index.rawValue)
        }
        return outcome
    }

    private func knows(_ principal: PrincipalID) -> Bool {
        switch principal {
        case Self.owner: founded >= 3
        case Self.administrator: founded >= 1
        case Self.partner: policy.isActive == true
        default: false
        }
    }

    /// What the principal may do with the dataset at a time of the log.
    private func rights(of principal: PrincipalID, at time: LogTime) -> Rights {
        guard founded >= 4 else { return Rights(grants: []) }
        return principal == Self.owner ? .owner : Rights(grants: principal == Self.partner ? policy.grants(at: time.milliseconds) : [])
    }

    // MARK: Sessions

    private mutating func open(_ principal: PrincipalID, _ entry: LogEntry) -> CommandOutcome {
        guard knows(principal) else { return .rejected(Rejection(.unauthenticated)) }
        for id in sessions.keys.sorted() {
            guard let session = sessions[id], entry.time.milliseconds - session.lastUsed.milliseconds > Limits.sessionIdleMilliseconds else { continue }
            sessions[id] = nil
        }
        let id = SessionID(entry.index.rawValue)
        sessions[id] = Session(principal: principal, lastUsed: entry.time)
        mix(11, id.rawValue)
        return .sessionOpened(id)
    }

    private mutating func applyOnce(_ write: WriteCommand, _ entry: LogEntry) -> CommandOutcome {
        guard write.session != .none else { return apply(write, entry) }
        guard var session = sessions[write.session], session.principal == write.principal,
            entry.time.milliseconds - session.lastUsed.milliseconds <= Limits.sessionIdleMilliseconds
        else { return .rejected(Rejection(.sessionEnded)) }
        guard write.sequence > 0 else { return .rejected(Rejection(.invalid)) }
        let window = UInt64(Limits.sessionAnswers)
        if session.highest >= window, write.sequence <= session.highest - window { return .rejected(Rejection(.sequenceTooOld)) }
        if let answer = session.answers[write.sequence] { return answer }
        let outcome = apply(write, entry)
        session.answers[write.sequence] = outcome
        session.highest = max(session.highest, write.sequence)
        if session.answers.count > Limits.sessionAnswers {
            let foot = session.highest - window
            for old in session.answers.keys.sorted() where old <= foot { session.answers[old] = nil }
        }
        session.lastUsed = entry.time
        sessions[write.session] = session
        mix(13, write.session.rawValue &+ write.sequence << 32)
        return outcome
    }

    // MARK: Writes

    private mutating func apply(_ write: WriteCommand, _ entry: LogEntry) -> CommandOutcome {
        guard knows(write.principal) else { return .rejected(Rejection(.unauthenticated)) }
        guard !write.operations.isEmpty else { return .rejected(Rejection(.invalid)) }
        let rights = rights(of: write.principal, at: entry.time)
        var keys: [[UInt8]] = []
        for (place, operation) in write.operations.enumerated() {
            guard !operation.key.isEmpty, operation.key.count <= Limits.recordKeyBytes, operation.dataset != Self.dataset || !keys.contains(operation.key) else {
                return .rejected(Rejection(.invalid, operation: place))
            }
            keys.append(operation.key)
            // Whole records need the right to every field; a condition tells of the whole record.
            let written = operation.kind == .update ? Set(operation.fields.map(\.id)) : Policy.fields
            guard operation.dataset == Self.dataset, rights.allows("write"), written.isSubset(of: rights.writable),
                operation.condition == .none || rights.hidesNothing && rights.allows("get")
            else { return .rejected(Rejection(.denied, operation: place)) }
            let record = records[operation.key]
            let holds =
                switch operation.condition {
                case .none: true
                case .absent: record == nil
                case .present: record != nil
                case let .modifiedAt(index): record?.modifiedAt == index
                }
            guard holds else { return .rejected(Rejection(.conflict, operation: place)) }
            if operation.kind == .update, record.map(rights.shows) != true { return .rejected(Rejection(.notFound, operation: place)) }
        }
        // All of it or nothing.
        for operation in write.operations { carryOut(operation, entry) }
        return .written(entry.index)
    }

    private mutating func carryOut(_ operation: WriteOperation, _ entry: LogEntry) {
        let old = records[operation.key]
        if let old { digest = digest &- Self.digest(operation.key, old) }
        guard operation.kind != .delete else {
            records[operation.key] = nil
            return
        }
        let isUpdate = operation.kind == .update
        let record = Record(
            modifiedAt: entry.index, time: entry.time, name: operation.value(of: FieldID(1)) ?? (isUpdate ? old?.name : nil) ?? .null,
            count: operation.value(of: FieldID(2)) ?? (isUpdate ? old?.count : nil) ?? .null)
        records[operation.key] = record
        digest = digest &+ Self.digest(operation.key, record)
    }

    // MARK: Digests

    /// What a store with these records says of its dataset: its number, how many records, their digest (docs/disk-format.md).
    var figures: String {
        guard !records.isEmpty else { return "" }
        let hash = SHA256()
        var sum = Digest.zero
        for key in records.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            guard let record = records[key] else { continue }
            var whole = ByteWriter()
            whole.write(Self.dataset.rawValue)
            whole.write(raw: key)
            hash.update(whole.bytes)
            hash.update(
                RecordCodec.encode(
                    key: key, schemaVersion: 1, modifiedAt: record.modifiedAt, time: record.time,
                    fields: [(FieldID(1), record.name, .string), (FieldID(2), record.count, .int64)]))
            sum = sum &+ hash.finish()
        }
        return "\(Self.dataset) \(records.count) \(sum)"
    }

    private mutating func mix(_ kind: UInt64, _ number: UInt64) { digest = digest &+ Self.scrambled(number &+ kind << 56) }

    private static func scrambled(_ number: UInt64) -> UInt64 {
        var z = number &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    private static func digest(_ key: [UInt8], _ record: Record) -> UInt64 {
        var sum: UInt64 = 0
        for byte in key { sum = scrambled(sum ^ UInt64(byte)) }
        sum = scrambled(sum ^ record.modifiedAt.rawValue)
        sum = scrambled(sum ^ UInt64(bitPattern: record.time.milliseconds))
        for value in [record.name, record.count] {
            switch value {
            case let .int64(number): sum = scrambled(sum ^ UInt64(bitPattern: number))
            case let .string(text): for byte in text.utf8 { sum = scrambled(sum ^ UInt64(byte)) }
            default: sum = scrambled(sum ^ 0xFF)
            }
        }
        return sum
    }
}
