import Scenarios
import Testing

/// The judges of a run, before histories of which the verdict is known.
@Suite struct CheckTests {
    private func call(_ key: String, _ action: Call.Action, _ called: UInt64, _ returned: UInt64, _ outcome: Call.Outcome) -> Call {
        Call(client: 1, key: key, action: action, called: called * 1_000_000, returned: returned * 1_000_000, outcome: outcome)
    }
    private func found(_ value: Int64, _ index: UInt64) -> Call.Found { Call.Found(value: value, modifiedAt: index) }

    @Test func aSoundHistoryPasses() {
        let check = IndexCheck([
            call("k", .put(1), 0, 1, .written(index: 5)), call("k", .read, 2, 3, .read(found(1, 5), index: 5)),
            call("k", .put(2), 2, 9, .unknown), call("k", .read, 10, 11, .read(found(2, 6), index: 7)),
            call("k", .staleRead(20), 12, 13, .read(found(1, 5), index: 5)), call("k", .delete, 14, 15, .written(index: 9)),
            call("k", .read, 16, 17, .read(nil, index: 9)), call("k", .putIfAbsent(3), 18, 19, .conflict),
        ])
        #expect(check.violations == [])
        #expect(check.reads == 4)
    }

    @Test func aLostWriteIsFound() {
        let check = IndexCheck([call("k", .put(1), 0, 1, .written(index: 5)), call("k", .read, 2, 3, .read(nil, index: 6))])
        #expect(check.violations.count == 1 && check.violations[0].contains("found nothing, but 1 was written at 5"))
    }

    @Test func aReadOfTheRightIndexWithTheWrongRecordIsFound() {
        let check = IndexCheck([
            call("k", .put(1), 0, 1, .written(index: 5)), call("k", .put(2), 2, 3, .written(index: 6)),
            call("k", .read, 2, 3, .read(found(1, 5), index: 6)),
        ])
        #expect(check.violations.count == 1 && check.violations[0].contains("but at 6 it was replaced by 2"))
    }

    @Test func aReadBehindAnAcknowledgedWriteIsFound() {
        let writes = [call("a", .put(1), 0, 1, .written(index: 5)), call("b", .put(2), 0, 1, .written(index: 6))]
        let check = IndexCheck(writes + [call("a", .read, 2, 3, .read(nil, index: 4))])
        #expect(check.violations.count == 1 && check.violations[0].contains("is of index 4, but a had been acknowledged with 5"))
        // What its state lacks may be about another record.
        #expect(IndexCheck(writes + [call("a", .read, 2, 3, .read(found(1, 5), index: 5))]).violations == [])
        // A stale read may, for a while.
        let stale = call("b", .staleRead(10), 2, 3, .read(nil, index: 4)), tooStale = call("b", .staleRead(10), 12, 13, .read(nil, index: 4))
        #expect(IndexCheck([call("a", .put(1), 0, 1, .written(index: 5)), stale]).violations == [])
        #expect(IndexCheck([call("a", .put(1), 0, 1, .written(index: 5)), tooStale]).violations.count == 1)
    }

    @Test func aRefusedWriteThatIsThereIsFound() {
        let check = IndexCheck([call("k", .put(1), 0, 1, .refused), call("k", .read, 2, 3, .read(found(1, 5), index: 5))])
        #expect(check.violations.count == 1 && check.violations[0].contains("that write was answered as not done"))
    }

    @Test func aWriteFromTheFutureIsFound() {
        let check = IndexCheck([call("k", .put(1), 0, 1, .written(index: 7)), call("k", .staleRead(9), 0, 3, .read(found(1, 7), index: 6))])
        #expect(check.violations.contains { $0.contains("from after the index that the answer is of") })
    }

    @Test func anIndexGivenTwiceOrBackwardsIsFound() {
        #expect(!IndexCheck([call("a", .put(1), 0, 1, .written(index: 5)), call("b", .put(2), 2, 3, .written(index: 5))]).violations.isEmpty)
        #expect(!IndexCheck([call("a", .put(1), 0, 1, .written(index: 5)), call("b", .put(2), 2, 3, .written(index: 4))]).violations.isEmpty)
        // At the same time, in either order.
        #expect(IndexCheck([call("a", .put(1), 0, 3, .written(index: 5)), call("b", .put(2), 1, 2, .written(index: 4))]).violations == [])
    }

    @Test func onceOnlyWritesAreCounted() {
        let calls = [
            call("o-1-1", .putIfAbsent(1), 0, 1, .written(index: 5)), call("o-1-2", .putIfAbsent(2), 0, 1, .unknown),
            call("o-1-3", .putIfAbsent(3), 0, 1, .refused), call("o-1-4-0", .putIfAbsent(4), 0, 1, .unknown),
            call("o-1-4-1", .putIfAbsent(5), 0, 1, .unknown),
        ]
        let sound = PresenceCheck(calls, ["o-1-1": found(1, 5), "o-1-4-0": found(4, 6), "o-1-4-1": found(5, 6)])
        #expect(sound.violations == [] && sound.acknowledged == 1)
        #expect(PresenceCheck(calls, [:]).violations == ["o-1-1 was acknowledged with index 5 and is lost"])
        let all = ["o-1-1": found(1, 5)]
        #expect(PresenceCheck(calls, all.merging(["o-1-3": found(3, 6)]) { a, _ in a }).violations.count == 1, "refused, and there")
        #expect(PresenceCheck(calls, all.merging(["o-1-4-0": found(4, 6)]) { a, _ in a }).violations.count == 1, "half a batch")
        #expect(PresenceCheck(calls, all.merging(["o-9-9": found(9, 6)]) { a, _ in a }).violations.count == 1, "nobody's")
        #expect(PresenceCheck([call("o-1-1", .putIfAbsent(1), 0, 1, .conflict)], all).violations.count == 1, "applied twice")
    }
}
