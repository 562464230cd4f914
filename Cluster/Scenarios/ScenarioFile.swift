import Configuration
import Core

extension Scenario {
    private static let keys = [
        "name", "about", "seconds", "storage", "query", "network", "disk", "read_mode", "workload.clients", "workload.keys", "workload.operations_per_key",
        "workload.pause_milliseconds", "workload.value_bytes", "workload.long_texts", "workload.import_records", "mix.kinds", "mix.every_milliseconds",
        "mix.lasts_milliseconds", "mix.together", "bounds.leader_within_milliseconds", "bounds.leader_memory", "bounds.leader_log",
        "bounds.leader_segments", "bounds.leader_state", "bounds.caught_up_within_milliseconds",
    ] + CallKind.allCases.map { "weights.\($0.rawValue)" }
    private static let faultKeys = ["kind", "target", "first_milliseconds", "every_milliseconds", "lasts_milliseconds", "amount"]

    /// Reads and checks a whole scenario. The first mistake is thrown, with its line.
    package init(_ file: TOMLFile) throws(ConfigurationError) {
        let reader = ConfigurationReader(file: file)
        var faultNames: [String] = []
        for entry in file.entries where entry.key.hasPrefix("fault.") {
            let parts = entry.key.split(separator: ".")
            guard parts.count == 3 else { throw reader.error(entry, "a fault has a name: [fault.some-name]") }
            if !faultNames.contains(String(parts[1])) { faultNames.append(String(parts[1])) }
        }
        try reader.checkKeys(Self.keys + faultNames.flatMap { name in Self.faultKeys.map { "fault.\(name).\($0)" } })

        name = try reader.name("name")
        about = try reader.string("about")
        seconds = try reader.integer("seconds", in: 1...86_400) ?? 60
        storage = try reader.integer("storage", in: 1...5) ?? 3
        if storage % 2 == 0, let entry = file["storage"] { throw reader.error(entry, "storage must be 1, 3 or 5, not \(storage)") }
        query = try reader.integer("query", in: 1...4) ?? 2
        network = file["network"] == nil ? .plain : try reader.choice("network")
        diskBytes = try reader.size("disk", in: 64 << 20...8 << 30)
        readMode = file["read_mode"] == nil ? nil : try reader.choice("read_mode")

        workload.clients = try reader.integer("workload.clients", in: 1...64) ?? workload.clients
        workload.keys = try reader.integer("workload.keys", in: 1...10_000) ?? workload.keys
        workload.operationsPerKey = try reader.integer("workload.operations_per_key", in: 10...10_000) ?? workload.operationsPerKey
        workload.pauseMilliseconds = try reader.integer("workload.pause_milliseconds", in: 0...10_000) ?? workload.pauseMilliseconds
        workload.valueBytesMax = try reader.size("workload.value_bytes", in: 16...512 << 10) ?? workload.valueBytesMax
        workload.longTexts = try reader.integer("workload.long_texts", in: 0...16) ?? workload.longTexts
        workload.importRecords = try reader.integer("workload.import_records", in: 1...1_000) ?? workload.importRecords
        for kind in CallKind.allCases {
            if let weight = try reader.integer("weights.\(kind.rawValue)", in: 0...1_000) { workload.weights[kind] = weight }
        }
        guard workload.weights.values.contains(where: { $0 > 0 }) else {
            throw ConfigurationError(file: file.name, line: file["weights.read"]?.line ?? 0, message: "every weight is 0: the clients would do nothing")
        }

        for name in faultNames { faults.append(try Self.fault(name, reader)) }
        mix = try Self.mix(reader)
        bounds.leaderWithinMilliseconds = try reader.integer("bounds.leader_within_milliseconds", in: 1...600_000) ?? bounds.leaderWithinMilliseconds
        bounds.leaderMemory = try reader.size("bounds.leader_memory", in: 1 << 20...1 << 40) ?? bounds.leaderMemory
        bounds.leaderLog = try reader.size("bounds.leader_log", in: 1 << 20...1 << 40) ?? bounds.leaderLog
        bounds.leaderSegments = try reader.size("bounds.leader_segments", in: 1 << 20...1 << 40)
        bounds.leaderState = try reader.size("bounds.leader_state", in: 1 << 20...1 << 40)
        bounds.caughtUpWithinMilliseconds = try reader.integer("bounds.caught_up_within_milliseconds", in: 1...600_000)
        try check(reader)
    }

    /// Reads the file of this path.
    package static func load(_ path: String) throws(ConfigurationError) -> Scenario {
        let text: String
        do throws(FileError) { text = try FileAccess.text(path) } catch {
            throw ConfigurationError(file: path, line: 0, message: error.reason)
        }
        return try Scenario(TOMLFile(parsing: text, name: path))
    }

    private static func fault(_ name: String, _ reader: ConfigurationReader) throws(ConfigurationError) -> Fault {
        func key(_ part: String) -> String { "fault.\(name).\(part)" }
        let kind: FaultKind = try reader.choice(key("kind"))
        let target: Target = reader.file[key("target")] == nil ? .leader : try reader.choice(key("target"))
        let lasts = try reader.integer(key("lasts_milliseconds"), in: 0...86_400_000) ?? 0
        let every = try reader.integer(key("every_milliseconds"), in: 1...86_400_000) ?? 0
        if every > 0, every <= lasts, let entry = reader.file[key("every_milliseconds")] {
            throw reader.error(entry, "it must end (after \(lasts) ms) before it comes again")
        }
        return Fault(
            name: name, kind: kind, target: target, firstMilliseconds: try reader.integer(key("first_milliseconds"), in: 0...86_400_000) ?? 2_000,
            everyMilliseconds: every, lastsMilliseconds: lasts, amount: try reader.integer(key("amount"), in: -1_000_000_000...1_000_000_000) ?? 0,
            line: reader.file[key("kind")]?.line ?? 0)
    }

    private static func mix(_ reader: ConfigurationReader) throws(ConfigurationError) -> Mix? {
        guard let entry = reader.file["mix.kinds"], let names = try reader.strings("mix.kinds") else { return nil }
        var kinds: [FaultKind] = []
        for name in names {
            guard let kind = FaultKind(rawValue: name) else {
                throw reader.error(entry, "there is no fault \"\(name)\"; there are \(FaultKind.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            kinds.append(kind)
        }
        guard !kinds.isEmpty else { throw reader.error(entry, "mix.kinds must hold a fault") }
        let every = try reader.integer("mix.every_milliseconds", in: 1...86_400_000) ?? 8_000
        let lasts = try reader.integer("mix.lasts_milliseconds", in: 1...86_400_000) ?? 3_000
        guard lasts < every else { throw reader.error(reader.file["mix.lasts_milliseconds"] ?? entry, "they must end (after \(lasts) ms) before others come") }
        return Mix(kinds: kinds, everyMilliseconds: every, lastsMilliseconds: lasts, together: try reader.integer("mix.together", in: 1...4) ?? 1)
    }

    /// What only the whole can tell.
    private func check(_ reader: ConfigurationReader) throws(ConfigurationError) {
        var kinds = faults.map { ($0.kind, $0.line) }
        if let mix { kinds += mix.kinds.map { ($0, reader.file["mix.kinds"]?.line ?? 0) } }
        func error(_ line: Int, _ text: String) -> ConfigurationError { ConfigurationError(file: reader.file.name, line: line, message: text) }
        if let fault = faults.first(where: { $0.kind == .damage && $0.target != .query }) {
            throw error(fault.line, "damage is for target = \"query\": a voter's log cannot be made whole again; damage-voter flips bits of its records only")
        }
        for (kind, line) in kinds {
            if kind.needsNetwork, network == .plain { throw error(line, "\(kind.rawValue) needs network = \"any\", \"namespaces\" or \"proxy\"") }
            if kind.needsProxy, network != .proxy { throw error(line, "\(kind.rawValue) needs network = \"proxy\"") }
            if kind == .diskFull, diskBytes == nil { throw error(line, "disk-full needs a disk of its own for each node: disk = \"256 MiB\"") }
            if kind == .ring, storage < 3 { throw error(line, "a ring needs 3 storage nodes or more") }
            if kind.isAdministration, storage < 3 { throw error(line, "\(kind.rawValue) needs 3 storage nodes or more") }
        }
    }
}
