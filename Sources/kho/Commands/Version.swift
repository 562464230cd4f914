import ArgumentParser
import Console
import Core

/// `kho version`
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Shows the version of this tool.")

    @OptionGroup var output: OutputOptions

    func run() throws {
        output.print(Report(
            schema: "kho.version/1", body: ["kho": .string(Version.current), "protocol": "KHO/1", "system": .string(Self.system)]))
    }

    private static var system: String {
        #if arch(x86_64)
            "linux x86_64"
        #elseif arch(arm64)
            "linux arm64"
        #else
            "linux"
        #endif
    }
}
