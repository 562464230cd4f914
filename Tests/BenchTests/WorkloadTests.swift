import BenchLoad
import BenchMeasure
import Configuration
import Foundation
import Testing

@testable import kho_bench

@Suite struct WorkloadTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../Bench/Workloads")

    @Test func everyFileParsesAndIsNamedAsItself() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter { $0.hasSuffix(".toml") }
        #expect(names.count >= 23)
        for name in names {
            let text = try String(contentsOf: Self.folder.appendingPathComponent(name), encoding: .utf8)
            let workload = try Workload(text, file: name)
            #expect(workload.name + ".toml" == name)
            #expect(workload.shares.reduce(0) { $0 + $1.percent } == 100)
        }
    }

    @Test func aFaultIsOverBeforeAMeasurementOfItsLength() throws {
        func end(_ kind: String) throws -> Int? {
            try Workload("name = \"w\"\nabout = \"a test\"\n[operations]\nget = 100\n[fault]\nkind = \"\(kind)\"\nafter_seconds = 4\nlasts_seconds = 3\n", file: "w.toml").fault?.endSeconds
        }
        #expect(try end("failover") == 7 && end("slow-follower") == 7)
        // Three nodes, one after the other.
        #expect(try end("rolling-restart") == 13)
    }

    @Test func theTableAsksForWorkloadsThatThereAre() {
        for line in ComparisonPlan.table.lines {
            #expect(FileManager.default.fileExists(atPath: Self.folder.appendingPathComponent(line.workload + ".toml").path), "\(line.workload)")
        }
        #expect(ComparisonPlan.table.targets == ["kho", "redis-tls", "redis", "lmdb", "postgres", "postgres-batch", "etcd"])
    }

    /// No run always follows the same one, each round has every run once, and what makes the data grow comes last.
    @Test func roundsGoThroughTheTableInOrdersOfTheirOwn() {
        let plan = ComparisonPlan.table, rounds = (1...5).map { plan.lines(inRound: $0, of: 5) }
        #expect(Set(rounds.map { $0[0] }).count == 5)
        for round in rounds {
            #expect(Set(round) == Set(plan.lines) && round.count == plan.lines.count)
            let growing = round.map { $0.workload.hasPrefix("bulk") }
            #expect(growing.drop { !$0 }.allSatisfy { $0 } && growing.contains(true))
        }
        let pairs = rounds.map { round in Set(zip(round, round.dropFirst()).map { [$0, $1] }) }
        #expect(pairs.dropFirst().reduce(pairs[0]) { $0.intersection($1) }.count <= 1)
        #expect(plan.lines(inRound: 7, of: 3).count == plan.lines.count)
    }

    @Test func scansHaveOneLengthOrAnyUpToIt() throws {
        let operations = "[operations]\nscan = 100\n"
        #expect(try Workload(Self.head + operations, file: "w").scan == .fixed(100))
        #expect(try Workload(Self.head + operations + "[scan]\nrecords = 9\nlengths = \"uniform\"\n", file: "w").scan == .uniform(upTo: 9))
    }

    private static let head = "name = \"w\"\nabout = \"a\"\n"

    @Test(arguments: [
        ("[operations]\nget = 90\n", "w.toml:4: the shares in [operations] must have the sum 100, not 90"),
        ("", "w.toml: [operations] is missing: give at least one, as get = 100"),
        ("[operations]\ngte = 100\n", "w.toml:4: unknown key operations.gte"),
        ("[operations]\nget = 100\n[keys]\ndistribution = \"zipf\"\n", "w.toml:6: keys.distribution must be one of uniform, zipfian, latest, not \"zipf\""),
        ("[operations]\nput = 100\n[access]\nrights = \"field\"\n", "w.toml:6: access.rights must be \"none\" where records are written"),
        ("[operations]\nget = 50\nimport = 50\n", "w.toml:5: operations.import must be 100"),
        ("[operations]\nget = 100\n[keys]\nonly_visible = 1\n", "w.toml:6: keys.only_visible must be true or false, not a whole number"),
        ("[operations]\nscan = 100\n[scan]\nlengths = \"zipf\"\n", "w.toml:6: scan.lengths must be one of fixed, uniform, not \"zipf\""),
        ("[operations]\nget = 100\n[data]\nvalue_bytes = 10\n", "w.toml:6: data.value_bytes must be from 168 to 4000, not 10"),
        ("[operations]\nget = 100\n[fault]\nkind = \"fire\"\n", "w.toml:6: fault.kind must be one of failover, slow-follower, rolling-restart, backup, not \"fire\""),
    ])
    func aMistakeIsNamedWithItsLine(_ text: String, _ message: String) {
        let error = #expect(throws: ConfigurationError.self) { try Workload(Self.head + text, file: "w.toml") }
        #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
    }

    @Test func secondsWithoutAnAnswerAreWarnedOf() {
        var series = SecondSeries(seconds: 3)
        series.record(at: 0, latency: 1)
        #expect(Warnings.silence(in: series.points()) == "no answer came in 2 of 3 seconds: 1, 2")
        series.record(at: 1_000_000_000, latency: 1)
        series.record(at: 2_000_000_000, latency: 1)
        #expect(Warnings.silence(in: series.points()) == nil)
    }

    @Test func shapesAndObjectivesAreReadAndWritten() throws {
        #expect(try LoadShape("64x16") == LoadShape(connections: 64, depth: 16))
        #expect(try LoadShape("64x16").description == "64x16")
        #expect(try LoadShape("open-5000").ratePerSecond == 5_000)
        #expect(try LoadShape("open-5000").description == "open-5000")
        for text in ["", "64", "64x", "0x1", "1x1025", "axb", "64x16x2", "open-", "open-0"] { #expect(throws: (any Error).self) { try LoadShape(text) } }
        #expect(try Objective("p99=5ms").nanoseconds == 5_000_000)
        #expect(try Objective("max=250us").nanoseconds == 250_000)
        for text in ["p99", "p98=5ms", "p99=5", "p99=-1ms"] { #expect(throws: (any Error).self) { try Objective(text) } }
    }
}
