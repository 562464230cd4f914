import ArgumentParser
import Configuration
import Core
import Glibc
import Node

/// The daemon: a storage node or a query node, as its configuration says.
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
            throw ExitCode(NodeProcess.refuse(error))
        }
        print("\(config): no errors")
    }
}

@main
enum Main {
    static func main() {
        do {
            var command = try Khod.parseAsRoot()
            try command.run()
        } catch let code as ExitCode {
            exit(code.rawValue)
        } catch {
            // Help and the version come as errors too, and succeed.
            guard Khod.exitCode(for: error) != .success else { return print(Khod.fullMessage(for: error)) }
            // 8001 is wrong usage for `kho` too.
            NodeProcess.sayError(8001, Khod.message(for: error).split(separator: "\n").joined(separator: " "), remedy: "khod --help")
            exit(64)
        }
    }
}
