import ArgumentParser
import Catalogue
import Console
import KhoClient

/// `kho apply`
struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Applies files of catalogue objects of every kind, in their order.",
        discussion: "Stops at the first object that is refused; those before it stay applied, and applying the file again does no harm.")
    @OptionGroup var apply: ApplyOptions
    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var output: OutputOptions

    func run() async throws { try await apply.run(only: nil, cluster, output) }
}

/// Files of objects, and what to do with them.
struct ApplyOptions: ParsableArguments {
    @Option(
        name: [.customShort("f"), .customLong("file")],
        help: ArgumentHelp("A file in YAML or JSON; - is the standard input. Once for each.", valueName: "file"), completion: .file())
    var file: [String]
    @Flag(help: "Read and check the files only; ask no node.")
    var dryRun = false

    func run(only kind: ObjectKind?, _ cluster: ClusterOptions, _ output: OutputOptions) async throws {
        var objects: [WrittenObject] = []
        for file in file { objects += try ObjectFile.read(file) }
        if let kind { try Self.check(objects, are: kind) }
        guard !dryRun else {
            return output.print(CatalogueReports.applied(objects.map { object in
                [
                    "kind": .string(object.kind.name), "code": object.document["code"] ?? .null, "effect": "not applied", "index": .null,
                    "place": .string(object.place),
                ]
            }))
        }
        let administration = try cluster.administration()
        var results: [Document] = []
        do throws(CommandError) {
            for object in objects {
                let result = try await administration.call(
                    "catalogue.apply", ["kind": .string(object.kind.name), "document": object.document], changes: true, target: object.place)
                ObjectWarnings.tell(result)
                results.append(.object((result.members ?? []) + [.init("place", .string(object.place))]))
            }
        } catch {
            if !results.isEmpty { output.print(CatalogueReports.applied(results)) }
            throw Self.told(error, applied: results.count, of: objects.count)
        }
        output.print(CatalogueReports.applied(results))
    }

    static func check(_ objects: [WrittenObject], are kind: ObjectKind) throws(CommandError) {
        for object in objects where object.kind != kind {
            throw .badData(
                "\(object.place): expected kind \(kind.name), found \(object.kind.name)", remedy: "kho apply takes files of every kind")
        }
    }

    /// What a node refuses in a file is the file's fault.
    static func told(_ error: CommandError, applied: Int, of count: Int) -> CommandError {
        var error = error
        if error.number == ErrorCode.refused.rawValue { error.status = .badData }
        if count > 1 {
            let before = "the \(ClusterLook.counted(applied, "object")) before it \(applied == 1 ? "is" : "are") applied"
            error.details.append(applied == 0 ? "nothing was applied" : before)
        }
        return error
    }
}
