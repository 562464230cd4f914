import BenchLoad
import BenchMeasure
import BenchTargets
import Foundation
import Testing

@testable import kho_bench

@Suite struct CalibrationTests {
    private func environment(_ program: String) -> RunEnvironment {
        RunEnvironment(
            processor: "Example 9000", processors: 2, memoryBytes: 1 << 30, kernel: "Linux", diskSyncNanoseconds: nil, build: "release", revision: "0",
            programs: ["khod 1", "kho-bench \(program)"], loadBefore: 0)
    }

    @Test func aCeilingBelongsToItsProgramMachineAndThreads() {
        let maker = Calibration.Maker(environment("a"), threads: 1)
        #expect(maker == Calibration.Maker(environment("a"), threads: 1))
        #expect(maker != Calibration.Maker(environment("b"), threads: 1))
        #expect(maker != Calibration.Maker(environment("a"), threads: 2))
        var other = environment("a")
        other.processor = "Example 9001"
        #expect(maker != Calibration.Maker(other, threads: 1))
    }

    @Test func ceilingsAreKeptAndThoseOfOthersAreNot() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("calibration-\(UUID().uuidString).json").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        let maker = Calibration.Maker(environment("a"), threads: 1)
        let shapes = [LoadShape(connections: 1, depth: 1), LoadShape(connections: 4, depth: 4), LoadShape(connections: 1, depth: 1), LoadShape(connections: 64, depth: 64, ratePerSecond: 5)]
        var calibration = Calibration(of: maker, file: file)
        #expect(calibration.missing(of: shapes).map(\.description) == ["1x1", "4x4"])
        try calibration.keep(["4x4": [3, 1, 2]])
        #expect(Calibration(of: maker, file: file).ceilings == ["4x4": 2])
        #expect(Calibration(of: maker, file: file).missing(of: shapes).map(\.description) == ["1x1"])
        #expect(Calibration(of: .init(environment("b"), threads: 1), file: file).ceilings.isEmpty)
        try Data("no JSON".utf8).write(to: URL(fileURLWithPath: file))
        #expect(Calibration(of: maker, file: file).ceilings.isEmpty)
    }

    @Test func whatOthersTookIsSeenDuringTheRun() {
        // The generator ran for 8 s, of which 5 were measured: 2.5 s of its 4 fall into them.
        let outcome = LoadOutcome(seconds: 5, generatorSeconds: 4, wallSeconds: 8)
        #expect(Warnings.othersShare(busySeconds: 7.5, targetSeconds: 3, outcome, processors: 2) == 0.2)
        #expect(Warnings.othersShare(busySeconds: 5, targetSeconds: 3, outcome, processors: 2) == 0)
        #expect(Warnings.othersShare(busySeconds: 7.5, targetSeconds: nil, outcome, processors: 2) == 0)
    }

    @Test func aLeaseThatDidNotAnswerIsTold() throws {
        func workload(_ reads: String) throws -> Workload { try Workload("name = \"w\"\nabout = \"w\"\n[operations]\nget = 100\n[access]\nreads = \"\(reads)\"\n", file: "w") }
        let leased = try workload("lease"), others = try workload("read-index")
        let before = ReadGrounds(leased: 1_000, behindBarrier: 50)
        #expect(before.leasedShare(since: before) == nil)
        let share = ReadGrounds(leased: 1_300, behindBarrier: 150).leasedShare(since: before)
        #expect(share == 0.75)
        #expect(Warnings.ofReads(leased, leasedShare: share) == ["a read lease answered 75 % of the reads, and the others waited for a barrier"])
        for none in [Warnings.ofReads(others, leasedShare: share), Warnings.ofReads(leased, leasedShare: nil), Warnings.ofReads(leased, leasedShare: 0.995)] { #expect(none == []) }
    }

    @Test func aProgramIsOlderThanASourceThatWasWrittenAfterIt() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("built-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        for room in ["Sources/Core", "Bench"] { try FileManager.default.createDirectory(at: folder.appendingPathComponent(room), withIntermediateDirectories: true) }
        func write(_ name: String, _ seconds: Double) throws {
            let path = folder.appendingPathComponent(name).path
            try Data(name.utf8).write(to: URL(fileURLWithPath: path))
            try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: seconds)], ofItemAtPath: path)
        }
        try write("Package.swift", 1_000)
        try write("Sources/Core/A.swift", 1_000)
        try write("khod", 2_000)
        let program = try #require(MeasuredProgram(at: folder.appendingPathComponent("khod").path))
        #expect(program.description == "khod 46537b772020")
        #expect(!program.isOlder(thanSourcesIn: folder.path))
        // What is no source says nothing.
        try write("Sources/Core/README.md", 3_000)
        #expect(!program.isOlder(thanSourcesIn: folder.path))
        try write("Sources/Core/A.swift", 3_000)
        #expect(program.isOlder(thanSourcesIn: folder.path))
        // Whoever built since then has found nothing to do for it.
        try write("kho-bench.built", 4_000)
        #expect(!program.isOlder(thanSourcesIn: folder.path))
        #expect(MeasuredProgram(at: folder.path + "/none") == nil)
    }
}
