import ArgumentParser
import Console
import KhoClient

/// What every command about records takes beside the cluster.
struct DisclosureOptions: ParsableArguments {
    @Option(help: ArgumentHelp("What the data is needed for; kept with the disclosure.", valueName: "text"))
    var purpose = ""
    @Option(name: .customLong("case"), help: ArgumentHelp("The number of the case it is needed in.", valueName: "number"))
    var caseNumber = ""

    var context: RequestContext { RequestContext(purpose: purpose, caseNumber: caseNumber) }
}

/// How a read is made.
struct ReadingOptions: ParsableArguments {
    @Option(help: ArgumentHelp(
        "linearizable: sees every write acknowledged before. stale:AGE, as stale:5s: may be so old; of open datasets only.", valueName: "how"))
    var consistency = ConsistencyArgument(value: .linearizable)
    @OptionGroup var disclosure: DisclosureOptions

    func options(fields: [FieldDefinition]? = nil) -> ReadOptions {
        ReadOptions(fields: fields?.map(\.id), consistency: consistency.value, context: disclosure.context)
    }
}

/// `linearizable` or `stale:5s`.
struct ConsistencyArgument: ExpressibleByArgument, Equatable {
    var value: Consistency

    init(value: Consistency) { self.value = value }

    init?(argument: String) {
        if argument == "linearizable" {
            value = .linearizable
        } else if argument.hasPrefix("stale:"), let age = TimeSpan(argument: String(argument.dropFirst(6))) {
            value = .stale(maxAgeMilliseconds: UInt32(age.milliseconds))
        } else {
            return nil
        }
    }

    var defaultValueDescription: String { "linearizable" }
}

/// What `kho get` and `kho scan` take: of which dataset, which fields, and how.
struct RecordOptions: ParsableArguments {
    @Argument(help: "The dataset's code.") var dataset: String
    @Option(help: ArgumentHelp("Only these fields, separated by commas.", valueName: "names"))
    var fields: String?
    @OptionGroup var reading: ReadingOptions

    /// The columns to show, and the options of the request.
    func looked(up client: KhoClient) async throws -> (rows: RecordRows, options: ReadOptions) {
        let dataset = try await client.dataset(named: dataset)
        let shown = try dataset.fields(named: fields)
        return (RecordRows(dataset: dataset, fields: shown), reading.options(fields: fields == nil ? nil : shown))
    }
}

/// `kho get`
struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Reads one record, as the holder of the certificate may see it.",
        discussion: """
            A field that is withheld in this record is shown as ‹withheld›, in JSON as {"withheld":true}; one without a value as –, in JSON as null. \
            Exit status 1 if there is no such record, or none that may be seen.
            """)
    @OptionGroup var records: RecordOptions
    @Argument(help: "The record's key.") var key: String
    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let client = try await cluster.client()
        defer { client.close() }
        let (rows, options) = try await records.looked(up: client)
        let reply: KhoReply<Record?>
        do throws(KhoError) {
            reply = try await client.get(Array(key.utf8), from: rows.dataset.id, options)
        } catch {
            throw CommandError(error)
        }
        guard let record = reply.value else { throw Self.notFound(key, rows.dataset) }
        output.print(Self.report(record, rows, reply.info))
    }

    static func notFound(_ key: String, _ dataset: DatasetDescription) -> CommandError {
        CommandError(
            ErrorCode.notFound.rawValue, "there is no record \(key) in \(dataset.code) that you may see",
            remedy: "kho scan \(dataset.code) --prefix \(key.prefix(max(1, key.count / 2)))")
    }

    static func report(_ record: Record, _ rows: RecordRows, _ info: ReplyInfo) -> Report {
        let document = rows.document(of: record)
        var report = Report(
            schema: "kho.record/1",
            body: ["dataset": .string(rows.dataset.code), "index": .int(Int64(clamping: info.appliedIndex.rawValue)), "record": document],
            emphasis: RecordRows.emphasis)
        report.listed = .object([.init(rows.dataset.keyName, document["key"] ?? .null)] + (document["fields"]?.members ?? []))
        return report
    }
}

/// Which records.
struct SelectionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Keys that begin so.", valueName: "text"))
    var prefix: String?
    @Option(help: ArgumentHelp("The first key.", valueName: "key"))
    var from: String?
    @Option(help: ArgumentHelp("The first key behind the range.", valueName: "key"))
    var to: String?
    @Option(
        name: .customLong("where"),
        help: ArgumentHelp("A condition as in SQL: district = 'D01' AND workers >= 5. A withheld value fulfils nothing.", valueName: "filter"))
    var filter: String?

    func selection(in dataset: DatasetDescription) throws(CommandError) -> Selection {
        if let filter { try dataset.check(filter: filter) }
        return Selection(prefix: Array((prefix ?? "").utf8), from: Array((from ?? "").utf8), to: to.map { Array($0.utf8) }, filter: filter ?? "")
    }
}

/// `kho count`
struct CountCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "count", abstract: "Counts the records that are selected and may be seen.")
    @Argument(help: "The dataset's code.") var dataset: String
    @OptionGroup var selection: SelectionOptions
    @OptionGroup var reading: ReadingOptions
    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let client = try await cluster.client()
        defer { client.close() }
        let dataset = try await client.dataset(named: dataset)
        let selection = try selection.selection(in: dataset)
        let reply: KhoReply<UInt64>
        do throws(KhoError) {
            reply = try await client.count(dataset.id, selection, reading.options())
        } catch {
            throw CommandError(error)
        }
        output.print(Report(
            schema: "kho.count/1",
            body: [
                "dataset": .string(dataset.code), "records": .int(Int64(clamping: reply.value)), "index": .int(Int64(clamping: reply.info.appliedIndex.rawValue)),
            ],
            rows: nil, columns: [.init("RECORDS", "records", .count)]))
    }
}
