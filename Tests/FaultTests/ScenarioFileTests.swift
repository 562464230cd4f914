import Configuration
import Foundation
import Scenarios
import Testing

@Suite struct ScenarioFileTests {
    private func error(_ text: String) -> String? {
        do throws(ConfigurationError) {
            _ = try Scenario(TOMLFile(parsing: text, name: "s.toml"))
            return nil
        } catch { return error.description }
    }
    private let head = "name = \"s\"\nabout = \"a test\"\n"

    @Test func everyScenarioOfTheHouseIsSound() throws {
        let folder = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../Cluster/Scenarios/Files").standardizedFileURL
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(names.count > 58)
        for name in names {
            let scenario = try Scenario.load(folder.path + "/" + name)
            #expect(scenario.name + ".toml" == name)
            let schedule = Schedule(scenario, seconds: 60, seed: 1)
            #expect(!schedule.occurrences.isEmpty || name.hasPrefix("calm"), "\(name): nothing happens")
        }
    }

    @Test func mistakesNameFileAndLine() {
        #expect(error(head + "stroage = 3\n")?.hasPrefix("s.toml:3: unknown key stroage") == true)
        #expect(error(head + "storage = 4\n") == "s.toml:3: storage must be 1, 3 or 5, not 4")
        #expect(error(head + "[fault.x]\nkind = \"kil\"\n")?.hasPrefix("s.toml:4: fault.x.kind must be one of kill,") == true)
        #expect(error(head + "[fault.x]\nkind = \"isolate\"\n") == "s.toml:4: isolate needs network = \"any\", \"namespaces\" or \"proxy\"")
        #expect(error(head + "network = \"any\"\n[fault.x]\nkind = \"slow\"\n") == "s.toml:5: slow needs network = \"proxy\"")
        #expect(error(head + "read_mode = \"leases\"\n") == "s.toml:3: read_mode must be one of read-index, lease, not \"leases\"; did you mean \"lease\"?")
        #expect(error(head + "storage = 1\n[fault.x]\nkind = \"remove-voter\"\n") == "s.toml:5: remove-voter needs 3 storage nodes or more")
        #expect(error(head + "[fault.x]\nkind = \"damage\"\ntarget = \"leader\"\n")?.hasPrefix("s.toml:4: damage is for target = \"query\"") == true)
        #expect(error(head + "[fault.x]\nkind = \"disk-full\"\n")?.hasPrefix("s.toml:4: disk-full needs a disk") == true)
        #expect(
            error(head + "[fault.x]\nkind = \"kill\"\nevery_milliseconds = 5\nlasts_milliseconds = 9\n")
                == "s.toml:5: it must end (after 9 ms) before it comes again")
        #expect(error(head + "[mix]\nkinds = [\"kill\", \"flood\"]\n")?.hasPrefix("s.toml:4: there is no fault \"flood\"") == true)
        #expect(error(head + CallKind.allCases.reduce("[weights]\n") { $0 + "\($1.rawValue) = 0\n" })?.contains("every weight is 0") == true)
        #expect(error("about = \"x\"\n") == "s.toml: name is missing")
    }

    @Test func theWayToReadIsLeftAloneUnlessTheFileSaysIt() throws {
        #expect(try Scenario(TOMLFile(parsing: head, name: "s.toml")).readMode == nil)
        #expect(try Scenario(TOMLFile(parsing: head + "read_mode = \"lease\"\n", name: "s.toml")).readMode == .lease)
        #expect(try Scenario(TOMLFile(parsing: head + "read_mode = \"read-index\"\n", name: "s.toml")).readMode == .readIndex)
    }

    @Test func aScheduleDependsOnTheSeedAlone() throws {
        let text = head + "network = \"any\"\n[mix]\nkinds = [\"kill\", \"pause\", \"split\"]\nevery_milliseconds = 5000\nlasts_milliseconds = 2000\ntogether = 2\n"
        let scenario = try Scenario(TOMLFile(parsing: text, name: "s.toml"))
        let schedule = Schedule(scenario, seconds: 60, seed: 5)
        #expect(schedule == Schedule(scenario, seconds: 60, seed: 5))
        #expect(schedule != Schedule(scenario, seconds: 60, seed: 6))
        #expect(schedule.occurrences.allSatisfy { ($0.endsMilliseconds ?? .max) <= 59_000 })
        // Two at a time, of different kinds.
        for pair in Dictionary(grouping: schedule.occurrences, by: \.beginsMilliseconds).values { #expect(pair.count == 2 && pair[0].kind != pair[1].kind) }
    }
}
