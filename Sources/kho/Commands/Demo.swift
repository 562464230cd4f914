import ArgumentParser
import Console
import Core
import DemoData
import Harness
import KhoClient

/// `kho demo`
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Shows a whole secured cluster with data on this machine, gone on exit.",
        discussion: """
            Starts three storage nodes and a query node with files in a temporary folder, loads a code list and generated business households, asks the \
            same as several agencies, kills the leader, and stays until Ctrl-C. Exit status 1 if a check did not hold.
            """)

    @Flag(help: "End at once instead of staying until Ctrl-C.")
    var once = false
    @Flag(help: "Leave the folder with the nodes' files.")
    var keep = false
    @Option(help: ArgumentHelp("Business households to generate.", valueName: "n"))
    var households = 20_000

    mutating func validate() throws {
        guard (1_000...1_000_000).contains(households) else { throw ValidationError("--households must be from 1000 to 1000000") }
    }

    func run() async throws {
        let stage = CommandStage()
        let report = DemoReport()
        do {
            let cluster = try DemoCluster(stage: stage, keeps: keep)
            let script = try DemoScript(cluster: cluster, report: report, count: households)
            try await script.run()
            if !once {
                stage.mayBeInterrupted()
                try DemoPrompt(
                    cluster: cluster, report: report, key: script.own.taxCode, otherKey: script.other.taxCode, district: script.catalogue.district.code
                ).show()
                while true { try await Task.sleep(nanoseconds: 3_600_000_000_000) }
            }
            stage.end(0)
        } catch {
            let text = (error as? DemoFailure)?.text ?? (error as? CommandError)?.description ?? "\(error)"
            report.say()
            report.say(Emphasis.bad.applied(to: "✘", report.colours) + " " + HumanText.escaped(text))
            stage.end(ExitStatus.failure.rawValue)
        }
    }
}

/// The steps of the demonstration.
struct DemoScript {
    let cluster: DemoCluster
    let report: DemoReport
    let count: Int
    let catalogue: DemoCatalogue
    /// Those that are imported, then those that are written while the leader is killed.
    private let all: [BusinessHouseholds.Household]
    /// A record of the tax agency's district without a telephone number, and one of another district.
    let own: BusinessHouseholds.Household
    let other: BusinessHouseholds.Household

    /// Written while the leader is killed.
    private static let more = 5_000

    init(cluster: DemoCluster, report: DemoReport, count: Int) throws {
        self.cluster = cluster
        self.report = report
        self.count = count
        catalogue = try DemoCatalogue()
        all = Array(BusinessHouseholds(count: count + Self.more))
        let district = catalogue.district.code
        guard let own = all[..<count].first(where: { $0.district == district && $0.telephone == nil }),
            let other = all[..<count].first(where: { $0.district != district })
        else { throw DemoFailure(text: "there are too few households") }
        self.own = own
        self.other = other
    }

    func run() async throws {
        report.heading("kho demo: a whole secured cluster on this machine, with its files in \(cluster.folder)")
        try await start()
        try await applyCatalogue()
        try await load("\(HumanText.grouped(AdministrativeUnits.count)) administrative units: an open code list", AdministrativeUnits.csv, DemoCatalogue.home, DemoCatalogue.units, AdministrativeUnits.count)
        try await load(
            "\(HumanText.grouped(count)) business households: personal data, shared on request", BusinessHouseholds(count: count).csv(), DemoCatalogue.publisher,
            DemoCatalogue.households, count)
        try await compare()

        let failover = try await DemoFailover(cluster: cluster, report: report, more: all[count...]).run()
        try await verify(all[..<(count + failover.written)], without: failover.killed)
        report.say()
        report.heading("\(report.checks) checks held. \(DemoReport.seconds(report.seconds * 1_000)) in all.")
    }

    private func start() async throws {
        try await report.step("Certificates: an authority, 4 nodes, an administrator, 4 agencies' systems") {
            let local = cluster.local
            try local.makeAuthority()
            try local.makeNodes(storage: 3, query: 1)
            for party in DemoCatalogue.parties { try local.makeConsumer(agency: party.agency, system: party.system, name: party.identity) }
            return ((), [])
        }
        try await report.step("Four khod processes: TLS 1.3 with certificates on both sides, real files") {
            for node in cluster.local.nodes { try cluster.start(node.name) }
            let leader = try await cluster.form()
            let places = cluster.local.nodes.map { node in
                "\(node.name) \(node.role == "query" ? "query node, clients at \(node.clientAddress)" : "storage node")\(node.name == leader ? ", leader" : "")"
            }
            return ((), [places.joined(separator: " · ")])
        }
    }

    private func applyCatalogue() async throws {
        try await report.step("The catalogue: agencies, systems, datasets and agreements") {
            for (kind, document) in catalogue.changes {
                _ = try await cluster.administration.call("catalogue.apply", ["kind": .string(kind), "document": document])
            }
            return ((), [
                "cuc-thong-ke (statistics) may see name, district, commune and status of every household;",
                "chi-cuc-thue (tax) the same, and in its district \(catalogue.district.code) (\(catalogue.district.name)) every field but the telephone:",
                "  where: district = $principal.district",
            ])
        }
    }

    private func load(_ title: String, _ csv: [UInt8], _ owner: DemoParty, _ code: String, _ expected: Int) async throws {
        let client = try await cluster.client(owner.identity)
        let summary = try await report.step(title) {
            let dataset = try await client.dataset(named: code)
            let rows = try CSVRows(ByteSource(csv, name: code), mapping: RecordMapping(schema: dataset.schema, keyName: dataset.keyName))
            let state = ImportState(dataset: code, file: .init(size: 0, modified: 0, prefix: 0))
            do throws(ImportFailure) {
                let summary = try await Importer(rows, into: dataset, by: client, from: state, ImportOptions()).run()
                return (summary, ["written by \(owner.path) at \(HumanText.grouped(Int(summary.recordsPerSecond))) records a second, last log index \(HumanText.grouped(summary.state.index))"])
            } catch {
                switch error {
                case let .client(failure): throw failure
                case let .command(failure): throw failure
                }
            }
        }
        guard summary.state.written == expected, summary.state.rejected == 0 else {
            throw DemoFailure(text: "import into \(code): expected \(expected) records written, found \(summary.state.written) and \(summary.firstRejects)")
        }
    }

    private func compare() async throws {
        let comparison = DemoComparison(cluster: cluster, report: report, catalogue: catalogue, households: all[..<count])
        try await report.step("The same questions, asked by three agencies") {
            for party in DemoComparison.parties { _ = try await cluster.client(party.identity).identity() }
            return ((), [])
        }
        try await comparison.get(own, "in the tax agency's district")
        try await comparison.get(other, "in another district")
        try await comparison.scans()
        try await comparison.refusals()
    }

    /// Nothing is lost: what a scan gives is what was acknowledged, field by field, and every node holds the same.
    private func verify(_ acknowledged: ArraySlice<BusinessHouseholds.Household>, without killed: String) async throws {
        let living = cluster.local.nodes.map(\.name).filter { $0 != killed }
        let (found, wrong, records, equal) = try await report.step("Is anything lost?") {
            let publisher = try await cluster.client(DemoCatalogue.publisher.identity)
            let dataset = try await publisher.dataset(named: DemoCatalogue.households)
            var found = 0
            var wrong = 0
            for try await record in publisher.scan(dataset.id) {
                let place = acknowledged.startIndex + found
                found += 1
                guard place < acknowledged.endIndex else { continue }
                let expected = DemoFailover.operation(acknowledged[place], dataset)
                let same = record.key == expected.key && dataset.schema.fields.allSatisfy { field in
                    (record[field.id] ?? .null) == (expected.fields.first { $0.id == field.id }?.value ?? .null)
                }
                if !same { wrong += 1 }
            }
            let (_, rows, equal) = try await cluster.compared(living)
            let records = rows.first { $0["dataset"]?.string == DemoCatalogue.households }?["records"]?.int ?? 0
            return ((found, wrong, Int(records), equal), [])
        }
        try report.check(
            "\(HumanText.grouped(found)) records read, every field of each as it was acknowledged", found == acknowledged.count && wrong == 0,
            expected: "\(acknowledged.count) records and no difference, found \(found) and \(wrong)")
        try report.check(
            "\(living.joined(separator: ", ")) hold \(HumanText.grouped(records)) households each, with equal digests", equal && records == acknowledged.count,
            expected: "\(acknowledged.count) on each, found \(records)")
        let (index, allEqual) = try await report.step("\(killed) starts again") {
            try cluster.start(killed)
            let (index, _, equal) = try await cluster.compared(cluster.local.nodes.map(\.name))
            return ((index, equal), [])
        }
        try report.check("all four nodes are equal at log index \(HumanText.grouped(index))", allEqual, expected: "equal digests")
    }
}
