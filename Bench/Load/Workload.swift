import Configuration

/// What is asked of a target: a file of `Bench/Workloads`, read and checked.
package struct Workload: Sendable, Equatable {
    /// Who asks: through which right the records are seen.
    package enum Rights: String, Sendable, CaseIterable {
        /// Their owner: all fields of all records.
        case none
        /// Eight of ten fields of all records.
        case field
        /// All fields of nine of ten records.
        case row
        /// Eight of ten fields of nine of ten records.
        case both
    }

    /// How a query node of Kho finds out that what it reads is new enough; others read as they do.
    package enum Reads: String, Sendable, CaseIterable {
        case lease
        case readIndex = "read-index"
    }

    package enum ImportOrder: String, Sendable, CaseIterable { case key, scattered }

    package struct Fault: Sendable, Equatable {
        package enum Kind: String, Sendable, CaseIterable {
            /// The leader is killed, and started again later.
            case failover
            /// A follower is halted for a while.
            case slowFollower = "slow-follower"
            /// One node after the other is stopped and started.
            case rollingRestart = "rolling-restart"
            /// A backup of a follower is taken, and another one when it is whole.
            case backup
        }
        package var kind: Kind
        /// From the beginning of the measurement.
        package var afterSeconds: Int
        package var lastsSeconds: Int
        /// From the beginning of the measurement, when all of it is over: one node after the other of three is restarted.
        package var endSeconds: Int { afterSeconds + lastsSeconds * (kind == .rollingRestart ? 3 : 1) }
    }

    package var name: String
    package var about: String
    /// The text of its file.
    package var text: String
    package var records: Int
    package var valueBytes: Int
    package var distribution: KeyDistribution
    /// Only records that the row condition shows are asked for, so that answers are as large with it as without.
    package var onlyVisible: Bool
    /// In percent; the sum is 100.
    package var shares: [Share]
    package var scan: OperationSource.ScanLength
    package var importBatch: Int
    package var importOrder: ImportOrder
    package var rights: Rights
    package var reads: Reads
    /// Connections that import beside the measured load; 0 for none.
    package var backgroundImports: Int
    package var fault: Fault?

    package struct Share: Sendable, Equatable {
        package var kind: OperationKind
        package var percent: Int

        package init(kind: OperationKind, percent: Int) {
            self.kind = kind
            self.percent = percent
        }
    }

    package var writes: Bool { shares.contains { $0.kind.writes } }
    package var scans: Bool { shares.contains { $0.kind == .scan } }
    package var imports: Bool { shares.contains { $0.kind == .importBatch } }
    package var shape: DataShape { DataShape(valueBytes: valueBytes) }

    /// Where the operations come from. `importFrom` is the first number of new records.
    package func source(importFrom: UInt64) -> OperationSource.Kind {
        if imports { return imports(from: importFrom) }
        return .mix(shares: shares.map { ($0.kind, $0.percent) }, distribution, onlyVisible: onlyVisible, scan: scan)
    }

    /// Of the measured load or beside it.
    package func imports(from: UInt64) -> OperationSource.Kind { .imports(from: from, end: nil, batch: importBatch, isScattered: importOrder == .scattered) }
}

extension Workload {
    private static let operationKeys = OperationKind.allCases.map { "operations." + key($0) }
    private static let keys = [
        "name", "about", "data.records", "data.value_bytes", "keys.distribution", "keys.only_visible", "scan.records", "scan.lengths", "import.batch", "import.order",
        "access.rights", "access.reads", "background.import_connections", "fault.kind", "fault.after_seconds", "fault.lasts_seconds",
    ] + operationKeys

    private static func key(_ kind: OperationKind) -> String { kind.name.replacing("-", with: "_") }

    /// Reads and checks the text of a workload file. The first mistake is thrown, with its line and what to do.
    package init(_ text: String, file name: String) throws(ConfigurationError) {
        let file = try TOMLFile(parsing: text, name: name)
        let reader = ConfigurationReader(file: file)
        try reader.checkKeys(Self.keys)
        self.text = text
        self.name = try reader.name("name")
        about = try reader.string("about")
        records = try reader.integer("data.records", in: 1_000...100_000_000) ?? 1_000_000
        valueBytes = try reader.integer("data.value_bytes", in: 168...4_000) ?? 400
        distribution = file["keys.distribution"] == nil ? .uniform : try reader.choice("keys.distribution")
        onlyVisible = try Self.boolean("keys.only_visible", reader) ?? false
        shares = try Self.shares(reader)
        scan = try Self.scan(reader)
        importBatch = try reader.integer("import.batch", in: 1...4_096) ?? 256
        importOrder = file["import.order"] == nil ? .key : try reader.choice("import.order")
        rights = file["access.rights"] == nil ? .none : try reader.choice("access.rights")
        reads = file["access.reads"] == nil ? .lease : try reader.choice("access.reads")
        backgroundImports = try reader.integer("background.import_connections", in: 0...64) ?? 0
        fault = try Self.fault(reader)
        if writes, rights != .none, let entry = file["access.rights"] {
            throw reader.error(entry, "access.rights must be \"none\" where records are written: only their owner writes them here")
        }
        if imports, shares.count > 1, let entry = file["operations.import"] {
            throw reader.error(entry, "operations.import must be 100: for an import beside other operations there is [background] import_connections")
        }
    }

    private static func boolean(_ key: String, _ reader: ConfigurationReader) throws(ConfigurationError) -> Bool? {
        guard let entry = reader.file[key] else { return nil }
        guard case let .boolean(value) = entry.value else { throw reader.error(entry, "\(key) must be true or false, not \(entry.value.kind)") }
        return value
    }

    private enum ScanLengths: String, CaseIterable { case fixed, uniform }

    private static func scan(_ reader: ConfigurationReader) throws(ConfigurationError) -> OperationSource.ScanLength {
        let records = try reader.integer("scan.records", in: 1...4_096) ?? 100
        let lengths: ScanLengths = reader.file["scan.lengths"] == nil ? .fixed : try reader.choice("scan.lengths")
        return lengths == .fixed ? .fixed(records) : .uniform(upTo: records)
    }

    private static func shares(_ reader: ConfigurationReader) throws(ConfigurationError) -> [Share] {
        var shares: [Share] = []
        for entry in reader.file.entries where entry.key.hasPrefix("operations.") {
            guard let kind = OperationKind.allCases.first(where: { "operations." + key($0) == entry.key }) else { continue }
            let percent = try reader.integer(entry.key, in: 1...100) ?? 0
            shares.append(Share(kind: kind, percent: percent))
        }
        guard let last = reader.file.entries.last(where: { $0.key.hasPrefix("operations.") }) else {
            throw ConfigurationError(file: reader.file.name, line: 0, message: "[operations] is missing: give at least one, as get = 100")
        }
        let sum = shares.reduce(0) { $0 + $1.percent }
        guard sum == 100 else { throw reader.error(last, "the shares in [operations] must have the sum 100, not \(sum)") }
        return shares
    }

    private static func fault(_ reader: ConfigurationReader) throws(ConfigurationError) -> Fault? {
        guard reader.file.entries.contains(where: { $0.key.hasPrefix("fault.") }) else { return nil }
        return Fault(
            kind: try reader.choice("fault.kind"), afterSeconds: try reader.integer("fault.after_seconds", in: 0...3_600) ?? 2,
            lastsSeconds: try reader.integer("fault.lasts_seconds", in: 1...3_600) ?? 3)
    }
}
