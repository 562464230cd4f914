import Core
import Replica
import Store

/// What must happen once nothing goes wrong any more.
extension World {
    /// First a connected majority alone must make progress; then everybody must come to the same state, and nothing may be left over.
    package func settle() {
        guard violation == nil else { return }
        calm()
        // What is on its way inside the nodes comes out first, a change of the membership too, and one that has only just begun says what its log holds.
        for place in nodes.indices { isolate(place) }
        let soon = time + 10_000_000
        run(until: time + settings.electionNanoseconds) { time < soon || nodes.contains { $0.isUp && !$0.hasSpoken && isIn($0) } }
        guard violation == nil else { return }
        network.heal()
        let (voters, learners) = majority()
        for place in nodes.indices where !voters.contains(place) && !learners.contains(place) { isolate(place) }
        trace.line("\(moment) calm: \(voters.map { nodes[$0].id.description }.joined(separator: ",")) are connected")
        let clientPlaces = voters + learners
        for number in clients.indices { clients[number].place = clientPlaces[number % clientPlaces.count] }
        let start = record.acknowledged
        let patience = time + 60 * settings.electionNanoseconds
        let wanted = counts.writes + 5, wantedReads = counts.reads + 3
        run(until: patience) { nodes.first(where: { $0.isLeader && voters.contains($0.place) }) == nil || counts.writes < wanted || counts.reads < wantedReads || record.acknowledged <= start }
        guard violation == nil else { return }
        guard counts.writes >= wanted, counts.reads >= wantedReads, record.acknowledged > start else {
            return fail("a connected majority makes no progress in 60 election timeouts: \(states)")
        }
        network.heal()
        // What was in some log only is committed by now, or gone: a time later than all that was applied, or another membership.
        makeComparable()
        for number in clients.indices { clients[number].isResting = true }
        var rest: LogIndex?
        run(until: time + 120 * settings.electionNanoseconds) { !isAtRest(&rest) }
        guard violation == nil else { return }
        guard isAtRest(&rest) else { return fail("not everybody has come to the same state in 120 election timeouts: \(states)") }
        checkRest()
    }

    private func calm() {
        isCalm = true
        network.heal()
        network.connectAll()
        replaceRefused()
        makeComparable()
        for node in nodes {
            node.pausedUntil = 0
            node.diskNanoseconds = min(node.diskNanoseconds, 2_000_000)
            node.disk.isLow = false
            node.disk.failure = nil
            if let files = node.files {
                files.capacityBytes = .max
                // A call that never comes: no fault is planned any more.
                files.plan(.fail(0), atCall: .max)
            }
            // One that is to come and was not asked for stays away; one that was removed is there, and must not disturb.
            if !node.isUp, !node.isSpare || node.life > 0 { start(node) }
        }
    }

    /// States can be compared, so that those that went astray are found. A log's time that is ahead of all clocks stands still, and states are compared by it; where fewer
    /// than three vote, or one of them has lost its directory, nobody can say who is right.
    private func makeComparable() {
        if settings.hasHours || settings.comparisonMilliseconds < .max {
            for node in nodes { node.wallOffset += max(0, record.model.applied.time.milliseconds - node.wall(time)) }
        }
        let membership = record.membership
        let areThere = membership.voters.allSatisfy { membership.member($0)?.incarnation.rawValue == nodes[Int($0.rawValue) - 1].incarnation }
        if membership.voters.count < 3 || !areThere { for node in nodes { node.machine?.isStray = false } }
    }

    /// A quorum by every membership that is in anybody's log, with somebody whom its own quorum elects, by chance; and the rest of the members that are in their place. With a
    /// sound state where that is enough: one that is to be rebuilt, and knows it or not, is no help to another that needs a snapshot.
    private func majority() -> (voters: [Int], learners: [Int]) {
        let newest = record.membership.voters.isEmpty ? firstMembership : record.membership
        let memberships = [newest] + nodes.filter(isIn).map(\.seenMembership).filter { !$0.voters.isEmpty }
        func isInPlace(_ node: SimulatedNode) -> Bool { newest.member(node.id)?.incarnation.rawValue == node.incarnation }
        var voters = nodes.filter { node in isInPlace(node) && memberships.contains { $0.isVoter(node.id) } }.map(\.place)
        func decide(_ places: [Int]) -> Bool {
            memberships.allSatisfy { Quorums.isQuorum(places.map { nodes[$0].id }, of: $0) } && places.contains { canBeElected(nodes[$0], by: places.map { nodes[$0] }) }
        }
        let sound = voters.filter { !nodes[$0].isRotten }
        if decide(sound) { voters = sound }
        for _ in 0..<nodes.count {
            guard !voters.isEmpty else { break }
            let place = dice.below(voters.count)
            var fewer = voters
            fewer.remove(at: place)
            if decide(fewer) { voters = fewer }
        }
        let learners = nodes.filter { node in isInPlace(node) && !memberships.contains { $0.isVoter(node.id) } }.map(\.place)
        return (voters, learners)
    }

    /// Whether a quorum of these, by the membership in the node's own log, has logs that are no newer than its own. A change of voters that is on its way can
    /// make one who does not vote the only one with the newest log: nobody is elected before others are reached.
    private func canBeElected(_ node: SimulatedNode, by voters: [SimulatedNode]) -> Bool {
        let own = node.truth.lastPosition
        let grants = voters.filter { ($0.truth.lastPosition.term, $0.truth.lastPosition.index) <= (own.term, own.index) }
        return node.seenMembership.isVoter(node.id) && Quorums.isQuorum(grants.map(\.id), of: node.seenMembership)
    }

    private func isolate(_ place: Int) {
        for other in nodes.indices where other != place {
            network.cut(place, other)
            network.cut(other, place)
        }
    }

    /// Every member has applied what was committed when the last client was answered. (A leader goes on writing the time down, so there may be no moment at which all have applied
    /// the same.)
    private func isAtRest(_ index: inout LogIndex?) -> Bool {
        guard clients.allSatisfy(\.isDone), let leader = nodes.first(where: { $0.isLeader }) else { return false }
        if index == nil, leader.seenCommit == record.committedIndex { index = record.committedIndex }
        guard let index, leader.seenCommit >= index else { return false }
        return nodes.filter(isIn).allSatisfy { node in
            node.isUp && !node.isRotten && (node.machine?.applied.position.index ?? LogIndex(0)) >= index && leader.seenMembership.member(node.id)?.incarnation.rawValue == node.incarnation
        }
    }

    /// Nothing is left over: no answer is owed, no transfer goes on. What is on its way may end first.
    private func checkRest() {
        for node in nodes { node.machine?.compare() }
        waiting = -1
        let end = time + 40_000_000_000
        while violation == nil, waiting != 0, time < end {
            waiting = 0
            for node in nodes where isIn(node) { node.replica?.status { [unowned self] status in waiting += status.waiting } }
            run(until: time + 2 * settings.electionNanoseconds) { true }
        }
        if waiting > 0 { fail("\(waiting) still wait for something, and nobody asked: \(states)") }
    }

    /// A word on every node, for reports.
    package var states: String {
        nodes.map { node in
            guard node.isUp else { return "\(node.id) down" }
            let applied = node.machine?.applied.position.index ?? LogIndex(0)
            return "\(node.id) \(node.seenRole) term \(node.seenTerm) commit \(node.seenCommit) applied \(applied) voters \(Quorums.text(node.seenMembership))"
        }.joined(separator: "; ") + "; clients waiting: \(clients.count { !$0.isDone })"
    }
}
