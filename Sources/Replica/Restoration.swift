import Core
import Raft
import SegmentLog
import Store

/// Puts together what the log and the state's checkpoint say, at a start.
enum Restoration {
    static func restore(
        machine: any StateMachine, log: any DurableLog, recovered: RecoveredLog, firstMembership: Membership
    ) throws(ReplicaFailure) -> RestoredState {
        let applied = machine.applied
        var base = recovered.base
        var entries = recovered.entries
        guard base.index <= applied.position.index else { throw .gap(checkpoint: applied.position.index, logBegins: base.index) }
        // A stop between a snapshot's installation and the log's new beginning leaves a log that does not reach the state, or
        // that holds other entries there. The state is committed: the log begins after it (Raft §7).
        #if KHO_BUG_LOG_KEPT_AFTER_SNAPSHOT
        // Bug: a log that ends before the snapshot, or has another entry there, goes on as it is.
        let isReached = base.index <= applied.position.index
        #else
        let isReached = term(at: applied.position.index, base: base, entries) == applied.position.term
        #endif
        if !isReached {
            do throws(LogError) { try log.reset(to: applied.position) } catch { throw .log(error) }
            base = applied.position
            entries = []
        }
        var membership = firstMembership
        if applied.membershipIndex > LogIndex(0) {
            do throws(StoreError) { membership = try machine.membership() } catch { throw .store(error) }
        }
        return RestoredState(
            hardState: recovered.hardState,
            applied: InstalledSnapshot(
                position: applied.position, time: applied.time, membership: membership, membershipIndex: applied.membershipIndex),
            base: base, entries: entries)
    }

    /// The term of the log's entry at the index; nil if it has none there.
    private static func term(at index: LogIndex, base: LogPosition, _ entries: [LogEntry]) -> Term? {
        if index == base.index { return base.term }
        let place = Int(index.rawValue - base.index.rawValue) - 1
        return place < entries.count ? entries[place].term : nil
    }
}
