import Checks
import Configuration
import Harness
import Scenarios
import Testing

/// A run that proves nothing does not hold, whatever was not found in it.
@Suite struct EvidenceTests {
    private func scenario(_ rest: String = "") throws -> Scenario {
        try Scenario(TOMLFile(parsing: "name = \"s\"\nabout = \"a test\"\n" + rest, name: "s.toml"))
    }

    /// Of a minute in which everything came through.
    private var plenty: Evidence {
        var evidence = Evidence()
        (evidence.reads, evidence.staleReads, evidence.writes, evidence.once) = (900, 200, 800, 300)
        (evidence.rightChanges, evidence.shown, evidence.scanned, evidence.counted, evidence.heals) = (40, 300, 300, 20, 5)
        var history = HistoryCounts()
        (history.reads, history.writes, history.finals, history.sessionOperations) = (1_100, 800, 320, 1_700)
        evidence.history = history
        return evidence
    }

    @Test func enoughIsEnough() throws {
        #expect(plenty.missing(try scenario(), seconds: 60, heals: 5) == [])
    }

    @Test(arguments: [
        (\Evidence.staleReads, "stale reads answered", 6), (\Evidence.once, "records written once and looked for in the end", 7),
        (\Evidence.rightChanges, "changes of the partner's right", 6), (\Evidence.shown, "records shown to the partner", 6),
        (\Evidence.scanned, "records shown to the partner's scans", 6), (\Evidence.counted, "counts answered to the partner", 1), (\Evidence.heals, "heals measured", 1),
    ] as [(WritableKeyPath<Evidence, Int> & Sendable, String, Int)])
    func whatIsMissingIsTold(figure: WritableKeyPath<Evidence, Int> & Sendable, what: String, floor: Int) throws {
        for count in [0, floor - 1] {
            var evidence = plenty
            evidence[keyPath: figure] = count
            evidence.history?.reads = evidence.reads + evidence.staleReads
            let line = "\(count) \(what): \(floor) at the least were to be expected, so this proves nothing"
            #expect(evidence.missing(try scenario(), seconds: 60, heals: 5) == [line])
        }
    }

    /// Every call was refused, timed out or of unknown outcome: none of them is odd.
    @Test func aRunInWhichNothingCameThroughProvesNothing() throws {
        let actions: [Call.Action] = [.read, .staleRead(9), .put(1), .putIfAbsent(2), .replace(at: 1, new: 3), .delete]
        let outcomes: [Call.Outcome] = [.refused, .unknown, .conflict, .pending]
        let calls = actions.flatMap { action in
            outcomes.flatMap { [Call](repeating: Call(client: 1, key: "k", action: action, called: 1, returned: 2, outcome: $0), count: 500) }
        }
        var evidence = Evidence(calls) { _ in 100 }
        evidence.history = HistoryCounts()
        #expect(evidence.operations == 0 && evidence.writtenBytes == 0)
        let missing = evidence.missing(try scenario(), seconds: 60, heals: 0)
        for what in ["0 reads answered", "0 stale reads answered", "0 writes acknowledged", "0 records shown to the partner", "knows of 0 keys in the end"] {
            #expect(missing.contains { $0.contains(what) }, "\(missing)")
        }
    }

    @Test func answersAreCounted() {
        func call(_ action: Call.Action, _ outcome: Call.Outcome) -> Call { Call(client: 1, key: "k", action: action, called: 1, returned: 2, outcome: outcome) }
        let evidence = Evidence([
            call(.read, .read(nil, index: 1)), call(.staleRead(5), .read(nil, index: 1)), call(.put(7), .written(index: 2)), call(.putIfAbsent(8), .written(index: 3)),
            call(.replace(at: 3, new: 9), .written(index: 4)), call(.delete, .written(index: 5)), call(.read, .refused), call(.put(10), .unknown),
        ]) { Int($0) * 10 }
        #expect(evidence.reads == 1 && evidence.staleReads == 1 && evidence.writes == 4 && evidence.operations == 6)
        #expect(evidence.writtenBytes == 240)
    }

    /// What no client does, and what is too rare for so short a run, is not asked for.
    @Test func aScenarioAsksForWhatItsWeightsAndItsLengthGive() throws {
        var evidence = plenty
        evidence.staleReads = 0
        evidence.history?.reads = evidence.reads
        #expect(evidence.missing(try scenario("[weights]\nstale = 0\n"), seconds: 60, heals: 5) == [])
        (evidence.shown, evidence.scanned, evidence.counted, evidence.rightChanges, evidence.heals) = (0, 0, 0, 0, 0)
        #expect(evidence.missing(try scenario("[weights]\nstale = 1\nread = 1000\n"), seconds: 1, heals: 5) == [])
        #expect(evidence.missing(try scenario(), seconds: 14, heals: 5).count == 5)
    }

    @Test func aHistoryThatIsNotTheRunsIsTold() throws {
        var evidence = plenty
        evidence.history = nil
        #expect(evidence.missing(try scenario(), seconds: 60, heals: 5) == ["kho-check has judged nothing"])
        evidence = plenty
        evidence.history?.reads -= 1
        #expect(evidence.missing(try scenario(), seconds: 60, heals: 5) == ["kho-check has read 1099 answered reads of 1100"])
        evidence = plenty
        evidence.history?.writes += 1
        #expect(evidence.missing(try scenario(), seconds: 60, heals: 5) == ["kho-check has read 801 acknowledged writes of 800"])
        evidence = plenty
        evidence.history?.finals = 299
        #expect(evidence.missing(try scenario(), seconds: 60, heals: 5) == ["kho-check knows of 299 keys in the end, and 300 were written once"])
        evidence = plenty
        evidence.history?.sessionOperations = 0
        #expect(evidence.missing(try scenario(), seconds: 60, heals: 5) == ["kho-check knows of 0 operations of sessions, and 800 were writes"])
    }

    /// `kho-check`'s own words are understood.
    @Test func whatKhoCheckSaysIsRead() throws {
        func operation(_ name: UInt64, _ kind: Operation.Kind, _ key: String, session: UInt64?, stale: Bool = false) -> Operation {
            Operation(
                name: name, client: 1, session: session, key: key, kind: kind, written: kind == .put ? name : 0, mayBeStale: stale, called: name * 10,
                returned: name * 10 + 5, outcome: .ok, index: 20 + name, seen: 0)
        }
        let final = Operation(name: 0, key: "a", kind: .read, called: 100, returned: 101, outcome: .ok, seen: 1, isFinal: true)
        let history = try History([
            operation(1, .put, "a", session: 3), operation(2, .put, "b", session: 3), operation(3, .read, "c", session: 3), operation(4, .read, "c", session: nil, stale: true),
            operation(5, .read, "c", session: 4), final,
        ])
        let counts = try #require(HistoryCounts(Checker.check(history).text()))
        #expect(counts.reads == 3 && counts.writes == 2 && counts.finals == 1 && counts.sessionOperations == 4)
        #expect(HistoryCounts("kho-check: no history\n") == nil)
    }

    @Test func aBoundedLogMustHaveBeenCut() throws {
        let bounded = try scenario("[bounds]\nleader_segments = \"96 MiB\"\n")
        var evidence = plenty
        evidence.writtenBytes = 2 * (96 << 20) - 1
        #expect(evidence.tooLittleWritten(bounded, seconds: 60)?.contains("that it was cut is not proved") == true)
        // A run that was made shorter claims nothing about it, and a log without such a bound neither.
        #expect(evidence.tooLittleWritten(bounded, seconds: 59) == nil)
        #expect(evidence.tooLittleWritten(try scenario(), seconds: 60) == nil)
        evidence.writtenBytes += 1
        #expect(evidence.tooLittleWritten(bounded, seconds: 60) == nil)
    }
}
