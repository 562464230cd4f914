import Core
import Glibc

/// What one thread leaves for another: any number of threads post, one takes everything that has come.
///
/// `@unchecked Sendable` because everything in it is used under its mutex.
final class Mailbox<Item: Sendable>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let arrived = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var items: [Item] = []
    private var closed = false
    private var isWaiting = false

    init() {
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        invariant(pthread_mutex_init(mutex, nil) == 0 && pthread_cond_init(arrived, &attributes) == 0, "no mailbox")
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(arrived)
        pthread_mutex_destroy(mutex)
        arrived.deallocate()
        mutex.deallocate()
    }

    /// Leaves an item; false, and the item is dropped, once the mailbox is closed.
    @discardableResult
    func post(_ item: Item) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        guard !closed else { return false }
        items.append(item)
        if isWaiting { pthread_cond_signal(arrived) }
        return true
    }

    /// Everything that has come, in the order of its coming; waits for the first, at most so long (nil: as long as it takes). Empty
    /// when the time is over; nil once it is closed and emptied.
    func take(atMostNanoseconds limit: UInt64? = nil) -> [Item]? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if items.isEmpty && !closed { wait(limit) }
        if items.isEmpty { return closed ? nil : [] }
        var taken: [Item] = []
        taken.reserveCapacity(16)
        swap(&taken, &items)
        return taken
    }

    /// What has come, at most so many items, without waiting. nil once it is closed and emptied.
    func takeNow(atMost count: Int) -> [Item]? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if items.isEmpty { return closed ? nil : [] }
        var taken: [Item] = []
        swap(&taken, &items)
        if taken.count > count {
            items.append(contentsOf: taken[count...])
            taken.removeLast(taken.count - count)
        }
        return taken
    }

    var hasItems: Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return !items.isEmpty
    }

    var isClosed: Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return closed
    }

    /// Takes no more; what is in it can still be taken.
    func close() {
        pthread_mutex_lock(mutex)
        closed = true
        pthread_cond_broadcast(arrived)
        pthread_mutex_unlock(mutex)
    }

    private func wait(_ limit: UInt64?) {
        isWaiting = true
        defer { isWaiting = false }
        guard let limit else {
            while items.isEmpty && !closed { pthread_cond_wait(arrived, mutex) }
            return
        }
        var end = timespec()
        clock_gettime(CLOCK_MONOTONIC, &end)
        let nanoseconds = UInt64(end.tv_nsec) + limit
        end.tv_sec += Int(nanoseconds / 1_000_000_000)
        end.tv_nsec = Int(nanoseconds % 1_000_000_000)
        while items.isEmpty && !closed {
            if pthread_cond_timedwait(arrived, mutex, &end) == ETIMEDOUT { return }
        }
    }
}
