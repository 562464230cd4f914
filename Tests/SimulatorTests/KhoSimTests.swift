import Core
import Glibc
import Testing

@testable import Simulation

/// The command.
enum KhoSim {
    /// The folder of the test binary, where `kho-sim` is too.
    static let folder: String = {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let own = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let paths = [own] + CommandLine.arguments
        let path = paths.first { access(String($0.prefix(upTo: $0.lastIndex(of: "/") ?? $0.startIndex)) + "/kho-sim", X_OK) == 0 } ?? own
        return String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.endIndex))
    }()

    static func output(of command: String) throws -> String {
        let stream = try #require(popen(command, "r"))
        defer { pclose(stream) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&buffer, 1, buffer.count, stream)
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// What the command says of many seeds.
@Suite struct KhoSimTests {
    /// A page of a store's map that is not there ends the process by an exit code, not by a signal: it is reported with its seed, and the rest of its share is run.
    @Test func aSeedThatEndsItsProcessIsReported() throws {
        let text = try KhoSim.output(of: "\(KhoSim.folder)/kho-sim --seeds 4 --first 11 --events 300 --store-permille 1000 --cut-map 12 2>/dev/null; echo $?")
        #expect(text.contains("VIOLATION seed 12: the process ended with exit code 74"), "\(text)")
        #expect(text.contains("replay: kho-sim --seed 12 ") && text.contains("\n4 seeds (4 with LMDB), ") && text.contains(": 1 violations, ") && text.hasSuffix("\n1\n"), "\(text)")
    }

    @Test func whatNeverHappenedIsNamed() throws {
        let text = try KhoSim.output(of: "\(KhoSim.folder)/kho-sim --seeds 2 --events 300 --faults none --demand-all; echo $?")
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("INCOMPLETE: in 2 seeds there was none of: ") }, "\(text)")
        #expect(line.contains("crashes") && line.contains("partitions") && !line.contains("elections") && text.hasSuffix("\n2\n"), "\(text)")
        #expect(try KhoSim.output(of: "\(KhoSim.folder)/kho-sim --seeds 2 --events 300 --faults none; echo $?").hasSuffix("\n0\n"))
    }

    /// Each count has a name, so that it is printed, summed and demanded.
    @Test func everyCountIsNamed() {
        let counts = World.Counts(), names = World.Counts.named.map(\.name)
        #expect(Mirror(reflecting: counts).children.compactMap(\.label).sorted() == names.sorted())
        let demanded = names.filter { $0 != "lostSyncs" }
        #expect(counts.missing(withStores: true) == demanded && counts.missing(withStores: false) == demanded.filter { !["looks", "shown", "withheld"].contains($0) })
        var one = counts
        one.putBacks = 3
        one += one
        #expect(one.putBacks == 6 && !one.missing(withStores: true).contains("putBacks") && one.missing(withStores: true).count == demanded.count - 1)
    }

    /// The revision is that of the checkout that the program lies in, whatever folder it is called in, and not where a source is newer than the program.
    @Test func theRevisionIsThePrograms() throws {
        let say = "$top/out/kho-sim --seeds 1 --events 1 --faults none | grep -o 'revision .*'"
        let text = try KhoSim.output(of: """
            set -e; unset $(git rev-parse --local-env-vars); export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null; top=$(mktemp -d); trap 'rm -rf "$top"' EXIT; cd "$top"; mkdir -p Sources Tests/Simulator Tests/Support/SimulatedDisk out; touch Sources/a.swift Package.swift
            git init -q .; git add Sources; git -c user.name=n -c user.email=n@n commit -qm one; git tag mine -am mine 2>/dev/null || git -c user.name=n -c user.email=n@n tag mine -am mine
            cp \(KhoSim.folder)/kho-sim out/; echo out > .git/info/exclude; touch -d '1 hour ago' Sources/a.swift Package.swift; cd /; \(say); touch -d '1 hour' "$top/Sources/a.swift"; \(say)
            """)
        let lines = text.split(separator: "\n")
        #expect(lines.count == 2 && lines.first == "revision mine" && lines.last?.hasPrefix("revision mine+ (a source is newer") == true, "\(text)")
    }
}
