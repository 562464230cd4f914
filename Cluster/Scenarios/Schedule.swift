import Core

/// When which fault begins and ends. A pure function of scenario and seed, so a run can be repeated, as far as processes can.
package struct Schedule: Equatable, Sendable {
    /// One occurrence of a fault.
    package struct Occurrence: Equatable, Sendable {
        package var kind: FaultKind
        package var target: Target
        package var amount: Int
        package var beginsMilliseconds: Int
        /// nil: it lasts to the end.
        package var endsMilliseconds: Int?
        /// Drawn from the mix; otherwise the file asks for it by itself.
        package var isByChance = false
    }

    /// In the order in which they begin.
    package var occurrences: [Occurrence] = []

    /// Nothing goes wrong so shortly before the end, so that what is measured after a fault belongs to it.
    private static let quietMilliseconds = 1_000

    package init(_ scenario: Scenario, seconds: Int, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let end = seconds * 1_000 - Self.quietMilliseconds
        for fault in scenario.faults {
            var begins = fault.firstMilliseconds
            repeat {
                let ends = fault.lastsMilliseconds > 0 ? begins + fault.lastsMilliseconds : nil
                guard (ends ?? begins) <= end else { break }
                occurrences.append(
                    Occurrence(kind: fault.kind, target: fault.target, amount: fault.amount, beginsMilliseconds: begins, endsMilliseconds: ends))
                begins += fault.everyMilliseconds
            } while fault.everyMilliseconds > 0
        }
        if let mix = scenario.mix {
            var begins = min(2_000, mix.everyMilliseconds)
            while begins + mix.lastsMilliseconds <= end {
                var kinds = mix.kinds
                for _ in 0..<min(mix.together, kinds.count) {
                    let kind = kinds.remove(at: Int(random.next() % UInt64(kinds.count)))
                    occurrences.append(
                        Occurrence(
                            kind: kind, target: Self.target(kind, &random), amount: Self.amount(kind, &random), beginsMilliseconds: begins,
                            endsMilliseconds: begins + mix.lastsMilliseconds, isByChance: true))
                }
                begins += mix.everyMilliseconds
            }
        }
        occurrences.sort { ($0.beginsMilliseconds, $0.kind.rawValue) < ($1.beginsMilliseconds, $1.kind.rawValue) }
    }

    /// How often all that has begun is over, if it goes by the schedule.
    package var heals: Int {
        let ends = Set(occurrences.compactMap(\.endsMilliseconds))
        return ends.count { end in occurrences.allSatisfy { $0.beginsMilliseconds >= end || ($0.endsMilliseconds ?? .max) <= end } }
    }

    private static func target(_ kind: FaultKind, _ random: inout SeededRandom) -> Target {
        let choices: [Target] =
            switch kind {
            case .pause, .kill, .halfOpen: [.leader, .leader, .follower, .query, .any, .all]
            // A storage node with a damaged log is not made whole by itself, so it is the query node's turn.
            case .damage: [.query]
            case .removeVoter, .replaceVoter, .loseVoter, .damageVoter: [.leader, .follower]
            case .transfer, .drain: [.leader]
            case .diskFull: [.leader, .follower]
            case .rolling, .addLearner, .ring: [.all]
            default: [.leader, .leader, .follower, .query]
            }
        let target = choices[Int(random.next() % UInt64(choices.count))]
        return kind == .halfOpen && target == .all ? .leader : target
    }

    private static func amount(_ kind: FaultKind, _ random: inout SeededRandom) -> Int {
        switch kind {
        case .slow: 20 + Int(random.next() % 180)
        case .throttle: 20_000 + Int(random.next() % 200_000)
        case .damage: 1 + Int(random.next() % 4)
        case .damageVoter: 40
        case .clock: Int(random.next() % 7_200_000) - 3_600_000
        default: 0
        }
    }
}
