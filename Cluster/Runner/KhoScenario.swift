import ArgumentParser
import Configuration
import Console
import Core
import Dispatch
import Glibc
import Harness
import KhoClient
import Scenarios

/// Runs scenarios, prints what came of them, and ends with 0 if everything held, 2 if something did not, 1 if a run could not be made.
@main struct KhoScenario: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kho-scenario", abstract: "Runs scenarios: real nodes, clients, faults, and a verdict.",
        discussion: "kho and khod must stand beside this program. A name alone means the file Cluster/Scenarios/Files/NAME.toml.")

    @Argument(help: "Scenario files, or names of those in Cluster/Scenarios/Files.") var files: [String]
    @Option(help: "Seconds of load instead of what the file says.") var seconds: Int?
    @Option(help: "The seed of the first file; each next file has the next number. By chance if not given.") var seed: UInt64?
    @Option(help: "A file to which each verdict is added as a line of JSON.") var results: String?
    @Option(help: "The folder of kho and khod.") var programs: String?
    @Flag(help: "Keep the folders, also of runs in which everything held.") var keep = false
    @Flag(help: "Print each fault as it was done.") var faults = false

    func run() async throws {
        EventLoops.use(1)
        let signals = Self.endsOnSignals()
        defer { for source in signals { source.cancel() } }
        var status: Int32 = 0
        var scenarios: [Scenario] = []
        for file in files {
            do throws(ConfigurationError) { scenarios.append(try Scenario.load(Self.path(file))) } catch {
                say("kho-scenario: \(error)")
                status = 1
            }
        }
        guard status == 0 else { throw ExitCode(status) }
        let seed = seed ?? SystemRandom.uint64() >> 16
        for (place, scenario) in scenarios.enumerated() {
            let outcome = await one(scenario, seed: seed &+ UInt64(place))
            status = max(status, outcome)
        }
        if status != 0 { throw ExitCode(status) }
    }

    private func one(_ scenario: Scenario, seed: UInt64) async -> Int32 {
        var folder = ""
        do {
            let programs = try programs ?? Self.ownFolder()
            folder = try Self.newFolder()
            let run = await Run(scenario, seconds: seconds, seed: seed, folder: folder, programs: programs) { say($0) }
            var verdict = try await run.run()
            if keep || !verdict.holds { verdict.folder = folder } else { Files.removeTree(folder) }
            let notes = faults || !verdict.holds ? verdict.faults.map { "\n      " + $0 }.joined() : ""
            say(verdict.text + notes, to: 1)
            if let results { try Self.add(verdict, to: results) }
            return verdict.holds ? 0 : 2
        } catch {
            say("kho-scenario: \(scenario.name) with seed \(seed) could not be run: \(error)\n  its folder: \(folder)")
            return 1
        }
    }

    /// On Ctrl-C, no node, namespace or mount is left behind.
    private static func endsOnSignals() -> [any DispatchSourceSignal] {
        [SIGINT, SIGTERM, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                Task {
                    await Stage.tearDownCurrent()
                    Glibc.exit(128 + number)
                }
            }
            source.resume()
            return source
        }
    }

    private static func path(_ file: String) -> String {
        if file.contains("/") || file.hasSuffix(".toml") { return file }
        return "Cluster/Scenarios/Files/\(file).toml"
    }

    private static func ownFolder() throws -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let own = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let folder = own.lastIndex(of: "/").map { String(own[..<$0]) } ?? "."
        for program in ["kho", "khod"] where !Files.exists("\(folder)/\(program)") {
            throw ScenarioFailure("\(folder)/\(program) is not there; swift build --product \(program) makes it")
        }
        return folder
    }

    private static func newFolder() throws -> String {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/kho-scenario-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw ScenarioFailure("no folder can be made in \(base): errno \(errno)") }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func add(_ verdict: Verdict, to path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw ScenarioFailure("\(path): errno \(errno)") }
        defer { close(file) }
        // One call, so that several runners can write one file.
        let line = Array((JSONWriter.compact(verdict.document) + "\n").utf8)
        guard write(file, line, line.count) == line.count else { throw ScenarioFailure("\(path): errno \(errno)") }
    }
}

/// To the standard error unless said otherwise.
private func say(_ text: String, to descriptor: Int32 = 2) {
    let bytes = Array((text + "\n").utf8)
    write(descriptor, bytes, bytes.count)
}
