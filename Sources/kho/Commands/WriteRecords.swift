import ArgumentParser
import Console
import Glibc
import KhoClient

/// `absent`, `present` or `index:N`.
struct ConditionArgument: ExpressibleByArgument, Equatable {
    var value: WriteCondition

    init?(argument: String) {
        switch argument {
        case "absent": value = .absent
        case "present": value = .present
        default:
            guard argument.hasPrefix("index:"), let index = UInt64(argument.dropFirst(6)) else { return nil }
            value = .modifiedAt(LogIndex(index))
        }
    }
}

/// What every write takes.
struct WritingOptions: ParsableArguments {
    @Argument(help: "The dataset's code.") var dataset: String
    @Argument(help: "The record's key.") var key: String
    @Option(name: .customLong("if"), help: ArgumentHelp(
        "Only if the record is absent, is present, or was last changed at index:N.", valueName: "condition"))
    var condition: ConditionArgument?
    @OptionGroup var disclosure: DisclosureOptions
    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var output: OutputOptions

    func write(_ kind: WriteOperation.Kind, _ arguments: FieldArguments = FieldArguments()) async throws {
        let client = try await cluster.client()
        defer { client.close() }
        let dataset = try await client.dataset(named: dataset)
        let fields = kind == .delete ? [] : try arguments.values(dataset.schema, keyName: dataset.keyName, complete: kind == .put)
        let operation = WriteOperation(
            kind: kind, dataset: dataset.id, key: Array(key.utf8), condition: condition?.value ?? .none, fields: fields.map { .init($0.0, $0.1) })
        let index: LogIndex
        do throws(KhoError) {
            index = try await Self.send(operation, client, WriteOptions(context: disclosure.context))
        } catch {
            throw Self.told(error, "record \(key) in \(dataset.code)", dataset)
        }
        output.print(Report(
            schema: "kho.write/1",
            body: ["dataset": .string(dataset.code), "key": .string(key), "index": .int(Int64(clamping: index.rawValue))]))
    }

    private static func send(_ operation: WriteOperation, _ client: KhoClient, _ options: WriteOptions) async throws(KhoError) -> LogIndex {
        switch operation.kind {
        case .put: try await client.put(operation.key, in: operation.dataset, operation.fields, if: operation.condition, options).value
        case .update: try await client.update(operation.key, in: operation.dataset, operation.fields, if: operation.condition, options).value
        case .delete: try await client.delete(operation.key, in: operation.dataset, if: operation.condition, options).value
        }
    }

    /// With a field's name instead of its number, and without the operation's place, of which there is one only.
    static func told(_ error: KhoError, _ target: String, _ dataset: DatasetDescription) -> CommandError {
        guard case var .node(wire) = error else { return CommandError(error, target: target) }
        wire.operation = nil
        var told = CommandError(wire, target: target)
        if let rule = wire.rule, let field = wire.field.flatMap({ dataset.schema.field($0) }) { told.details = ["\(field.name): \(rule.text)"] }
        return told
    }
}

/// Fields on the command line.
struct FieldOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("Fields, as name=value; the value as in a CSV file.", valueName: "field=value"))
    var words: [String] = []
    @Option(help: ArgumentHelp("The fields as a JSON object.", valueName: "object"))
    var json: String?
    @Option(name: .customLong("null"), help: ArgumentHelp("A field to set to null; once for each.", valueName: "field"))
    var nulls: [String] = []

    var arguments: FieldArguments { FieldArguments(words: words, json: json, nulls: nulls) }
}

/// `kho put`
struct PutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "put", abstract: "Writes a whole record; a field that is not given becomes null.",
        discussion: "Needs the right to write every field. Repeated by the client under one number until it is answered, and applied once.")
    @OptionGroup var writing: WritingOptions
    @OptionGroup var fields: FieldOptions

    func run() async throws { try await writing.write(.put, fields.arguments) }
}

/// `kho update`
struct UpdateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "update", abstract: "Sets fields of a record that there is; the others stay as they are.")
    @OptionGroup var writing: WritingOptions
    @OptionGroup var fields: FieldOptions

    mutating func validate() throws {
        guard fields.arguments != FieldArguments() else { throw ValidationError("say which fields to set: field=value, --json or --null") }
    }

    func run() async throws { try await writing.write(.update, fields.arguments) }
}

/// `kho delete`
struct DeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Removes a record; none there is no error.",
        discussion: "Asks before it does; where there is no terminal to ask on, it needs --yes.")
    @OptionGroup var writing: WritingOptions
    @Flag(help: "Remove it without asking.") var yes = false
    @Flag(help: "Say whether there is a record that would go, as far as you may see it, and remove nothing.") var dryRun = false

    func run() async throws {
        if dryRun { return try await preview() }
        if !yes { try confirm() }
        try await writing.write(.delete)
    }

    private func confirm() throws(CommandError) {
        guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else {
            throw .usage("a record would be removed, and there is no terminal to ask on", remedy: "the same with --yes; with --dry-run it says what would go")
        }
        StandardStreams.writeError("kho: remove record \(HumanText.escaped(writing.key)) of \(HumanText.escaped(writing.dataset))? [y/N] ")
        let answer = readLine()?.lowercased() ?? ""
        guard answer == "y" || answer == "yes" else { throw CommandError(8009, "nothing was removed") }
    }

    private func preview() async throws {
        let client = try await writing.cluster.client()
        defer { client.close() }
        let dataset = try await client.dataset(named: writing.dataset)
        let record: Record?
        do throws(KhoError) {
            record = try await client.get(Array(writing.key.utf8), from: dataset.id, ReadOptions(context: writing.disclosure.context)).value
        } catch {
            throw CommandError(error)
        }
        writing.output.print(Report(
            schema: "kho.delete/1",
            body: ["dataset": .string(dataset.code), "key": .string(writing.key), "would_remove": .bool(record != nil), "dry_run": true]))
    }
}
