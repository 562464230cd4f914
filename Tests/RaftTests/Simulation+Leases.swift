import Core

@testable import Raft

/// Queries that a node answers from its own replica by its lease, as a driver does: clock, snapshot, and later, when anything may have
/// happened in between, lease and clock again.
extension Simulation {
    mutating func beginQuery(_ place: Int) {
        guard nodes[place].core != nil else { return }
        setClock(place)
        queries.append(
            Query(
                place: place, life: nodes[place].lives, committed: committed, snapshot: nodes[place].state.snapshot.position.index,
                takenAt: nodes[place].clock.nanoseconds))
    }

    mutating func finishQueries() {
        for query in queries {
            guard let core = nodes[query.place].core, nodes[query.place].lives == query.life else { continue }
            setClock(query.place)
            guard core.readLease.permits(snapshotIndex: query.snapshot, takenAt: query.takenAt, now: nodes[query.place].clock.nanoseconds) else {
                counts.leaseRefusals += 1
                continue
            }
            counts.leaseReads += 1
            if query.snapshot < query.committed {
                fail("\(core.id) answers from a snapshot at \(query.snapshot), but \(query.committed) was committed before it was asked")
            }
        }
        queries = []
    }

    /// No leader as long as a lease of one before it lives, and nothing is committed that a holder has not received.
    mutating func checkLeases(elected term: Term) {
        for place in nodes.indices {
            guard let lease = nodes[place].core?.readLease, lease.validUntil > 0 else { continue }
            setClock(place)
            if nodes[place].clock.nanoseconds < lease.validUntil, lease.term < term {
                fail("term \(term) has a leader while \(nodes[place].id) holds a lease of term \(lease.term)")
            }
        }
    }

    /// `index` has become known as committed.
    mutating func checkFence(_ index: LogIndex) {
        for place in nodes.indices {
            guard let lease = nodes[place].core?.readLease, lease.validUntil > 0 else { continue }
            setClock(place)
            if nodes[place].clock.nanoseconds < lease.validUntil, lease.receivedIndex < index {
                fail("\(index) is committed, but \(nodes[place].id) holds a lease and has received \(lease.receivedIndex)")
            }
        }
    }
}
