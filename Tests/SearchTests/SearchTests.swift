import Search
import Testing

/// The search at a size that an unoptimised build does in seconds; `kho-search` goes deeper.
@Suite struct SearchTests {
    @Test func nothingIsFoundInASmallCluster() {
        var bounds = SearchBounds()
        bounds.depth = 7
        var search = Search(bounds)
        let result = search.run()
        #expect(result.violation == nil, "\(result.path)")
        #expect(result.isComplete)
        #expect(result.depth == 7)
        #expect(result.states > 5_000)
    }

    /// With two nodes and few events, nothing is left out: the search ends by itself.
    @Test func aSmallSpaceIsSearchedWhole() {
        var bounds = SearchBounds()
        bounds.voters = 2
        bounds.timeouts = 2
        bounds.heartbeats = 0
        bounds.requests = 1
        bounds.crashes = 1
        bounds.depth = 200
        var search = Search(bounds)
        let result = search.run()
        #expect(result.violation == nil, "\(result.path)")
        #expect(result.isComplete)
        #expect(result.widths.last == 0, "events are left after depth \(result.depth)")
        #expect(result.states > 1_000)
    }

    /// With a leader in office at first, a second one can come and write while the first is still asked for a read.
    @Test func aSearchMayBeginWithALeaderInOffice() {
        var bounds = SearchBounds()
        bounds.elected = 1
        bounds.timeouts = 2
        bounds.heartbeats = 0
        bounds.requests = 0
        bounds.reads = 1
        bounds.crashes = 0
        bounds.depth = 7
        let root = SearchWorld(bounds)
        #expect(root.choices.contains { if case .read = $0 { true } else { false } })
        var search = Search(bounds)
        let result = search.run()
        #expect(result.violation == nil, "\(result.path)")
        #expect(result.states > 1_000)
    }

    /// The first leader has an entry that nobody else has and does not know of the second, whatever of whose log arrives there.
    @Test func aSearchMayBeginWithEntriesThatAreToBeReplaced() {
        var bounds = SearchBounds()
        bounds.elected = 2
        bounds.timeouts = 0
        bounds.heartbeats = 1
        bounds.requests = 0
        bounds.resends = 1
        bounds.crashes = 0
        bounds.depth = 100
        let root = SearchWorld(bounds)
        #expect(root.violation == nil)
        let leaders = root.choices.filter { if case .heartbeat = $0 { true } else { false } }
        #expect(leaders == [.heartbeat(node: 0), .heartbeat(node: 1)])
        #expect(root.choices.contains(.resend(from: 1, to: 0, after: 1)))
        var search = Search(bounds)
        let result = search.run()
        #expect(result.violation == nil, "\(result.path)")
        #expect(result.isComplete && result.widths.last == 0 && result.states > 100, "\(result.states) states to depth \(result.depth)")
    }

    /// A learner gets a vote: by both memberships, and never by a majority of all.
    @Test func aChangeOfVotersIsSearched() {
        var bounds = SearchBounds()
        bounds.voters = 2
        bounds.learners = 1
        bounds.timeouts = 1
        bounds.heartbeats = 0
        bounds.requests = 0
        bounds.crashes = 0
        bounds.changes = 1
        bounds.depth = 100
        var search = Search(bounds)
        let result = search.run()
        #expect(result.violation == nil, "\(result.path)")
        #expect(result.isComplete)
        #expect(result.widths.last == 0, "events are left after depth \(result.depth)")
        // Without the change there are fewer than a thousand.
        #expect(result.states > 1_000 && result.depth > 30, "\(result.states) states to depth \(result.depth)")
    }

    @Test func theSameBoundsVisitTheSameStates() {
        var bounds = SearchBounds()
        bounds.depth = 5
        bounds.reads = 1
        bounds.losses = 1
        bounds.duplicates = 1
        bounds.overtakings = 1
        var one = Search(bounds), two = Search(bounds)
        #expect(one.run().widths == two.run().widths)
    }

    @Test func itStopsAtItsBoundOfStates() {
        var bounds = SearchBounds()
        bounds.statesMax = 100
        var search = Search(bounds)
        #expect(!search.run().isComplete)
    }
}
