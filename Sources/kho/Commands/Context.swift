import ArgumentParser
import Catalogue
import Configuration
import Console
import Core

/// `kho context`
struct ContextCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "context", abstract: "Named clusters, and as whom to reach them.",
        discussion: "Kept in KHO_CONTEXT_FILE, or in kho/contexts.toml below XDG_CONFIG_HOME or ~/.config.",
        subcommands: [Add.self, Use.self, List.self, Show.self, Remove.self])

    static func load() throws(CommandError) -> ContextFile {
        guard let path = Settings.contextFile() else {
            throw .configuration("there is no home folder for contexts", remedy: "set KHO_CONTEXT_FILE to a path")
        }
        return try ContextFile.load(path)
    }

    static func unknown(_ name: String, in file: ContextFile) -> CommandError {
        let hint = NearestName.hint(name, among: file.contexts.map(\.name))
        return .usage("there is no context \"\(name)\"\(hint)", remedy: "kho context list")
    }

    /// `kho context add`
    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Adds a context, or sets what is given in one that there is. The first becomes the current one.")

        @Argument(help: "The context's name.") var name: String
        @OptionGroup var reach: ReachOptions

        func run() throws {
            guard ContextFile.isName(name) else { throw CommandError.usage("a context's name has \(ContextFile.nameRule)") }
            var file = try ContextCommand.load()
            let old = file[name]
            var new = old?.reach ?? Reach()
            new.endpoints = try addresses(reach.reach.endpoints, port: Reach.clientPort, "--endpoints") ?? new.endpoints
            new.adminEndpoints = try addresses(reach.reach.adminEndpoints, port: Reach.adminPort, "--admin-endpoints") ?? new.adminEndpoints
            new.certificate = reach.cert.map(Paths.absolute) ?? new.certificate
            new.key = reach.key.map(Paths.absolute) ?? new.key
            new.ca = reach.ca.map(Paths.absolute) ?? new.ca
            guard (new.certificate == nil) == (new.key == nil) else {
                throw CommandError.usage("--cert and --key belong together: give both")
            }
            file.contexts.removeAll { $0.name == name }
            file.contexts.append(.init(name: name, reach: new))
            if file.current == nil { file.current = name }
            try file.save()
            StandardStreams.writeError("context \(name) \(old == nil ? "added" : "changed") in \(HumanText.escaped(file.path))\n")
        }

        private func addresses(_ texts: [String]?, port: Int, _ flag: String) throws(CommandError) -> [String]? {
            guard let texts else { return nil }
            var addresses: [String] = []
            for text in texts {
                guard let address = Endpoint(text, defaultPort: port) else { throw .usage("\(flag) must hold host:port, not \"\(text)\"") }
                addresses.append(address.description)
            }
            guard !addresses.isEmpty else { throw .usage("\(flag) is empty") }
            return addresses
        }
    }

    /// `kho context use`
    struct Use: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Makes a context the current one.")
        @Argument(help: "The context's name.") var name: String

        func run() throws {
            var file = try ContextCommand.load()
            guard file[name] != nil else { throw ContextCommand.unknown(name, in: file) }
            file.current = name
            try file.save()
        }
    }

    /// `kho context remove`
    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Forgets a context. Certificates and keys stay where they are.")
        @Argument(help: "The context's name.") var name: String

        func run() throws {
            var file = try ContextCommand.load()
            guard file[name] != nil else { throw ContextCommand.unknown(name, in: file) }
            file.contexts.removeAll { $0.name == name }
            if file.current == name { file.current = nil }
            try file.save()
        }
    }

    /// `kho context list`
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the contexts.")
        @OptionGroup var output: OutputOptions

        func run() throws {
            let file = try ContextCommand.load()
            let rows = file.contexts.map { context -> Document in
                [
                    "name": .string(context.name), "current": .bool(context.name == file.current),
                    "admin_endpoints": list(context.reach.adminEndpoints), "endpoints": list(context.reach.endpoints),
                    "certificate": context.reach.certificate.map { .string($0) } ?? .null,
                ]
            }
            output.print(Report(
                schema: "kho.context.list/1", body: ["contexts": .array(rows)], rows: "contexts",
                columns: [
                    .init("NAME", "name"), .init("CURRENT", "current"), .init("ADMINISTRATION", "admin_endpoints"), .init("CLIENTS", "endpoints"),
                    .init("CERTIFICATE", "certificate"),
                ]))
        }

        private func list(_ texts: [String]?) -> Document { texts.map { .array($0.map { .string($0) }) } ?? .null }
    }

    /// `kho context show`
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows how the next command would reach the cluster, and what says so.")
        @OptionGroup var reach: ReachOptions
        @OptionGroup var context: ContextOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let settings = try Settings.current(reach, context)
            output.print(Report(
                schema: "kho.context.show/1",
                body: ["context": settings.context.map { .string($0) } ?? .null, "settings": settings.document], rows: "settings",
                columns: [.init("SETTING", "setting"), .init("VALUE", "value"), .init("FROM", "from")]))
        }
    }
}
