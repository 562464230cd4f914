import Core
import Glibc

/// A mutex for sections that span more than one scope.
///
/// `@unchecked Sendable` because that is what a mutex is for.
final class Lock: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    init() { invariant(pthread_mutex_init(mutex, nil) == 0, "no mutex") }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    func lock() { invariant(pthread_mutex_lock(mutex) == 0, "a mutex cannot be locked") }
    func unlock() { invariant(pthread_mutex_unlock(mutex) == 0, "a mutex cannot be unlocked") }

    func withLock<T, E: Error>(_ body: () throws(E) -> T) throws(E) -> T {
        lock()
        defer { unlock() }
        return try body()
    }
}

/// Many readers or one writer.
///
/// `@unchecked Sendable` because that is what such a lock is for.
final class ReadWriteLock: @unchecked Sendable {
    private let pointer = UnsafeMutablePointer<pthread_rwlock_t>.allocate(capacity: 1)

    init() { invariant(pthread_rwlock_init(pointer, nil) == 0, "no lock") }

    deinit {
        pthread_rwlock_destroy(pointer)
        pointer.deallocate()
    }

    func withReadLock<T, E: Error>(_ body: () throws(E) -> T) throws(E) -> T {
        invariant(pthread_rwlock_rdlock(pointer) == 0, "a lock cannot be taken for reading")
        defer { pthread_rwlock_unlock(pointer) }
        return try body()
    }

    func withWriteLock<T, E: Error>(_ body: () throws(E) -> T) throws(E) -> T {
        invariant(pthread_rwlock_wrlock(pointer) == 0, "a lock cannot be taken for writing")
        defer { pthread_rwlock_unlock(pointer) }
        return try body()
    }
}
