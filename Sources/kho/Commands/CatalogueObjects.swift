import ArgumentParser
import Catalogue
import Console
import KhoClient

/// A kind of catalogue object as a noun of the command line.
protocol CatalogueNoun {
    static var kind: ObjectKind { get }
    /// What stands in a table of them: title and member.
    static var columns: [Table.Column] { get }
}

enum AgencyNoun: CatalogueNoun {
    static let kind = ObjectKind.agency
    static let columns: [Table.Column] = [.init("CODE", "code"), .init("NAME", "name")]
}

enum PrincipalNoun: CatalogueNoun {
    static let kind = ObjectKind.principal
    static let columns: [Table.Column] = [
        .init("AGENCY", "agency"), .init("CODE", "code"), .init("ROLE", "role"), .init("NAME", "name"), .init("ACTIVE", "active"),
    ]
}

enum DatasetNoun: CatalogueNoun {
    static let kind = ObjectKind.dataset
    static let columns: [Table.Column] = [
        .init("CODE", "code"), .init("OWNER", "owner"), .init("CLASS", "class"), .init("KIND", "kind"), .init("FIELDS", "fieldCount"), .init("NAME", "name"),
    ]
}

enum AgreementNoun: CatalogueNoun {
    static let kind = ObjectKind.agreement
    static let columns: [Table.Column] = [
        .init("CODE", "code"), .init("DATASET", "dataset"), .init("CONSUMER", "consumerText"), .init("ACTIONS", "actions"), .init("STATE", "state"),
        .init("UNTIL", "until"), .init("PURPOSE", "purpose"),
    ]
}

/// `kho NOUN list`
struct ListObjects<Noun: CatalogueNoun>: AsyncParsableCommand {
    static var configuration: CommandConfiguration { CommandConfiguration(commandName: "list", abstract: "Lists every \(Noun.kind.name).") }
    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let objects = try await cluster.administration().call("catalogue.list", ["kind": .string(Noun.kind.name)]).array ?? []
        output.print(CatalogueReports.list(objects, kind: Noun.kind, columns: Noun.columns))
    }
}

/// `kho NOUN show CODE`
struct ShowObject<Noun: CatalogueNoun>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "show", abstract: "Shows one \(Noun.kind.name).", discussion: "With -o yaml, as kho \(Noun.kind.name) apply takes it again.")
    }
    @Argument(help: ArgumentHelp("Its code; a principal's is AGENCY/SYSTEM."))
    var code: String
    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let document = try await cluster.administration().call("catalogue.show", ["kind": .string(Noun.kind.name), "code": .string(code)])
        // Without the schema's name, so that what is printed can be edited and applied.
        guard output.output != .yaml else { return StandardStreams.write(YAMLWriter.text(ObjectFile.written(document, kind: Noun.kind))) }
        output.print(CatalogueReports.show(document, kind: Noun.kind))
    }
}

/// `kho NOUN apply -f FILE`
struct ApplyObjects<Noun: CatalogueNoun>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "apply", abstract: "Makes each \(Noun.kind.name) of a file, or changes it to what the file says.",
            discussion: "Stops at the first object that is refused; those before it stay applied, and applying the file again does no harm.")
    }
    @OptionGroup var apply: ApplyOptions
    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var output: OutputOptions

    func run() async throws { try await apply.run(only: Noun.kind, cluster, output) }
}

struct AgencyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agency", abstract: "Agencies: they own datasets and principals.",
        subcommands: [ListObjects<AgencyNoun>.self, ShowObject<AgencyNoun>.self, ApplyObjects<AgencyNoun>.self])
}

struct PrincipalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "principal", abstract: "Principals: the systems that hold certificates.",
        subcommands: [ListObjects<PrincipalNoun>.self, ShowObject<PrincipalNoun>.self, ApplyObjects<PrincipalNoun>.self])
}

struct DatasetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dataset", abstract: "Datasets: owner, class and schema.",
        subcommands: [ListObjects<DatasetNoun>.self, ShowObject<DatasetNoun>.self, ApplyObjects<DatasetNoun>.self])
}

struct AgreementCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agreement", abstract: "Agreements: who may see what of whose dataset.",
        subcommands: [
            ListObjects<AgreementNoun>.self, ShowObject<AgreementNoun>.self, ApplyObjects<AgreementNoun>.self, Approve.self, Suspend.self, Revoke.self,
        ])

    struct Approve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Puts an agreement into force.")
        @OptionGroup var state: AgreementState
        func run() async throws { try await state.set(.approve) }
    }

    struct Suspend: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Takes an agreement out of force until it is approved again.")
        @OptionGroup var state: AgreementState
        func run() async throws { try await state.set(.suspend) }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ends an agreement for good.",
            discussion: "When the command has returned, no read that begins afterwards shows what only this agreement allowed, at any query node.")
        @OptionGroup var state: AgreementState
        func run() async throws { try await state.set(.revoke) }
    }

    struct AgreementState: ParsableArguments {
        @Argument(help: "The agreement's code.") var code: String
        @OptionGroup var cluster: ClusterOptions
        @OptionGroup var output: OutputOptions

        func set(_ verb: CatalogueChange.Verb) async throws {
            let result = try await cluster.administration().call(
                "catalogue.apply", ["kind": "agreement", "verb": .string(verb.rawValue), "document": ["code": .string(code)]], changes: true,
                target: "agreement \(code)")
            ObjectWarnings.tell(result)
            output.print(CatalogueReports.applied([result]))
        }
    }
}
