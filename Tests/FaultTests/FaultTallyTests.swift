import Configuration
import Foundation
import Scenarios
import Testing

/// What was planned is not what happened.
@Suite struct FaultTallyTests {
    private func scenario(_ rest: String) throws -> Scenario {
        try Scenario(TOMLFile(parsing: "name = \"s\"\nabout = \"a test\"\nnetwork = \"any\"\ndisk = \"256 MiB\"\n" + rest, name: "s.toml"))
    }
    private func tally(_ scenario: Scenario, seconds: Int = 60) -> FaultTally { FaultTally(Schedule(scenario, seconds: seconds, seed: 1)) }
    private let kill = "[fault.x]\nkind = \"kill\"\nevery_milliseconds = 10000\nlasts_milliseconds = 1000\n"

    @Test func aFaultThatNeverCameAboutIsTold() throws {
        let scenario = try scenario(kill + "[fault.y]\nkind = \"isolate\"\nlasts_milliseconds = 1000\n")
        var tally = tally(scenario)
        #expect(tally.plannedCount == 7 && tally.begunCount == 0)
        #expect(tally.violations(scenario, seconds: 60).count == 2)
        tally.began(.kill)
        #expect(tally.violations(scenario, seconds: 60) == ["isolate was planned 1 times and never came about: this proves nothing"])
        tally.began(.isolate)
        #expect(tally.violations(scenario, seconds: 60) == [])
        #expect(tally.text == "2 of 7: isolate 1 of 1, kill 1 of 6")
        // A run that was made so short claims less.
        #expect(self.tally(scenario).violations(scenario, seconds: 29) == [])
    }

    @Test func aShortFormClaimsWhatItsFileSays() throws {
        let scenario = try scenario("seconds = 14\n" + kill)
        #expect(tally(scenario, seconds: 14).violations(scenario, seconds: 14).count == 1)
        #expect(tally(scenario, seconds: 13).violations(scenario, seconds: 13) == [])
    }

    @Test func ofAMixSomeMayBeLeftOutAndNotAll() throws {
        let scenario = try scenario("[mix]\nkinds = [\"kill\", \"pause\", \"split\"]\nevery_milliseconds = 5000\nlasts_milliseconds = 2000\ntogether = 2\n")
        var tally = tally(scenario)
        #expect(tally.violations(scenario, seconds: 60) == ["of the mix nothing came about: this proves nothing"])
        tally.began(.pause)
        #expect(tally.violations(scenario, seconds: 60) == [])
    }

    @Test func aFullDiskMustHaveBeenNoticed() throws {
        let scenario = try scenario("[fault.x]\nkind = \"disk-full\"\nlasts_milliseconds = 1000\n")
        var tally = tally(scenario)
        tally.began(.diskFull)
        tally.filledDisks = 3
        #expect(tally.violations(scenario, seconds: 60) == ["no node said that its disk was full: this proves nothing"])
        tally.disksThatTold = 1
        #expect(tally.violations(scenario, seconds: 60) == [])
        #expect(tally.text.contains("of 3 filled disks 1 told"))
    }

    /// That a file was written from which a library reads the time moves nobody's clock yet.
    @Test func aMovedClockMustHaveBeenNoticed() throws {
        let scenario = try scenario("[fault.x]\nkind = \"clock\"\nlasts_milliseconds = 1000\n")
        var tally = tally(scenario)
        tally.began(.clock)
        tally.movedClocks = 2
        #expect(tally.violations(scenario, seconds: 60) == ["no voter said that the clocks disagree: this proves nothing"])
        tally.isToldOfClocks = true
        #expect(tally.violations(scenario, seconds: 60) == [])
        #expect(tally.text.contains("2 moved clocks, and a voter has told"))
    }

    @Test func damageMustHaveBeenFound() throws {
        let scenario = try scenario("[fault.x]\nkind = \"damage\"\ntarget = \"query\"\nlasts_milliseconds = 100\n")
        var tally = tally(scenario)
        tally.began(.damage)
        tally.damages = 5
        #expect(tally.violations(scenario, seconds: 60) == ["no query node found damage: this proves nothing"])
        tally.damagesFound = 1
        #expect(tally.violations(scenario, seconds: 60) == [])
    }

    /// Also where every attempt was left out.
    @Test func aVoterMustHaveRebuiltItself() throws {
        let scenario = try scenario("[fault.x]\nkind = \"damage-voter\"\nlasts_milliseconds = 100\n")
        var tally = tally(scenario)
        let nothing = "no voter found damage and rebuilt itself: this proves nothing"
        #expect(tally.violations(scenario, seconds: 60).contains(nothing))
        tally.began(.damageVoter)
        tally.damagedVoters = 1
        #expect(tally.violations(scenario, seconds: 60) == [nothing])
        tally.rebuiltVoters = 1
        #expect(tally.violations(scenario, seconds: 60) == [])
    }

    /// Otherwise half a minute of a scenario would claim what it cannot have seen.
    @Test func everyFaultOfTheHouseIsPlannedWithinHalfAMinute() throws {
        let folder = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../Cluster/Scenarios/Files").standardizedFileURL
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() {
            let scenario = try Scenario.load(folder.path + "/" + name)
            let schedule = Schedule(scenario, seconds: min(FaultTally.secondsMin, scenario.seconds), seed: 1)
            let tally = FaultTally(schedule)
            for fault in scenario.faults { #expect(tally.planned[fault.kind, default: 0] > 0, "\(name): \(fault.kind.rawValue)") }
        }
    }

    @Test func healsAreMomentsAtWhichAllIsOver() throws {
        func heals(_ text: String, seconds: Int = 60) throws -> Int { Schedule(try scenario(text), seconds: seconds, seed: 1).heals }
        let once = try heals(kill), pause = "[fault.y]\nkind = \"pause\"\n"
        #expect(once == 6)
        // To the end, and across the end of another.
        let never = try heals(kill + pause + "first_milliseconds = 1000\n"), across = try heals(kill + pause + "first_milliseconds = 2500\nlasts_milliseconds = 2000\n")
        #expect(never == 0 && across == 6)
        let alone = try heals(pause)
        #expect(alone == 0)
    }
}
