import Core

/// One world from its beginning to its end.
package enum Run {
    package struct Result: Sendable {
        package var events: Int
        package var counts: World.Counts
        package var violation: String?
        /// Of everything that happened.
        package var traceHash: UInt64
        package var lastLines: [String]
    }

    /// Lets a world run through so many events and then come to rest.
    package static func world(_ settings: WorldSettings, events: Int, sink: ((String) -> Void)?) -> Result {
        let world = World(settings, sink: sink)
        world.run(events: events)
        world.settle()
        return Result(
            events: world.events, counts: world.counts, violation: world.violation, traceHash: world.trace.hash, lastLines: world.trace.last)
    }
}
