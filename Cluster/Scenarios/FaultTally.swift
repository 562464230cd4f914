import Core

/// What of the faults that were planned has come about, and what was seen of it.
package struct FaultTally: Equatable, Sendable {
    /// A shorter run, if its file does not ask for one, may be over before a fault can begin.
    package static let secondsMin = 30

    package private(set) var planned: [FaultKind: Int] = [:]
    /// Of those, drawn by chance.
    private(set) var drawn: [FaultKind: Int] = [:]
    package private(set) var begun: [FaultKind: Int] = [:]

    /// Disks that were filled, and those of them whose node said so: by an alarm, or by ending with 74.
    package var filledDisks = 0, disksThatTold = 0
    /// Clocks that were moved, and whether some voter has said meanwhile that the clocks disagree: for minutes it says so, and so only once in a run.
    package var movedClocks = 0, isToldOfClocks = false
    /// Times that a query node's files were damaged, and those that it found out: it told of damage, rebuilt itself, or refused its files.
    package var damages = 0, damagesFound = 0
    /// How often a voter has lost its data, and of damaged voters, how many and how many of them have rebuilt themselves.
    package var lostVoters = 0, damagedVoters = 0, rebuiltVoters = 0

    package init(_ schedule: Schedule) {
        for occurrence in schedule.occurrences {
            planned[occurrence.kind, default: 0] += 1
            if occurrence.isByChance { drawn[occurrence.kind, default: 0] += 1 }
        }
    }

    /// A fault has come about: a process was there to be signalled, a link to be cut, a file to be damaged.
    package mutating func began(_ kind: FaultKind) { begun[kind, default: 0] += 1 }

    package var plannedCount: Int { planned.values.reduce(0, +) }
    package var begunCount: Int { begun.values.reduce(0, +) }
    /// Sorted by name.
    package var kinds: [FaultKind] { planned.keys.sorted { $0.rawValue < $1.rawValue } }

    /// Faults that a verdict of this run cannot speak of, since they never were, or did nothing.
    package func violations(_ scenario: Scenario, seconds: Int) -> [String] {
        guard seconds >= min(Self.secondsMin, scenario.seconds) else { return [] }
        var found: [String] = []
        func asked(_ kind: FaultKind) -> Bool { scenario.faults.contains { $0.kind == kind } }
        for kind in FaultKind.allCases where asked(kind) && begun[kind] == nil {
            found.append("\(kind.rawValue) was planned \(planned[kind] ?? 0) times and never came about: this proves nothing")
        }
        let byChance = drawn.keys.filter { !asked($0) }
        if scenario.mix != nil, begunCount == 0 || (!byChance.isEmpty && byChance.allSatisfy { begun[$0] == nil }) {
            found.append("of the mix nothing came about: this proves nothing")
        }
        if asked(.diskFull), filledDisks > 0, disksThatTold == 0 { found.append("no node said that its disk was full: this proves nothing") }
        if asked(.clock), movedClocks > 0, !isToldOfClocks { found.append("no voter said that the clocks disagree: this proves nothing") }
        if asked(.damage), damages > 0, damagesFound == 0 { found.append("no query node found damage: this proves nothing") }
        // By chance too: what rots there is of records.
        if asked(.damageVoter) || damagedVoters > 0, rebuiltVoters == 0 { found.append("no voter found damage and rebuilt itself: this proves nothing") }
        return found
    }

    /// What was done, for people.
    package var text: String {
        let counts = kinds.map { "\($0.rawValue) \(begun[$0] ?? 0) of \(planned[$0] ?? 0)" }.joined(separator: ", ")
        var parts = ["\(begunCount) of \(plannedCount)" + (counts.isEmpty ? "" : ": \(counts)")]
        if filledDisks > 0 { parts.append("of \(filledDisks) filled disks \(disksThatTold) told") }
        if movedClocks > 0 { parts.append("\(movedClocks) moved clocks\(isToldOfClocks ? ", and a voter has told" : ", and nobody has told")") }
        if damages > 0 { parts.append("of \(damages) damages to query nodes \(damagesFound) were found") }
        if lostVoters > 0 { parts.append("\(lostVoters) voters lost everything and came back") }
        if damagedVoters > 0 { parts.append("of \(damagedVoters) damaged voters \(rebuiltVoters) have rebuilt themselves") }
        return parts.joined(separator: "; ")
    }

    package var document: Document {
        .object(kinds.map { .init($0.rawValue, ["planned": .int(Int64(planned[$0] ?? 0)), "begun": .int(Int64(begun[$0] ?? 0))]) })
    }
}
