import Configuration
import Testing

@testable import Node

@Suite struct NodeConfigurationTests {
    static let tls = "[tls]\ncertificate = \"c\"\nkey = \"k\"\nca = \"a\"\n"
    static let storage = "role = \"storage\"\nname = \"n1\"\ndata = \"/d\"\nlisten.peer = \"10.0.0.1\"\n"
    static let query = "role = \"query\"\nname = \"q1\"\ndata = \"/d\"\nlisten.peer = \"10.0.0.1\"\nlisten.client = \"10.0.0.1\"\n"

    func parse(_ text: String) throws(ConfigurationError) -> NodeConfiguration { try NodeConfiguration(TOMLFile(parsing: text, name: "khod.toml")) }

    @Test func whatIsLeftOutHasItsUsualValue() throws {
        let node = try parse(Self.storage + Self.tls)
        #expect(node.role == .storage)
        #expect(node.audit == "/d/audit.jsonl")
        #expect(node.listen == .init(peer: "10.0.0.1:7401", admin: "127.0.0.1:7402", client: nil))
        #expect(node.advertise == node.listen)
        #expect(node.bounds == .init())
        #expect(node.logLevel == .info)
        let query = try parse(Self.query + Self.tls)
        #expect(query.listen.client == "10.0.0.1:7400")
        #expect(query.advertise.client == "10.0.0.1:7400")
    }

    @Test func everyKeyIsTaken() throws {
        let node = try parse("""
            role = "query"
            name = "q1"
            data = "/d"
            audit = "/log/audit"
            [listen]
            peer = "0.0.0.0:1"
            admin = "0.0.0.0:2"
            client = "0.0.0.0:3"
            [advertise]
            peer = "h:4"
            admin = "h:5"
            client = "h:6"
            [log]
            level = "debug"
            [backup]
            key = "b"
            [storage]
            map_size = "1 TiB"
            segment_size = "32 MiB"
            log_retention = "64 MiB"
            low_space = "256 MiB"
            checkpoint_bytes = "2 MiB"
            checkpoint_milliseconds = 500
            snapshot_rate = "16 MiB"
            [limits]
            connections = 50
            [loops]
            busy_poll_microseconds = 20
            [consensus]
            tick_milliseconds = 5
            election_ticks = 20
            heartbeat_ticks = 4
            \(Self.tls)
            """)
        #expect(node.audit == "/log/audit")
        #expect(node.listen == .init(peer: "0.0.0.0:1", admin: "0.0.0.0:2", client: "0.0.0.0:3"))
        #expect(node.advertise == .init(peer: "h:4", admin: "h:5", client: "h:6"))
        #expect(node.tls == .init(certificate: "c", key: "k", ca: "a"))
        #expect(node.logLevel == .debug)
        #expect(node.bounds == .init(
            mapBytes: 1 << 40, segmentBytes: 32 << 20, lowSpaceBytes: 256 << 20, logRetentionBytes: 64 << 20, checkpointBytes: 2 << 20,
            checkpointMilliseconds: 500, snapshotBytesPerSecond: 16 << 20, connections: 50, busyPollMicroseconds: 20))
        #expect([node.tickMilliseconds, node.electionTicks, node.heartbeatTicks] == [5, 20, 4])
        #expect(node.backupKey == "b")
        #expect(NodeConfiguration.keys.count == 27)
    }

    /// The example names every key that a storage node has.
    @Test func theExampleNamesEveryKey() throws {
        let file = "\(#filePath)".replacing("Tests/NodeTests/NodeConfigurationTests.swift", with: "Cluster/Example/n1.toml")
        var section = "", named: Set<String> = []
        for line in try FileAccess.text(file).split(separator: "\n") {
            let words = line.drop { $0 == "#" || $0 == " " }
            if words.hasPrefix("["), let end = words.firstIndex(of: "]") { section = words[words.index(after: words.startIndex)..<end] + "." }
            if let sign = words.firstIndex(of: "=") { named.insert(section + words[..<sign].trimmingPrefix { $0 == " " }.prefix { $0 != " " }) }
        }
        let notOfAStorageNode: Set = ["listen.client", "advertise.client", "limits.connections", "loops.busy_poll_microseconds", "backup.key"]
        for key in NodeConfiguration.keys where !notOfAStorageNode.contains(key) { #expect(named.contains(key), "\(key)") }
    }

    /// A storage node's configuration with one more line, its fifth.
    static func added(_ line: String) -> String { storage + line + tls }

    static let mistakes: [(String, String)] = [
        (storage, "khod.toml: tls.certificate is missing"), ("", "khod.toml: role is missing"),
        ("role = \"storge\"\n", "khod.toml:1: role must be one of storage, query, not \"storge\"; did you mean \"storage\"?"),
        (added("lisen.admin = \"x:1\"\n"), "khod.toml:5: unknown key lisen.admin; did you mean \"listen.admin\"?"),
        (added("listen.client = \"x:1\"\n"), "khod.toml:5: a storage node serves no clients; only role \"query\" has listen.client"),
        (added("limits.connections = 5\n"), "khod.toml:5: a storage node serves no clients; only role \"query\" has limits.connections"),
        (added("loops.busy_poll_microseconds = 5\n"), "khod.toml:5: a storage node serves no clients; only role \"query\" has loops.busy_poll_microseconds"),
        (query + "loops.busy_poll_microseconds = 1_001\n" + tls, "khod.toml:6: loops.busy_poll_microseconds must be from 0 to 1000, not 1001"),
        (added("listen.admin = \"0.0.0.0:1\"\n"), "khod.toml:5: admin listens on every address; say with advertise.admin = \"host:port\" where others reach it"),
        (added("storage.map_size = \"1 MiB\"\n"), "khod.toml:5: storage.map_size must be from 16 MiB to 16 TiB"),
        (added("log.level = \"verbose\"\n"), "khod.toml:5: log.level must be one of trace, debug, info, notice, warning, error, not \"verbose\""),
        (added("consensus.heartbeat_ticks = 6\n"),
            "khod.toml:5: election_ticks must be at least twice heartbeat_ticks, or followers lose patience with a healthy leader"),
        (added("consensus.tick_milliseconds = 0\n"), "khod.toml:5: consensus.tick_milliseconds must be from 1 to 1000, not 0"),
        (storage.replacing("\"n1\"", with: "\"N 1\""),
            "khod.toml:2: name must have lower-case letters a–z, digits, '-', '_' and '.' only, at most 200 of them"),
    ]

    @Test(arguments: mistakes)
    func mistakesAreNamed(text: String, message: String) {
        do {
            let node = try parse(text)
            Issue.record("taken: \(node)")
        } catch {
            #expect(error.description == message)
        }
    }

    @Test func aMissingFileIsNamed() {
        #expect(throws: ConfigurationError(file: "/none/khod.toml", line: 0, message: "No such file or directory (errno 2)")) {
            try NodeConfiguration.load("/none/khod.toml")
        }
    }
}
