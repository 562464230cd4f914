import NIOCore

/// The threads that connections live on, one set in a process.
package enum EventLoops {
    /// Sets how many there are. Only before the first client of the process; afterwards it changes nothing. A short-lived program needs one.
    package static func use(_ count: Int) { NIOSingletons.groupLoopCountSuggestion = count }
}
