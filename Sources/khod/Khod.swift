import ArgumentParser
import Configuration
import Core
import Glibc
import Node

/// The daemon: a storage node or a query node, as its configuration says.
@main
struct Khod: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "khod", abstract: "A node of a Kho cluster.",
        discussion: """
            Runs in the foreground until SIGTERM or SIGINT. Exit codes: 0 stopped as asked, 64 usage, 74 the disk failed, 75 the data directory is in \
            use, 78 the configuration is wrong.
            """,
        version: Version.current)

    @Option(name: .long, help: "The configuration file (TOML).")
    var config = "/etc/kho/khod.toml"

    @Flag(name: .long, help: "Check the configuration file and end.")
    var check = false

    mutating func run() throws {
        guard check else { throw ExitCode(NodeProcess.run(configurationPath: config)) }
        do throws(ConfigurationError) {
            _ = try NodeConfiguration.load(config)
        } catch {
            print("khod: error: \(error)")
            throw ExitCode(78)
        }
        print("\(config): no errors")
    }
}
