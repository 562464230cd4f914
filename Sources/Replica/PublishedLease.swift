import Core
import Glibc
import Raft
import Synchronization

/// The newest read lease, for the threads that answer by it. They look for each stretch of reads and write nothing that another reads, so a look costs the same however
/// many look: some loads.
///
/// A sequence lock: the number is odd while the words change, and who has seen it odd, or another one afterwards, looks again. What the words say belongs together then. (H.-J. Boehm, "Can
/// seqlocks get along with programming language memory models?", 2012, which says why the fences stand where they do.)
final class PublishedLease: Sendable {
    private let number = Atomic<UInt64>(0)
    private let term = Atomic<UInt64>(0), nonce = Atomic<UInt64>(0)
    private let heldSince = Atomic<UInt64>(0), validUntil = Atomic<UInt64>(0)
    private let grantedIndex = Atomic<UInt64>(0), receivedIndex = Atomic<UInt64>(0)
    /// Looks in vain until the processor is left to others: the thread that publishes may wait for it.
    private static let looksMax = 100

    /// By one thread at a time. Whoever looks after this has returned sees this lease or a newer one.
    func publish(_ lease: ReadLease) {
        let before = number.load(ordering: .relaxed)
        number.store(before &+ 1, ordering: .relaxed)
        atomicMemoryFence(ordering: .releasing)
        term.store(lease.term.rawValue, ordering: .relaxed)
        nonce.store(lease.nonce, ordering: .relaxed)
        heldSince.store(lease.heldSince, ordering: .relaxed)
        validUntil.store(lease.validUntil, ordering: .relaxed)
        grantedIndex.store(lease.grantedIndex.rawValue, ordering: .relaxed)
        receivedIndex.store(lease.receivedIndex.rawValue, ordering: .relaxed)
        number.store(before &+ 2, ordering: .releasing)
        // What this thread does next, such as acknowledging what was received, comes after.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    }

    var newest: ReadLease {
        var looks = 0
        while true {
            let before = number.load(ordering: .acquiring)
            var lease = ReadLease.none
            (lease.term, lease.nonce) = (Term(term.load(ordering: .relaxed)), nonce.load(ordering: .relaxed))
            (lease.heldSince, lease.validUntil) = (heldSince.load(ordering: .relaxed), validUntil.load(ordering: .relaxed))
            (lease.grantedIndex, lease.receivedIndex) = (LogIndex(grantedIndex.load(ordering: .relaxed)), LogIndex(receivedIndex.load(ordering: .relaxed)))
            atomicMemoryFence(ordering: .acquiring)
            if before & 1 == 0, number.load(ordering: .relaxed) == before { return lease }
            looks += 1
            if looks % Self.looksMax == 0 { sched_yield() }
        }
    }
}
