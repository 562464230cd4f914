import ArgumentParser
import Configuration
import Console
import Glibc

extension OutputFormat: ExpressibleByArgument {}

/// `-o`, of every command that answers something.
struct OutputOptions: ParsableArguments {
    @Option(name: [.customShort("o"), .customLong("output")], help: "How to print the answer.")
    var output: OutputFormat = .table

    func print(_ report: Report) {
        StandardStreams.write(report.rendered(output, on: Terminal.current()))
    }
}

/// How to reach the cluster; what is not given comes from the environment, the context or /etc/kho/kho.toml.
struct ReachOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Query nodes, host:port, separated by commas.", valueName: "hosts"))
    var endpoints: String?
    @Option(help: ArgumentHelp("Nodes' administration addresses, host:port, separated by commas.", valueName: "hosts"))
    var adminEndpoints: String?
    @Option(help: ArgumentHelp("The certificate to connect with (PEM).", valueName: "file"), completion: .file())
    var cert: String?
    @Option(help: ArgumentHelp("The certificate's private key (PEM).", valueName: "file"), completion: .file())
    var key: String?
    @Option(help: ArgumentHelp("The cluster's authority (PEM).", valueName: "file"), completion: .file())
    var ca: String?

    var reach: Reach {
        Reach(endpoints: Self.split(endpoints), adminEndpoints: Self.split(adminEndpoints), certificate: cert, key: key, ca: ca)
    }

    static func split(_ text: String?) -> [String]? { text.map { $0.split(separator: ",").map(String.init) } }
}

/// The context to use.
struct ContextOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The context to use instead of the current one.", valueName: "name"))
    var context: String?
}

extension Settings {
    /// What holds for this command.
    static func current(_ reach: ReachOptions, _ context: ContextOptions) throws(CommandError) -> Settings {
        try current(reach.reach, contextName: context.context)
    }

    static func current(_ reach: Reach, contextName: String?) throws(CommandError) -> Settings {
        var contexts = ContextFile(path: "contexts.toml")
        if let path = contextFile() { contexts = try ContextFile.load(path) }
        return try resolve(flags: reach, contextName: contextName, contexts: contexts, system: try ContextFile.load(systemFile))
    }
}

/// Paths as people give them.
enum Paths {
    /// The path from the root, so that it means the same from another folder.
    static func absolute(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        guard let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        return String(cString: folder) + "/" + path
    }
}
