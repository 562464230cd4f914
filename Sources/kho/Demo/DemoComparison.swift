import Console
import Core
import DemoData
import KhoClient

/// Asks the same as each party, and shows the answers side by side.
struct DemoComparison {
    let cluster: DemoCluster
    let report: DemoReport
    let catalogue: DemoCatalogue
    /// What was imported, to hold the answers against.
    let households: ArraySlice<BusinessHouseholds.Household>

    static let parties = [DemoCatalogue.publisher, DemoCatalogue.statistics, DemoCatalogue.tax]
    static let noSuchField = "no such field"
    private static let minimumCapital: Int64 = 1_500_000_000

    // MARK: One record

    /// The same GET as each.
    func get(_ household: BusinessHouseholds.Household, _ place: String) async throws {
        let key = Array(household.taxCode.utf8)
        let truth = Dictionary(uniqueKeysWithValues: zip(BusinessHouseholds.columnNames, BusinessHouseholds.columns(of: household)))
        var rows = BusinessHouseholds.columnNames.dropFirst().map { [Document.Member("field", .string($0))] }
        var foot = [Document.Member("field", "index, time")]
        var wrong: [String] = []
        for party in Self.parties {
            let client = try await cluster.client(party.identity)
            let dataset = try await client.dataset(named: DemoCatalogue.households)
            let start = MonotonicTime.now()
            let reply = try await client.get(key, from: dataset.id)
            let time = MonotonicTime.now().milliseconds(since: start)
            guard let record = reply.value else { throw DemoFailure(text: "\(party.path) gets no record \(household.taxCode)") }
            for (place, name) in BusinessHouseholds.columnNames.dropFirst().enumerated() {
                let value = dataset.schema.field(named: name).map { record[$0.id] ?? .null }
                let isRight =
                    shown(name, to: party, of: household) ? shows(value, truth[name] ?? nil) : hides(value, name, from: party)
                if !isRight { wrong.append("\(party.agency) \(name)") }
                rows[place].append(.init(party.identity, Self.cell(value)))
            }
            foot.append(.init(party.identity, .string("\(HumanText.grouped(reply.info.appliedIndex.rawValue)), \(DemoReport.milliseconds(time))")))
        }
        report.say()
        report.say("   kho get \(DemoCatalogue.households) \(household.taxCode)   \(place)")
        let columns = [Table.Column("FIELD", "field")] + Self.parties.map { Table.Column($0.agency, $0.identity, alignment: .left) }
        let table = Table(columns: columns, rows: (rows + [foot]).map { .object($0) }) { _, value in
            switch value {
            case .withheld: .warning
            case .string(Self.noSuchField), .string("null"): .dim
            default: nil
            }
        }
        for line in table.rendered(colours: report.colours).split(separator: "\n") { report.say("   " + line) }
        try report.check(
            "each sees exactly what its agreements say", wrong.isEmpty, expected: "other answers in \(wrong.joined(separator: ", "))")
    }

    /// Whether the catalogue lets the party see the field of this record.
    private func shown(_ field: String, to party: DemoParty, of household: BusinessHouseholds.Household) -> Bool {
        switch party.identity {
        case DemoCatalogue.publisher.identity: true
        case DemoCatalogue.tax.identity where household.district == catalogue.district.code: field != "telephone"
        default: DemoCatalogue.publicFields.contains(field)
        }
    }

    private func shows(_ value: Value?, _ expected: String?) -> Bool {
        guard let value, value != .withheld else { return false }
        return value.text == expected && (value == .null) == (expected == nil)
    }

    /// The tax agency knows that there is such a field, but for the telephone.
    private func hides(_ value: Value?, _ field: String, from party: DemoParty) -> Bool {
        party.identity == DemoCatalogue.tax.identity && field != "telephone" ? value == .withheld : value == nil
    }

    private static func cell(_ value: Value?) -> Document {
        switch value {
        case nil: .string(noSuchField)
        case .null?: .string("null")
        case .withheld?: .withheld
        case let .int64(number)?: .string(HumanText.grouped(number))
        case let value?: .string(value.text ?? "")
        }
    }

    // MARK: Scans

    /// The same SCANs as each: one by a field that all see, one by a field that the tax agency sees in its district only.
    func scans() async throws {
        let district = catalogue.district.code
        report.say()
        var rows: [Document] = []
        for filter in ["district = '\(district)'", "capital >= \(Self.minimumCapital)"] {
            for party in Self.parties {
                let client = try await cluster.client(party.identity)
                let dataset = try await client.dataset(named: DemoCatalogue.households)
                let start = MonotonicTime.now()
                var count = 0
                var withheld = 0
                var answer: String
                var index = ""
                do throws(KhoError) {
                    var records = client.scan(dataset.id, Selection(filter: filter)).makeAsyncIterator()
                    while let record = try await records.next() {
                        count += 1
                        if record.fields.contains(where: { $0.value == .withheld }) { withheld += 1 }
                    }
                    answer = "\(HumanText.grouped(count)) records" + (withheld > 0 ? ", \(withheld) of them with withheld fields" : "")
                    index = records.info.map { HumanText.grouped($0.appliedIndex.rawValue) } ?? ""
                } catch { answer = Self.refusal(error) }
                let time = MonotonicTime.now().milliseconds(since: start)
                let expected = expected(filter: filter, party)
                guard expected == (answer.hasPrefix("KHO-") ? nil : count), withheld == 0 else {
                    throw DemoFailure(text: "scan \(filter) as \(party.path): expected \(expected.map(String.init) ?? "a refusal"), found \(answer)")
                }
                rows.append([
                    "filter": .string(filter), "party": .string(party.agency), "answer": .string(answer), "index": .string(index),
                    "time": .string(DemoReport.milliseconds(time)),
                ])
            }
        }
        show(
            [.init("kho scan \(DemoCatalogue.households) --where", "filter"), .init("AS", "party"), .init("ANSWER", "answer"),
             .init("INDEX", "index", alignment: .right), .init("TIME", "time", alignment: .right)], rows)
        try report.check("the numbers are those of the file; no filter finds a record by a value that is withheld", true)
    }

    /// Records that the filter must find; nil: it is refused.
    private func expected(filter: String, _ party: DemoParty) -> Int? {
        let district = catalogue.district.code
        if filter.hasPrefix("district") { return households.count { $0.district == district } }
        switch party.identity {
        case DemoCatalogue.publisher.identity: return households.count { $0.capital >= Self.minimumCapital }
        case DemoCatalogue.tax.identity: return households.count { $0.capital >= Self.minimumCapital && $0.district == district }
        default: return nil
        }
    }

    // MARK: Refusals

    /// What is refused gives no hint: a hidden field is answered as one that does not exist, and so is a dataset without a right.
    func refusals() async throws {
        report.say()
        var rows: [Document] = []
        for party in [DemoCatalogue.statistics, DemoCatalogue.tax] {
            let client = try await cluster.client(party.identity)
            let dataset = try await client.dataset(named: DemoCatalogue.households).id
            // The tax agency sees every field but the telephone.
            let hidden = party.identity == DemoCatalogue.statistics.identity ? "personal_id" : "telephone"
            let officials = try await officialsID()
            var errors: [WireError] = []
            for (what, id, filter) in [
                ("\(DemoCatalogue.households) --where \"\(hidden) = '0'\"", dataset, "\(hidden) = '0'"),
                ("\(DemoCatalogue.households) --where \"no_such_field = '0'\"", dataset, "no_such_field = '0'"),
                ("\(DemoCatalogue.officials), no right to it", officials, ""), ("a dataset that there is not", DatasetID(4_000_000), ""),
            ] {
                let start = MonotonicTime.now()
                let error = try await refused(client, id, filter)
                errors.append(error)
                rows.append([
                    "what": .string(what), "party": .string(party.agency), "answer": .string(Self.refusal(.node(error))),
                    "time": .string(DemoReport.milliseconds(MonotonicTime.now().milliseconds(since: start))),
                ])
            }
            guard errors[0] == errors[1], errors[2] == errors[3], errors[0].code == .invalidCondition, errors[2].code == .denied else {
                throw DemoFailure(text: "refusals as \(party.path): expected the same error for hidden and for missing, found \(errors)")
            }
        }
        show([.init("kho scan", "what"), .init("AS", "party"), .init("ANSWER", "answer"), .init("TIME", "time", alignment: .right)], rows)
        try report.check("what is hidden and what does not exist are refused with the same bytes", true)
    }

    private func refused(_ client: KhoClient, _ dataset: DatasetID, _ filter: String) async throws -> WireError {
        do throws(KhoError) {
            for try await _ in client.scan(dataset, Selection(filter: filter)) {}
        } catch {
            if case let .node(error) = error { return error }
            throw error
        }
        throw DemoFailure(text: "scan \(filter): expected a refusal, found an answer")
    }

    /// As its owner sees it.
    private func officialsID() async throws -> DatasetID {
        try await cluster.client(DemoCatalogue.home.identity).dataset(named: DemoCatalogue.officials).id
    }

    private static func refusal(_ error: KhoError) -> String {
        guard case let .node(error) = error else { return error.description }
        return "KHO-\(error.number) \(error.english)"
    }

    private func show(_ columns: [Table.Column], _ rows: [Document]) {
        let table = Table(columns: columns, rows: rows) { member, value in
            member == "answer" && value.string?.hasPrefix("KHO-") == true ? .warning : nil
        }
        for line in table.rendered(colours: report.colours).split(separator: "\n") { report.say("   " + line) }
    }
}
