import Configuration
import Core
import Scenarios
import Testing

/// When a voter that was away has come back, and that a run in which none had to be sent a state proves nothing.
@Suite struct CatchUpTests {
    private func node(_ number: Int64, applied: Int64, committed: Int64 = 0, snapshots: Int64 = 0, term: Int64 = 1, followers: [(Int64, String, Bool)]? = nil) -> (node: String, answer: Document) {
        let list: [Document] = (followers ?? []).map { ["node": .int($0.0), "state": .string($0.1), "active": .bool($0.2)] }
        return (
            "n\(number)",
            [
                "node": .int(number), "appliedIndex": .int(applied), "commitIndex": .int(committed), "snapshotsInstalled": .int(snapshots), "term": .int(term),
                "raftRole": .string(followers == nil ? "follower" : "leader"), "followers": .array(list),
            ]
        )
    }
    private let names = ["n1", "n2", "n3"]

    @Test func whoFollowsTheLogHasCaughtUp() {
        func look(_ state: String, isActive: Bool = true, applied: Int64 = 20) -> CatchUp.Look {
            CatchUp.Look([
                node(1, applied: 20, committed: 20, followers: [(2, "replicate", true), (3, state, isActive)]), node(2, applied: 20), node(3, applied: applied),
            ])
        }
        #expect(look("replicate").committed == 20)
        #expect(look("replicate").hasCaughtUp(names, to: 20))
        #expect(!look("replicate", applied: 19).hasCaughtUp(names, to: 20), "it has not applied what was committed")
        #expect(!look("replicate", isActive: false).hasCaughtUp(names, to: 20), "it does not answer")
        for state in ["snapshot", "probe"] { #expect(!look(state).hasCaughtUp(names, to: 20), "it is sent one state after the other, and never finds into the log") }
    }

    @Test func whoDoesNotAnswerHasNotCaughtUp() {
        let look = CatchUp.Look([node(1, applied: 20, followers: [(2, "replicate", true), (3, "replicate", true)]), node(2, applied: 20)])
        #expect(!look.hasCaughtUp(names, to: 20))
        #expect(look.hasCaughtUp(["n1", "n2"], to: 20))
        #expect(!CatchUp.Look([node(2, applied: 20), node(3, applied: 20)]).hasCaughtUp(["n2", "n3"], to: 20), "nobody leads")
    }

    /// Of two that call themselves leader the one of the higher term is asked.
    @Test func anOldLeaderIsNotAsked() {
        let old = node(1, applied: 20, term: 3, followers: [(2, "replicate", true), (3, "replicate", true)])
        let new = node(2, applied: 20, term: 4, followers: [(1, "probe", true), (3, "replicate", true)])
        for answers in [[old, new, node(3, applied: 20)], [new, old, node(3, applied: 20)]] {
            #expect(CatchUp.Look(answers).following == [2, 3])
        }
    }

    @Test func statesAreCountedFromALookOn() {
        let before = CatchUp.Look([node(1, applied: 1, snapshots: 2), node(2, applied: 1, snapshots: 1)]) { $0 == "n1" ? 10 : 20 }
        // One more by the same process; started anew, with as many as before; and one that did not answer before.
        let answers = [node(1, applied: 1, snapshots: 3), node(2, applied: 1, snapshots: 1), node(3, applied: 1, snapshots: 1)]
        let after = CatchUp.Look(answers) { $0 == "n1" ? 10 : 21 }
        #expect(after.snapshots(since: before) == 3)
        #expect(before.snapshots(since: before) == 0)
    }

    @Test func aRunClaimsWhatItsFileSays() throws {
        let text = "name = \"s\"\nabout = \"a test\"\n[fault.x]\nkind = \"kill\"\nlasts_milliseconds = 1000\n"
        func checks(_ bounds: String, _ catchUps: [CatchUp], seconds: Int = 60) throws -> [String] {
            let scenario = try Scenario(TOMLFile(parsing: text + bounds, name: "s.toml"))
            let schedule = Schedule(scenario, seconds: seconds, seed: 1)
            var verdict = Verdict(scenario, schedule, seed: 1, seconds: seconds)
            verdict.catchUps = catchUps
            verdict.judgeProof(scenario, schedule)
            return verdict.checks.filter { $0.claim.contains("follows") }.flatMap { [$0.claim] + $0.violations }
        }
        let bound = "[bounds]\ncaught_up_within_milliseconds = 5000\n", sound = CatchUp(milliseconds: 700, snapshots: 1), nothing = CatchUp(milliseconds: 90, snapshots: 0)
        let claim = "every voter follows within 5000 ms of each of 2 heals, under load; 1 were sent a state"
        let none = "no voter was so far behind that it was sent a state: this proves nothing"
        let unclaimed = try checks("", []), held = try checks(bound, [sound, nothing])
        #expect(unclaimed == [] && held == [claim])
        let late = try checks(bound, [CatchUp(milliseconds: nil, snapshots: 1), nothing])
        #expect(late == [claim, "after 1 of 2 heals some voter did not follow within 5000 ms"])
        let idle = try checks(bound, [nothing]), short = try checks(bound, [nothing], seconds: 30)
        #expect(idle.last == none && short.last != none)
    }
}
