import Scenarios
import Testing

/// The judge of what a partner was shown, before answers of which the verdict is known.
@Suite struct RightsCheckTests {
    /// Nothing at first (index 5), numbers from 10 on, the first clients' records from 20 on, others' texts from 30 on, nothing from 40 on.
    private let changes = [
        RightChange(right: .nothing, begun: 0, acknowledged: 1, policyIndex: 5), RightChange(right: .numbers, begun: 10, acknowledged: 12, policyIndex: 10),
        RightChange(right: .firstClients, begun: 20, acknowledged: 22, policyIndex: 20),
        RightChange(right: .textsOfOthers, begun: 30, acknowledged: 32, policyIndex: 30), RightChange(right: .nothing, begun: 40, acknowledged: 42, policyIndex: 40),
    ]
    private static let first: Int64 = 1_000_000_001, third: Int64 = 3_000_000_001

    private func answer(_ called: UInt64, _ policy: UInt64, _ seen: PartnerAnswer.Seen, stale: Bool = false) -> PartnerAnswer {
        PartnerAnswer(key: "k", isStale: stale, called: called, returned: called + 1, policyIndex: policy, seen: seen)
    }

    private func answer(_ called: UInt64, _ policy: UInt64, _ action: PartnerRight.Action, _ seen: PartnerAnswer.Seen) -> PartnerAnswer {
        PartnerAnswer(key: "k", isStale: false, called: called, returned: called + 1, policyIndex: policy, seen: seen, action: action)
    }

    private func check(_ answers: PartnerAnswer..., changes: [RightChange]? = nil) -> RightsCheck {
        RightsCheck(changes ?? self.changes, answers) { "\($0)/" }
    }

    @Test func whatIsAllowedPasses() {
        let sound = check(
            answer(5, 5, .nothing), answer(5, 0, .denied), answer(15, 10, .record(number: Self.third, text: nil)),
            answer(25, 20, .record(number: Self.first, text: "\(Self.first)/")), answer(35, 30, .record(number: nil, text: "\(Self.third)/")),
            answer(35, 30, .record(number: nil, text: "30")), answer(45, 0, .denied), answer(11, 7, .record(number: 1, text: nil)))
        #expect(sound.violations == [])
        #expect(sound.answers == 8 && sound.shown == 5 && sound.withheld == 3)
    }

    @Test(arguments: [
        // A field too many, and one too few.
        (15, 10, PartnerAnswer.Seen.record(number: Self.first, text: "\(Self.first)/"), "the answer number and text"),
        (25, 20, .record(number: Self.first, text: nil), "the answer number"),
        // A record that the condition hides, by its number and by its text alone.
        (25, 20, .record(number: Self.third, text: "\(Self.third)/"), "does not show the record with 3000000001"),
        (35, 30, .record(number: nil, text: "\(Self.first)/"), "does not show the record with 1000000001"),
        // Nothing is allowed.
        (45, 40, .record(number: Self.first, text: nil), "nothing shows nothing to a get"),
        // A text of another record.
        (25, 20, .record(number: Self.first, text: "7/"), "not that of 1000000001"),
        // Under rights that were taken back before it was asked; a change that nobody made.
        (45, 30, .record(number: nil, text: "\(Self.third)/"), "nothing was in force before"),
        (50, 50, .nothing, "nobody changed rights there"),
        // Denied, though something was allowed all the time.
        (25, 0, .denied, "denied, and firstClients was in force"),
    ] as [(UInt64, UInt64, PartnerAnswer.Seen, String)])
    func whatIsNotIsFound(called: UInt64, policy: UInt64, seen: PartnerAnswer.Seen, says: String) {
        let found = check(answer(called, policy, seen)).violations
        #expect(found.count == 1 && found[0].contains(says), "\(found)")
    }

    @Test func scansAndCountsThatAreAllowedPass() {
        let sound = check(
            answer(15, 10, .scan, .record(number: Self.third, text: nil)), answer(15, 0, .count, .denied), answer(25, 0, .scan, .denied),
            answer(25, 20, .count, .counted(7, ofOthers: false)), answer(25, 20, .count, .counted(0, ofOthers: true)),
            answer(35, 30, .scan, .record(number: nil, text: "\(Self.third)/")), answer(35, 30, .count, .counted(24, ofOthers: false)),
            answer(35, 0, .count, .noSuchField), answer(45, 0, .scan, .denied), answer(45, 0, .count, .denied))
        #expect(sound.violations == [])
        #expect(sound.answers == 10 && sound.shown == 0 && sound.scanned == 2 && sound.counted == 3 && sound.withheld == 5)
    }

    @Test(arguments: [
        // What the agreement does not let it do, with what it may see.
        (25, 20, .scan, PartnerAnswer.Seen.record(number: Self.first, text: "\(Self.first)/"), "firstClients shows nothing to a scan"),
        (15, 10, .count, .counted(3, ofOthers: false), "numbers shows nothing to a count"),
        (45, 40, .count, .counted(0, ofOthers: false), "nothing shows nothing to a count"),
        // A record that the condition hides, among those of a scan, and a field.
        (35, 30, .scan, .record(number: nil, text: "\(Self.first)/"), "does not show the record with 1000000001"),
        (35, 30, .scan, .record(number: Self.third, text: "\(Self.third)/"), "the answer number and text"),
        // Hidden records are counted, by a field that it sees and by one that it does not; more than there are.
        (25, 20, .count, .counted(2, ofOthers: true), "firstClients shows none of those, and 2 were counted"),
        (35, 30, .count, .counted(2, ofOthers: true), "textsOfOthers does not show the number"),
        (25, 20, .count, .counted(25, ofOthers: false), "25 records, and there are 24 at most"),
        // A scan of before, under rights that were taken back.
        (45, 30, .scan, .record(number: nil, text: "\(Self.third)/"), "nothing was in force before"),
        // Refused, though it was allowed all the time.
        (15, 0, .scan, .denied, "denied, and numbers was in force"), (25, 0, .count, .denied, "denied, and firstClients was in force"),
        (25, 0, .count, .noSuchField, "no number to choose by, and firstClients was in force"), (45, 0, .count, .noSuchField, "no number to choose by, and nothing"),
    ] as [(UInt64, UInt64, PartnerRight.Action, PartnerAnswer.Seen, String)])
    func scansAndCountsThatAreNotAreFound(called: UInt64, policy: UInt64, action: PartnerRight.Action, seen: PartnerAnswer.Seen, says: String) {
        let found = check(answer(called, policy, action, seen)).violations
        #expect(found.count == 1 && found[0].contains(says), "\(found)")
    }

    @Test func whatMayBeOldMayBeOfAnOlderRight() {
        #expect(check(answer(45, 30, .record(number: nil, text: "\(Self.third)/"), stale: true)).violations == [])
        // And of that right it is all the same.
        #expect(check(answer(45, 30, .record(number: Self.third, text: nil), stale: true)).violations.count == 1)
    }

    /// A change of which nobody knows how often it was made may come into force again.
    @Test func anUnknownChangeMayComeAgain() {
        var unsure = changes
        unsure[1].mayComeAgain = true
        let late = answer(25, 20, .record(number: Self.third, text: nil))
        #expect(check(late).violations.count == 1)
        #expect(check(late, changes: unsure).violations == [])
        unsure[1].mayComeAgain = false
        unsure[0].mayComeAgain = true
        #expect(check(answer(25, 0, .denied), changes: unsure).violations == [])
    }
}
