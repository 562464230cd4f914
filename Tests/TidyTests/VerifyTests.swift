import Foundation
import Testing

/// `Cluster/verify` counts what it has run, and goes on where it stopped. Its programs are scripts here, which say what the true ones say.
@Suite struct VerifyTests {
    /// A folder that goes with the test.
    final class Folder {
        let path = FileManager.default.temporaryDirectory.path + "/kho-verify-" + UUID().uuidString

        init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        func write(_ name: String, _ text: String, isProgram: Bool = false) throws {
            let file = path + "/" + name
            try FileManager.default.createDirectory(atPath: URL(fileURLWithPath: file).deletingLastPathComponent().path, withIntermediateDirectories: true)
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            if isProgram { try FileManager.default.setAttributes([.posixPermissions: NSNumber(value: 0o755)], ofItemAtPath: file) }
        }

        func text(_ name: String) -> String { (try? String(contentsOfFile: path + "/" + name, encoding: .utf8)) ?? "" }
    }

    /// Runs a program in this folder; its exit status and all that it printed.
    @discardableResult
    func run(_ words: [String], in folder: String, _ variables: [String: String] = [:]) throws -> (status: Int32, text: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        // Whoever runs the tests may be git itself.
        var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("GIT_") }
        environment["PATH"] = folder + "/bin:" + (environment["PATH"] ?? "/usr/bin:/bin")
        environment["GIT_CONFIG_GLOBAL"] = "/dev/null"
        process.environment = environment.merging(variables) { $1 }
        let output = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }

    // MARK: The table

    /// A line of the ledger as `share` writes it.
    func share(_ row: String, _ figures: String, source: String, status: Int = 0, machine: String = "one", at: Int = 1_795_824_000, _ command: String) -> String {
        #"{"row":"\#(row)",\#(figures),"revision":"r-\#(source)","source":"\#(source)","at":\#(at),"machine":"\#(machine)","status":\#(status),"seconds":7,"command":"\#(command)"}"# + "\n"
    }

    func scenario(seconds: Int, seed: Int, source: String) -> String {
        #"{"schema":"kho.scenario/1","scenario":"calm-3","seed":"\#(seed)","seconds":\#(seconds),"holds":true,"operations":5,"faults":1,"leaderAfterHealMilliseconds":[12],"revision":"r-\#(source)","source":"\#(source)","at":1795996800,"machine":"one"}"# + "\n"
    }

    func sim(first: Int, jobs: Int, source: String, status: Int = 0, seeds: Int = 1_000) -> String {
        share(
            "sim", #""seeds":\#(seeds),"events":\#(seeds * 10),"eventsPerSecond":9"#, source: source, status: status, machine: "with \(jobs)",
            "kho-sim --seeds 1000 --first \(first) --events 10000 --store-permille 20 --jobs \(jobs)")
    }

    /// The lines of a row: of this source, then of others.
    func rows(_ row: String, _ text: String) -> [String] {
        text.components(separatedBy: "what other sources have done").map { part in
            part.components(separatedBy: "\n").first { $0.hasPrefix(row + " ") }.map { $0.split(separator: " ").joined(separator: " ") } ?? ""
        }
    }

    func table(_ ledger: Folder, _ source: String) throws -> (status: Int32, text: String) {
        try run(["Cluster/verify", "--table", "--ledger", ledger.path, "--source", source], in: Checkout.shared.root.path)
    }

    @Test func whatStandsTwiceCountsOnceAndOtherSourcesApart() throws {
        let ledger = try Folder()
        try ledger.write(
            "sim.jsonl",
            sim(first: 1, jobs: 2, source: "a1") + sim(first: 1_001, jobs: 2, source: "a1") + sim(first: 1_001, jobs: 4, source: "a1") + sim(first: 1, jobs: 2, source: "b2"))
        let crash = share("crash", #""points":9000,"flips":2000,"images":11"#, source: "a1", "kho-crash --points 1 --quick --cuts 4 --seed 1 --jobs 2")
        try ledger.write("crash.jsonl", crash + crash)
        let long = scenario(seconds: 60, seed: 1, source: "a1")
        try ledger.write("scenarios.jsonl", scenario(seconds: 30, seed: 2, source: "a1") + long + long + scenario(seconds: 120, seed: 3, source: "a1") + scenario(seconds: 60, seed: 4, source: "b2"))

        let (status, text) = try table(ledger, "a1")
        #expect(status == 0, "\(text)")
        #expect(rows("sim", text)[0].hasPrefix("sim 2 2000 seeds, 20000 events"), "\(text)")
        #expect(rows("sim", text)[1].hasPrefix("sim 1 1000 seeds, 10000 events"), "\(text)")
        #expect(rows("crash", text) == ["crash 1 7000 kill points, 2000 flipped bits, 11 images, 7 s, 0 found something", ""], "\(text)")
        #expect(rows("scenarios", text)[0].hasPrefix("scenarios 3 2 of 60 s or more, 210 s of load, 15 operations"), "\(text)")
        #expect(rows("scenarios", text)[1].hasPrefix("scenarios 1 1 of 60 s or more, 60 s of load, 5 operations"), "\(text)")
        #expect(rows("revisions", text) == ["revisions r-a1", "revisions r-b2"])
        #expect(rows("days", text)[0] == "days 2026-11-28 to 2026-11-30")
        #expect(text.contains(/machine +with 4\n/))
    }

    @Test func aFindingIsOfItsSourceAndNoSecondRunHidesIt() throws {
        let ledger = try Folder()
        try ledger.write("sim.jsonl", sim(first: 1, jobs: 2, source: "a1") + sim(first: 1, jobs: 2, source: "b2") + sim(first: 1, jobs: 4, source: "b2", status: 1))
        #expect(try table(ledger, "a1").status == 0)
        let (status, text) = try table(ledger, "b2")
        #expect(status == 2)
        #expect(rows("sim", text)[0].hasSuffix("1 found something"), "\(text)")
    }

    // MARK: The shares

    /// A checkout of its own with this script and programs that note what they were asked for.
    func checkout() throws -> Folder {
        let folder = try Folder()
        try folder.write("Cluster/verify", try Checkout.shared.text("Cluster/verify"), isProgram: true)
        try folder.write("Cluster/install-packages", "#!/bin/sh\n", isProgram: true)
        try folder.write("bin/swift", "#!/bin/sh\n", isProgram: true)
        try folder.write(".gitignore", ".build*\nbin\n")
        try folder.write("Sources/Core/Core.swift", "let core = 1\n")
        try folder.write("Sources/Core/README.md", "# Core\n")
        let says = [
            "sim": #"echo "$(($2 - ${LACKING:-0})) seeds (0 with LMDB), 10 events, 5 reads: 0 violations, 1234 events/s in 1 processes, 3 s""#,
            "search": #"echo "states 100  transitions 200  depth 12  seconds 1  states/s 100""#,
            "crash": """
                echo "log appends: 4000 kill points, 5000 images, 0 torn tails, 0 refusals, 0 violations"
                echo "damage appends: 7000 kill points, 7000 images, 0 torn tails, 0 refusals, 0 violations"
                echo "total: 11000 kill points, 12000 images, 0 torn tails, 0 refusals, 0 violations; seeds 1..<2, 4 cuts a point, 1 s"
                """,
        ]
        for (program, words) in says {
            try folder.write(".build-release/release/kho-\(program)", "#!/bin/sh\necho \"\(program) $*\" >>.build-release/ran\n\(words)\n", isProgram: true)
        }
        try run(["git", "init", "-q"], in: folder.path)
        try commit(folder)
        return folder
    }

    func commit(_ folder: Folder) throws {
        try run(["git", "add", "-A"], in: folder.path)
        let committed = try run(["git", "-c", "user.name=kho", "-c", "user.email=kho@example.com", "commit", "-qm", "so it is now"], in: folder.path)
        #expect(committed.status == 0, "\(committed.text)")
    }

    /// What the programs were asked for, the options that are looked for alone.
    func asked(_ folder: Folder, _ option: String) -> [String] {
        folder.text(".build-release/ran").split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            return words.firstIndex(of: option).flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
        }
    }

    @Test func theLongFormGoesOnWhereItStopped() throws {
        let folder = try checkout()
        let first = try run(["Cluster/verify", "--long", "--only", "search"], in: folder.path)
        #expect(first.status == 0, "\(first.text)")
        #expect(asked(folder, "--depth").count == 7)
        #expect(try run(["Cluster/verify", "--long", "--only", "search"], in: folder.path).text.contains("7  700 states"))
        #expect(asked(folder, "--depth").count == 7)

        // A share of the short form looks at fewer images of each point, and does not count for this goal.
        try run(["Cluster/verify", "--only", "crash"], in: folder.path)
        for _ in 0..<2 { try run(["Cluster/verify", "--long", "--only", "crash"], in: folder.path) }
        #expect(asked(folder, "--seed") == ["1", "2", "3", "4"])
        #expect(asked(folder, "--cuts") == ["1", "4", "4", "4"])
    }

    @Test func machinesHaveSeedsOfTheirOwn() throws {
        let folder = try checkout()
        for machine in ["0", "3"] {
            let ran = try run(["Cluster/verify", "--only", "sim", "--machine", machine, "--ledger", ".build-release/of-\(machine)"], in: folder.path)
            #expect(ran.status == 0, "\(ran.text)")
        }
        #expect(asked(folder, "--first") == ["1", "1001", "3000001", "3001001"])
    }

    @Test func fewerSeedsThanWereAskedForAreAFinding() throws {
        let folder = try checkout()
        let ran = try run(["Cluster/verify", "--only", "sim"], in: folder.path, ["LACKING": "1"])
        #expect(ran.status == 2, "\(ran.text)")
        #expect(rows("sim", ran.text)[0].hasPrefix("sim 3 2997 seeds") && rows("sim", ran.text)[0].hasSuffix("3 found something"), "\(ran.text)")
        // No seed twice for that.
        #expect(asked(folder, "--first") == ["1", "1001", "2001"])
    }

    @Test func documentsKeepTheSharesAndProgramsDoNot() throws {
        let folder = try checkout()
        func source() throws -> String {
            let text = try run(["Cluster/verify", "--table"], in: folder.path).text
            return text.firstMatch(of: /source (\S+)/).map { String($0.1) } ?? ""
        }
        let first = try source()
        #expect(first.count == 10)
        try folder.write("Sources/Core/README.md", "# Core, said better\n")
        #expect(try source() == first)
        try commit(folder)
        #expect(try source() == first)

        try folder.write("Sources/Core/Core.swift", "let core = 2\n")
        let changed = try source()
        #expect(changed.hasSuffix("+") && !changed.hasPrefix(first))
        try commit(folder)
        let second = try source()
        #expect(second + "+" == changed)

        // A file that is new counts before it is committed, and one that is gone.
        try folder.write("Sources/Core/More.swift", "let more = 1\n")
        #expect(try source() != second)
        try FileManager.default.removeItem(atPath: folder.path + "/Sources/Core/More.swift")
        #expect(try source() == second)
        try FileManager.default.removeItem(atPath: folder.path + "/Sources/Core/Core.swift")
        #expect(try source().hasSuffix("+"))
    }
}
