import Core
import LMDB

/// How far the log has been applied. Changes in the same transaction as the data.
package struct AppliedState: Equatable, Sendable {
    /// The last entry applied.
    package var position = LogPosition.zero
    /// The time of the last entry.
    package var time = LogTime.zero
    /// The index of the last change of the catalogue.
    package var policyIndex = LogIndex(0)
    /// The index of the membership in force as applied.
    package var membershipIndex = LogIndex(0)

    static let key = Array("applied".utf8)
    static let membershipKey = Array("membership".utf8)

    // Layout: format u8 (1), index u64, term u64, time i64, policy index u64, membership index u64.

    func encoded() -> [UInt8] {
        var out = ByteWriter(capacity: 41)
        out.write(UInt8(1))
        out.write(position.index.rawValue)
        out.write(position.term.rawValue)
        out.write(time.milliseconds)
        out.write(policyIndex.rawValue)
        out.write(membershipIndex.rawValue)
        return out.bytes
    }

    /// Nothing has been applied.
    package init() {}

    init(decoding bytes: RawSpan) throws(DecodingError) {
        var reader = ByteReader(bytes)
        guard try reader.readUInt8() == 1 else { throw .invalid(at: 0, "unknown format") }
        position = LogPosition(index: LogIndex(try reader.readUInt64()), term: Term(try reader.readUInt64()))
        time = LogTime(milliseconds: try reader.readInt64())
        policyIndex = LogIndex(try reader.readUInt64())
        membershipIndex = LogIndex(try reader.readUInt64())
    }

    /// As of the transaction; of an empty store, zero.
    static func read(_ transaction: borrowing some ReadableTransaction & ~Copyable, _ databases: Databases) throws(StoreError) -> AppliedState {
        do {
            guard let bytes = try transaction.get(databases.meta, key.span.bytes) else { return AppliedState() }
            return try AppliedState(decoding: bytes)
        } catch let error as LMDBError {
            throw .environment(error)
        } catch {
            throw .corrupt(path: "meta/applied", what: "\(error)")
        }
    }

    /// The membership in force as applied; of an empty store, none.
    static func readMembership(
        _ transaction: borrowing some ReadableTransaction & ~Copyable, _ databases: Databases
    ) throws(StoreError) -> Membership {
        let bytes = try lmdbBorrowing(transaction) { transaction throws(LMDBError) in try transaction.copied(databases.meta, membershipKey) }
        guard let bytes else { return .empty }
        do throws(DecodingError) { return try Membership(decoding: bytes) } catch { throw .corrupt(path: "meta/membership", what: "\(error)") }
    }
}
