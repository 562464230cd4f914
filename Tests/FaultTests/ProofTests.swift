import Configuration
import Core
import Harness
import Scenarios
import Testing

/// What makes a verdict fail beside what was found: that there was too little to find something in.
@Suite struct ProofTests {
    private let scenario: Scenario
    private let schedule: Schedule

    init() throws {
        let text = "name = \"s\"\nabout = \"a test\"\n[fault.x]\nkind = \"kill\"\nevery_milliseconds = 10000\nlasts_milliseconds = 1000\n"
        scenario = try Scenario(TOMLFile(parsing: text, name: "s.toml"))
        schedule = Schedule(scenario, seconds: 60, seed: 1)
    }

    /// Of a run in which everything came about.
    private var sound: Scenarios.Verdict {
        var verdict = Verdict(scenario, schedule, seed: 1, seconds: 60)
        (verdict.evidence.reads, verdict.evidence.staleReads, verdict.evidence.writes, verdict.evidence.once) = (900, 200, 800, 300)
        (verdict.evidence.rightChanges, verdict.evidence.shown, verdict.evidence.scanned, verdict.evidence.counted) = (40, 300, 300, 20)
        var history = HistoryCounts()
        (history.reads, history.writes, history.finals, history.sessionOperations) = (1_100, 800, 320, 1_700)
        verdict.evidence.history = history
        verdict.leaderAfterHeal = [10, 20]
        verdict.writeAfterHeal = [11, 21]
        verdict.tally.began(.kill)
        return verdict
    }

    @Test func aRunThatWasOneHolds() {
        var verdict = sound
        verdict.judgeProof(scenario, schedule)
        #expect(verdict.holds, "\(verdict.text)")
        #expect(verdict.operations == 1_900)
        #expect(verdict.text.contains("faults   1 of 6: kill 1 of 6"))
        #expect(verdict.document["faults"] == .int(1) && verdict.document["faultsPlanned"] == .int(6))
        #expect(verdict.document["evidence"]?["staleReads"] == .int(200) && verdict.document["operations"] == .int(1_900))
    }

    @Test func aHealAfterWhichNothingIsWrittenIsAViolation() {
        var verdict = sound
        verdict.healsWithoutWrite = 1
        verdict.judgeProof(scenario, schedule)
        #expect(!verdict.holds)
        #expect(verdict.text.contains("after 1 of 2 heals no write was acknowledged"))
    }

    @Test func aRunWithoutReadsOrFaultsDoesNotHold() {
        var verdict = sound
        verdict.evidence.reads = 0
        verdict.judgeProof(scenario, schedule)
        #expect(!verdict.holds && verdict.text.contains("0 reads answered: 24 at the least were to be expected"))
        verdict = sound
        verdict.tally = FaultTally(schedule)
        verdict.judgeProof(scenario, schedule)
        #expect(!verdict.holds && verdict.text.contains("kill was planned 6 times and never came about"))
        verdict = sound
        verdict.leaderAfterHeal = []
        verdict.judgeProof(scenario, schedule)
        #expect(!verdict.holds && verdict.text.contains("0 heals measured"))
    }

    @Test func whatNobodyCouldReadIsAViolation() {
        var reading = LastReading()
        #expect(reading.violations == ["no query node could be read in the end, so nothing was looked for"])
        reading.contents = [("n4", ["k": Call.Found(value: 1, modifiedAt: 2)]), ("n5", ["k": Call.Found(value: 1, modifiedAt: 2)])]
        #expect(reading.violations == [])
        reading.contents[1].records = [:]
        #expect(reading.violations == ["n5 and n4 hold different records"])
        reading.unread = ["n6 cannot be read in the end: x"]
        #expect(reading.violations.count == 2)
    }

    /// What was promised to be in order is marked so in the file, and nothing else.
    @Test(arguments: [true, false]) func sessionsAreOfWhatIsInOrder(areReadsInOrder: Bool) throws {
        let folder = try TemporaryFolder(prefix: "kho-observations")
        let path = folder.path + "/history.jsonl"
        let observations = try Observations(path: path, areReadsInOrder: areReadsInOrder)
        for action in [Call.Action.read, .staleRead(9), .put(1), .putIfAbsent(2), .replace(at: 3, new: 4), .delete] {
            observations.end(observations.begin(client: 7, "k-1-0", action), .unknown)
        }
        observations.close([:], from: MonotonicTime.now().nanoseconds)
        #expect(observations.failure == nil)
        let calls = try Files.text(path).split(separator: "\n").filter { $0.contains("\"call\"") }
        #expect(calls.map { $0.contains("\"session\":7") } == [areReadsInOrder, false, true, true, true, true])
    }

    @Test func aHistoryThatCannotBeWrittenIsNotOne() throws {
        let observations = try Observations(path: "/dev/full", areReadsInOrder: true)
        observations.end(observations.begin(client: 1, "k-1-0", .read), .refused)
        #expect(observations.failure?.description.contains("No space left") == true)
    }
}
