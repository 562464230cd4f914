import Core
import Foundation
import Raft
import Synchronization
import Testing

@testable import Replica

/// A lease is seen whole, however often it changes while many look.
@Suite struct PublishedLeaseTests {
    private static func lease(_ number: UInt64) -> ReadLease {
        var lease = ReadLease.none
        (lease.term, lease.nonce, lease.heldSince, lease.validUntil) = (Term(number), number &* 3, number &* 5, number &* 7)
        (lease.grantedIndex, lease.receivedIndex) = (LogIndex(number &* 11), LogIndex(number &* 13))
        return lease
    }

    @Test func whatWasPublishedLastIsSeen() {
        let published = PublishedLease()
        #expect(published.newest == .none)
        published.publish(Self.lease(4))
        #expect(published.newest == Self.lease(4))
        published.publish(.none)
        #expect(published.newest == .none)
    }

    private final class Shared: Sendable {
        let published = PublishedLease()
        let isOver = Atomic(false), torn = Atomic(0), backwards = Atomic(0), changes = Atomic(0)
    }

    @Test func noLookSeesTwoLeasesInOne() {
        let shared = Shared()
        let threads = (0..<3).map { _ in
            let done = DispatchSemaphore(value: 0)
            Thread.detachNewThread {
                var last: UInt64 = 0
                while !shared.isOver.load(ordering: .relaxed) {
                    let lease = shared.published.newest, number = lease.term.rawValue
                    if lease != Self.lease(number) { shared.torn.add(1, ordering: .relaxed) }
                    if number < last { shared.backwards.add(1, ordering: .relaxed) }
                    if number > last { shared.changes.add(1, ordering: .relaxed) }
                    last = number
                }
                done.signal()
            }
            return done
        }
        // Until each has surely looked beside a change.
        var number: UInt64 = 0
        while number < 200_000 || shared.changes.load(ordering: .relaxed) < 30, number < 2_000_000_000 {
            number += 1
            shared.published.publish(Self.lease(number))
        }
        shared.isOver.store(true, ordering: .relaxed)
        for done in threads { done.wait() }
        #expect(shared.torn.load(ordering: .relaxed) == 0 && shared.backwards.load(ordering: .relaxed) == 0)
        #expect(shared.changes.load(ordering: .relaxed) >= 30)
    }
}
