import NIOCore
import Synchronization

/// The threads that connections live on, one set in a process.
package enum EventLoops {
    private static let isSet = Atomic(false)

    /// Sets how many there are, once and before the first client of the process; afterwards it changes nothing. A short-lived program needs one.
    package static func use(_ count: Int) {
        // The library ends a process that sets it twice.
        if !isSet.exchange(true, ordering: .relaxed) { NIOSingletons.groupLoopCountSuggestion = count }
    }
}
